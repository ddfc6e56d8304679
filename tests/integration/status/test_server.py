"""The admin server against clients that are odd, slow or hostile; and the health check of a container."""

import http.client
import re
import socket
import time
from urllib.parse import urlsplit

import pytest

from world import SAMPLES, address_of, wait_for


def ask(base, method="GET", path="/healthz", **headers):
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def connect(base):
    where = urlsplit(base)
    return socket.create_connection((where.hostname, where.port), timeout=20)


def raw(base, data):
    """All that comes back for these bytes."""
    with connect(base) as s:
        s.sendall(data)
        received = b""
        while piece := s.recv(4096):
            received += piece
        return received


def test_the_page_brings_a_policy_that_lets_nothing_else_run(play):
    base, _ = play()
    status, headers, body = ask(base, path="/")
    assert status == 200 and body.startswith("<!doctype html>")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_another_name_and_another_method_are_refused(play):
    base, _ = play()
    assert ask(base, Host="rebound.example")[0] == 421
    status, headers, _ = ask(base, method="POST")
    assert status == 405 and headers["allow"] == "GET, HEAD"
    assert ask(base, path="/nothing")[0] == 404


def test_what_is_no_request_is_told_so_and_does_no_harm(play):
    base, _ = play()
    assert raw(base, b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(base, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")  # no Host
    assert raw(base, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(base, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
    body = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    assert raw(base, body).startswith(b"HTTP/1.1 413")
    with connect(base) as s:
        s.sendall(b"GET /hea")  # and leaves
    assert ask(base)[0] == 200


def test_what_comes_behind_a_request_is_not_another(play):
    base, _ = play()
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert raw(base, one * 3).count(b"HTTP/1.1 ") == 1


def test_head_gives_what_get_would_without_the_body(play):
    base, _ = play()
    _, of_get, page = ask(base, path="/")
    status, of_head, body = ask(base, method="HEAD", path="/")
    assert status == 200 and body == "" and of_head == of_get
    assert int(of_head["content-length"]) == len(page.encode())
    answer = raw(base, b"HEAD /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404") and answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX",
    ],
)
def test_a_body_is_refused_however_it_comes(play, body):
    base, process = play()
    with connect(base) as s:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + body:
            s.sendall(bytes([byte]))
            time.sleep(0.002)
        assert s.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert ask(base)[0] == 200 and process.poll() is None


def memory_mib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status.read(), re.M)[1]) / 1024


@pytest.mark.parametrize(
    "start",
    [
        b"",  # behind a whole request
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"GET /",
    ],
    ids=["rest", "chunk extension", "trailer", "target"],
)
def test_a_client_that_does_not_stop_is_cut_off_soon_and_costs_no_memory(play, start):
    base, process = play()
    ask(base, path="/")
    before = memory_mib(process)
    sent, began = 0, time.monotonic()
    with connect(base) as s:
        s.sendall(start or b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            while time.monotonic() - began < 20:
                sent += s.send(b"x" * 65536)
        except OSError:
            pass
    assert time.monotonic() - began < 3, sent
    assert memory_mib(process) - before < 8, sent
    assert ask(base)[0] == 200


def test_clients_that_say_nothing_are_cut_off(play):
    base, _ = play()
    with connect(base) as silent:
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert 4 < time.monotonic() - began < 8


def test_a_crowd_that_says_nothing_does_not_keep_a_health_check_out(play):
    base, _ = play()
    crowd = [connect(base) for _ in range(100)]
    began = time.monotonic()
    for _ in range(20):
        assert ask(base)[0] == 200
    assert time.monotonic() - began < 3
    for s in crowd:
        assert s.recv(1) == b""
        s.close()


def test_a_health_check_tells_a_sluice_that_runs_from_one_that_does_not(world, tmp_path):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    log = tmp_path / "run.log"
    with log.open("w") as err:
        env = world.environment(SLUICE_ADMIN="127.0.0.1:0", SLUICE_LOG_FORMAT="json")
        run = world.start("run", env=env, stderr=err)
        try:
            wait_for(lambda: address_of(log), "the admin server", process=run)
            base = address_of(log)
            env = world.environment(SLUICE_ADMIN=base.removeprefix("http://").rstrip("/"))
            world.ok("--healthcheck", env=env)
            file = tmp_path / "pipeline.toml"
            file.write_text(f'[admin]\nlisten = "{env["SLUICE_ADMIN"]}"\n')
            world.ok("--healthcheck", env=world.environment(SLUICE_ADMIN=None, SLUICE_CONFIG=str(file)))
            wait_for(lambda: ask(base, path="/readyz")[0] == 200, "readiness")
        finally:
            run.terminate()
            run.communicate(timeout=60)
    assert run.returncode == 0, log.read_text()
    dead = world.run("--healthcheck", env=env)
    assert dead.returncode == 1 and "refused" in dead.stderr, dead
