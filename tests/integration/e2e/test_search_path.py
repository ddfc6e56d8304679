"""One table, wherever the search path leads: also where it begins with schema sluice, which is ours."""

import contextlib
import json
import secrets
import subprocess

import pytest

PLAN = """
[table]
name = "NAME"
[[column]]
name = "n"
type = "integer"
from = "/n"
"""


@pytest.fixture
def numbers(world):
    """The cluster's own role is called sluice, and has "$user", public as its path."""
    world.restart_queue("--queue", "login-queue")
    use_plan(world, "numbers")
    return world


def use_plan(world, table):
    plan = world.folder / "plan.toml"
    plan.write_text(PLAN.replace("NAME", table))
    world.env = world.env or world.environment(SLUICE_CONFIG=str(plan))


def load(world, first):
    file = world.folder / "messages.ndjson"
    file.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(first, first + 10)))
    world.ok("send", file, "--create", env=world.env)
    world.ok("drain", env=world.env)


def tables(world, name="numbers"):
    """Each table of this name with its rows."""
    found = world.sql(
        f"SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = '{name}' ORDER BY 1"
    )
    return {schema: world.count(f"{schema}.{name}") for [schema] in found}


@contextlib.contextmanager
def role_of_its_own(world, name, own_schema):
    role = f"{name}_{secrets.token_hex(4)}"
    world.sql(
        f"CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT CREATE ON DATABASE {world.database} TO {role}; "
        f"GRANT CREATE ON SCHEMA public TO {role}"
    )
    if own_schema:
        world.sql(f"CREATE SCHEMA AUTHORIZATION {role}")
    world.env |= {"PGUSER": role, "PGPASSWORD": "p"}
    try:
        yield role
    finally:
        world.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'")
        world.sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def init_three_times(world, schema):
    for first in (0, 10, 20):
        world.ok("init-db", env=world.env)
        world.ok("check", env=world.env)
        load(world, first)
        assert tables(world) == {schema: first + 10}
    assert world.count("sluice.ledger") == 30


def test_a_role_named_sluice_has_one_table(numbers):
    init_three_times(numbers, "public")


@pytest.mark.parametrize("own_schema", [False, True])
def test_another_role_has_one_table(numbers, own_schema):
    with role_of_its_own(numbers, "etl", own_schema) as role:
        init_three_times(numbers, role if own_schema else "public")


PATHS = {
    "role": ("ALTER ROLE sluice IN DATABASE {0} SET search_path = app, sluice", {}),
    "database": ("ALTER DATABASE {0} SET search_path = sluice, app, public", {}),
    "option": ("SELECT 1", {"PGOPTIONS": "-c search_path=sluice,app"}),
}


@pytest.mark.parametrize("by", PATHS)
def test_a_path_is_followed_whatever_sets_it(numbers, by):
    change, env = PATHS[by]
    numbers.sql("CREATE SCHEMA app")
    numbers.sql(change.format(numbers.database))
    numbers.env |= env
    init_three_times(numbers, "app")


def test_a_table_further_down_the_path_is_the_table(numbers):
    numbers.sql("CREATE SCHEMA app; CREATE SCHEMA late; CREATE TABLE late.numbers (n integer)")
    numbers.env["PGOPTIONS"] = "-c search_path=app,late"
    init_three_times(numbers, "late")


def test_two_processes_at_once_make_one_table(numbers):
    for _ in range(3):
        both = [numbers.start("init-db", env=numbers.env) for _ in range(2)]
        for process in both:
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
    load(numbers, 0)
    assert tables(numbers) == {"public": 10}


@pytest.mark.parametrize("name", ["ledger", "quarantine", "business_ledger"])
def test_a_table_called_as_one_of_ours_is_another(world, name):
    use_plan(world, name)
    for first in (0, 10):
        world.ok("init-db", env=world.env)
        load(world, first)
    assert world.count(f"public.{name}") == 20
    world.sql(f"ALTER TABLE public.{name} DROP COLUMN n")
    said = world.run("check", env=world.env).stdout
    assert f'ALTER TABLE "public"."{name}" ADD COLUMN "n" integer' in said, said


def test_a_table_that_was_made_in_our_schema_is_to_be_moved(numbers):
    """As init-db did it: the second table of a role named sluice."""
    numbers.ok("init-db", env=numbers.env)
    numbers.sql("ALTER TABLE numbers SET SCHEMA sluice")
    for command in ("init-db", "check", "drain"):
        done = numbers.run(command, env=numbers.env)
        said = done.stdout + done.stderr
        assert done.returncode == 2 and 'ALTER TABLE sluice."numbers" SET SCHEMA "public"' in said, said
    assert tables(numbers) == {"sluice": 0}
    numbers.sql('ALTER TABLE sluice."numbers" SET SCHEMA "public"')
    load(numbers, 0)
    assert tables(numbers) == {"public": 10}


def test_a_path_that_leads_nowhere_is_told(numbers):
    numbers.env["PGOPTIONS"] = "-c search_path=sluice,nowhere"
    for command in ("init-db", "check"):
        done = numbers.run(command, env=numbers.env)
        said = done.stdout + done.stderr
        assert done.returncode == 2 and "names no schema for table" in said and "[table] schema" in said, said
    numbers.sql("CREATE SCHEMA app")
    (numbers.folder / "plan.toml").write_text(PLAN.replace("NAME", "numbers").replace("[table]", '[table]\nschema = "app"'))
    init_three_times(numbers, "app")


def test_our_schema_is_refused_as_a_table_s(numbers):
    (numbers.folder / "plan.toml").write_text(PLAN.replace("NAME", "numbers").replace("[table]", '[table]\nschema = "sluice"'))
    done = numbers.run("init-db", env=numbers.env)
    assert done.returncode == 2 and "schema sluice is sluice's own" in done.stderr, done.stderr


def test_the_sql_that_is_printed_may_be_run_again(numbers):
    sql = numbers.ok("init-db", "--print", env=numbers.env).stdout
    for _ in range(2):
        done = subprocess.run(
            ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", numbers.database],
            input=sql,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    load(numbers, 0)
    assert tables(numbers) == {"public": 10}


def test_the_table_of_a_benchmark_is_beside_the_real_one(numbers):
    numbers.ok("init-db", env=numbers.env)
    load(numbers, 0)
    file = numbers.folder / "messages.ndjson"
    done = numbers.ok("bench", file, "--count", 100, env=numbers.env)
    assert "checked: 100 messages, 100 rows" in done.stdout, done.stdout
    assert tables(numbers) == {"public": 10}
