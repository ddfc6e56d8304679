"""A PostgreSQL of its own, whose every byte can be looked at, and that logs all it can."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from world import LOCAL_POSTGRES, new_world

# The worst for privacy: every statement, and with each error its parameters, details and context.
TALKATIVE = {
    "log_statement": "all",
    "log_min_messages": "debug1",
    "log_min_error_statement": "debug1",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "full_page_writes": "on",
}


@pytest.fixture
def talkative_server(monkeypatch):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-leak."))
    folder.chmod(0o755)
    options = [word for name, value in TALKATIVE.items() for word in ("-c", f"{name}={value}")]
    try:
        exports = subprocess.run(
            [LOCAL_POSTGRES, folder / "server", "start", *options], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        for line in exports.splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            monkeypatch.setenv(name, value)
        yield folder / "server"
    finally:
        subprocess.run([LOCAL_POSTGRES, folder / "server", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def world(talkative_server, tmp_path):
    work = tmp_path / "left"
    work.mkdir()
    with new_world(pathlib.Path(os.environ["SLUICE_BIN"]).resolve(), work) as made:
        yield made
