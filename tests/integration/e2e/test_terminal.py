"""What sluice writes where people look: terminals, pipes, logs."""

import json
import re
import subprocess

import pytest

from queues import client
from terminal import on_a_terminal
from world import SAMPLES, wait_for

TRACE, W3C_TRACE = "1-5759e988-bd862e3fe1be46a994272793", "0af7651916cd43dd8448eb211c80319c"


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


def test_what_is_opened_does_not_command_the_terminal(world):
    """Raw values are somebody else's: they may hold escape sequences."""
    audit = str(world.folder / "audit.log")
    hostile = "a\x1b]0;title\x07b"
    token = world.ok("mask", "--domain", "d", input=hostile + "\n").stdout.strip()
    unmask = ["unmask", "--domain", "d", "--reason", "r", token]
    assert world.ok(*unmask, env=world.environment(SLUICE_AUDIT_FILE=audit)).stdout == hostile + "\n", "a pipe gets it as it is"
    seen = on_a_terminal(world, *unmask, SLUICE_AUDIT_FILE=audit)
    assert "\x1b" not in seen and "a\\u001b]0;title\\u0007b" in seen


def test_the_log_and_the_bar_do_not_share_a_line(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", "30000")
    seen = on_a_terminal(world, "drain")
    before = re.findall(r"(.{0,3})\d\d:\d\d:\d\d\.\d{3} I ", seen)
    assert "draining" in seen and before and set(before) == {"\x1b[K"}, seen


def test_the_bar_of_a_narrow_terminal_is_one_line(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", "30000")
    drawn = re.findall(r"\r\x1b\[K(draining[^\r]*)", on_a_terminal(world, "drain", columns=40))
    assert drawn and max(map(len, drawn)) < 40, drawn


def test_messages_that_are_set_aside_are_summed_up_in_the_log(world):
    bad = world.folder / "bad.ndjson"
    bad.write_text("not JSON\n" * 300)
    world.ok("init-db")
    world.ok("send", bad, "--create")
    done = world.ok("drain", env=world.environment(SLUICE_LOG_FORMAT="json", SLUICE_BATCH_ROWS="10"))
    told = [e["messages"] for e in map(json.loads, done.stderr.splitlines()) if e["event"] == "messages_set_aside"]
    assert sum(told) == 300 and len(told) < 5, told


@pytest.mark.parametrize(
    "arguments", [["keygen"], ["mask", "10.0.0.1"], ["init-db", "--print"], ["--help"], ["check", "--print-config"]]
)
def test_what_cannot_be_printed_is_a_failure(world, arguments):
    with open("/dev/full", "w") as full:
        process = world.start(*arguments, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and err == "sluice: standard output cannot be written; is its disk full?\n"


def test_a_log_that_cannot_be_written_changes_nothing(ready):
    for taken in ("2>/dev/full", "2>&-", ">/dev/null 2>/dev/full"):
        command = ["sh", "-c", f'exec "$0" "$@" {taken}', ready.programs / "sluice"]
        assert subprocess.run([*command, "drian"], env=ready.environment(), timeout=60, check=False).returncode == 2
        assert (
            subprocess.run(
                [*command, "drain"], env=ready.environment(SLUICE_LOG_LEVEL="debug"), timeout=60, check=False
            ).returncode
            == 0
        )
    assert ready.count("user_logins") == 99


def test_standard_output_that_is_closed_is_not_another_file(ready):
    """Descriptor 1 would be that of the first connection, which the summary would go to."""
    command = ["sh", "-c", 'exec "$0" "$@" >&-', ready.programs / "sluice", "drain"]
    done = subprocess.run(command, env=ready.environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "standard output cannot be written" in done.stderr
    assert ready.count("user_logins") == 99


def test_a_log_that_nobody_reads_stops_no_run(ready):
    run = ready.start("run", env=ready.environment(SLUICE_ADMIN="off", SLUICE_LOG_LEVEL="debug"))
    run.stderr.close()
    try:
        wait_for(lambda: ready.count("user_logins") == 99, "the rows", process=run)
    finally:
        run.terminate()
        run.wait(30)
    assert run.returncode == 0


def test_a_drain_tells_its_progress_in_the_form_of_its_log(world):
    few = world.folder / "few.ndjson"
    few.write_text("".join(SAMPLES.read_text().splitlines(keepends=True)[:10]))
    world.ok("init-db")
    world.set_faults(latency_ms=6000, operations=["DeleteMessageBatch"])
    world.ok("send", few, "--create")
    lines = world.ok("drain", env=world.environment(SLUICE_LOG_FORMAT="json")).stderr.splitlines()
    told = [e for e in map(json.loads, lines) if e["event"] == "drain_progressed"]
    assert told and all(e["of"] == 10 and e["per_second"] >= 0 for e in told)
    world.ok("send", few)
    plain = world.ok("drain", env=world.environment(SLUICE_LOG_FORMAT="text")).stderr
    assert "draining [" in plain and " of 10" in plain and "\r" not in plain


@pytest.fixture
def traced(ready):
    """Sends (body, AWSTraceHeader, traceparent) and gives what a drain logs of traces; the table takes no version 0.0.13."""
    ready.sql("ALTER TABLE user_logins ADD CHECK (app_version <> 13)")
    queue = client(ready)
    url = queue.get_queue_url(QueueName="login-queue")["QueueUrl"]

    def text(name, value):
        return {name: {"StringValue": value, "DataType": "String"}} if value else {}

    def drain(messages, **settings):
        for body, header, parent in messages:
            queue.send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageSystemAttributes=text("AWSTraceHeader", header),
                MessageAttributes=text("traceparent", parent),
            )
        done = ready.ok("drain", env=ready.environment(SLUICE_LOG_FORMAT="json", **settings))
        assert "hunter2" not in done.stderr
        events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        told = [e for e in events if e["event"] == "traced_message_set_aside"]
        return sorted((e["trace"], e["reason"], e["sqlstate"]) for e in told)

    return drain


def refused_by_the_table():
    body = json.loads(SAMPLES.read_text().splitlines()[0]) | {"app_version": "0.0.13"}
    return json.dumps(body)


def test_the_trace_of_a_message_that_is_set_aside_is_in_the_log(traced):
    header = f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"
    good = SAMPLES.read_text().splitlines()[0]
    told = traced(
        [
            ("not JSON", header, None),
            ("not JSON either", "Root=hunter2", None),
            (good, header, None),
            ("nor this", None, f"00-{W3C_TRACE}-b7ad6b7169203331-01"),
            (refused_by_the_table(), header, None),
        ]
    )
    assert told == [(TRACE, "not_json", ""), (TRACE, "refused_by_table", "23514")]


def test_a_traceparent_is_read_where_it_is_asked_for(traced):
    parent = f"00-{W3C_TRACE}-b7ad6b7169203331-01"
    told = traced(
        [("not JSON", f"Root={TRACE}", parent), ("not JSON", None, "hunter2"), (refused_by_the_table(), None, parent)],
        SLUICE_LOG_TRACEPARENT="on",
    )
    assert told == [(W3C_TRACE, "not_json", ""), (W3C_TRACE, "refused_by_table", "23514")]


def test_a_batch_of_traced_messages_does_not_flood_the_log(traced):
    assert len(traced([("not JSON", f"Root={TRACE}", None)] * 40, SLUICE_BATCH_AGE="2s")) == 10
