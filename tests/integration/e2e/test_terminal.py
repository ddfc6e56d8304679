"""What sluice writes where people look: terminals, pipes, logs."""

import json
import os
import pty
import subprocess

import boto3
import pytest

from world import ACCESS_KEY, REGION, SAMPLES, SECRET_KEY

TRACE = "1-5759e988-bd862e3fe1be46a994272793"


def on_a_terminal(world, *arguments, **changes):
    """What a person at a terminal sees."""
    ours, theirs = pty.openpty()
    process = world.start(*arguments, env=world.environment(LANG="C.UTF-8", **changes), stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait(30)
    return seen.decode()


@pytest.fixture
def ready(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    return world


def test_check_ticks_in_colour_on_a_terminal_and_without_where_none_is_wanted(ready):
    assert "\x1b[32m" in on_a_terminal(ready, "check") and "\u2713" in on_a_terminal(ready, "check")
    plain = on_a_terminal(ready, "check", NO_COLOR="1")
    assert "\u2713" in plain and "\x1b" not in plain
    piped = ready.ok("check").stdout
    assert "\x1b" not in piped and " ok " in piped and "\u2713" not in piped


def test_the_trace_of_a_message_that_is_set_aside_is_in_the_log(ready):
    queue = boto3.client("sqs", endpoint_url=ready.endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    url = queue.get_queue_url(QueueName="login-queue")["QueueUrl"]
    for body, header in [("not JSON", f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"), ("not JSON either", "Root=hunter2")]:
        queue.send_message(QueueUrl=url, MessageBody=body, MessageSystemAttributes={"AWSTraceHeader": {"StringValue": header, "DataType": "String"}})
    done = ready.ok("drain", env=ready.environment(SLUICE_LOG_FORMAT="json"))
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    traced = [e for e in events if e["event"] == "traced_message_set_aside"]
    assert [(e["trace"], e["reason"]) for e in traced] == [(TRACE, "not_json")]
    assert "hunter2" not in done.stderr
