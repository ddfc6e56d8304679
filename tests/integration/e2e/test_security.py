"""What others can see of secrets and raw values, and what hostile peers and names can do. TLS with the queue: tests/unit/http."""

import datetime
import ipaddress
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gate import Gate
from world import LOCAL_POSTGRES, SAMPLES, SECRET_KEY, address_of, open_to_postgres, wait_for

MARK = "of-the-hostile-server"


def test_nobody_but_root_can_look_into_the_process_and_it_leaves_no_core(world):
    """Linux gives what is in /proc of a process that may not be dumped to root (proc(5), "dumpable")."""
    other = {"user": 65534} if os.getuid() == 0 else {}
    waiting = world.start("mask", "--domain", "ip", stdin=subprocess.PIPE, **other)
    try:
        environment = pathlib.Path(f"/proc/{waiting.pid}/environ")
        wait_for(lambda: environment.stat().st_uid == 0, "what it holds to be root's", seconds=5, process=waiting)
        owner = pathlib.Path(f"/proc/{waiting.pid}/status").read_text().split("Uid:")[1].split()[0]
        assert int(owner) == other.get("user", os.getuid())
    finally:
        waiting.communicate("")


def capabilities():
    return int(pathlib.Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)


@pytest.mark.parametrize("may_lock", [True, False], ids=["without limit", "nothing"])
def test_memory_is_kept_out_of_swap_space_where_that_is_allowed(world, may_lock):
    """All of it by CAP_IPC_LOCK; where nothing may be locked, sluice runs all the same."""
    cap_ipc_lock = 14
    if may_lock and (not capabilities() >> cap_ipc_lock & 1 or world.programs.parent.name in ("asan", "tsan")):
        pytest.skip("nobody may lock memory here, or a sanitizer keeps sluice from it")
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    log = world.folder / "sluice.log"
    env = world.environment(HOME="/", SLUICE_ADMIN="127.0.0.1:0", SLUICE_LOG_FORMAT="json", SLUICE_WAIT="1s")
    as_nobody = {} if may_lock or os.getuid() != 0 else {"user": 65534}

    def limit():
        if not may_lock:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

    with open(log, "wb") as out:
        running = world.start("run", env=env, stdout=out, stderr=out, preexec_fn=limit, **as_nobody)
    try:
        wait_for(lambda: world.count("user_logins") == 99, "99 rows", process=running)
        status = pathlib.Path(f"/proc/{running.pid}/status").read_text()
    finally:
        running.terminate()
        running.communicate(timeout=30)
    size = {name: int(status.split(name + ":")[1].split()[0]) for name in ("VmLck", "VmRSS")}
    [told] = [line["locked_bytes"] for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "started"]
    if may_lock:
        assert size["VmLck"] > size["VmRSS"] and told > 0, size
    else:
        assert size["VmLck"] == told == 0, size


def helps_of(world, *command):
    """The help of a command, and of all below it."""
    text = world.ok(*command, "--help").stdout
    yield command, text
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    for name in re.findall(r"^  (\S+)", below[1], re.MULTILINE) if below else []:
        yield from helps_of(world, *command, name)


def test_no_flag_takes_a_secret(world):
    helps = dict(helps_of(world))
    assert {("run",), ("rekey",), ("bench",), ("keys", "remove"), ("quarantine", "show")} <= helps.keys()
    assert all("Usage: " + " ".join(["sluice", *command]) in text for command, text in helps.items())
    for command, text in helps.items():
        for flag in re.findall(r"(?<!\w)--?[a-z][\w-]*", text.lower()):
            found = re.search("pass|secret|credential|token|access|session|keys|ring", flag)
            assert not found, (command, flag)
        for variable in re.findall(r"\(Env:(\w+)\)", text):
            assert not re.search("PASS|SECRET|TOKEN|ACCESS|KEYS", variable), (command, variable)


