"""A column moves to the primary key: in batches, stopped and started again, while others write the table."""

import contextlib
import json
import re
import signal
import subprocess
import time

import pytest

from gate import Gate
from pooler import pgbouncer, pooled_sql
from terminal import on_a_terminal
from world import open_to_postgres, wait_for

ROWS = 40_000
IPS = [f"10.0.{n // 256}.{n % 256}" for n in range(400)]


def key_of(made):
    return re.search(r'= "([A-Za-z0-9+/=]{40,})"', made)[1]


def tokens_of(world, env=None):
    """Those of IPS under the primary key."""
    return world.ok("mask", input="\n".join(IPS) + "\n", env=env).stdout.splitlines()


def old_tokens_of(world):
    """Those of IPS under k1."""
    return tokens_of(world, world.environment(SLUICE_KEYS=world.keys.replace('primary = "k2"', 'primary = "k1"')))


@pytest.fixture
def rotated(world):
    """A table of tokens under k1; a ring whose primary is k2; what the tokens stand for."""
    tokens = tokens_of(world)
    first, second = key_of(world.keys), key_of(world.ok("keygen", "k2").stdout)
    world.keys = f'ring = {{ primary = "k2", keys = {{ k1 = "{first}", k2 = "{second}" }} }}'
    listed = ",".join(f"('{old}', '{ip}')" for old, ip in zip(tokens, IPS, strict=True))
    world.sql(
        f"CREATE TABLE known (token text, ip text); INSERT INTO known VALUES {listed};"
        "CREATE TABLE user_logins (id int PRIMARY KEY, ip text, n int DEFAULT 0, masked_ip varchar(256));"
        "INSERT INTO user_logins SELECT i, k.ip, 0, k.token FROM"
        f" (SELECT *, row_number() OVER () AS r FROM known) k JOIN generate_series(1, {ROWS}) i ON i % {len(IPS)} = r - 1"
    )
    return world


def under(world, key):
    return world.sql(f"SELECT count(*) FROM user_logins WHERE masked_ip LIKE '{key}.%'")[0][0]


def check_all_moved(world):
    """Each row has the token that its value has under the primary key."""
    listed = ",".join(f"('{ip}', '{token}')" for ip, token in zip(IPS, tokens_of(world), strict=True))
    [[wrong]] = world.sql(
        f"SELECT count(*) FROM user_logins u LEFT JOIN (VALUES {listed}) v(ip, token) USING (ip)"
        " WHERE u.masked_ip IS NOT NULL AND u.masked_ip IS DISTINCT FROM v.token"
    )
    assert wrong == "0"


REKEY = ("rekey", "--table", "user_logins", "--column", "masked_ip")


def test_a_dry_run_counts_and_moves_nothing(rotated):
    done = rotated.ok(*REKEY, "--dry-run")
    assert done.stdout == f"{ROWS:,} tokens would move to key k2\n"
    assert under(rotated, "k1") == str(ROWS)


