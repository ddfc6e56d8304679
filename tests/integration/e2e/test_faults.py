"""What happens under a running sluice: to the database, its table, the queue. The role is the least that docs/guarantees.md grants."""

import contextlib
import re
import secrets
import signal
import time
import urllib.parse

import pytest

from gate import Gate, PostgresGate
from queues import client
from world import EXAMPLES, SAMPLES, wait_for

GUARANTEES = EXAMPLES.parent / "docs" / "guarantees.md"


@pytest.fixture
def least(world):
    """A world whose sluice connects as a role with the documented grants and no more."""
    world.ok("init-db")
    role = f"loader_{secrets.token_hex(4)}"
    grants = re.search(r"```sql\n(GRANT .*?)```", GUARANTEES.read_text(), re.S)[1]
    grants = (
        re.sub(r"--.*", "", grants).replace("DATABASE logins", f"DATABASE {world.database}").replace("TO loader", f"TO {role}")
    )
    world.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    world.sql(grants)
    world.role = role
    world.env = world.environment(PGUSER=role, PGPASSWORD="p", SLUICE_LOG_FORMAT="json", SLUICE_ADMIN="off")
    try:
        yield world
    finally:
        with contextlib.suppress(AssertionError):
            world.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
        world.sql(f"DROP OWNED BY {role} CASCADE")
        world.sql(f"DROP ROLE {role}")


class Running:
    """sluice run, with its log in a file, and the gate before its database if there is one; ended by `stop`."""

    def __init__(self, world, gate=None, **env):
        self.world = world
        self.gate = gate
        self.log = world.folder / "run.log"
        with open(self.log, "wb") as log:
            self.process = world.start("run", env=world.env | env, stdout=log, stderr=log, text=False)

    def says(self, word):
        return word in self.log.read_text()

    def wait_for(self, condition, what):
        wait_for(condition, f"{what}\n{self.log.read_text()}", seconds=40, process=self.process)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(40)

    def ended(self):
        code = self.process.wait(60)
        return code, self.log.read_text()


def disconnect(world):
    world.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{world.role}'")


def test_a_body_that_never_comes_as_it_was_sent_is_set_aside_and_a_drain_ends(least):
    least.restart_queue("--queue", "login-queue,VisibilityTimeout=5")
    least.ok("send", SAMPLES)
    peer = urllib.parse.urlsplit(least.endpoint)

    def tear(link, from_server, data):
        return data.replace(b"oops_wrong", b"oopz_wrong") if from_server else data

    with Gate((peer.hostname, peer.port), tear) as gate:
        done = least.ok("drain", env=least.environment(AWS_ENDPOINT_URL_SQS=f"http://{gate.host}:{gate.port}"), timeout=60)
    assert "wrong_digest" in done.stdout
    assert least.sql("SELECT reason, receive_count FROM sluice.quarantine") == [["wrong_digest", "3"]]
    assert least.count("user_logins") == 99 and queue(least)["deleted"] == 100
    stays = least.ok("quarantine", "replay", "--reason", "r").stdout
    assert "its body is not what was sent" in stays and least.count("sluice.quarantine") == 1
    asked_for = least.ok("quarantine", "replay", "--reason", "r", "--code", "wrong_digest").stdout
    assert "missing_field" in asked_for, "the sample's body is no row either"


def test_messages_of_a_queue_without_their_time_are_remembered(least):
    least.ok("send", SAMPLES, "--create")
    peer = urllib.parse.urlsplit(least.endpoint)

    def hide(link, from_server, data):
        return data.replace(b"SentTimestamp", b"SomeTimestamp") if from_server else data

    with Gate((peer.hostname, peer.port), hide) as gate:
        done = least.ok("drain", env=least.environment(AWS_ENDPOINT_URL_SQS=f"http://{gate.host}:{gate.port}"))
    assert done.stderr.count("sent_timestamp_missing") == 1
    least.ok("drain")  # looks after the ledger when it starts
    assert least.sql("SELECT DISTINCT sent_ms FROM sluice.ledger") == [["0"]] and least.count("sluice.ledger") == 100


@pytest.mark.parametrize(
    "peer, why", [("database", "refused the connection"), ("queue", "connection refused")], ids=["database", "queue"]
)
def test_a_service_waits_for_its_peers_when_it_starts_and_a_drain_does_not(least, peer, why):
    least.ok("send", SAMPLES, "--create")
    server = urllib.parse.urlsplit(least.endpoint)
    upstream = (server.hostname, server.port) if peer == "queue" else (least.env["PGHOST"], int(least.env["PGPORT"]))
    with Gate(upstream) as gate:
        gate.refuse()
        away = {"AWS_ENDPOINT_URL_SQS": f"http://{gate.host}:{gate.port}"}
        if peer == "database":
            away = {"PGHOST": gate.host, "PGPORT": str(gate.port)}
        for command in ("drain", "check"):
            done = least.run(command, env=least.env | away)
            assert done.returncode == 2 and why in done.stdout + done.stderr
        run = Running(least, **away)
        run.wait_for(lambda: run.says("start_delayed"), "it to find nobody")
        assert run.says(why)
        gate.reopen()
        run.wait_for(lambda: least.count("user_logins") == 99, "the rows")
        assert run.stop() == 0


