"""The exercise against a queue server that was not written here: moto."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from world import SAMPLES, wait_for


@pytest.fixture
def moto(world):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with open(world.folder / "moto.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    endpoint = f"http://127.0.0.1:{port}"

    def answers():
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        wait_for(answers, "moto to listen", seconds=60, process=server)
        yield endpoint
    finally:
        server.terminate()
        server.wait(10)


def test_moto_gives_99_rows_and_one_message_set_aside(world, moto):
    env = world.environment(AWS_ENDPOINT_URL_SQS=moto)
    world.ok("init-db", env=env)
    world.ok("send", SAMPLES, "--create", env=env)
    world.ok("check", env=env)
    world.ok("drain", env=env)
    assert world.count("user_logins") == 99
    assert world.count("sluice.quarantine") == 1
    again = world.ok("drain", env=env)
    assert "rows loaded                0" in again.stdout
