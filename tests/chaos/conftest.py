"""What the chaos tests stand on is that of the end-to-end tests: the programs of SLUICE_BIN, PostgreSQL of PGHOST."""

import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def programs():
    return pathlib.Path(os.environ["SLUICE_BIN"])
