"""The admin server against clients that are odd, slow or hostile; and the health check of a container."""

import http.client
import socket
import time
from urllib.parse import urlsplit

from conftest import address_of
from world import SAMPLES, wait_for


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
    assert status == 405 and headers["allow"] == "GET"
    assert ask(base, path="/nothing")[0] == 404


def test_what_is_no_request_is_told_so_and_does_no_harm(play):
    base, _ = play()
    assert raw(base, b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(base, b"GET /healthz HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 421")  # no Host
    assert raw(base, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
    body = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    assert raw(base, body).startswith(b"HTTP/1.1 413")
    with connect(base) as s:
        s.sendall(b"GET /hea")  # and leaves
    assert ask(base)[0] == 200


def test_clients_that_say_nothing_are_cut_off_and_others_get_their_turn(play):
    base, _ = play()
    silent = [connect(base) for _ in range(40)]
    began = time.monotonic()
    assert ask(base)[0] == 200
    assert time.monotonic() - began < 18  # 40 at 16 a time, five seconds each
    for s in silent:
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
            wait_for(lambda: ask(base, path="/readyz")[0] == 200, "readiness")
        finally:
            run.terminate()
            run.communicate(timeout=60)
    assert run.returncode == 0, log.read_text()
    dead = world.run("--healthcheck", env=env)
    assert dead.returncode == 1 and "refused" in dead.stderr, dead