def test_no_secret_and_no_raw_value_is_in_logs_metrics_status_or_errors(world):
    """With all that can go wrong at once: what is not JSON, what the table refuses, a queue that fails, and every line logged."""
    raw = [f"raw-{what}-value" for what in ("ip", "device", "user", "locale", "field", "text")]
    whole = {"user_id": raw[2], "app_version": "2.3.0", "device_type": "ios", "ip": raw[0], "locale": raw[3], "device_id": raw[1]}
    bodies = [
        whole,
        whole | {"ip": {raw[4]: 1}},
        whole | {"app_version": raw[4]},
        {raw[4]: raw[5]},
        whole | {"device_type": raw[5] * 9},
    ]
    messages = world.folder / "messages.ndjson"
    messages.write_text("\n".join([*map(json.dumps, bodies), f"not JSON: {raw[5]}"]))

    world.ok("init-db")
    world.sql("ALTER TABLE user_logins ADD CONSTRAINT refused CHECK (locale <> 'raw-locale-value')")  # its DETAIL has the row
    world.ok("send", messages, "--create")
    world.set_faults(error_rate=0.2, cut_rate=0.1, cut_after_bytes=300, operations=["ReceiveMessage", "DeleteMessageBatch"])
    log = world.folder / "sluice.log"
    env = world.environment(SLUICE_ADMIN="127.0.0.1:0", SLUICE_LOG_LEVEL="debug", SLUICE_LOG_FORMAT="json", SLUICE_WAIT="1s")
    with open(log, "wb") as out:
        running = world.start("run", env=env, stdout=out, stderr=out)
    try:
        wait_for(lambda: world.count("sluice.quarantine") == len(bodies) + 1, "all to be set aside", process=running)
        base = address_of(log)
        seen = [pathlib.Path(f"/proc/{running.pid}/cmdline").read_text()]
        for page in ("", "status.json", "metrics", "healthz", "readyz"):
            with urllib.request.urlopen(base.rstrip("/") + "/" + page, timeout=5) as answer:
                seen.append(answer.read().decode())
    finally:
        running.terminate()
        running.communicate(timeout=30)
    seen.append(log.read_text())
    ring = world.keys.split('"')[-2]
    secrets = [SECRET_KEY, os.environ["PGPASSWORD"], ring]
    assert all(word in "".join(seen) for word in ("refused_by_table", "wrong_type", "not_json", "receive_failed"))
    for text in seen:
        for value in raw + secrets:
            assert value not in text, (value, text[:2000])


def receive_answers(body, *, length=None, headers=()):
    head = [
        "HTTP/1.1 200 OK",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


def messages(*fields):
    message = {
        "MessageId": "4d8c5ad8-2c0e-4b0a-9f5b-000000000001",
        "ReceiptHandle": MARK,
        "Body": MARK,
        "MD5OfBody": "0" * 32,
        "Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1"},
    }
    return receive_answers(json.dumps({"Messages": [message | f for f in fields]}).encode())


