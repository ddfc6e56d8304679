"""The exercise against a queue server that was not written here: moto."""

import base64
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest

from world import ACCESS_KEY, REGION, SAMPLES, SECRET_KEY, wait_for


@pytest.fixture
def moto(world):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with open(world.folder / "moto.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    endpoint = f"http://127.0.0.1:{port}"

    def answers():
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        wait_for(answers, "moto to listen", seconds=60, process=server)
        yield endpoint
    finally:
        server.terminate()
        server.wait(10)


def test_moto_gives_99_rows_and_one_message_set_aside(world, moto):
    env = world.environment(AWS_ENDPOINT_URL_SQS=moto)
    world.ok("init-db", env=env)
    world.ok("send", SAMPLES, "--create", env=env)
    world.ok("check", env=env)
    world.ok("drain", env=env)
    assert world.count("user_logins") == 99
    assert world.count("sluice.quarantine") == 1
    again = world.ok("drain", env=env)
    assert "rows loaded                0" in again.stdout


PLAN_OF_ATTRIBUTES = """
[table]
name = 't'
[[column]]
name = 'v'
type = 'integer'
[[column]]
name = 'tenant'
type = 'text'
from = '@attribute/tenant'
[[column]]
name = 'attempt'
type = 'integer'
from = '@attribute/attempt'
transform = 'from_text'
[[column]]
name = 'price'
type = 'numeric'
from = '@attribute/price'
transform = 'from_text'
[[column]]
name = 'written'
type = 'text'
from = '@attribute/proof'
[[column]]
name = 'proof'
type = 'bytea'
from = '@attribute/proof'
transform = 'decode_base64'
"""


@pytest.mark.parametrize("server", ["moto", "sluice-sqs"])
def test_attributes_of_each_type_become_columns(world, request, server):
    """Of those that the plan asks for. A message whose digest did not match would be set aside (wrong_digest), after two more receives."""
    endpoint = request.getfixturevalue("moto") if server == "moto" else world.endpoint
    sqs = boto3.client(
        "sqs", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )
    url = sqs.create_queue(QueueName="login-queue")["QueueUrl"]
    plan = world.folder / "plan.toml"
    plan.write_text(PLAN_OF_ATTRIBUTES)
    sent = [("acme", b"\x00"), ("h\u00e9llo \u20ac", bytes(range(256))), ("{}", b"\xff\xfe")]
    for v, (tenant, proof) in enumerate(sent):
        sqs.send_message(
            QueueUrl=url,
            MessageBody=f'{{"v": {v}}}',
            MessageAttributes={
                "tenant": {"DataType": "String.custom", "StringValue": tenant},
                "Other": {"DataType": "String", "StringValue": "x"},
                "attempt": {"DataType": "Number", "StringValue": "7"},
                "price": {"DataType": "Number.money", "StringValue": "-12.50"},
                "proof": {"DataType": "Binary.sha", "BinaryValue": proof},
                "unread": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
            },
        )
    env = world.environment(AWS_ENDPOINT_URL_SQS=endpoint)
    world.ok("init-db", "-c", plan, env=env)
    done = world.ok("drain", "-c", plan, env=env)
    rows = world.sql("SELECT v, tenant, attempt, price, written, encode(proof, 'hex') FROM t ORDER BY v")
    assert rows == [
        [str(v), tenant, "7", "-12.50", base64.b64encode(proof).decode(), proof.hex()] for v, (tenant, proof) in enumerate(sent)
    ], done.stderr
    assert world.count("sluice.quarantine") == 0
    replayed = world.run("quarantine", "replay", "--reason", "r", "-c", plan, env=env)
    assert replayed.returncode == 2 and "reads message attributes, which the quarantine does not keep" in replayed.stderr
