"""Memory has its bound whatever the sizes of bodies: also when they become a thousand times larger from one answer to the next."""

import json
import random
import re

import pytest

from world import new_world, wait_for

RESIDENT_MIB_MAX = 128
QUEUE = "login-queue"
# Messages and bytes of their bodies. Hundreds of receives are in flight when the small ones end, as the queue is far away.
SIZES = [(30_000, 400), (600, 250_000), (60, 1_000_000)]
LATENCY_MS = 60


def body(size):
    """A login, and a member that no column reads, of text that JSON in JSON makes longer."""
    padding = "".join(random.Random(size).choices('abcdefgh "', k=size))
    login = {"user_id": "u", "app_version": "1.2.3", "device_type": "android", "ip": "1.2.3.4", "locale": "RU", "device_id": "d"}
    text = json.dumps(login | {"padding": padding})
    return json.dumps(login | {"padding": padding[: len(padding) - (len(text) - size)]}) if len(text) > size else text


def resident_mib(process):
    """The most that ever was, or what is now."""
    with open(f"/proc/{process.pid}/status") as status:
        text = status.read()
    return tuple(int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) // 1024 for name in ("VmHWM", "VmRSS"))


def fill(folder, sizes):
    for at, (count, size) in enumerate(sizes):
        lines = folder / f"{at}.ndjson"
        lines.write_text(body(size) + "\n")
        yield "--fill"
        yield f"{QUEUE}:{lines}:{count}"


@pytest.mark.parametrize("threads", [1, 2])
def test_bodies_that_become_large_do_not_take_more_than_the_bound(programs, tmp_path, threads):
    with new_world(programs, tmp_path) as world:
        attributes = f"{QUEUE},VisibilityTimeout=120,MaximumMessageSize=1048576"
        world.restart_queue("--no-auth", "--latency-ms", str(LATENCY_MS), "--queue", attributes, *fill(tmp_path, SIZES))
        world.ok("init-db")
        log = tmp_path / "sluice.log"
        env = world.environment(SLUICE_THREADS=str(threads), SLUICE_ADMIN="off", SLUICE_LOG_FORMAT="json")
        running = world.start("run", env=env, stderr=open(log, "wb"))
        wait_for(lambda: world.left(QUEUE) == 0, "an empty queue", 120, running)
        most, now = resident_mib(running)
        running.terminate()
        running.communicate(timeout=30)
        assert world.count("user_logins") == sum(count for count, _ in SIZES)
        print(f"{threads} threads: {most} MiB resident at most, {now} at the end")
        assert most <= RESIDENT_MIB_MAX, log.read_text()
