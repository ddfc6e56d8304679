"""What PostgreSQL alone does: the same rows and ledger keys, plain COPY from files, no queue and no program of ours."""

import subprocess
import time

from . import processes

TARGET_COLUMNS = "user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date"


def files(world, parts):
    """Takes what a checked exactly_once run has left in the tables, as binary COPY files: `parts` pairs of
    (ledger, target), and the count of rows."""
    pairs = []
    for i in range(parts):
        pair = {}
        for table, columns in (("sluice.ledger", "sent_ms, message_id"), ("user_logins", TARGET_COLUMNS)):
            path = world.folder / f"{table}.{parts}.{i}.copy"
            # By position in the table: the order in which they were loaded, as a loader would meet them.
            query = f"SELECT {columns} FROM (SELECT *, row_number() OVER () AS n FROM {table}) t WHERE n % {parts} = {i}"
            world.psql("-c", rf"\copy ({query}) TO '{path}' (FORMAT binary)")
            pair[table] = path
        pairs.append(pair)
    return pairs, int(world.sql("SELECT count(*) FROM user_logins")[0][0])


def run(world, pairs, rows, ledger):
    """Loads each pair over a connection of its own, all at once, one transaction each; then counts."""
    world.empty_tables()
    before = processes.tree_cpu_seconds(world.postmaster)
    began = time.monotonic()
    clients = [_psql(world, pair, ledger) for pair in pairs]
    codes = [client.wait(300) for client in clients]
    seconds = time.monotonic() - began
    if any(codes):
        raise RuntimeError(f"plain COPY: psql ended with {codes}")
    for table in ("user_logins", "sluice.ledger") if ledger else ("user_logins",):
        found = int(world.sql(f"SELECT count(*) FROM {table}")[0][0])
        if found != rows:
            raise RuntimeError(f"plain COPY: {found} rows in {table}, wanted {rows}")
    return {
        "messages": rows,
        "seconds": round(seconds, 3),
        "messages_per_s": round(rows / seconds, 1),
        "cpu_seconds": {"postgres": round(processes.tree_cpu_seconds(world.postmaster) - before, 2)},
    }


def _psql(world, pair, ledger):
    statements = [r"\set ON_ERROR_STOP on", "BEGIN;"]
    if ledger:
        statements.append(rf"\copy sluice.ledger (sent_ms, message_id) FROM '{pair['sluice.ledger']}' (FORMAT binary)")
    statements.append(rf"\copy user_logins ({TARGET_COLUMNS}) FROM '{pair['user_logins']}' (FORMAT binary)")
    client = subprocess.Popen(["psql", "-Xq"], env=world.environment(None), stdin=subprocess.PIPE, text=True)
    client.stdin.write("\n".join([*statements, "COMMIT;"]) + "\n")
    client.stdin.close()
    return client
