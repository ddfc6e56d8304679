"""What is measured. Sizes are for two cores: a case takes some seconds at full scale, a second or two as smoke."""

from dataclasses import dataclass, field

from . import drain
from .workload import REFUSED_DEVICE

MAIN = "exactly_once"


@dataclass(frozen=True)
class Case:
    name: str
    what: str
    messages: int = 200_000
    copies: int = 1
    size: int = 200
    bad: float = 0.0
    refused: float = 0.0
    faults: dict = field(default_factory=dict)
    mode: str = "exactly_once"
    threads: int = 1
    processes: int = 1
    profile: str = "default"

    def run(self, world, scale):
        count = max(int(self.messages * scale), 200) // self.copies * self.copies
        load = world.workload(count, self.size, self.bad, self.refused, copies=self.copies)
        command = drain.sluice(world, mode=self.mode, threads=self.threads, profile=self.profile)
        before, after = self._table_sql()
        return drain.run(
            world,
            load,
            [command] * self.processes,
            profile=self.profile,
            faults=self.faults,
            setup_sql=before,
            teardown_sql=after,
        )

    def _table_sql(self):
        """What the case changes in the table, and how that is undone."""
        if self.refused > 0:
            return (
                f"ALTER TABLE user_logins ADD CONSTRAINT bench CHECK (device_type <> '{REFUSED_DEVICE}')",
                "ALTER TABLE user_logins DROP CONSTRAINT bench",
            )
        if self.mode == "upsert":
            return (
                "ALTER TABLE user_logins ADD COLUMN sent_at timestamptz, ADD CONSTRAINT bench PRIMARY KEY (user_id)",
                "ALTER TABLE user_logins DROP COLUMN sent_at, DROP CONSTRAINT bench, ALTER user_id DROP NOT NULL",
            )
        return "", ""


CASES = [
    Case(MAIN, "the default: ledger, AES-SIV, one process, one thread"),
    Case("at_least_once", "no ledger", mode="at_least_once"),
    Case("upsert", "by user_id, the newest wins; every key is new", messages=100_000, mode="upsert", profile="upsert"),
    Case("as_peers", "the work that the peers do: base64, major version; still exactly once", profile="compat"),
    Case("as_peers_20", "the same with 20 ms before each reply of the queue", profile="compat", faults={"latency_ms": 20}),
    Case("threads_2", "two loops in one process", threads=2),
    Case("processes_2", "two processes on one queue", processes=2),
    Case("processes_4", "four processes on one queue", processes=4),
    Case("latency_20", "20 ms before each reply of the queue", faults={"latency_ms": 20}),
    Case("latency_100", "100 ms before each reply", faults={"latency_ms": 100}),
    Case("bad_1", "1% of messages lack a field", bad=0.01),
    Case("bad_10", "10% lack a field", messages=100_000, bad=0.10),
    Case("refused_1", "1% of rows refused by a constraint of the table", messages=50_000, refused=0.01),
    Case("duplicates_5", "5% delivered twice", messages=100_000, faults={"duplicate_rate": 0.05}),
    Case("bytes_2k", "messages of 2 KB", messages=50_000, size=2_000),
    Case("bytes_64k", "messages of 64 KB", messages=3_000, size=64_000),
    Case("backlog", "a backlog of a million", messages=1_000_000, copies=5),
]
