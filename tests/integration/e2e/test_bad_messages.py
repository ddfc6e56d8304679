"""What becomes of messages that cannot be rows: sent to the dead-letter queue, or left for SQS to move there."""

import json

import boto3
import pytest

from world import ACCESS_KEY, REGION, SAMPLES, SECRET_KEY


@pytest.fixture
def ready(world):
    """A queue with a dead-letter queue; SQS moves a message there after two receives."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,VisibilityTimeout=5,DeadLetter=login-dead:2")
    world.ok("send", SAMPLES)
    return world


def client(world):
    return boto3.client(
        "sqs", endpoint_url=world.endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )


def dead_letters(world, queue="login-dead"):
    sqs = client(world)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = []
    while True:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"])
        if "Messages" not in got:
            return found
        found += got["Messages"]


def attributes(letter):
    return {name: value["StringValue"] for name, value in letter.get("MessageAttributes", {}).items()}


BAD_BODY = next(line for line in SAMPLES.read_text().splitlines() if "foo" in json.loads(line))


def test_dlq_sends_the_body_as_it_came_with_the_reason_and_deletes_it(ready):
    done = ready.ok("drain", env=ready.environment(SLUICE_BAD_MESSAGES="dlq"))
    assert "missing_field" in done.stdout
    assert ready.count("user_logins") == 99
    assert ready.count("sluice.quarantine") == 0
    assert ready.count("sluice.ledger") == 100
    [letter] = dead_letters(ready)
    assert letter["Body"] == BAD_BODY
    told = attributes(letter)
    assert told.pop("sluice.message_id") != letter["MessageId"]
    assert told == {"sluice.reason": "missing_field", "sluice.column": "user_id"}
    assert ready.stats()["queues"]["login-queue"]["deleted"] == 100


def test_dlq_gets_what_the_table_refuses_with_its_sqlstate(ready):
    ready.sql("ALTER TABLE user_logins ADD CHECK (device_type <> 'ios')")
    refused = sum(json.loads(line).get("device_type") == "ios" for line in SAMPLES.read_text().splitlines())
    ready.ok("drain", env=ready.environment(SLUICE_BAD_MESSAGES="dlq"))
    assert ready.count("user_logins") == 99 - refused
    letters = [attributes(letter) for letter in dead_letters(ready)]
    assert sum(told.get("sluice.sqlstate") == "23514" for told in letters) == refused > 0
    assert len(letters) == refused + 1


def test_a_dlq_that_refuses_stops_sluice_and_deletes_nothing_bad(ready):
    ready.restart_queue(
        "--queue", "login-dead", "--queue", "login-queue,DeadLetter=login-dead:10", "--deny", f"{ACCESS_KEY}:SendMessage",
        "--fill", f"login-queue:{SAMPLES}:100",
    )
    done = ready.run("drain", env=ready.environment(SLUICE_BAD_MESSAGES="dlq"))
    assert done.returncode == 1
    assert "sqs:SendMessage" in done.stderr
    left = ready.stats()["queues"]["login-queue"]
    assert left["visible"] + left["in_flight"] == 100 - ready.count("sluice.ledger") > 0


def test_leave_lets_the_queue_s_own_redrive_move_it(ready):
    done = ready.ok("drain", env=ready.environment(SLUICE_BAD_MESSAGES="leave", SLUICE_LOG_FORMAT="json"))
    assert "messages_left" in done.stderr
    assert ready.count("user_logins") == 99
    assert ready.count("sluice.quarantine") == 0
    assert ready.count("sluice.ledger") == 99
    [letter] = dead_letters(ready)
    assert letter["Body"] == BAD_BODY
    assert letter["Attributes"]["ApproximateReceiveCount"] != "1"


@pytest.mark.parametrize("policy", ["dlq", "leave"])
def test_without_a_dead_letter_queue_neither_is_possible(world, policy):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    done = world.run("drain", env=world.environment(SLUICE_BAD_MESSAGES=policy))
    assert done.returncode == 2
    assert "has no dead-letter queue" in done.stderr and "RedrivePolicy" in done.stderr
    assert world.count("user_logins") == 0