def test_it_tells_its_progress_on_a_terminal(rotated):
    seen = on_a_terminal(rotated, *REKEY)
    assert re.search(r"rekeying pages \[#+\.*\] +\d+%  \d+ of \d+  [\d,]+/s", seen), seen
    assert seen.endswith(f"{ROWS:,} tokens moved to key k2\r\n")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_is_stopped_in_the_middle_and_goes_on(rotated, how):
    # A lock on a row of the middle holds it there.
    [[middle]] = rotated.sql(
        "SELECT ctid FROM user_logins WHERE ctid >= format('(%s,1)', pg_relation_size('user_logins') / 8192 / 2)::tid LIMIT 1"
    )
    holder = subprocess.Popen(["psql", "-Xq", "-d", rotated.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write(f"BEGIN; SELECT 1 FROM user_logins WHERE ctid = '{middle}' FOR UPDATE;\n")
    holder.stdin.flush()
    holder.stdout.readline()
    process = rotated.start(*REKEY)
    try:
        until = time.monotonic() + 20
        while under(rotated, "k2") == "0" or not rotated.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert time.monotonic() < until and process.poll() is None
        process.send_signal(how)
    finally:
        holder.communicate("COMMIT;\n", timeout=10)
    out, err = process.communicate(timeout=20)
    assert process.returncode == (1 if how == signal.SIGTERM else -9), (out, err)
    if how == signal.SIGTERM:
        assert "tokens moved to key k2" in out and "run it again" in err
    assert int(under(rotated, "k2")) < ROWS and int(under(rotated, "k1")) > 0
    already = int(under(rotated, "k2"))
    again = rotated.ok(*REKEY)
    assert again.stdout == f"{ROWS - already:,} tokens moved to key k2\n", "what was moved is skipped"
    check_all_moved(rotated)
    assert rotated.ok(*REKEY).stdout == "0 tokens moved to key k2\n"


def test_rows_that_change_meanwhile_are_not_overwritten(rotated):
    """Writers change other columns, and the token itself to another value's under either key."""
    old, new = old_tokens_of(rotated), tokens_of(rotated)
    with contextlib.ExitStack() as stack:
        writers = []
        for n in range(3):
            script = "".join(
                f"UPDATE user_logins SET n = n + 1, ip = k.ip, masked_ip = k.token FROM (VALUES ('{IPS[i % 400]}',"
                f" '{(old if i % 2 else new)[i % 400]}')) k(ip, token) WHERE id = {i * 97 % ROWS + 1};\n"
                for i in range(n * 400, n * 400 + 600)
            )
            writer = subprocess.Popen(
                ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", rotated.database], stdin=subprocess.PIPE, text=True
            )
            stack.callback(writer.kill)
            writers.append((writer, script))
        for writer, script in writers:
            writer.stdin.write(script)
            writer.stdin.close()
        first = rotated.run(*REKEY)
        assert first.returncode == 0 or "still gets tokens of other keys" in first.stderr
        for writer, _ in writers:
            assert writer.wait(60) == 0
    rotated.ok(*REKEY)
    check_all_moved(rotated)
    assert rotated.sql("SELECT sum(n) FROM user_logins") == [["1800"]], "no update was lost"


def test_a_row_that_is_always_elsewhere_is_seen_at_one_snapshot(rotated):
    """The last old token is moved to the other partition before each query for one: neither a first pass nor a second meets it."""
    moved = tokens_of(rotated)[1]
    rotated.sql(
        "DROP TABLE user_logins; CREATE TABLE user_logins (id int, masked_ip text) PARTITION BY RANGE (id);"
        "CREATE TABLE low PARTITION OF user_logins FOR VALUES FROM (MINVALUE) TO (0);"
        "CREATE TABLE high PARTITION OF user_logins FOR VALUES FROM (0) TO (MAXVALUE);"
        f"INSERT INTO user_logins VALUES (-1, '{old_tokens_of(rotated)[0]}'), (-2, '{moved}'), (2, '{moved}')"
    )
    looked = []

    def move_away(link, from_server, data):
        part = re.search(rb"FROM ONLY public\.(low|high) ", data)
        if not from_server and part:
            looked.append(part[1].decode())
            if len(looked) <= 4:
                rotated.sql("UPDATE user_logins SET id = -id WHERE abs(id) = 1")
        return data

    env = rotated.environment()
    with Gate((env["PGHOST"], int(env["PGPORT"])), move_away) as gate:
        done = rotated.ok(*REKEY, env=env | {"PGHOST": gate.host, "PGPORT": str(gate.port), "PGSSLMODE": "disable"})
    assert under(rotated, "k1") == "0", looked
    assert done.stdout == "1 tokens moved to key k2\n"
    assert looked[:4] == ["low", "high"] * 2 and rotated.count("user_logins") == 3


def test_beside_a_sluice_that_loads_it_is_stopped_and_goes_on(world):
    """The order of docs/privacy.md: add, reload, set primary, reload, rekey; messages come all the time."""
    count = 12_000
    ring = world.folder / "keys.toml"
    ring.write_text(world.keys + "\n")
    env = world.environment(
        SLUICE_KEYS=None, SLUICE_KEYS_FILE=str(ring), SLUICE_LOG_FORMAT="json", SLUICE_ADMIN="off", SLUICE_BATCH_ROWS="200"
    )
    world.ok("init-db", env=env)
    bodies = [
        json.dumps(
            {
                "user_id": str(n),
                "app_version": "1.0.0",
                "device_type": "d",
                "locale": "de",
                "ip": IPS[n % len(IPS)],
                "device_id": "d",
            }
        )
        + "\n"
        for n in range(count)
    ]
    sent = iter(range(6))

    def send():
        messages = world.folder / "messages.ndjson"
        n = next(sent)
        messages.write_text("".join(bodies[n * count // 6 : (n + 1) * count // 6]))
        world.ok("send", messages, "--create")

    send()
    log = world.folder / "run.log"
    process = world.start("run", env=env, stderr=open(log, "w"))

    def change(*arguments):
        reloads = log.read_text().count('"keys_reloaded"')
        world.ok("keys", *arguments, env=env)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: log.read_text().count('"keys_reloaded"') > reloads, "the ring", process=process)

    wait_for(lambda: '"started"' in log.read_text(), "it to start", process=process)
    change("add", "k2")
    send()
    send()
    wait_for(lambda: world.count("user_logins") == count // 2, "rows", process=process)
    change("primary", "k2")
    stopped = world.start(*REKEY, env=env)
    send()
    wait_for(lambda: int(under(world, "k1")) < count // 2, "a token that is moved", process=process)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(20) in (0, 1), "it may be done already"
    send()
    moved = world.run(*REKEY, env=env)
    assert moved.returncode == 0, moved.stderr
    send()
    wait_for(lambda: world.count("user_logins") == count, "all rows", 60, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    world.ok(*REKEY, env=env)
    assert under(world, "k1") == "0" and world.count("sluice.quarantine") == 0
    fresh = tokens_of(world, env)
    assert len(set(fresh)) == len(IPS)
    listed = ",".join(f"({n}, '{token}')" for n, token in enumerate(fresh))
    [[right]] = world.sql(
        f"SELECT count(DISTINCT user_id) FROM user_logins JOIN (VALUES {listed}) v(n, token) ON user_id::int % {len(IPS)} = n AND masked_ip = token"
    )
    assert right == str(count)


def test_what_cannot_be_opened_stays_and_is_reported(rotated):
    rotated.sql(
        "UPDATE user_logins SET masked_ip = '10.0.0.1' WHERE id = 1;"
        "UPDATE user_logins SET masked_ip = 'k9' || substr(masked_ip, 3) WHERE id = 2;"
        "UPDATE user_logins SET masked_ip = NULL WHERE id = 3"
    )
    done = rotated.run(*REKEY)
    assert done.returncode == 1
    assert f"{ROWS - 3:,} tokens moved" in done.stdout and "2 values were left" in done.stdout
    assert "10.0.0.1" not in done.stdout + done.stderr
    assert rotated.sql("SELECT id, left(masked_ip, 3) FROM user_logins WHERE id < 4 ORDER BY 1") == [
        ["1", "10."],
        ["2", "k9."],
        ["3", None],
    ]


def test_one_value_under_two_keys_of_a_unique_column_is_said(rotated):
    old, new = old_tokens_of(rotated)[0], tokens_of(rotated)[0]
    rotated.sql("TRUNCATE user_logins; CREATE UNIQUE INDEX ON user_logins (masked_ip)")
    rotated.sql(f"INSERT INTO user_logins VALUES (1, '', 0, '{old}'), (2, '', 0, '{new}')")
    done = rotated.run(*REKEY)
    assert done.returncode == 1
    assert "23505" in done.stderr and "one value under two keys" in done.stderr and new not in done.stderr


def test_each_partition_is_moved(rotated):
    rotated.sql(
        "ALTER TABLE user_logins RENAME TO first; CREATE TABLE user_logins (LIKE first) PARTITION BY RANGE (id);"
        'CREATE TABLE "Second one" PARTITION OF user_logins FOR VALUES FROM (100000) TO (200000);'
        "INSERT INTO user_logins SELECT id + 100000, ip, n, masked_ip FROM first WHERE id <= 1000;"
        "ALTER TABLE user_logins ATTACH PARTITION first FOR VALUES FROM (0) TO (100000)"
    )
    assert rotated.ok(*REKEY).stdout == f"{ROWS + 1000:,} tokens moved to key k2\n"
    check_all_moved(rotated)


def test_what_cannot_be_rekeyed_is_refused(rotated):
    for arguments, words in (
        (("rekey", "--table", "nothing", "--column", "c", "--domain", "ip"), "does not exist"),
        (("rekey", "--table", "user_logins", "--column", "c", "--domain", "ip"), "has no column c"),
        (("rekey", "--table", "known", "--column", "token"), "--domain"),
    ):
        done = rotated.run(*arguments)
        assert done.returncode == 2, done
        assert words in done.stderr
    plan = rotated.folder / "hashed.toml"
    plan.write_text('[table]\nname = "t"\n[[column]]\nname = "c"\ntype = "text"\nmask = "hmac_sha256"\n')
    done = rotated.run("rekey", "-c", plan, "--table", "t", "--column", "c")
    assert done.returncode == 2 and "only aes_siv" in done.stderr


def as_role(made, rights):
    """A role of its own with these rights, which goes with the test."""
    made.sql(
        f"CREATE ROLE rekeys_{made.database} LOGIN PASSWORD 'p'; GRANT SELECT, UPDATE ON user_logins TO rekeys_{made.database}; {rights}"
    )
    return made.environment(PGUSER=f"rekeys_{made.database}", PGPASSWORD="p")


def test_rows_that_row_security_hides_are_not_taken_for_none(rotated):
    env = as_role(rotated, "ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON user_logins USING (id <= 50)")
    role = env["PGUSER"]
    try:
        for arguments in (REKEY, (*REKEY, "--dry-run")):
            done = rotated.run(*arguments, env=env)
            assert done.returncode == 2, done
            assert f"row security hides rows of public.user_logins from role {role}" in done.stderr
            assert f'ALTER ROLE "{role}" BYPASSRLS' in done.stderr
        assert under(rotated, "k1") == str(ROWS)
        rotated.sql(f'ALTER ROLE "{role}" BYPASSRLS')
        assert rotated.ok(*REKEY, env=env).stdout == f"{ROWS:,} tokens moved to key k2\n"
        check_all_moved(rotated)
    finally:
        rotated.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_row_security_that_comes_while_it_runs_is_an_error(rotated):
    """Each transaction says for itself that no row may be hidden from it."""
    env = as_role(rotated, "CREATE POLICY few ON user_logins USING (id <= 50)")
    role = env["PGUSER"]

    def switch_on(link, from_server, data):
        if not from_server and b"FROM ONLY public.user_logins" in data:
            rotated.sql("ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY")
        return data

    try:
        with Gate((env["PGHOST"], int(env["PGPORT"])), switch_on) as gate:
            done = rotated.run(*REKEY, env=env | {"PGHOST": gate.host, "PGPORT": str(gate.port), "PGSSLMODE": "disable"})
        assert done.returncode == 1 and "BYPASSRLS" in done.stderr, done
    finally:
        rotated.sql(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_a_partition_on_another_server_is_named_and_not_passed_over(rotated):
    env = rotated.environment()
    elsewhere = (
        f"CREATE EXTENSION postgres_fdw; CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{env['PGHOST']}',"
        f" port '{env['PGPORT']}', dbname '{rotated.database}'); CREATE USER MAPPING FOR CURRENT_USER SERVER here"
        f" OPTIONS (user '{env['PGUSER']}', password '{env['PGPASSWORD']}');"
    )
    rotated.sql(
        "ALTER TABLE user_logins RENAME TO near; CREATE TABLE user_logins (LIKE near) PARTITION BY RANGE (id);"
        "CREATE TABLE far (LIKE near); INSERT INTO far SELECT id + 100000, ip, n, masked_ip FROM near WHERE id <= 100;"
        + elsewhere
        + "CREATE FOREIGN TABLE remote PARTITION OF user_logins FOR VALUES FROM (100000) TO (200000) SERVER here OPTIONS (table_name 'far');"
        "ALTER TABLE user_logins ATTACH PARTITION near FOR VALUES FROM (0) TO (100000)"
    )
    dry = rotated.run(*REKEY, "--dry-run")
    assert dry.returncode == 1 and dry.stdout == f"{ROWS:,} tokens would move to key k2\n"
    assert "100 in public.remote, a foreign table" in dry.stderr
    done = rotated.run(*REKEY)
    assert done.returncode == 1
    assert done.stdout == f"{ROWS:,} tokens moved to key k2\n"
    assert "100 values of user_logins are not under the primary key" in done.stderr
    assert "100 in public.remote, a foreign table" in done.stderr and "keep the old key" in done.stderr
    assert under(rotated, "k1") == "100"
    plan = ("--domain", "ip")
    assert rotated.ok("rekey", "--table", "far", "--column", "masked_ip", *plan).stdout == "100 tokens moved to key k2\n"
    assert rotated.ok(*REKEY).stdout == "0 tokens moved to key k2\n"


def test_rows_that_are_in_no_page_are_counted(rotated):
    """As compressed chunks and distributed tables: what the table gives is not what its own pages hold."""
    rotated.sql(
        "CREATE TABLE shell (LIKE user_logins); ALTER TABLE user_logins RENAME TO stored; ALTER TABLE shell RENAME TO user_logins;"
        "ALTER TABLE stored INHERIT user_logins"
    )

    def forget_children(link, from_server, data):
        return (
            data
            if from_server
            else data.replace(b"FROM pg_inherits JOIN tree ON inhparent", b"FROM pg_inherits JOIN tree ON inhrelid ")
        )

    env = rotated.environment()
    with Gate((env["PGHOST"], int(env["PGPORT"])), forget_children) as gate:
        done = rotated.run(*REKEY, env=env | {"PGHOST": gate.host, "PGPORT": str(gate.port), "PGSSLMODE": "disable"})
    assert done.returncode == 1 and done.stdout == "0 tokens moved to key k2\n"
    assert (
        f"{ROWS:,} values of user_logins are not under the primary key" in done.stderr
        and f"{ROWS} in public.stored" in done.stderr
    )
    rotated.ok(*REKEY)
    check_all_moved(rotated)


def test_a_table_that_is_in_schema_sluice_by_chance_is_not_taken_for_the_one_that_is_meant(rotated):
    rotated.sql("CREATE SCHEMA sluice; CREATE TABLE sluice.user_logins (LIKE public.user_logins)")
    env = rotated.environment(PGOPTIONS="-c search_path=sluice,public")
    refused = rotated.run("rekey", "--table", "sluice.user_logins", "--column", "masked_ip", "--domain", "ip", env=env)
    assert refused.returncode == 2 and "schema sluice is sluice's own" in refused.stderr
    assert rotated.ok(*REKEY, env=env).stdout == f"{ROWS:,} tokens moved to key k2\n"
    check_all_moved(rotated)


def test_a_path_that_another_client_of_the_pooler_has_left_leads_to_no_other_table(rotated):
    rotated.sql("CREATE SCHEMA other; CREATE TABLE other.user_logins (LIKE public.user_logins)")
    folder = rotated.folder / "pooler"
    folder.mkdir()
    open_to_postgres(folder)
    with pgbouncer(folder, "transaction") as port:
        for _ in range(12):  # each of its server connections is met
            pooled_sql(rotated, port, "SET search_path = other, public")
        env = rotated.environment(PGHOST="127.0.0.1", PGPORT=port)
        assert rotated.ok(*REKEY, env=env).stdout == f"{ROWS:,} tokens moved to key k2\n"
    check_all_moved(rotated)