# What the server says instead of messages, and the words of sluice's error if it ends at that; else it goes on.
HOSTILE = {
    "a page of HTML": (receive_answers(f"<html>{MARK}</html>".encode()), None),
    "no HTTP": (f"SSH-2.0-{MARK}\r\n\r\n".encode(), None),
    "a list as deep as it is long": (receive_answers(b"[" * 1_000_000), None),
    "no list of messages": (receive_answers(b'{"Messages": 7}'), None),
    "texts for numbers": (messages({"Attributes": {"SentTimestamp": MARK, "ApproximateReceiveCount": MARK}}), None),
    "a digest of another body": (messages({}), None),
    "a digest of other attributes": (
        messages(
            {
                "MD5OfBody": None,
                "MD5OfMessageAttributes": "0" * 32,
                "MessageAttributes": {"a": {"DataType": "String", "StringValue": "x"}},
            }
        ),
        None,
    ),
    "another place": (f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/{MARK}\r\nContent-Length: 0\r\n\r\n".encode(), None),
    "a length of two numbers": (receive_answers(b"{}", headers=["Content-Length: 7"]), None),
    "a length below nothing": (receive_answers(b"", length=-1), None),
    "less than was announced": (receive_answers(b"{", length=100), None),
    "ten gigabytes": (receive_answers(b"{", length=10 << 30), "the answer's body is over 67108864 bytes"),
    "a chunk of ten gigabytes": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n280000000\r\n", "body is over"),
    "a header without end": (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000, "over 16384 bytes"),
    "ids that are none": (messages({"MessageId": MARK, "MD5OfBody": None}), "not a UUID"),
}


@pytest.mark.parametrize("answer, refused", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_queue_server_costs_no_message_no_memory_and_shows_no_text(world, answer, refused):
    """Some receives are answered by a hostile server, the rest by the real one: two (a body with a third wrong digest
    is set aside), or as many as it takes to end sluice."""
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    left = 12 if refused else 2  # fewer messages are asked for, four times over, where an answer is too large

    def hostile(link, from_server, data):
        nonlocal left
        if from_server or left == 0 or b"AmazonSQS.ReceiveMessage" not in data:
            return data
        left -= 1
        link.client.sendall(answer)
        # A close with a request unread would be a reset, and the answer lost.
        link.client.shutdown(socket.SHUT_WR)
        while link.client.recv(65536):
            pass
        return None

    queue = urllib.parse.urlsplit(world.endpoint)
    with Gate((queue.hostname, queue.port), hostile) as gate:
        done = world.run("drain", env=world.environment(AWS_ENDPOINT_URL_SQS=f"http://{gate.host}:{gate.port}"))
    assert MARK not in done.stdout + done.stderr
    if refused:
        assert done.returncode == 1 and refused in done.stderr, done
    else:
        assert done.returncode == 0 and left == 0, done
    honest = world.ok("drain")

    def resident(text):
        return int(text.split("message, ")[1].split(" MiB resident")[0])

    assert resident(done.stdout) < resident(honest.stdout) + 80
    assert (world.count("user_logins"), world.count("sluice.quarantine")) == (99, 1)


def test_hostile_names_are_names(world):
    """Of table, schema and columns: from the plan to COPY, the quarantine and the ledger."""
    schema, table, column = 'a"; DROP SCHEMA sluice CASCADE; --', "t'); DROP TABLE x; COPY, line 1: \\", "select \"'$1%s{}\n\\."
    plan = world.folder / "plan.toml"
    plan.write_text(
        f"[table]\nname = {json.dumps(table)}\nschema = {json.dumps(schema)}\n"
        f'[[column]]\nname = {json.dumps(column)}\nfrom = "/user_id"\ntype = "text"\n'
    )
    world.ok("init-db", "-c", plan)
    quoted = [name.replace('"', '""') for name in (schema, table, column)]
    target = '"{}"."{}"'.format(*quoted)
    world.sql(f"ALTER TABLE {target} ADD CHECK (\"{quoted[2]}\" NOT LIKE '4%')")
    world.ok("send", SAMPLES, "--create")
    world.ok("check", "-c", plan)
    done = world.ok("drain", "-c", plan)
    refused = sum('"user_id": "4' in line for line in SAMPLES.read_text().splitlines())
    assert refused > 0
    assert (world.count(target), world.count("sluice.quarantine")) == (99 - refused, 1 + refused), done.stdout
    assert world.count("sluice.ledger") == 100


@pytest.fixture(scope="module")
def tls_postgres(tmp_path_factory):
    """A PostgreSQL with TLS, and how to give it another certificate."""
    folder = tmp_path_factory.mktemp("tls")
    open_to_postgres(folder)
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_file.chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(key_file, "postgres")

    def certify(days=1, address="127.0.0.1"):
        now = datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of the tests")])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=9))
        made = made.not_valid_after(now + datetime.timedelta(days=days))
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        signed = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
        certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    certify()
    options = ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate_file}", "-c", f"ssl_key_file={key_file}"]
    lines = subprocess.run([LOCAL_POSTGRES, folder / "d", "start", *options], check=True, capture_output=True, text=True).stdout
    env = dict(line.removeprefix("export ").split("=", 1) for line in lines.splitlines())

    def give(**how):
        certify(**how)
        reload = ["psql", "-Xqc", "SELECT pg_reload_conf()"]
        subprocess.run(reload, env=os.environ | env | {"PGSSLMODE": "require"}, check=True, capture_output=True)
        time.sleep(0.5)  # the postmaster reads it when it next wakes
        return env, certificate_file

    yield give
    subprocess.run([LOCAL_POSTGRES, folder / "d", "stop"], check=True)


# What the certificate is like, whether its authority is known, and the words of the refusal; none: it is taken.
CERTIFICATES = {
    "right": ({}, True, None),
    "self-signed": ({}, False, "certificate"),
    "expired": ({"days": -1}, True, "certificate"),
    "of another host": ({"address": "127.0.0.2"}, True, "certificate"),
}


@pytest.mark.parametrize("how, known, refused", CERTIFICATES.values(), ids=CERTIFICATES)
def test_the_certificate_of_postgresql_is_verified(world, tls_postgres, how, known, refused):
    env, certificate = tls_postgres(**how)
    authority = certificate if known else "/etc/ssl/certs/ca-certificates.crt"
    tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(authority)}
    done = world.run("init-db", env=world.environment(**(env | tls)))
    if refused is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 2 and refused in done.stderr and "PGSSLROOTCERT" in done.stderr, done.stderr
