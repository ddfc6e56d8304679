"""What becomes of messages that cannot be rows: sent to the dead-letter queue, or left for SQS to move there."""

import json

import pytest

from queues import BAD_BODY, attributes, dead_letters, send_each
from world import ACCESS_KEY, EXAMPLES, SAMPLES


@pytest.fixture
def ready(world):
    """A queue with a dead-letter queue; SQS moves a message there after two receives."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-dead", "--queue", "login-queue,VisibilityTimeout=5,DeadLetter=login-dead:2")
    world.ok("send", SAMPLES)
    return world


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


def test_sends_that_fail_in_part_lose_no_letter_and_add_no_row(ready):
    ready.restart_queue("--queue", "login-dead", "--queue", "login-queue,DeadLetter=login-dead:1000")
    ready.sql("ALTER TABLE user_logins ADD CHECK (device_type <> 'ios')")
    sent = send_each(ready, "login-queue", SAMPLES.read_text().splitlines())
    refused = {name: line for name, line in sent.items() if json.loads(line).get("device_type", "ios") == "ios"}
    before = ready.stats()["requests"]["SendMessageBatch"]
    ready.set_faults(failed_entry_rate=0.5, error_rate=0.3, operations=["SendMessageBatch"])
    ready.ok("drain", env=ready.environment(SLUICE_BAD_MESSAGES="dlq", SLUICE_BATCH_ROWS="5", SLUICE_VISIBILITY="5s"))
    ready.set_faults()
    calls = ready.stats()["requests"]["SendMessageBatch"] - before
    letters = {attributes(letter)["sluice.message_id"]: letter["Body"] for letter in dead_letters(ready)}
    assert letters == refused
    assert calls > 2 * len(sent) / 5, "far more than one for each batch"
    good = [json.loads(line)["user_id"] for name, line in sent.items() if name not in refused]
    assert sorted(row[0] for row in ready.sql("SELECT user_id FROM user_logins")) == sorted(good)
    assert ready.count("sluice.quarantine") == 0 and ready.left("login-queue") == 0


def test_large_bodies_become_letters_and_one_that_does_not_fit_with_its_reason_is_quarantined(ready):
    large = json.dumps({"foo": "x" * 1_048_550})
    others = [json.dumps({"foo": f"{n}" * 200_000}) for n in range(10)]
    file = ready.folder / "large.ndjson"
    file.write_text("".join(line + "\n" for line in [*others[:5], large, *others[5:]]))
    ready.ok("send", file)
    ready.ok("drain", env=ready.environment(SLUICE_BAD_MESSAGES="dlq"))
    letters = dead_letters(ready)
    assert sorted(letter["Body"] for letter in letters) == sorted([*others, BAD_BODY])
    assert {attributes(letter)["sluice.reason"] for letter in letters} == {"missing_field"}
    assert ready.sql("SELECT reason, column_name FROM sluice.quarantine") == [["missing_field", "user_id"]]
    env = ready.environment(SLUICE_AUDIT_FILE=str(ready.folder / "audit.log"))
    assert ready.ok("quarantine", "show", "--reason", "r", env=env).stdout == large + "\n"
    assert ready.count("user_logins") == 99 and ready.left("login-queue") == 0


def test_without_a_key_ring_what_a_dlq_does_not_take_stays_in_its_queue(ready):
    """SQS moves it after maxReceiveCount, whatever its size; its body is nowhere else meanwhile."""
    large = json.dumps({"foo": "x" * 1_048_550})
    file = ready.folder / "large.ndjson"
    file.write_text(large + "\n")
    ready.ok("send", file)
    plan = EXAMPLES / "login-events-compat.toml"
    env = ready.environment(SLUICE_BAD_MESSAGES="dlq", SLUICE_KEYS=None, SLUICE_LOG_FORMAT="json")
    done = ready.ok("drain", "-c", plan, env=env)
    assert done.stderr.count('"event":"large_bodies_stay"') == 1
    assert "messages_left" in done.stderr
    letters = dead_letters(ready)
    assert sorted(letter["Body"] for letter in letters) == sorted([large, BAD_BODY])
    assert ready.count("sluice.quarantine") == 0 and ready.count("user_logins") == 99
    assert ready.left("login-queue") == 0


def test_a_dlq_that_refuses_stops_sluice_and_deletes_nothing_bad(ready):
    ready.restart_queue(
        "--queue",
        "login-dead",
        "--queue",
        "login-queue,DeadLetter=login-dead:10",
        "--deny",
        f"{ACCESS_KEY}:SendMessage",
        "--fill",
        f"login-queue:{SAMPLES}:100",
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
