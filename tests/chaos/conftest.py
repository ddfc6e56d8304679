"""What the chaos tests stand on is that of the end-to-end tests: the programs of SLUICE_BIN, PostgreSQL of PGHOST."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration/e2e"))


@pytest.fixture(scope="session")
def programs():
    return pathlib.Path(os.environ["SLUICE_BIN"])
