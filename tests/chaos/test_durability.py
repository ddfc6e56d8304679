"""What sluice deletes from the queue must outlive a crash of PostgreSQL, however the server was set up."""

import os

import pytest

from cluster import Cluster
from world import SAMPLES, new_world, open_to_postgres


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cluster")
    open_to_postgres(folder)
    made = Cluster(folder)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    yield made
    made.stop()


def test_rows_are_on_disk_before_messages_are_deleted_even_where_commits_do_not_wait(cluster, programs, tmp_path):
    """synchronous_commit = off: COMMIT is answered before its record is written, and a crash takes back what was promised."""
    with new_world(programs, tmp_path) as world:
        world.ok("init-db")
        world.ok("send", SAMPLES, "--create")
        world.admin_sql("ALTER SYSTEM SET wal_writer_delay = '10s'")
        world.admin_sql(f"ALTER ROLE {os.environ['PGUSER']} SET synchronous_commit = off")
        world.admin_sql("SELECT pg_reload_conf()")
        world.ok("drain")
        cluster.kill()
        cluster.revive()
        assert world.count("user_logins") == 99
        assert world.count("sluice.quarantine") == 1
        assert world.count("sluice.ledger") == 100
