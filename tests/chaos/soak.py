"""`sluice run` under steady load with a fault every few seconds: nothing lost, nothing twice, and nothing that grows.

Gates before queue and PostgreSQL break connections in every way of faults.py, the queue's server fails calls on its own account,
and PostgreSQL is killed and started again. Memory, descriptors and sockets of the one process are sampled each second. Under load they
follow the calls in flight; so they are compared at rest: before, when a backlog has been worked off, and after all of it.
"""

import argparse
import contextlib
import os
import pathlib
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration/support"))

from cluster import Cluster
from faults import FAULTS
from gate import Gate
from messages import QUEUE, Messages, refuse_some
from plot import draw
from world import new_world, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]

PER_SECOND = 500
BACKLOG = 100_000  # worked off at first, when each buffer has become as large as it will ever be
FAR_MS = 200  # then: hundreds of receives and deletes are in flight, each on a connection with buffers of its own
HELD = 30_000  # at the least, when its six batches are full: of messages, or of receipt handles
QUEUE_FAULTS = {
    "duplicate_rate": 0.02,
    "lost_delete_rate": 0.01,
    "stale_handle_rate": 0.01,
    "error_rate": 0.01,
    "throttle_rate": 0.01,
    "cut_rate": 0.005,
    "cut_after_bytes": 500,
    "operations": ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"],
}
SETTINGS = {
    "SLUICE_WAIT": "1s",
    "SLUICE_STATEMENT_TIMEOUT": "2s",
    "SLUICE_ADMIN": "off",
    "PGSSLMODE": "disable",
    "SLUICE_LOG_LEVEL": "warning",
}
REST_S = 80  # a poller that has nothing to do ends after a minute, and its connection with it
# From the rest before to the rest after: memory in MiB, and numbers of descriptors and sockets.
GROWTH_MAX = {"memory": 4, "descriptors": 4, "sockets": 4}
FIGURES = {"memory": "MiB resident", "descriptors": "open descriptors", "sockets": "of them sockets", "rows": "messages settled"}


class Load(threading.Thread):
    """Sends at a steady rate until it is stopped."""

    def __init__(self, messages):
        super().__init__(daemon=True)
        self._messages = messages
        self._over = threading.Event()
        self.start()

    def run(self):
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self._messages.send_ten()
            due += 10 / PER_SECOND

    def stop(self):
        self._over.set()
        self.join()


