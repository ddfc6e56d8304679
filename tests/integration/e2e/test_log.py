"""A log that is not read stops nothing: not the loads, not the stop, not the second signal."""

import fcntl
import json
import os
import signal
import threading
import time

import pytest

from world import SAMPLES, wait_for

LINES = 2_000


class Pipe:
    """Of one page. It is read from when `read` is called, and not before."""

    def __init__(self):
        self.ours, self.theirs = os.pipe()
        fcntl.fcntl(self.theirs, fcntl.F_SETPIPE_SZ, 4096)
        self.text = b""
        self._reader = None

    def read(self):
        def all_of_it():
            while part := os.read(self.ours, 65536):
                self.text += part

        self._reader = threading.Thread(target=all_of_it)
        self._reader.start()

    def close(self):
        os.close(self.theirs)
        if self._reader is not None:
            self._reader.join(20)
        os.close(self.ours)

    def events(self):
        return [json.loads(line) for line in self.text.decode().splitlines()]


@pytest.fixture
def pipe():
    return Pipe()


def start(world, pipe, command="run", **pipes):
    """At debug level, with a line for each message: far more than the pipe has room for."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:{LINES}")
    env = world.environment(SLUICE_LOG_LEVEL="debug", SLUICE_LOG_FORMAT="json", SLUICE_BATCH_ROWS="1", SLUICE_ADMIN="127.0.0.1:0")
    return world.start(command, env=env, **({"stderr": pipe.theirs} | pipes))


def loaded(world):
    return world.count("sluice.ledger") == LINES and world.left("login-queue") == 0


def test_loads_go_on_and_a_signal_ends_it_in_time(world, pipe):
    running = start(world, pipe)
    wait_for(lambda: loaded(world), "all to be loaded", seconds=60, process=running)
    running.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert running.wait(10) == 0
    assert time.monotonic() - started < 5, "what is left of the log gets a second"
    pipe.close()


def test_a_second_signal_ends_it_at_once(world, pipe):
    """The database has stopped, too: held messages would be given `drain_max`."""
    running = start(world, pipe)
    wait_for(lambda: world.count("sluice.ledger") > 100, "some to be loaded", process=running)
    world.set_faults(latency_ms=5_000)
    running.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert running.wait(10) == 130
    assert time.monotonic() - started < 1
    pipe.close()


def test_what_is_dropped_is_told_when_it_is_read_again(world, pipe):
    """Nothing is dropped that there is room for: lines are in their order, and the last is there."""
    running = start(world, pipe)
    wait_for(lambda: loaded(world), "all to be loaded", seconds=60, process=running)
    pipe.read()
    wait_for(lambda: b"batch_committed" in pipe.text, "the log to be read again", process=running)
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    pipe.close()
    events = pipe.events()
    assert events[0]["event"] == "admin_listening" and events[-1]["event"] == "stopped"
    assert [e["time"] for e in events] == sorted(e["time"] for e in events)
    told = sum(e["lines"] for e in events if e["event"] == "log_lines_dropped")
    committed = sum(e["event"] == "batch_committed" for e in events)
    assert committed + told == LINES


def test_metrics_that_are_not_read_stop_nothing(world, pipe):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:100")
    fcntl.fcntl(pipe.theirs, fcntl.F_SETFL, os.O_NONBLOCK)
    os.write(pipe.theirs, b"x" * 4096)
    fcntl.fcntl(pipe.theirs, fcntl.F_SETFL, 0)
    env = world.environment(SLUICE_LOG_EMF="sluice", SLUICE_ADMIN="127.0.0.1:0")
    running = world.start("run", env=env, stdout=pipe.theirs)
    wait_for(lambda: world.count("sluice.ledger") == 100, "all to be loaded", process=running)
    running.send_signal(signal.SIGTERM)  # the last document is written now
    _, err = running.communicate(timeout=10)
    assert running.returncode == 0, err
    pipe.close()
