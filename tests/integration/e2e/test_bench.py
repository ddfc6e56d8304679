"""sluice bench: the user's own queue and table, measured and left as they were."""

import re
import signal

import pytest

from world import SAMPLES, wait_for

SCRATCH = "user_logins_sluice_bench"


@pytest.fixture
def ready(world):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue")
    return world


def tables(world):
    return world.sql(f"SELECT relname FROM pg_class WHERE relname LIKE '{SCRATCH}%'")


@pytest.mark.parametrize("mode", ["exactly_once", "at_least_once"])
def test_a_bench_measures_checks_and_takes_away_what_it_made(ready, mode):
    ready.sql("INSERT INTO user_logins (user_id) VALUES ('of the user')")
    done = ready.ok("bench", SAMPLES, "--count", 2_000, "--mode", mode)
    for figure in (
        r"rate +[\d,]+ messages/s",
        r"CPU +[\d.]+ us a message",
        r"COPY +[\d.]+ ms +[\d.]+ ms",
        r"COMMIT +[\d.]+ ms +[\d.]+ ms",
    ):
        assert re.search(figure, done.stdout), done.stdout
    assert "checked: 2,000 messages, 1,980 rows, 20 set aside" in done.stdout
    assert ready.sql("SELECT user_id FROM user_logins") == [["of the user"]]
    assert ready.count("sluice.quarantine") == 0
    assert tables(ready) == []
    assert ready.left("login-queue") == 0


def test_what_does_not_fit_is_refused_before_a_message_is_sent(ready):
    refused = ready.run("bench", SAMPLES, "--mode", "upsert")
    assert refused.returncode == 2
    assert "upsert" in refused.stderr
    assert ready.left("login-queue") == 0
    assert tables(ready) == []


def test_a_queue_that_holds_messages_is_left_alone(ready):
    ready.ok("send", SAMPLES)
    refused = ready.run("bench", SAMPLES)
    assert refused.returncode == 2
    assert "holds 100 messages: a benchmark needs a queue that is empty" in refused.stderr
    assert ready.left("login-queue") == 100
    assert tables(ready) == []


def test_what_a_killed_bench_left_is_named(ready):
    ready.sql(f"CREATE TABLE {SCRATCH} (x int)")
    refused = ready.run("bench", SAMPLES)
    assert refused.returncode == 2
    assert f'DROP TABLE "public"."{SCRATCH}"' in refused.stderr


def test_messages_of_somebody_else_are_not_dropped_with_the_table(ready):
    ready.set_faults(latency_ms=50)
    running = ready.start("bench", SAMPLES, "--count", 30_000)
    wait_for(lambda: ready.stats()["queues"]["login-queue"]["deleted"] > 500, "some to be loaded", seconds=60, process=running)
    ready.ok("send", SAMPLES)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1, out + err
    assert f'30,000 messages were sent, 29,799 are rows of "public"."{SCRATCH}", 301 were set aside' in err
    assert ready.count(SCRATCH) == 29_799 and ready.count("sluice.quarantine") == 301


def test_a_business_key_of_the_sample_is_not_taken_from_its_event(ready):
    ready.ok("bench", SAMPLES, "--count", 500, env=ready.environment(SLUICE_LOAD_KEY="/user_id"))
    assert ready.count("sluice.business_ledger") == 0


def test_a_stopped_bench_takes_its_table_away_and_says_what_is_left(ready):
    ready.set_faults(latency_ms=50)
    running = ready.start("bench", SAMPLES, "--count", 50_000)
    wait_for(lambda: ready.stats()["queues"]["login-queue"]["deleted"] > 500, "some to be loaded", seconds=60, process=running)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1, out + err
    assert "50,000 messages were sent" in err and "purge" in err
    assert 0 < ready.count(SCRATCH) < 49_500