class Samples(threading.Thread):
    """What /proc says of a process, each second."""

    def __init__(self, pid, settled):
        super().__init__(daemon=True)
        self._folder, self._settled = pathlib.Path("/proc") / str(pid), settled
        self._since = time.monotonic()
        self.faults = []  # (second, name)
        self.rows = []  # (second, {figure: value})
        self.rests = []  # the last ten seconds of each: (from, to)
        self.start()

    def now(self):
        return time.monotonic() - self._since

    def run(self):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while True:
                self.rows.append((self.now(), self._read()))
                time.sleep(1)

    def _read(self):
        status = dict(line.split(":", 1) for line in (self._folder / "status").read_text().splitlines())
        kinds = []
        for descriptor in (self._folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                kinds.append(os.readlink(descriptor))
        sockets = sum(kind.startswith("socket:") for kind in kinds)
        return {
            "memory": int(status["VmRSS"].split()[0]) / 1024,
            "descriptors": len(kinds),
            "sockets": sockets,
            "rows": self._settled(),
        }

    def rest(self):
        time.sleep(REST_S)
        self.rests.append((self.now() - 10, self.now()))

    def at_rest(self, figure):
        """Medians before and after."""
        return [statistics.median(row[figure] for at, row in self.rows if first <= at <= last) for first, last in self.rests]


def grown(samples):
    """Those figures that are higher after than before by more than they may. Tells all."""
    found = []
    for figure, most in GROWTH_MAX.items():
        first, last = samples.at_rest(figure)
        highest = max(row[figure] for _, row in samples.rows)
        print(f"soak: {figure}: {first:.1f} at rest before, {last:.1f} after, {highest:.1f} at most")
        if last - first > most:
            found.append(figure)
    return found


@contextlib.contextmanager
def locked(world, table):
    """Nobody else may write, nor read."""
    psql = ["psql", "-Xq", "-d", world.database]
    with subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 1;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        yield
        holder.stdin.close()


def is_full(world):
    """Whether it holds as much as it can: no more within a second."""
    before = world.stats()["queues"][QUEUE]["in_flight"]
    time.sleep(1)
    return world.stats()["queues"][QUEUE]["in_flight"] == before >= HELD


def trouble(choose, gates, cluster):
    """One fault, from its beginning to its end. Returns its name."""
    kind = choose.choice([*FAULTS, Cluster])
    if kind is Cluster:
        cluster.kill()
        time.sleep(choose.uniform(0, 2))
        cluster.revive()
        return "PostgreSQL killed"
    peer = choose.choice(list(gates))
    fault = kind(gates[peer])
    fault.begin()
    time.sleep(choose.uniform(0.5, 3))
    fault.end()
    return f"{peer} {kind.__name__}"


def run(world, cluster, seconds, seed):
    choose = random.Random(seed)
    world.restart_queue("--no-auth", "--seed", str(seed), "--queue", f"{QUEUE},VisibilityTimeout=10")
    world.ok("init-db")
    refuse_some(world)
    world.set_faults(latency_ms=FAR_MS, operations=["ReceiveMessage", "DeleteMessageBatch"])
    messages = Messages(world.endpoint, random.Random(seed + 1))
    for _ in range(BACKLOG // 10):
        messages.send_ten()
    queue = urllib.parse.urlsplit(world.endpoint)
    with contextlib.ExitStack() as stack:
        gates = {
            "queue": stack.enter_context(Gate((queue.hostname, queue.port))),
            "database": stack.enter_context(Gate((cluster.env["PGHOST"], int(cluster.env["PGPORT"])))),
        }
        env = world.environment(
            **SETTINGS,
            PGHOST=gates["database"].host,
            PGPORT=str(gates["database"].port),
            AWS_ENDPOINT_URL_SQS=f"http://{gates['queue'].host}:{gates['queue'].port}",
        )
        log = stack.enter_context(open(world.folder / "sluice.log", "wb"))
        with locked(world, "user_logins"):
            process = world.start("run", env=env, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            samples = Samples(process.pid, lambda: len(messages.all) - world.left(QUEUE))
            wait_for(lambda: is_full(world), "every batch to be full", process=process)
        wait_for(lambda: world.left(QUEUE) == 0, "the backlog to be worked off", seconds=120, process=process)
        samples.rest()
        world.set_faults(**QUEUE_FAULTS, seed=seed)
        load = Load(messages)
        seconds += samples.now()
        reported = 0
        while samples.now() < seconds:
            time.sleep(choose.uniform(1, 5))
            at = samples.now()
            samples.faults.append((at, trouble(choose, gates, cluster)))
            assert process.poll() is None, f"sluice ended with {process.returncode}"
            if at - reported >= 60:
                reported = at
                print(
                    f"soak: {at:.0f} s, {len(messages.all)} messages, {len(samples.faults)} faults, {samples.rows[-1][1]}",
                    flush=True,
                )
        load.stop()
        world.set_faults()
        wait_for(lambda: world.left(QUEUE) == 0, "the queue to be empty", seconds=120, process=process)
        samples.rest()
        process.terminate()
        assert process.wait(30) == 0, f"sluice ended with {process.returncode}"
    return messages, samples


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, required=True)
    arguments.add_argument("--seed", type=int, default=int(os.environ.get("SLUICE_SEED") or secrets.randbits(32)))
    arguments.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/release/bin")
    arguments.add_argument("--plot", type=pathlib.Path, required=True)
    chosen = arguments.parse_args()
    print(f"soak: seed {chosen.seed}", flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-soak."))
    folder.chmod(0o755)  # PostgreSQL has a user of its own
    print(f"soak: the logs are in {folder}", flush=True)
    cluster = Cluster(folder)
    try:
        os.environ.update(cluster.env)
        with new_world(chosen.programs.absolute(), folder) as world:
            messages, samples = run(world, cluster, chosen.minutes * 60, chosen.seed)
            lost, twice, words = messages.differences(world)
    finally:
        cluster.stop()
    draw(chosen.plot, samples.rows, samples.faults, FIGURES)
    more = grown(samples)
    for line in words[:50]:
        print(f"soak: {line}")
    print(
        f"soak: minutes {chosen.minutes:g}, messages {len(messages.all)}, faults {len(samples.faults)}, lost {lost}, twice {twice}, "
        f"grown: {', '.join(more) or 'nothing'}"
    )
    return 1 if words or more else 0


if __name__ == "__main__":
    sys.exit(main())
