"""Two sluice processes, one queue, one PostgreSQL, and kill -9: nothing is lost and nothing is twice.

Each cycle sends messages and kills something: a process or both at a random moment; a process at a known point of a transaction,
found by a gate before PostgreSQL that holds back what would come next; or PostgreSQL, at random or just after it has committed
and before anybody knows. What was killed is started again. With the load "outages" PostgreSQL is away in many ways, for longer than
messages are held, and no message may be received more than three times. In the end the table, the quarantine, the ledger and the queue are
compared with what was sent. The choices come from the seed, the timing from the machine. A run that is long enough has a cycle of
each kind, and fails if it did not come to most of the points that it aimed at: such a run shows nothing.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration/support"))

from cluster import Cluster
from gate import COMMITTED, COPY_ASKED, Gate
from loads import HOLD_MAX_S, LOADS
from pooler import pgbouncer
from world import new_world, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]

FAULTS = {
    "duplicate_rate": 0.05,
    "lost_delete_rate": 0.02,
    "stale_handle_rate": 0.01,
    "failed_entry_rate": 0.01,
    "cut_rate": 0.005,
    "cut_after_bytes": 500,
    "error_rate": 0.005,
    "operations": ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetQueueUrl", "GetQueueAttributes"],
}
FAR_AWAY = {"latency_ms": 150}
# What is done, how often, where, and by which method of Crash: at a point of a transaction (see Aim), or at a random moment.
CYCLES = {
    "one killed": (8, None, "kill"),
    "both killed": (4, None, "kill_both"),
    "killed in the copy": (6, "in_the_copy", "kill"),
    "killed before commit": (10, "before_commit", "kill"),
    "killed after commit": (10, "after_commit", "kill"),
    "server killed": (2, None, "kill_server"),
    "server killed after commit": (2, "after_commit", "kill_server"),
    "reply to commit lost": (3, "after_commit", "lose_reply"),
    "stopped": (2, None, "stop"),
    "paused before commit": (0.4, "before_commit", "pause"),
}
# One trouble each, which is over for every message before the next begins.
OUTAGES = {
    "away": (4, None, "outage"),
    "silent": (2, None, "silence"),
    "takes no rows": (3, None, "fill_disk"),
    "one killed": (2, None, "kill"),
    "server killed": (1, None, "kill_server"),
    "stopped": (1, None, "stop"),
}
VISIBILITY_S = 5
SETTINGS = {
    "SLUICE_BATCH_AGE": "10ms",
    "SLUICE_WAIT": "1s",
    "PGSSLMODE": "disable",
    "SLUICE_ADMIN": "off",
    "SLUICE_LOG_LEVEL": "warning",
}
# One of each, anew for each process.
CHOICES = {"SLUICE_BATCH_ROWS": ["10", "40", "10000"], "SLUICE_THREADS": ["1", "2"], "SLUICE_LOADERS": ["1", "2", "4"]}
AIM_MAX_S = 1.0
ACT_MAX_S = 30.0
AIMS_MIN = 3


def catches(pid, number):
    """Whether a process has a handler for that signal (proc(5), SigCgt)."""
    mask = pathlib.Path(f"/proc/{pid}/status").read_text().split("SigCgt:")[1].split()[0]
    return int(mask, 16) >> (number - 1) & 1


class Aim:
    """Acts once, when any process comes to a point of a transaction that loads rows. `act(process)` says whether its connection
    goes on; if not, what follows never reaches the other side."""

    def __init__(self, point, act):
        self._point, self._act = getattr(self, point), act
        self._first = threading.Lock()  # never released: one link of many takes it
        self.came, self.done = threading.Event(), threading.Event()

    def fault(self, process):
        """For the gate before that process's PostgreSQL."""
        copies = collections.Counter()  # of the query that runs, by link

        def watch(link, from_server, data):
            if not from_server and data.startswith(b"Q"):
                copies[link] = 0
            copies[link] += from_server and data.count(COPY_ASKED)
            link.loading = link.loading or copies[link] > 0  # and is not one that looks after the ledger
            passed = self._point(copies[link], from_server, data) if link.loading else None
            if passed is None or not self._first.acquire(blocking=False):
                return data
            self.came.set()
            link.server.sendall(passed)
            goes_on = self._act(process)
            self.done.set()
            return data[len(passed) :] if goes_on else None

        return watch

    # Each gives what still passes at its point, and None elsewhere.
    @staticmethod
    def in_the_copy(copies, from_server, data):
        return data[: len(data) // 2] if copies and not from_server else None

    @staticmethod
    def before_commit(copies, from_server, data):
        asked = not from_server and data.startswith(b"Q") and data.endswith(b"COMMIT\0") and b"BEGIN" not in data
        return b"" if asked else None

    @staticmethod
    def after_commit(copies, from_server, data):
        return b"" if from_server and COMMITTED in data else None


class Crash:
    def __init__(self, world, cluster, seed, load, settings, upstream, files=None):
        self._world, self._cluster, self._settings = world, cluster, SETTINGS | settings
        self._prefix = ["prlimit", f"--nofile={files}"] if files else []
        self.what_happens = OUTAGES if load.one_trouble_each else CYCLES
        self._choose = random.Random(seed)
        self.messages = load(world.endpoint, random.Random(seed + 1))
        self._gates = [Gate(upstream), Gate(upstream)]
        self._processes: list[Any] = [None, None]  # of subprocess.Popen
        self.counts = collections.Counter()
        self.aimed, self.missed = collections.Counter(), collections.Counter()  # by point, and all
        self._server_was_killed = False

    def __enter__(self):
        for i, gate in enumerate(self._gates):
            gate.__enter__()
            self._start(i)
        return self

    def __exit__(self, *_):
        for process in self._processes:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for gate in self._gates:
            gate.__exit__()

    def _start(self, i):
        gate = self._gates[i]
        env = self._world.environment(PGHOST=gate.host, PGPORT=str(gate.port), **self._settings)
        env |= {name: self._choose.choice(values) for name, values in (CHOICES | self.messages.choices).items()}
        with open(self._world.folder / f"sluice-{i}.log", "ab") as log:
            self._processes[i] = self._world.start("run", env=env, prefix=self._prefix, stdout=log, stderr=log)

    def kinds(self, cycles):
        """What each cycle does: every kind once, if there are enough, then by weight."""
        of = self.what_happens
        first = self._choose.sample(list(of), len(of)) if cycles >= len(of) else []
        return first + self._choose.choices(list(of), [weight for weight, _, _ in of.values()], k=cycles - len(first))

    def cycle(self, what):
        _, point, act = self.what_happens[what]
        act = getattr(self, act)
        bursts, delay, victim = self._choose.randint(1, 10), self._choose.uniform(0, 0.15), self._choose.randrange(2)
        if self._prefix:
            bursts *= 20  # more than so few files may receive at once
        aim = Aim(point, act) if point else None
        for i, gate in enumerate(self._gates):
            gate.fault = aim.fault(i) if aim else None
        for _ in range(bursts):
            self.messages.send_ten()
        if aim is None:
            time.sleep(delay)
            act(victim)
        else:
            came = aim.came.wait(AIM_MAX_S + VISIBILITY_S) and aim.done.wait(ACT_MAX_S)
            for counted in (point, "all"):
                self.aimed[counted] += 1
                self.missed[counted] += not came
            what = what if came else "never came there"
        for gate in self._gates:
            gate.fault = None
        self.counts[what] += 1
        self._restart()
        if self.messages.one_trouble_each:
            self._wait_until_empty()

    def _wait_until_empty(self):
        wait_for(lambda: self._world.left(self.messages.queue) == 0, "the queue to be empty", seconds=120)

    def kill(self, process):
        self._processes[process].kill()
        self._processes[process].wait()
        return False

    def kill_both(self, _):
        for i in range(len(self._processes)):
            self.kill(i)

    def kill_server(self, _):
        self._cluster.kill()
        self._server_was_killed = True
        return False

    def lose_reply(self, _):
        return False

    def _too_long(self):
        """Longer than messages are held, and more come meanwhile."""
        time.sleep(self._choose.uniform(0.1, 1) * HOLD_MAX_S)
        for _ in range(self._choose.randint(0, 5)):
            self.messages.send_ten()
        time.sleep(self._choose.uniform(1, 3) * HOLD_MAX_S)

    def outage(self, process):
        self.kill_server(process)
        self._too_long()

    def silence(self, _):
        """Connections stay open, and nothing comes any more; what was on its way comes in the end."""
        heard = threading.Event()

        def wait(link, from_server, data):
            heard.wait()
            return data

        for gate in self._gates:
            gate.fault = wait
        self._too_long()
        heard.set()

    def fill_disk(self, _):
        """It answers, and takes no rows."""
        self._world.sql("INSERT INTO disk_full VALUES (true)")
        self._too_long()
        self._world.sql("DELETE FROM disk_full")

    def stop(self, process):
        self._terminate(process)
        code = self._processes[process].wait(30)
        assert code == 0, f"sluice {process} ended with {code} when it was told to stop"
        self._start(process)

    def _terminate(self, process):
        """Before its main begins nobody hears a signal, and SIGTERM ends it as it ends any program."""
        one = self._processes[process]
        wait_for(lambda: catches(one.pid, signal.SIGTERM), "it to listen", process=one)
        one.terminate()

    def pause(self, process):
        """For so long that its messages are given to the other, which must wait for what this one will say."""
        self._processes[process].send_signal(signal.SIGSTOP)
        time.sleep(VISIBILITY_S + 0.5)
        self._processes[process].send_signal(signal.SIGCONT)
        return True

    def _restart(self):
        if self._server_was_killed:
            self._cluster.revive()
        for i, process in enumerate(self._processes):
            code = process.poll()
            assert code in (None, -signal.SIGKILL), f"sluice {i} ended by itself, with {code}"
            if code is not None:
                self._start(i)
        self._server_was_killed = False

    def finish(self):
        """Lets the two end their work without faults, and stops them."""
        self._world.set_faults()
        self._wait_until_empty()
        for i in range(len(self._processes)):
            self._terminate(i)
        for i, process in enumerate(self._processes):
            assert process.wait(30) == 0, f"sluice {i} ended with {process.returncode}"


def missed_points(aimed, missed):
    """Words for where most aims did not come; one or two alone may be chance."""
    return [
        f"most aims never came there ({point}): {missed[point]} of {n}"
        for point, n in aimed.items()
        if n >= AIMS_MIN and missed[point] > n / 2
    ]


def run(world, cluster, cycles, seed, load, upstream, files=None):
    *others, own = load.queues
    queues = [*others, f"{own},VisibilityTimeout={VISIBILITY_S}"]
    world.restart_queue("--no-auth", "--seed", str(seed % 2**32), *(word for q in queues for word in ("--queue", q)))
    settings = load.prepare(world)
    started = time.monotonic()
    far = FAR_AWAY if files else {}  # so that there are many requests at once
    with Crash(world, cluster, seed, load, settings, upstream, files) as crash:
        world.set_faults(**FAULTS | far | load.faults, seed=seed % 2**32)
        for n, what in enumerate(crash.kinds(cycles)):
            crash.cycle(what)
            if (n + 1) % 100 == 0:
                print(f"crash: {n + 1} cycles, {time.monotonic() - started:.0f} s", flush=True)
        crash.finish()
    lost, twice, words = crash.messages.differences(world)
    print("crash:", ", ".join(f"{what} {n}" for what, n in sorted(crash.counts.items())))
    for line in words[:50]:
        print(f"crash: {line}")
    print(f"crash: cycles {cycles}, messages {len(crash.messages.all)}, lost {lost}, twice {twice}")
    blind = missed_points(crash.aimed, crash.missed) if cycles >= len(crash.what_happens) else []
    for line in blind:
        print(f"crash: {line}")
    return not words and not blind


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cycles", type=int, required=True)
    arguments.add_argument("--seed", type=int, default=int(os.environ.get("SLUICE_SEED") or secrets.randbits(32)))
    arguments.add_argument("--load", choices=LOADS, default="rows")
    arguments.add_argument("--pool", choices=["transaction", "session"], help="PgBouncer in this mode is before PostgreSQL")
    arguments.add_argument("--files", type=int, help="what sluice may open (RLIMIT_NOFILE), with a queue that is 150 ms away")
    arguments.add_argument("--programs", type=pathlib.Path, default=os.environ.get("SLUICE_BIN", ROOT / "build/release/bin"))
    chosen = arguments.parse_args()
    print(f"crash: seed {chosen.seed}", flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-crash."))
    folder.chmod(0o755)  # PostgreSQL has a user of its own
    cluster = Cluster(folder)
    try:
        os.environ.update(cluster.env)
        with contextlib.ExitStack() as stack:
            world = stack.enter_context(new_world(pathlib.Path(chosen.programs).absolute(), folder))
            upstream = (cluster.env["PGHOST"], int(cluster.env["PGPORT"]))
            if chosen.pool:  # and commits are answered before they are on disk, unless a transaction says so
                world.sql(f"ALTER DATABASE {world.database} SET synchronous_commit = off")
                port = stack.enter_context(pgbouncer(folder / "pooler", chosen.pool, "server_login_retry=1"))
                upstream = ("127.0.0.1", int(port))
            right = run(world, cluster, chosen.cycles, chosen.seed, LOADS[chosen.load], upstream, chosen.files)
    except BaseException:
        print(f"crash: the logs are in {folder}", flush=True)
        with contextlib.suppress(Exception):
            cluster.revive()
        raise
    finally:
        cluster.stop()
    if not right:
        print(f"crash: the logs are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
