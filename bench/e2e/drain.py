"""One measured run: programs move what a queue holds into the table, and the rows are checked."""

import subprocess
import time

from . import processes
from .world import RunFailed, today

POLL_SECONDS = 0.01
NEARLY = 0.99


def run(
    world,
    load,
    commands,
    *,
    profile="default",
    queue_options=(),
    faults=None,
    timeout=120,
    end_by_itself=True,
    quarantine=True,
    setup_sql="",
    teardown_sql="",
):
    """Fills a queue, starts one process for each of `commands` (functions of the queue that give argv and environment), and
    waits until every message is deleted. The rate is from the first receive to the last delete, the same for all programs:
    how long one takes to start does not count. Returns a dict of figures, after the rows were found right."""
    world.empty_tables()
    if setup_sql:
        world.sql(setup_sql)
    try:
        with world.queue("--fill", f"bench:{load.path}:{load.count}", *queue_options) as queue:
            if faults:
                queue.set_faults(**faults)
            figures = _timed(world, load, queue, commands, timeout, end_by_itself, profile, quarantine)
    finally:
        if teardown_sql:
            world.sql(teardown_sql)
    return figures


def _timed(world, load, queue, commands, timeout, end_by_itself, profile, quarantine):
    day = today()
    before = _cpu(world, queue)
    log = open(world.folder / "program.log", "w+b")
    began = time.monotonic()
    running, ended = [], []
    try:
        for command in commands:
            argv, env = command(queue)
            running.append(subprocess.Popen([str(a) for a in argv], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        with processes.MemorySampler([p.pid for p in running]) as memory:
            first, nearly, last, stats = _wait_until_empty(queue, running, load, began + timeout)
        ended = _end(running, end_by_itself)
    except (RunFailed, OSError) as failure:  # OSError: the queue does not answer
        log.seek(0)
        tail = log.read()[-600:].decode(errors="replace").strip()
        raise RunFailed(f"{failure}; the program said: {tail}") from None
    finally:
        if not ended:
            _end(running, False)
    after = _cpu(world, queue)
    log.close()
    if end_by_itself and any(code != 0 for code, _ in ended):
        raise RunFailed(f"exit codes {[code for code, _ in ended]}")
    world.check_rows(load, profile, day, quarantine)

    seconds = last - first
    requests = stats["requests"]
    cpu = sum(used for _, used in ended)
    return {
        "messages": load.count,
        "rows": load.rows,
        "set_aside": load.set_aside,
        "seconds": round(seconds, 3),
        "seconds_to_first_receive": round(first - began, 3),
        "messages_per_s": round(load.count / seconds, 1),
        # A peer may hold its last messages until their visibility ends: this leaves that out.
        "messages_per_s_to_99_percent": round(NEARLY * load.count / max(nearly - first, POLL_SECONDS), 1),
        "cpu_us_per_message": round(cpu / load.count * 1e6, 2),
        "cpu_seconds": {"program": round(cpu, 2), **{k: round(after[k] - before[k], 2) for k in after}},
        "rss_mib": round(memory.most, 1),
        "memory": memory.samples,
        "requests": {name: n for name, n in requests.items() if n},
        "requests_per_message": round(sum(requests.values()) / load.count, 4),
    }


def _cpu(world, queue):
    return {"queue": processes.cpu_seconds(queue.process.pid), "postgres": processes.tree_cpu_seconds(world.postmaster)}


def _wait_until_empty(queue, running, load, deadline):
    """(time of the first receive, of 99% of the deletes, of the last; the queue's statistics then)."""
    first = nearly = None
    while True:
        stats = queue.stats()
        now = time.monotonic()
        counts = stats["queues"]["bench"]
        if first is None and counts["received"] > 0:
            first = now
        if nearly is None and counts["deleted"] >= NEARLY * load.count:
            nearly = now
        left = counts["visible"] + counts["in_flight"] + counts["delayed"]
        if left == 0 and counts["received"] > 0:
            return first, nearly, now, stats
        # A program that ends by itself has nothing in flight any more.
        if all(processes.has_ended(p) for p in running) and queue.counts()["deleted"] < load.count:
            raise RunFailed(f"the program ended, {left} of {load.count} messages left")
        if now > deadline:
            raise RunFailed(f"not done in time, {left} of {load.count} messages left")
        time.sleep(POLL_SECONDS)


def _end(running, by_itself):
    if not by_itself:
        for p in running:
            if p.returncode is None:
                p.terminate()
    return [processes.finish(p, 60 if by_itself else 15) for p in running]


def sluice(world, *, command="drain", mode="exactly_once", threads=1, profile="default", **env):
    """A command for `run`. The compatibility profile is the one that does what the peers do: base64, major version."""

    def of(queue):
        argv = [
            world.sluice,
            command,
            "--mode",
            mode,
            "--threads",
            str(threads),
            "--log-format",
            "text",
            "--log-level",
            "warning",
        ]
        if profile != "default":
            argv += ["--config", world.plan(profile)]
        return argv, world.environment(queue, **env)

    return of
