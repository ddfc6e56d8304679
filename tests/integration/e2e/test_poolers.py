"""sluice behind PgBouncer: what a session was told, or has, is another client's."""

import contextlib
import json
import secrets

import pytest

from pooler import pgbouncer, pooled_sql
from world import open_to_postgres, wait_for

PLAN = """
[table]
name = "NAME"
key = ["device"]
[[column]]
name = "device"
type = "text"
from = "/device"
[[column]]
name = "state"
type = "integer"
from = "/state"
[[column]]
name = "seen"
type = "timestamptz"
from = "@sent_timestamp"
"""
GOOD, BAD = 400, 10
SERVERS = 3  # at least so many server connections has the pool
LETTERS = ["--queue", "dead", "--queue", "login-queue,VisibilityTimeout=20,DeadLetter=dead:1"]
FIFO = ["--queue", "events.fifo,FifoQueue=true,VisibilityTimeout=20"]
# Settings of a mode, and the queues that it wants.
MODES = {
    "exactly_once": ({}, []),
    "at_least_once": ({"SLUICE_MODE": "at_least_once"}, []),
    "upsert": ({"SLUICE_MODE": "upsert"}, []),
    "row_security": ({}, []),
    "key": ({"SLUICE_LOAD_KEY": "/device"}, []),
    "fifo": ({"SLUICE_QUEUE": "events.fifo"}, FIFO),
    "dlq": ({"SLUICE_BAD_MESSAGES": "dlq"}, LETTERS),
    "leave": ({"SLUICE_BAD_MESSAGES": "leave"}, LETTERS),
}
STAGED = ("upsert", "row_security")


@pytest.fixture(params=["transaction", "session"])
def pooled(world, request):
    """Commits do not wait for the disk, unless a transaction says so itself; sluice is a role without any right to spare."""
    folder = world.folder / "pooler"
    folder.mkdir()
    open_to_postgres(folder)
    world.sql(f"ALTER DATABASE {world.database} SET synchronous_commit = off")
    with pgbouncer(folder, request.param) as port:
        world.pool = port
        yield world


def prepare(world, mode, table="devices"):
    settings, queues = MODES[mode]
    if queues:
        world.restart_queue(*queues)
    plan = world.folder / "devices.toml"
    plan.write_text(PLAN.replace("NAME", table))
    world.env = world.environment(
        PGHOST="127.0.0.1", PGPORT=world.pool, SLUICE_CONFIG=str(plan), SLUICE_BATCH_ROWS="20", **settings
    )
    world.ok("init-db", env=world.env)
    # Each row says how it was committed. A column beyond the plan's, which the staging table does not have.
    world.sql(f"ALTER TABLE {table} ADD durable text DEFAULT current_setting('synchronous_commit'), ADD CHECK (state < 1000)")
    if mode == "row_security":
        be_under_policies(world, table)


def be_under_policies(world, table):
    role = f"loader_{secrets.token_hex(4)}"
    world.sql(f"""CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT INSERT ON {table} TO {role}; GRANT USAGE ON SCHEMA sluice TO {role};
                  GRANT INSERT, SELECT ON sluice.ledger TO {role}; GRANT INSERT ON sluice.quarantine TO {role};
                  GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sluice TO {role};
                  ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {table} FOR INSERT WITH CHECK (state >= 0)""")
    world.env |= {"PGUSER": role, "PGPASSWORD": "p"}
    world.role = role


@contextlib.contextmanager
def without_role(world):
    """Roles are the cluster's: the world's end does not take them away."""
    try:
        yield
    finally:
        if role := world.role:
            world.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'")
            world.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def send(world, first=0):
    lines = [{"device": f"d{i}", "state": i % 7, "group": f"g{i % 7}"} for i in range(first, first + GOOD)]
    lines += [{"device": f"bad{i}", "state": 1000 + i if i % 2 else "x", "group": "bad"} for i in range(first, first + BAD)]
    file = world.folder / "messages.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    in_groups = ["--group-by", "/group"] if "fifo" in world.env["SLUICE_QUEUE"] else []
    world.ok("send", file, *(in_groups or ["--create"]), env=world.env)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_loads_what_a_crash_would_keep(pooled, mode):
    with without_role(pooled):
        prepare(pooled, mode)
        # Another client leaves temporary tables on all server connections: one of the target's name, and one as an older sluice did.
        for _ in range(4 * SERVERS):
            pooled_sql(
                pooled,
                pooled.pool,
                "CREATE TEMPORARY TABLE IF NOT EXISTS devices (LIKE public.devices); "
                "CREATE TEMPORARY TABLE IF NOT EXISTS sluice_rows (a int)",
            )
        send(pooled)
        if mode == "leave":  # a drain would wait until they have been received often enough
            pooled.env["SLUICE_VISIBILITY"] = "5s"
        pooled.ok("drain", env=pooled.env)
        assert pooled.sql("SELECT count(DISTINCT device), count(*), min(durable), max(durable) FROM public.devices") == [
            [str(GOOD), str(GOOD), "on", "on"]
        ]
        assert pooled.count("sluice.quarantine") == (0 if mode in ("dlq", "leave") else BAD)
        if mode in ("dlq", "leave"):
            wait_for(lambda: pooled.left("dead") == BAD, "the bad messages to be dead letters")
        # The next plan has other columns.
        plan = pooled.folder / "devices.toml"
        plan.write_text(plan.read_text() + '[[column]]\nname = "n"\ntype = "integer"\nfrom = "/state"\n')
        pooled.sql("ALTER TABLE public.devices ADD n integer")
        send(pooled, first=1000)
        pooled.ok("drain", env=pooled.env)
        assert pooled.sql("SELECT count(*), count(n), min(durable), max(durable) FROM public.devices") == [
            [str(2 * GOOD), str(GOOD), "on", "on"]
        ]


