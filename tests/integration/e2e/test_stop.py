"""Stops in the middle, and the order of commit and delete."""

import signal
import threading
import time
import urllib.parse

import pytest

from gate import Gate, PostgresGate
from world import SAMPLES, wait_for


def deleted(world):
    return world.stats()["queues"]["login-queue"]["deleted"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_100000_messages_loses_and_doubles_nothing(world, how):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:100000")
    draining = world.start("drain")
    wait_for(lambda: deleted(world) > 5_000, "some to be deleted", process=draining)
    draining.send_signal(how)
    _, err = draining.communicate(timeout=30)
    assert draining.returncode == 0, err
    first = world.count("user_logins")
    assert 0 < first < 99_000
    world.ok("drain")
    assert world.count("user_logins") == 99_000
    assert world.count("sluice.quarantine") == 1_000
    assert world.count("sluice.ledger") == 100_000


def test_a_kill_in_the_middle_loses_and_doubles_nothing(world):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue,VisibilityTimeout=5", "--fill", f"login-queue:{SAMPLES}:30000")
    draining = world.start("drain")
    wait_for(lambda: deleted(world) > 3_000, "some to be deleted", process=draining)
    draining.kill()
    draining.communicate()
    assert world.count("user_logins") < 29_700
    world.ok("drain")
    assert world.count("user_logins") == 29_700
    assert world.count("sluice.quarantine") == 300


def test_run_ends_with_0_on_sigterm_when_idle(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    running = world.start("run")
    wait_for(lambda: world.count("user_logins") == 99, "the rows", process=running)
    started = time.monotonic()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 0
    assert time.monotonic() - started < 5, "an idle service stops at once, not at the end of its long poll"


def test_a_signal_while_it_starts_ends_it_with_0(world):
    """Process 1 of a container has no default action for SIGTERM: without a handler it would start, and run until it is killed."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    asked = threading.Event()

    def silent(*_):
        asked.set()
        return b""

    env = world.environment()
    with Gate((env["PGHOST"], int(env["PGPORT"])), silent) as gate:
        starting = world.start("run", env=env | {"PGHOST": gate.host, "PGPORT": str(gate.port)})
        assert asked.wait(20)
        starting.send_signal(signal.SIGTERM)
        _, err = starting.communicate(timeout=3)
    assert starting.returncode == 0, err
    assert world.stats()["queues"]["login-queue"]["visible"] == 100


@pytest.mark.parametrize("peer", ["queue", "database"])
def test_a_lost_answer_while_it_starts_is_asked_for_again(world, peer):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    env = world.environment()
    queue = urllib.parse.urlsplit(world.endpoint)
    upstream = (queue.hostname, queue.port) if peer == "queue" else (env["PGHOST"], int(env["PGPORT"]))
    lost = threading.Event()

    def once(link, from_server, data):
        if not from_server or lost.is_set():
            return data
        lost.set()
        return None

    with Gate(upstream, once) as gate:
        changes = {"AWS_ENDPOINT_URL_SQS": f"http://{gate.host}:{gate.port}"}
        if peer == "database":
            changes = {"PGHOST": gate.host, "PGPORT": str(gate.port)}
        world.ok("drain", env=env | changes)
    assert lost.is_set()
    assert world.count("user_logins") == 99


def test_no_delete_is_sent_before_its_commit_is_confirmed(world):
    """A gate before PostgreSQL holds back the server's answer to COMMIT."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    with PostgresGate(world.environment()) as gate:
        gate.hold_commits()
        draining = world.start("drain", env=world.environment(PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable"))
        wait_for(lambda: gate.held > 0, "a commit to be held", process=draining)
        world.wait_for_polls(draining)
        assert deleted(world) == 0
        gate.release()
        _, err = draining.communicate(timeout=60)
        assert draining.returncode == 0, err
    assert deleted(world) == 100
    assert world.count("user_logins") == 99


def test_a_stop_that_waits_for_a_commit_in_vain_gives_back_what_it_holds(world):
    """Of one batch the commit is not confirmed, and the others wait for it."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    with PostgresGate(world.environment()) as gate:
        gate.hold_commits()
        changes = {"SLUICE_DRAIN_MAX": "5s", "SLUICE_LOADERS": "1", "SLUICE_BATCH_ROWS": "50", "SLUICE_ADMIN": "off"}
        env = world.environment(PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable", **changes)
        running = world.start("run", env=env)

        def all_held():
            return gate.held == 1 and world.stats()["queues"]["login-queue"]["in_flight"] == 100

        wait_for(all_held, "all to be held", process=running)
        started = time.monotonic()
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=20)
        assert running.returncode == 0, err
        assert time.monotonic() - started < 10
    assert deleted(world) == 0
    assert world.stats()["queues"]["login-queue"]["visible"] == 100
    assert 0 < world.count("user_logins") < 99, "the ledger knows some, and the others are new"
    world.ok("drain")
    assert deleted(world) == 100
    assert world.count("user_logins") == 99
    assert world.count("sluice.ledger") == 100 and world.count("sluice.quarantine") == 1


def test_a_database_error_sends_no_delete(world):
    """The commit is refused: nothing is deleted, the messages are given back, the error is told."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    world.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM * FROM a_table_that_is_not_there; RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER refuse BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION refuse()")
    done = world.run("drain")
    assert done.returncode == 1, done.stderr
    assert deleted(world) == 0
    assert world.stats()["queues"]["login-queue"]["visible"] == 100
    assert world.count("sluice.ledger") == 0


def test_a_lost_reply_to_commit_doubles_nothing(world):
    """The gate lets COMMIT through and cuts the line before its answer."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    with PostgresGate(world.environment()) as gate:
        gate.cut_at_commit(times=1)
        env = world.environment(PGHOST=gate.host, PGPORT=str(gate.port), PGSSLMODE="disable")
        world.ok("drain", env=env)
        assert gate.cut == 1
    assert world.count("user_logins") == 99
    assert world.count("sluice.quarantine") == 1
    assert deleted(world) == 100
