import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def programs():
    return pathlib.Path(os.environ["SLUICE_BIN"])
