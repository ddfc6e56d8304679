"""Runs everything, in rounds, so that what disturbs the machine for a while disturbs all alike."""

import datetime
import functools
import statistics
import subprocess
import sys

from peers import peers

from . import ceiling, drain, latency, processes
from .cases import CASES, MAIN
from .world import ROOT, RunFailed

CEILINGS = {
    "one_copy": ("COPY of the target, one connection", 1, False),
    "two_copies": ("COPY of ledger and target, one connection", 1, True),
    "two_copies_two_connections": ("the same, half of the rows over each of two connections", 2, True),
}


class Suite:
    def __init__(self, world, options):
        self._world, self._options = world, options
        self._files = {}
        self.failures = []
        self.missing_peers = {}
        self.results = {"cases": {}, "ceilings": {}, "peers": {}, "latency": {}}

    def run(self):
        runnable = [p for p in peers.all_peers() if self._wanted("peer " + p.name)]
        self.missing_peers = {p.name: p.missing for p in runnable if p.missing}
        for repetition in range(self._options.repeat):
            print(f"round {repetition + 1} of {self._options.repeat}", flush=True)
            for case in CASES:
                # The backlog is about memory, which does not vary: once is enough.
                if self._wanted(case.name) and not (case.name == "backlog" and repetition > 0):
                    self._record("cases", case.name, case.what, functools.partial(case.run, self._world, self._options.scale))
                    if case.name == MAIN:
                        self._ceilings()
            for peer in runnable:
                if not peer.missing:
                    self._record("peers", peer.name, "", functools.partial(self._peer, peer))
            self._latencies()
        for group in self.results.values():
            for entry in group.values():
                entry.update(summarize(entry["runs"]))
        return self.results

    def _wanted(self, name):
        return self._options.only is None or self._options.only.search(name) is not None

    def _record(self, group, name, what, measure):
        try:
            figures = measure()
        except (RunFailed, RuntimeError, subprocess.SubprocessError, OSError) as failure:
            self.failures.append(f"{name}: {failure}")
            print(f"  {name:<40} FAILED: {failure}", flush=True)
            return
        self.results[group].setdefault(name, {"what": what, "runs": []})["runs"].append(figures)
        shown = (
            f"{figures['messages_per_s']:>12,.0f} messages/s" if "messages_per_s" in figures else f"p99 {figures['p99_ms']} ms"
        )
        print(f"  {name:<40} {shown}", flush=True)

    def _ceilings(self):
        """From the rows that the main case has just left; the files stay the same for all rounds."""
        if not self._wanted("ceiling") or MAIN not in self.results["cases"]:
            return
        for parts in (1, 2):
            if parts not in self._files:
                self._files[parts] = ceiling.files(self._world, parts)
        for name, (what, parts, ledger) in CEILINGS.items():
            pairs, rows = self._files[parts]
            measure = functools.partial(ceiling.run, self._world, pairs, rows, ledger)
            self._record("ceilings", name, what, measure)

    def _peer(self, peer):
        load = self._world.workload(max(int(peer.messages * self._options.scale), 200))
        return drain.run(
            self._world,
            load,
            [peers.command(self._world, peer)],
            profile="compat",
            end_by_itself=False,
            quarantine=False,
            faults=peer.faults,
        )

    def _latencies(self):
        seconds = 2 if self._options.smoke else 20
        if self._wanted("steady"):
            load = self._world.workload(100 * seconds)
            self._record("latency", "steady", "100 messages a second", lambda: latency.steady(self._world, load, 100))
        if self._wanted("burst"):
            load = self._world.workload(500 if self._options.smoke else 10_000)
            idle = 1 if self._options.smoke else 10
            self._record("latency", "burst", "a burst after idleness", lambda: latency.burst(self._world, load, idle))


def summarize(runs):
    """Median and spread (least, most) of each figure that is one number."""
    names = [k for k, v in runs[0].items() if isinstance(v, (int, float))]
    values = {name: [run[name] for run in runs] for name in names}
    return {
        "median": {name: statistics.median(v) for name, v in values.items()},
        "spread": {name: [min(v), max(v)] for name, v in values.items()},
    }


def about(world, options):
    def first_line(*command):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, cwd=ROOT)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"

    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "src", "tests/support"], capture_output=True, cwd=ROOT, check=False
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": processes.machine(),
        "commit": first_line("git", "rev-parse", "--short=12", "HEAD") + ("+changes" if changed.stdout.strip() else ""),
        "versions": {
            "sluice": first_line(world.sluice, "--version"),
            "postgres": world.sql("SHOW server_version")[0][0],
            "python": sys.version.split()[0],
            **peers.versions(first_line),
        },
        "scale": options.scale,
        "repeat": options.repeat,
        "note": options.note,
    }
