"""The programs for real: sluice, sluice-sqs and PostgreSQL. The servers of a test are its own; PostgreSQL is the one of PGHOST."""

import os
import pathlib

import pytest

from world import new_world


@pytest.fixture(scope="session")
def programs():
    found = pathlib.Path(os.environ["SLUICE_BIN"])
    for name in ("sluice", "sluice-sqs"):
        assert (found / name).is_file(), f"SLUICE_BIN has no {name}: run make build"
    return found


@pytest.fixture
def world(programs, tmp_path):
    with new_world(programs, tmp_path) as made:
        yield made
