"""PgBouncer before the PostgreSQL of PGHOST."""

import contextlib
import os
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "support" / "pgbouncer.sh"


@contextlib.contextmanager
def pgbouncer(folder, mode, *settings):
    """Gives its port. Its server connections are used in turn."""
    process = subprocess.Popen([SCRIPT, folder, mode, *settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip()
        assert port, f"PgBouncer does not start: {(pathlib.Path(folder) / 'log').read_text()}"
        yield port
    finally:
        process.stdin.close()
        process.wait(20)


def pooled_sql(world, port, statement):
    """By a client of the pooler's, on the next of its server connections. What it says, a line each."""
    command = ["psql", "-XqAt", "-h", "127.0.0.1", "-p", port, "-d", world.database, "-c", statement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