@pytest.mark.parametrize(
    "nobody", [{"PGHOST": "127.0.0.1", "PGPORT": "1"}, {"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"}], ids=["database", "queue"]
)
def test_a_service_that_waits_in_vain_ends_with_2(least, nobody):
    least.ok("send", SAMPLES, "--create")
    code, log = Running(least, SLUICE_QUEUE_AWAY_MAX="1s", **nobody).ended()
    assert code == 2
    assert "start_delayed" in log and "start_refused" in log
    assert queue(least)["visible"] == 100


@pytest.fixture
def running(least):
    least.ok("send", SAMPLES, "--create", env=least.env)
    made = Running(least)
    made.wait_for(lambda: least.count("user_logins") == 99, "the first rows")
    return made


def queue(world):
    return world.stats()["queues"]["login-queue"]


FAULTS = {
    "53300": ("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"),
    "25006": (
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "ALTER ROLE {role} RESET default_transaction_read_only",
    ),
    "53100": (
        (
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION full_disk()"
        ),
        "DROP TRIGGER full_disk ON user_logins",
    ),
}


@pytest.mark.parametrize("sqlstate", FAULTS)
def test_what_passes_is_waited_for_and_nothing_is_deleted_meanwhile(running, sqlstate):
    world = running.world
    fault, remedy = (sql.format(role=world.role) for sql in FAULTS[sqlstate])
    world.sql(fault)
    disconnect(world)
    world.ok("send", SAMPLES, env=world.env)
    running.wait_for(lambda: running.says(sqlstate), "the fault to be met")
    assert queue(world)["deleted"] == 100 and world.count("user_logins") == 99
    assert running.says("load_failed") and not running.says('"failed"')
    world.sql(remedy)
    running.wait_for(lambda: world.count("user_logins") == 198, "recovery")
    assert running.stop() == 0
    assert queue(world)["visible"] + queue(world)["in_flight"] == 0
    assert world.count("sluice.quarantine") == 2


@pytest.mark.parametrize(
    "change, sqlstate",
    [
        ("ALTER TABLE user_logins RENAME TO elsewhere", "42P01"),
        ("DROP TABLE user_logins", "42P01"),
        ("ALTER TABLE user_logins DROP COLUMN locale", "42703"),
        ("ALTER TABLE user_logins ALTER app_version TYPE bigint", "sluice check"),
        ("REVOKE INSERT ON user_logins FROM {role}", "42501"),
        ("ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY", "row security"),
    ],
    ids=["renamed", "dropped", "column dropped", "type changed", "privilege", "row security"],
)
def test_what_only_a_person_can_mend_stops_it_and_the_messages_go_back(running, change, sqlstate):
    world = running.world
    world.sql(change.format(role=world.role))
    world.ok("send", SAMPLES, env=world.env)
    code, log = running.ended()
    assert code == 1
    assert sqlstate in log
    assert queue(world)["deleted"] == 100
    assert queue(world)["visible"] == 100
    assert world.count("sluice.ledger") == 100


def test_a_password_that_is_changed_stops_it_and_the_new_one_loads_the_rest(running):
    world = running.world
    world.sql(f"ALTER ROLE {world.role} PASSWORD 'changed'")
    disconnect(world)
    world.ok("send", SAMPLES, env=world.env)
    code, log = running.ended()
    assert code == 1
    assert f"password refused for user {world.role}" in log
    assert queue(world)["deleted"] == 100 and queue(world)["visible"] == 100
    again = Running(world, PGPASSWORD="changed")
    again.wait_for(lambda: world.count("user_logins") == 198, "the rest")
    assert again.stop() == 0
    assert world.left("login-queue") == 0
    assert world.count("sluice.ledger") == 200 and world.count("sluice.quarantine") == 2


