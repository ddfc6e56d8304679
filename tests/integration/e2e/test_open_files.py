"""Few open files: connections that cannot be made are no reason to forget a delete."""

import functools
import resource

import pytest

from world import SAMPLES

GOOD_OF_SAMPLES = 0.99


def limit_files(n):
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


def drain_with(world, files, **env):
    chosen = world.environment(SLUICE_LOG_FORMAT="json", **env)
    process = world.start("drain", env=chosen, preexec_fn=functools.partial(limit_files, files))
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.parametrize("files, messages, threads", [(64, 4000, 1), (64, 4000, 4), (300, 40000, 1)])
def test_with_few_files_each_message_is_received_and_deleted_once(world, files, messages, threads):
    queue = f"login-queue:{SAMPLES}:{messages}"
    world.restart_queue("--queue", "login-queue,VisibilityTimeout=30", "--fill", queue, "--latency-ms", "150")
    world.ok("init-db")
    code, _, err = drain_with(world, files, SLUICE_THREADS=str(threads), SLUICE_MODE="at_least_once")
    assert code == 0, err
    stats = world.stats()["queues"]["login-queue"]
    assert stats["visible"] + stats["in_flight"] == 0
    assert stats["deleted"] == messages
    assert stats["received"] == messages, err
    assert world.count("user_logins") == messages * GOOD_OF_SAMPLES
    assert '"event":"calls_limited"' in err
