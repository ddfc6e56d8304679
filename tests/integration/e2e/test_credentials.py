"""Credentials as a task on Fargate gets them, and passwords as RDS wants them: made by the program, checked by botocore."""

import contextlib
import datetime
import http.server
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from unittest import mock

import botocore.session
import pytest

from certificate import self_signed
from world import ACCESS_KEY, REGION, SAMPLES, SECRET_KEY, wait_for

NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"}


class TaskEndpoint:
    """What ECS has beside a task. Gives keys in turn; each is valid for `valid_s` seconds."""

    TOKEN = "the task's own"

    def __init__(self, keys, valid_s):
        self.given = []  # (when, key id)
        self.delay_s = 0
        self.refusals = 0  # that are still to come
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                time.sleep(endpoint.delay_s)
                body, status = b"{}", 200
                if self.headers["Authorization"] != endpoint.TOKEN:
                    status = 401
                elif endpoint.refusals > 0:
                    endpoint.refusals -= 1
                    status = 500
                else:
                    key, secret, token = keys[min(len(endpoint.given), len(keys) - 1)]
                    endpoint.given.append((time.time(), key))
                    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=valid_s)
                    document = {"RoleArn": "arn", "AccessKeyId": key, "SecretAccessKey": secret, "Token": token}
                    body = json.dumps(document | {"Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self):
        url = f"http://127.0.0.1:{self._server.server_port}/v2/credentials/4711"
        return NO_KEYS | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.TOKEN}

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class KeyWatch:
    """A relay before the queue that notes which access key signed what passes."""

    def __init__(self, endpoint):
        at = urllib.parse.urlsplit(endpoint)
        self._upstream = (at.hostname, at.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.seen = []  # (when, key id)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source, target, from_client):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_client:
                    self.seen += [(time.time(), key.decode()) for key in re.findall(rb"Credential=(\w+)/", data)]
                target.sendall(data)
        for s in (source, target):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()


KEYS = [(f"ASIA{n}", f"secret-{n}", f"session-token-{n}") for n in range(8)]


@pytest.fixture
def task(world):
    """A queue that knows the keys of the task only, seen through a KeyWatch."""
    world.restart_queue("--queue", "login-queue", *(f"--access-key={':'.join(key)}" for key in KEYS))
    world.ok("init-db")
    endpoint = TaskEndpoint(KEYS, valid_s=3)
    watch = KeyWatch(world.endpoint)
    world.endpoint = watch.url
    yield endpoint, watch
    endpoint.close()
    watch.close()


def test_a_task_loads_messages_with_the_credentials_of_its_role(world, task):
    endpoint, _ = task
    world.ok("send", SAMPLES)
    env = world.environment(**endpoint.environment())
    assert "from container" in world.ok("check", env=env).stdout
    world.ok("drain", env=env)
    assert world.count("user_logins") == 99


def test_credentials_that_end_in_mid_run_are_replaced_and_nothing_fails(world, task):
    """Valid for three seconds each: every request is signed with keys that are still good, also while the endpoint is slow."""
    endpoint, watch = task
    running = world.start("run", env=world.environment(**endpoint.environment(), SLUICE_WAIT="1s", SLUICE_ADMIN="off"))
    sender = world.environment(AWS_ENDPOINT_URL_SQS=watch.url)
    endpoint.delay_s = 0.2
    for n in range(1, 6):
        world.ok("send", SAMPLES, env=sender)
        wait_for(lambda n=n: world.count("sluice.ledger") == n * 100, f"batch {n}", process=running)
        time.sleep(1.5)
        endpoint.refusals = 1  # the second try gives them
    running.terminate()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert "error" not in err, err
    used = [entry for entry in watch.seen if entry[1].startswith("ASIA")]
    assert len({key for _, key in used}) >= 3, "the keys changed under way"
    given = {}
    for when, key in endpoint.given:
        given.setdefault(key, when)
    late = [(key, when - given[key]) for when, key in used if when - given[key] > 4 and key != KEYS[-1][0]]
    assert not late, "requests were signed with keys that had ended"


def test_a_stop_does_not_wait_for_an_endpoint_that_says_nothing(world, task):
    endpoint, watch = task
    running = world.start("run", env=world.environment(**endpoint.environment(), SLUICE_WAIT="1s", SLUICE_ADMIN="off"))
    wait_for(lambda: len(watch.seen) > 3, "it to poll", process=running)
    endpoint.delay_s = 30  # each of three tries is given up after two seconds
    asked = len(endpoint.given)
    wait_for(lambda: time.time() - watch.seen[-1][0] > 2, "the keys to end", process=running)
    polls, at = len(watch.seen), time.monotonic()
    running.terminate()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert time.monotonic() - at < 2
    assert len(watch.seen) == polls and len(endpoint.given) == asked


def test_an_endpoint_that_refuses_is_named_and_its_token_is_not_shown(world, task):
    endpoint, _ = task
    wrong = endpoint.environment() | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "some-other-token"}
    done = world.run("drain", env=world.environment(**wrong))
    assert done.returncode == 2
    assert "credentials of the container" in done.stderr and "401" in done.stderr
    assert "some-other-token" not in done.stderr


# -- RDS ---------------------------------------------------------------------------------------------------------------------
class AskingPostgres:
    """The start of PostgreSQL's protocol, over TLS: asks for a password in the clear, keeps it, and lets nobody in."""

    SSL_REQUEST = (80877103).to_bytes(4, "big")
    ASK_PASSWORD = b"R\0\0\0\x08\0\0\0\x03"

    def __init__(self, certificate, key):
        self.certificate = certificate
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.passwords = []
        self.plain = 0  # connections that did not ask for TLS
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with contextlib.suppress(OSError):
                    self._serve(client)

    def _serve(self, client):
        client.settimeout(10)
        if client.recv(8)[4:] != self.SSL_REQUEST:
            self.plain += 1
            return
        client.sendall(b"S")
        with self._context.wrap_socket(client, server_side=True) as tls:
            tls.recv(4096)  # StartupMessage
            tls.sendall(self.ASK_PASSWORD)
            message = b""
            while len(message) < 5 or len(message) < 1 + int.from_bytes(message[1:5], "big"):
                message += tls.recv(4096)
            self.passwords.append(message[5:-1].decode())
            fields = b"SFATAL\0VFATAL\0C28000\0Mno\0\0"
            tls.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    def close(self):
        self._listener.close()


@pytest.fixture
def rds(tmp_path):
    certificate, key = self_signed(tmp_path)
    server = AskingPostgres(certificate, key)
    yield server
    server.close()


def rds_environment(world, rds, **changes):
    settings = {
        "SLUICE_DATABASE_AUTH": "rds-iam",
        "PGHOST": "localhost",
        "PGPORT": str(rds.port),
        "PGUSER": "etl user@x+y",
        "PGPASSWORD": None,
        "PGSSLROOTCERT": str(rds.certificate),
    }
    return world.environment(**(settings | changes))


def botocore_token(rds, token, session_token=None):
    """The token that botocore makes for the same moment."""
    made_at = urllib.parse.parse_qs(urllib.parse.urlsplit("https://" + token).query)["X-Amz-Date"][0]
    moment = datetime.datetime.strptime(made_at, "%Y%m%dT%H%M%SZ")
    session = botocore.session.Session()
    session.set_credentials(ACCESS_KEY, SECRET_KEY, session_token)
    client = session.create_client("rds", region_name=REGION)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        return client.generate_db_auth_token("localhost", rds.port, "etl user@x+y", REGION)


@pytest.mark.parametrize("session_token", [None, "a/session+token=="])
def test_an_rds_token_is_made_for_each_connection_and_is_the_one_of_botocore(world, rds, session_token):
    env = rds_environment(world, rds, AWS_SESSION_TOKEN=session_token)
    for _ in range(2):
        done = world.run("init-db", env=env)
        assert done.returncode == 2
        assert "IAM token of user etl user@x+y was refused at localhost" in done.stderr
        assert "X-Amz-Signature" not in done.stderr
        time.sleep(1.1)
    assert len(rds.passwords) == 2 and rds.passwords[0] != rds.passwords[1]
    for token in rds.passwords:
        assert token == botocore_token(rds, token, session_token)


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"PGSSLMODE": "prefer"}, "PGSSLMODE=prefer"),
        ({"PGPASSWORD": "x"}, "PGPASSWORD"),
        ({"PGHOST": "/tmp"}, "PGHOST"),
        ({"AWS_REGION": None}, "AWS_REGION"),
    ],
    ids=["mode without TLS", "password", "socket", "no region"],
)
def test_what_cannot_work_with_an_rds_token_is_refused(world, rds, changes, word):
    done = world.run("init-db", env=rds_environment(world, rds, **changes))
    assert done.returncode == 2 and word in done.stderr, done.stderr
    assert not rds.passwords


def test_a_token_is_sent_to_nobody_without_the_right_certificate(world, rds, tmp_path):
    done = world.run("init-db", env=rds_environment(world, rds, PGHOST="127.0.0.1"))
    assert done.returncode == 2 and "certificate" in done.stderr, done.stderr
    assert not rds.passwords and rds.plain == 0