def test_an_outage_longer_than_messages_are_held_gives_them_back_until_the_database_answers(least):
    """Without being given back, none would be visible again before the test has given up."""
    least.ok("send", SAMPLES, "--create")
    with Gate((least.env["PGHOST"], int(least.env["PGPORT"]))) as gate:
        run = Running(least, PGHOST=gate.host, PGPORT=str(gate.port), SLUICE_HOLD_MAX="1s", SLUICE_VISIBILITY="300s")
        run.wait_for(lambda: least.count("user_logins") == 99, "the first rows")
        gate.refuse()
        least.ok("send", SAMPLES, env=least.env)
        run.wait_for(lambda: run.says("database_away"), "it to give up holding")
        run.wait_for(lambda: queue(least)["visible"] == 100, "all to be visible again")
        time.sleep(2)
        assert queue(least)["visible"] == 100, "none is received while the database is away"
        assert queue(least)["deleted"] == 100 and not run.says("database_back")
        gate.reopen()
        run.wait_for(lambda: least.count("user_logins") == 198, "recovery")
        assert run.says("database_back")
        assert run.stop() == 0
    assert least.left("login-queue") == 0 and queue(least)["deleted"] == 200
    assert least.count("user_logins") == 198
    assert least.count("sluice.ledger") == 200 and least.count("sluice.quarantine") == 2


def test_a_failure_of_one_loop_ends_them_all(least):
    """The loop that looks out for the others is the one that meets it."""
    least.ok("send", SAMPLES, "--create")
    run = Running(least, SLUICE_THREADS="3")
    run.wait_for(lambda: least.count("user_logins") == 99, "the rows")
    least.sql("ALTER TABLE user_logins RENAME TO elsewhere")
    least.ok("send", SAMPLES, env=least.env)
    code, log = run.ended()
    assert code == 1 and "42P01" in log
    assert queue(least)["visible"] == 100


def test_a_queue_that_is_purged_is_received_from_again(running):
    world = running.world
    sqs = client(world)
    url = sqs.get_queue_url(QueueName="login-queue")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    world.ok("send", SAMPLES, env=world.env)
    running.wait_for(lambda: world.count("user_logins") == 198, "the rows after the purge")
    assert running.stop() == 0


def test_a_queue_that_is_deleted_stops_it(running):
    world = running.world
    sqs = client(world)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="login-queue")["QueueUrl"])
    code, log = running.ended()
    assert code == 1
    assert "login-queue does not exist" in log
    assert world.count("user_logins") == 99


@pytest.fixture
def holding(least):
    """One batch waits for the answer to its COMMIT, and the others wait for it: all were received, some are rows."""
    least.ok("send", SAMPLES, "--create", env=least.env)
    with PostgresGate(least.env) as gate:
        gate.hold_commits()
        made = Running(
            least, gate, PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable", SLUICE_LOADERS="1", SLUICE_BATCH_ROWS="50"
        )
        made.wait_for(lambda: gate.held == 1 and queue(least)["in_flight"] == 100, "all to be held")
        assert 0 < least.count("user_logins") < 99
        yield made


def test_messages_that_are_held_while_their_queue_is_purged_are_loaded(holding):
    world = holding.world
    sqs = client(world)
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName="login-queue")["QueueUrl"])
    assert world.left("login-queue") == 0
    holding.gate.release()
    holding.wait_for(lambda: world.count("user_logins") == 99, "the rows that were held")
    assert holding.stop() == 0
    assert not holding.says("settle_failed")
    assert world.count("user_logins") == 99
    assert world.count("sluice.ledger") == 100 and world.count("sluice.quarantine") == 1


def test_messages_that_are_held_while_their_queue_is_deleted_are_loaded_before_it_stops(holding):
    world = holding.world
    sqs = client(world)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="login-queue")["QueueUrl"])
    time.sleep(1)  # it says what it met when it ends
    assert holding.process.poll() is None
    holding.gate.release()
    code, log = holding.ended()
    assert code == 1
    assert "login-queue does not exist" in log
    assert world.count("user_logins") == 99
    assert world.count("sluice.ledger") == 100 and world.count("sluice.quarantine") == 1


def test_a_stop_while_the_database_is_away_gives_everything_back(running):
    world = running.world
    world.sql(f"ALTER ROLE {world.role} CONNECTION LIMIT 0")
    disconnect(world)
    world.ok("send", SAMPLES, env=world.env)
    running.wait_for(lambda: running.says("53300"), "the fault to be met")
    assert running.stop() == 0
    assert queue(world)["visible"] == 100 and queue(world)["deleted"] == 100


def test_a_second_signal_ends_it_at_once_and_loses_nothing(least):
    least.ok("send", SAMPLES, "--create", env=least.env)
    with PostgresGate(least.env) as gate:
        gate.hold_commits()
        run = Running(least, PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable", SLUICE_VISIBILITY="5s")
        run.wait_for(lambda: gate.held > 0, "a commit to be held")
        run.process.send_signal(signal.SIGTERM)
        run.wait_for(lambda: run.says("stopping"), "the first signal to be taken")
        assert run.stop() == 130
    assert queue(least)["deleted"] == 0
    least.ok("drain", env=least.env)
    assert least.count("user_logins") == 99 and least.count("sluice.quarantine") == 1
