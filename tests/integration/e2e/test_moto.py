"""The exercise against a queue server that was not written here: moto."""

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


def test_moto_s_digest_of_attributes_is_sluice_s(world, moto):
    """Of those that the plan asks for. What does not match would stay in the queue."""
    sqs = boto3.client("sqs", endpoint_url=moto, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    url = sqs.create_queue(QueueName="login-queue")["QueueUrl"]
    plan = world.folder / "plan.toml"
    plan.write_text(
        "[table]\nname = 't'\n[[column]]\nname = 'v'\ntype = 'integer'\n"
        "[[column]]\nname = 'tenant'\ntype = 'text'\nfrom = '@attribute/tenant'\n"
        "[[column]]\nname = 'attempt'\ntype = 'integer'\nfrom = '@attribute/attempt'\n"
    )
    for v, tenant in enumerate(("acme", "h\u00e9llo \u20ac")):
        sqs.send_message(QueueUrl=url, MessageBody=f'{{"v": {v}}}', MessageAttributes={
            "tenant": {"DataType": "String.custom", "StringValue": tenant}, "Other": {"DataType": "String", "StringValue": "x"},
            "attempt": {"DataType": "Number", "StringValue": "7"},
        })
    env = world.environment(AWS_ENDPOINT_URL_SQS=moto)
    world.ok("init-db", "-c", plan, env=env)
    done = world.ok("drain", "-c", plan, env=env)
    assert world.sql("SELECT * FROM t ORDER BY v") == [["0", "acme", "7"], ["1", "h\u00e9llo \u20ac", "7"]], done.stderr
