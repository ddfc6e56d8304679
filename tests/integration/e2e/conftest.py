"""The programs for real: sluice, sluice-sqs and PostgreSQL. The servers of a test are its own; PostgreSQL is the one of PGHOST."""

import itertools
import os
import pathlib
import secrets
import subprocess

import pytest

from world import World

_numbers = itertools.count()


@pytest.fixture(scope="session")
def programs():
    found = pathlib.Path(os.environ["SLUICE_BIN"])
    for name in ("sluice", "sluice-sqs"):
        assert (found / name).is_file(), f"SLUICE_BIN has no {name}: run make build"
    return found


@pytest.fixture
def world(programs, tmp_path):
    """A queue server and an empty database; a key ring; no AWS files of the user's."""
    database = f"t{os.getpid()}_{next(_numbers)}_{secrets.token_hex(3)}"
    made = World(programs, tmp_path, database)
    made.admin_sql(f"CREATE DATABASE {database}")
    try:
        made.start_queue()
        yield made
    finally:
        made.stop()
        made.admin_sql(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
def run_psql():
    return lambda *args, **kwargs: subprocess.run(["psql", *args], check=True, **kwargs)
