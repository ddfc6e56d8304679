"""The status page and its server: of a run that is played, and of a real one."""

import os
import pathlib
import subprocess

import pytest

from chromium import Chromium
from world import new_world, wait_for

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def programs():
    found = pathlib.Path(os.environ["SLUICE_BIN"])
    for name in ("sluice", "sluice-sqs", "status_demo"):
        assert (found / name).is_file(), f"SLUICE_BIN has no {name}: build with tests"
    return found


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture
def play(programs, tmp_path):
    """Starts a played run; gives its address and its process."""
    started = []

    def start(mode="steady", bad_messages="quarantine"):
        port_file = tmp_path / f"port{len(started)}"
        process = subprocess.Popen([programs / "status_demo", port_file, mode, bad_messages])
        started.append(process)
        wait_for(port_file.exists, "status_demo to listen", process=process)
        return f"http://127.0.0.1:{port_file.read_text().strip()}", process

    yield start
    for process in started:
        process.terminate()
        assert process.wait(10) in (0, -15)


@pytest.fixture
def browser(tmp_path):
    started = Chromium(tmp_path / "profile")
    yield started
    started.close()


@pytest.fixture
def world(programs, tmp_path):
    with new_world(programs, tmp_path) as made:
        yield made
