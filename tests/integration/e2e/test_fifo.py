"""FIFO queues: the order within a message group holds through bad messages, errors of the database and stops."""

import collections
import json
import signal

import pytest

from queues import attributes, dead_letters, send_each
from world import wait_for

PLAN = """
[table]
name = "events"
[[column]]
name = "grp"
type = "text"
from = "/group"
[[column]]
name = "n"
type = "integer"
from = "/n"
"""
GROUPS, EACH = 5, 200
LINES = [{"group": f"g{i % GROUPS}", "n": "bad" if i // GROUPS % 7 == 3 else i // GROUPS} for i in range(GROUPS * EACH)]
GOOD = sum(line["n"] != "bad" for line in LINES)


@pytest.fixture
def fifo(world):
    """A FIFO queue of five groups, whose every seventh message is bad; the table numbers its rows as they are loaded."""
    plan = world.folder / "events.toml"
    plan.write_text(PLAN)
    world.env = world.environment(SLUICE_QUEUE="events.fifo", SLUICE_CONFIG=str(plan))
    world.ok("init-db", env=world.env)
    world.sql("ALTER TABLE events ADD COLUMN loaded bigserial")
    file = world.folder / "events.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    world.restart_queue("--queue", "events.fifo,FifoQueue=true,VisibilityTimeout=20")
    world.env["AWS_ENDPOINT_URL_SQS"] = world.endpoint
    sent = world.ok("send", file, "--group-by", "/group", env=world.env)
    assert f"sent {GROUPS * EACH:,} messages" in sent.stdout
    return world


def check_order(world):
    by_group = collections.defaultdict(list)
    for group, n in world.sql("SELECT grp, n FROM events ORDER BY loaded"):
        by_group[group].append(int(n))
    assert sum(map(len, by_group.values())) == GOOD
    for group, numbers in by_group.items():
        assert numbers == sorted(numbers), group
    assert world.count("sluice.quarantine") == GROUPS * EACH - GOOD
    stats = world.stats()["queues"]["events.fifo"]
    assert (stats["visible"], stats["in_flight"]) == (0, 0)


@pytest.mark.parametrize(
    "settings", [{}, {"SLUICE_BATCH_ROWS": "7"}, {"SLUICE_THREADS": "2"}], ids=["plain", "small batches", "two loops"]
)
def test_bad_messages_in_the_middle_keep_the_order(fifo, settings):
    fifo.ok("drain", env=fifo.env | settings)
    check_order(fifo)


def test_two_processes_keep_the_order(fifo):
    small = fifo.env | {"SLUICE_BATCH_ROWS": "10"}
    both = [fifo.start("drain", env=small) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    check_order(fifo)


def test_a_process_that_is_killed_beside_another_keeps_the_order(fifo):
    small = fifo.env | {"SLUICE_BATCH_ROWS": "10", "SLUICE_VISIBILITY": "5s"}
    fifo.sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$")
    fifo.sql("CREATE TRIGGER slow BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION slow()")
    killed, other = (fifo.start("drain", env=small) for _ in range(2))
    wait_for(lambda: fifo.count("events") > 100, "some rows", process=killed)
    killed.kill()
    killed.communicate()
    _, err = other.communicate(timeout=120)
    assert other.returncode == 0, err
    check_order(fifo)


def test_an_error_of_the_database_in_the_middle_keeps_the_order(fifo):
    """Rows are refused for a while with what may pass, so that batches go back to the queue and come again."""
    fifo.sql(
        "CREATE SEQUENCE tries; CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF nextval('tries') % 97 = 0 THEN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$"
    )
    fifo.sql("CREATE TRIGGER busy BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION busy()")
    done = fifo.ok("drain", env=fifo.env | {"SLUICE_BATCH_ROWS": "20", "SLUICE_HOLD_MAX": "0s"})
    assert "database_away" in done.stderr and "database_back" in done.stderr
    check_order(fifo)


def test_a_fatal_error_and_a_stop_in_the_middle_keep_the_order(fifo):
    fifo.sql(
        "CREATE SEQUENCE tries; CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF nextval('tries') >= 150 THEN PERFORM * FROM nowhere; END IF; PERFORM pg_sleep(0.002); RETURN NEW; END $$"
    )
    fifo.sql("CREATE TRIGGER broken BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION broken()")
    small = fifo.env | {"SLUICE_BATCH_ROWS": "10"}
    assert fifo.run("drain", env=small).returncode == 1
    before = fifo.count("events")
    assert before < GOOD
    fifo.sql("CREATE TABLE nowhere ()")
    draining = fifo.start("drain", env=small)
    wait_for(lambda: fifo.count("events") > before + 50, "some rows", process=draining)
    draining.send_signal(signal.SIGTERM)
    draining.communicate(timeout=40)
    assert draining.returncode == 0
    fifo.ok("drain", env=small)
    check_order(fifo)


def test_dlq_keeps_the_group_and_leave_is_refused(fifo):
    fifo.restart_queue("--queue", "dead.fifo,FifoQueue=true", "--queue", "events.fifo,FifoQueue=true,DeadLetter=dead.fifo:5")
    fifo.env["AWS_ENDPOINT_URL_SQS"] = fifo.endpoint
    fifo.ok("send", fifo.folder / "events.ndjson", "--group-by", "/group", env=fifo.env)
    refused = fifo.run("drain", env=fifo.env | {"SLUICE_BAD_MESSAGES": "leave"})
    assert refused.returncode == 2 and "FIFO" in refused.stderr
    fifo.ok("drain", env=fifo.env | {"SLUICE_BAD_MESSAGES": "dlq"})
    assert fifo.count("events") == GOOD
    assert fifo.stats()["queues"]["dead.fifo"]["visible"] == GROUPS * EACH - GOOD


@pytest.mark.parametrize("faults", [{}, {"cut_rate": 0.4, "operations": ["SendMessageBatch"]}], ids=["plain", "answers cut"])
def test_a_dead_letter_has_its_group_and_its_id_and_is_there_once(fifo, faults):
    fifo.restart_queue("--queue", "dead.fifo,FifoQueue=true", "--queue", "events.fifo,FifoQueue=true,DeadLetter=dead.fifo:1000")
    fifo.env["AWS_ENDPOINT_URL_SQS"] = fifo.endpoint
    sent = send_each(fifo, "events.fifo", (fifo.folder / "events.ndjson").read_text().splitlines(), group_by="group")
    fifo.set_faults(**faults)
    fifo.ok("drain", env=fifo.env | {"SLUICE_BAD_MESSAGES": "dlq"})
    fifo.set_faults()
    letters = dead_letters(fifo, "dead.fifo")
    named = [
        (letter["Attributes"]["MessageDeduplicationId"], letter["Attributes"]["MessageGroupId"], letter["Body"])
        for letter in letters
    ]
    bad = [(name, json.loads(line)["group"], line) for name, line in sent.items() if json.loads(line)["n"] == "bad"]
    assert sorted(named) == sorted(bad)
    assert [attributes(letter)["sluice.message_id"] for letter in letters] == [name for name, _, _ in named]
    assert fifo.count("events") == GOOD and fifo.left("events.fifo") == 0
