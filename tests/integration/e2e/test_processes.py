"""Several processes on one queue, which know nothing of each other: each message once, a fair share for each, no quarrels in PostgreSQL."""

import contextlib
import re
import urllib.request

import pytest

from world import SAMPLES, address_of, wait_for

MESSAGES = 100_000


class Running:
    """A `sluice run` and what it counts."""

    def __init__(self, world, name):
        self._log = world.folder / f"{name}.log"
        with self._log.open("w") as err:
            self.process = world.start(
                "run", env=world.environment(SLUICE_ADMIN="127.0.0.1:0", SLUICE_LOG_FORMAT="json"), stderr=err
            )

    def figures(self):
        wait_for(lambda: '"event":"started"' in self._log.read_text(), f"{self._log} to tell of a start", process=self.process)
        with urllib.request.urlopen(address_of(self._log) + "metrics", timeout=5) as answer:
            found = re.findall(r"^sluice_(\w+) (\d+)", answer.read().decode(), re.M)
        return {name: int(value) for name, value in found}

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self._log.read_text()


@pytest.mark.parametrize("duplicates", [0, 0.2])
@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_a_queue_fairly_and_do_not_get_in_each_others_way(world, count, duplicates):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:{MESSAGES}")
    # The way to the queue is what limits, as for tasks with cores of their own: else the machine's scheduler shares them out.
    world.set_faults(duplicate_rate=duplicates, seed=7, latency_ms=20)
    with contextlib.ExitStack() as ends:
        running = [Running(world, f"run{i}") for i in range(count)]
        for one in running:
            ends.callback(one.stop)
        wait_for(lambda: world.left("login-queue") == 0, "the queue to be empty", seconds=120)
        figures = [one.figures() for one in running]

    def each(name):
        return [f[name] for f in figures]

    rows = each("rows_loaded_total")
    print(
        f"{count} processes, {duplicates:.0%} twice: rows {rows}, claims {each('transactions_claimed_total')} "
        f"of {each('transactions_committed_total')}"
    )
    assert sum(rows) == world.count("user_logins") == MESSAGES * 99 // 100
    assert min(rows) * count * 4 > sum(rows), "one has less than a quarter of its share"
    assert sum(each("transactions_failed_total")) == 0
    assert world.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [["0"]]
    assert (sum(each("transactions_claimed_total")) > 0) == (duplicates > 0)


def test_a_queue_that_is_loaded_into_another_database_of_the_server_is_refused(world):
    """Each message would be a row in one of the two, and a redelivery a row in both."""
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:100")
    other = f"{world.database}_2"
    world.admin_sql(f"CREATE DATABASE {other}")
    world.sql(f"CREATE ROLE loader_{world.database} LOGIN")  # it sees no more than any role does
    try:
        with contextlib.ExitStack() as ends:
            first = Running(world, "first")
            ends.callback(first.stop)
            wait_for(lambda: world.left("login-queue") == 0, "the first to load, and so to be connected")
            elsewhere = world.environment(PGDATABASE=other)
            world.ok("init-db", env=elsewhere)
            checked = world.run("check", env=elsewhere)
            drained = world.run("drain", env=elsewhere)
            assert checked.returncode == drained.returncode == 2
            assert f"is loaded into database {world.database} already" in checked.stdout
            assert f"is loaded into database {world.database} already" in drained.stderr
            seen = f"SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '{world.database}' AND application_name LIKE 'sluice login-queue %'"
            assert world.sql(f"SET ROLE loader_{world.database}; {seen}", database=other) == [["t"]]
        assert world.ok("drain", env=elsewhere).returncode == 0
    finally:
        world.admin_sql(f"DROP DATABASE {other} WITH (FORCE)")
        world.sql(f"DROP ROLE loader_{world.database}")