@pytest.mark.parametrize("mode", STAGED)
def test_nothing_of_ours_is_left_for_others(pooled, mode):
    with without_role(pooled):
        prepare(pooled, mode)
        look = (
            "SELECT current_setting('synchronous_commit'), current_setting('lock_timeout'), current_setting('client_encoding'), "
            "current_setting('tcp_keepalives_idle'), current_setting('client_connection_check_interval'), "
            "current_setting('TimeZone'), current_setting('search_path'), "
            "(SELECT count(*) FROM pg_class WHERE relpersistence = 't')"
        )
        before = pooled_sql(pooled, pooled.pool, look)
        send(pooled)
        pooled.ok("drain", env=pooled.env)
        pooled.ok(
            "quarantine",
            "list",
            "--since",
            "2026-01-01",
            env=pooled.env | {"PGUSER": pooled.environment()["PGUSER"], "PGPASSWORD": pooled.environment()["PGPASSWORD"]},
        )
        for _ in range(4 * SERVERS):
            assert pooled_sql(pooled, pooled.pool, look) == before


def test_a_path_that_another_client_has_set_does_not_lead_to_its_table(pooled):
    prepare(pooled, "exactly_once")
    pooled.sql("CREATE SCHEMA other; CREATE TABLE other.devices (LIKE public.devices)")
    for _ in range(4 * SERVERS):
        pooled_sql(pooled, pooled.pool, "SET search_path = other, public")
    send(pooled)
    pooled.ok("check", env=pooled.env)
    pooled.ok("drain", env=pooled.env)
    assert (pooled.count("public.devices"), pooled.count("other.devices")) == (GOOD, 0)


def test_what_is_replayed_is_on_disk_and_comes_to_the_table(pooled):
    prepare(pooled, "exactly_once")
    send(pooled)
    pooled.ok("drain", env=pooled.env)
    pooled.sql("ALTER TABLE devices DROP CONSTRAINT devices_state_check")
    for _ in range(4 * SERVERS):
        pooled_sql(pooled, pooled.pool, "CREATE TEMPORARY TABLE IF NOT EXISTS devices (LIKE public.devices)")
    out = pooled.ok("quarantine", "replay", "--reason", "r", env=pooled.env).stdout
    assert f"replayed {BAD // 2} messages: {BAD // 2} rows" in out, out
    assert pooled.sql("SELECT count(*), min(durable) FROM public.devices") == [[str(GOOD + BAD // 2), "on"]]


@pytest.mark.parametrize("mode", STAGED)
@pytest.mark.parametrize("name", ["sluice_rows", "sluice_staging"])
def test_a_table_may_be_called_as_ours_are(world, mode, name):
    world.pool = world.environment()["PGPORT"]
    with without_role(world):
        prepare(world, mode, table=name)
        send(world)
        world.ok("drain", env=world.env)
        assert world.count(f"public.{name}") == GOOD


def test_a_pooler_in_statement_mode_is_refused(world):
    folder = world.folder / "pooler"
    folder.mkdir()
    open_to_postgres(folder)
    world.pool = world.environment()["PGPORT"]
    prepare(world, "exactly_once")
    send(world)
    with pgbouncer(folder, "statement") as port:
        env = world.env | {"PGPORT": port}
        for command in ("init-db", "check", "drain", "run"):
            done = world.run(command, env=env)
            said = done.stdout + done.stderr
            assert done.returncode == 2 and "statement mode" in said and "set pool_mode" in said, (command, done.returncode, said)
    world.ok("drain", env=world.env)
    assert world.count("devices") == GOOD
