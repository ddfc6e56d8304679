"""What can be wrong, and what sluice says: one line with what, where and what to do, and exit code 2 before anything is done."""

import http.server
import socket
import ssl
import threading

import pytest

from certificate import self_signed
from world import SAMPLES


@pytest.fixture
def ready(world):
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create")
    return world


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


# Name, what is changed in the environment, and what the line must hold.
REFUSED = [
    ("no credentials", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, ["credentials", "AWS_ACCESS_KEY_ID"]),
    ("half of the credentials", {"AWS_SECRET_ACCESS_KEY": None}, ["AWS_SECRET_ACCESS_KEY"]),
    (
        "profile that is not there",
        {"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        ["nobody"],
    ),
    ("no region", {"AWS_REGION": None}, ["region", "AWS_REGION"]),
    ("wrong region", {"AWS_REGION": "us-west-2"}, ["us-west-2", "AWS_REGION"]),
    ("no queue named", {"SLUICE_QUEUE": None}, ["queue", "SLUICE_QUEUE"]),
    ("queue missing", {"SLUICE_QUEUE": "nothing-here"}, ["nothing-here", "does not exist", "SLUICE_QUEUE"]),
    ("unknown access key", {"AWS_ACCESS_KEY_ID": "AKIASOMEBODYELSE"}, ["access key id", "environment"]),
    ("wrong secret", {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}, ["signature", "secret key", "environment"]),
    ("endpoint that refuses", {"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"}, ["127.0.0.1:1", "refused"]),
    ("endpoint that is no URL", {"AWS_ENDPOINT_URL_SQS": "127.0.0.1:9324"}, ["127.0.0.1:9324", "http://"]),
    ("endpoint that is no name", {"AWS_ENDPOINT_URL_SQS": "http://nowhere.invalid"}, ["nowhere.invalid"]),
    ("database that refuses", {"PGHOST": "127.0.0.1", "PGPORT": "1"}, ["127.0.0.1:1", "refused"]),
    ("bad password", {"PGPASSWORD": "not-the-password"}, ["password", "PGUSER", "PGPASSWORD"]),
    ("database nowhere named", {"PGHOST": None, "PGPORT": "1"}, ["local socket", "set PGHOST"]),
    ("database missing", {"PGDATABASE": "no_such_database"}, ["no_such_database", "does not exist"]),
    ("no key", {"SLUICE_KEYS": None}, ["masked_ip", "sluice keygen", "SLUICE_KEYS"]),
    ("key ring that is none", {"SLUICE_KEYS": "primary = "}, ["SLUICE_KEYS"]),
    (
        "key that is short",
        {"SLUICE_KEYS": 'ring = { primary = "k1", keys = { k1 = "c2hvcnQ=" } }'},
        ["SLUICE_KEYS", "'k1' has 5 bytes", "32"],
    ),
    ("key that is no base64", {"SLUICE_KEYS": 'ring = { primary = "k1", keys = { k1 = "?" } }'}, ["SLUICE_KEYS", "k1", "base64"]),
    ("primary that is not there", {"SLUICE_KEYS": 'ring = { primary = "k2", keys = { } }'}, ["SLUICE_KEYS", "primary"]),
    ("key file that is not there", {"SLUICE_KEYS": None, "SLUICE_KEYS_FILE": "/nowhere/keys"}, ["/nowhere/keys"]),
    ("key file that is a folder", {"SLUICE_KEYS": None, "SLUICE_KEYS_FILE": "/tmp"}, ["key ring /tmp cannot be read"]),
    ("two key rings", {"SLUICE_KEYS_FILE": "/nowhere/keys"}, ["two key rings", "unset SLUICE_KEYS"]),
    ("pipeline file that is a folder", {"SLUICE_CONFIG": "/tmp"}, ["pipeline file /tmp cannot be read"]),
    ("setting that is no number", {"SLUICE_BATCH_ROWS": "many"}, ["SLUICE_BATCH_ROWS", "many", "whole number"]),
    ("setting out of range", {"SLUICE_WAIT": "90s"}, ["SLUICE_WAIT", "90s", "20s"]),
]


def refused(world, changes=None, arguments=(), words=()):
    done = world.run("drain", *arguments, env=world.environment(**(changes or {})), timeout=60)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert len(lines) == 1, lines
    assert lines[0].startswith("sluice: ")
    for word in words:
        assert word.lower() in lines[0].lower(), (word, lines[0])
    for secret in (world.environment()["AWS_SECRET_ACCESS_KEY"], world.environment()["PGPASSWORD"]):
        assert secret not in lines[0]
    return lines[0]


@pytest.mark.parametrize("changes, words", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_at_start(ready, changes, words):
    refused(ready, changes, words=words)
    assert ready.count("user_logins") == 0


def test_access_denied_names_the_action(ready):
    ready.restart_queue("--queue", "login-queue", "--deny", "AKIATESTTESTTEST:GetQueueAttributes")
    line = refused(ready, words=["sqs:GetQueueAttributes"])
    assert "denied" in line.lower()


def test_a_clock_that_is_wrong_is_mended_with_the_server_s(ready):
    """SQS refuses a signature of another hour; its Date header says by how much, and sluice signs with that."""
    ready.restart_queue("--clock-offset-s", "3600")
    ready.ok("send", SAMPLES, "--create")
    ready.ok("drain")
    assert ready.count("user_logins") == 99


def test_tls_that_is_not_trusted(ready):
    """A server with a certificate that nobody signed."""
    certificate, key = self_signed(ready.folder)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        refused(
            ready, {"AWS_ENDPOINT_URL_SQS": f"https://localhost:{server.server_port}"}, words=["certificate", "AWS_CA_BUNDLE"]
        )
    finally:
        server.shutdown()


class NotFound(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_a_server_that_is_no_sqs(ready):
    server = http.server.HTTPServer(("127.0.0.1", 0), NotFound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        refused(ready, {"AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{server.server_port}"}, words=["404", "AWS_ENDPOINT_URL_SQS"])
    finally:
        server.shutdown()


def test_peers_that_say_nothing_are_not_waited_for_for_ever(ready):
    """Each is asked once by `check`, which tells of both."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        done = ready.run(
            "check",
            env=ready.environment(AWS_ENDPOINT_URL_SQS=f"http://127.0.0.1:{port}", PGHOST="127.0.0.1", PGPORT=port),
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stdout.count("FAIL") == 2 and done.stdout.count("does the network let it through?") == 2, done.stdout


def test_a_missing_table_names_init_db(ready):
    ready.sql("DROP TABLE user_logins")
    refused(ready, words=["user_logins", "sluice init-db"])


def test_a_missing_ledger_names_init_db(ready):
    ready.sql("DROP SCHEMA sluice CASCADE")
    refused(ready, words=["sluice init-db"])


def test_a_missing_column_is_named(ready):
    ready.sql("ALTER TABLE user_logins DROP COLUMN locale")
    refused(ready, words=["user_logins", "locale"])


def test_a_wrong_column_type_is_named_with_both_types(ready):
    ready.sql("ALTER TABLE user_logins ALTER COLUMN app_version TYPE bigint")
    refused(ready, words=["app_version", "bigint", "integer"])


def test_a_table_s_own_column_that_is_too_short_for_tokens_is_named(ready):
    ready.sql("ALTER TABLE user_logins ALTER COLUMN masked_ip TYPE varchar(20)")
    refused(ready, words=["masked_ip", "varchar(256)", "20"])
    assert ready.count("user_logins") == 0


@pytest.mark.parametrize("command", ["drain", "run", "check", "mask"])
def test_without_a_key_no_command_masks(ready, command):
    arguments = [command, "10.0.0.1"] if command == "mask" else [command]
    done = ready.run(*arguments, env=ready.environment(SLUICE_KEYS=None, SLUICE_ADMIN="off"), timeout=60)
    assert done.returncode == 2 and "sluice keygen" in done.stdout + done.stderr, done
    assert "10.0.0.1" not in done.stdout
    assert ready.count("user_logins") == 0


def test_an_unknown_key_in_a_file_is_named_with_its_line(ready):
    file = ready.folder / "login.toml"
    file.write_text('[queue]\nname = "login-queue"\nwiat = "5s"\n')
    refused(ready, arguments=["-c", file], words=[f"{file}:3", "queue.wiat", "queue.wait"])


def test_an_unknown_key_of_a_column_is_named_with_its_line(ready):
    file = ready.folder / "login.toml"
    file.write_text('[table]\nname = "t"\n[[column]]\nnmae = "a"\n')
    refused(ready, arguments=["-c", file], words=[f"{file}:4", "nmae"])


@pytest.mark.parametrize(
    "column, words",
    [
        ('type = "text"\npii = true', ["column c is tagged pii", "mask"]),
        ('type = "text"\nmask = "rot13"', ["unknown mask scheme 'rot13'"]),
        ('type = "varchar(20)"\nmask = "aes_siv"', ["varchar(20)", "longer"]),
        ('type = "varchar(24)"\nmask = "aes_siv"', ["column c", "varchar(24)", "25 characters"]),
        ('type = "varchar(15)"\nmask = "ipcrypt_pfx"', ["varchar(15)", "longer"]),
        ('type = "integer"\nmask = "aes_siv"', ["only text, varchar and inet can be masked"]),
        ('type = "text"\nmask = { scheme = "hmac_sha256", key = "k9" }', ["column c", "no key 'k9'"]),
    ],
)
def test_a_mask_that_cannot_hold_is_refused(ready, column, words):
    """24 characters are enough for a key id of one; this ring's has two."""
    file = ready.folder / "login.toml"
    file.write_text(f'[table]\nname = "user_logins"\n[[column]]\nname = "c"\n{column}\n')
    refused(ready, arguments=["-c", file], words=words)
    assert ready.stats()["queues"]["login-queue"]["visible"] == 100, "no message was touched"


def test_toml_that_is_none_is_named_with_its_line(ready):
    file = ready.folder / "login.toml"
    file.write_text('[queue]\nname = "login-queue\n')
    refused(ready, arguments=["-c", file], words=[f"{file}:2"])


def test_a_wrong_command_line_is_refused_with_2(world):
    for arguments in (["nonsense"], ["drain", "--nonsense"], [], ["send"]):
        done = world.run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("sluice: "), done.stderr
        assert "--help" in done.stderr


@pytest.mark.parametrize(
    "arguments, what, help",
    [
        (["drian"], "there is no command 'drian'", "sluice --help"),
        (["quarantine", "shwo"], "there is no command 'shwo'", "sluice quarantine --help"),
        (["drain", "--quue", "logins"], "there is no option '--quue'", "sluice drain --help"),
        (["drain", "--mode", "upsert", "logins"], "one word too many: 'logins'", "sluice drain --help"),
        (["mask", "Alice", "Smith"], "one word too many: a value with spaces is written in quotes", "sluice mask --help"),
        (["unmask", "token"], "--reason is required", "sluice unmask --help"),
    ],
)
def test_a_wrong_word_is_named_with_the_help_to_read(world, arguments, what, help):
    done = world.run(*arguments)
    assert (done.returncode, done.stderr) == (2, f"sluice: {what}; see {help}\n")


def test_a_key_id_that_is_none_is_refused(world):
    done = world.run("keygen", "a b")
    assert done.returncode == 2
    assert done.stderr.startswith("sluice: 'a b' cannot be the id of a key")


def test_check_ticks_what_is_right_and_says_what_to_mend(ready):
    good = ready.ok("check")
    assert "FAIL" not in good.stdout
    assert "no dead-letter queue" in good.stdout
    ready.sql("DROP TABLE user_logins")
    bad = ready.run("check", env=ready.environment(AWS_SECRET_ACCESS_KEY="wrong"))
    assert bad.returncode == 2
    assert bad.stdout.count("FAIL") == 2
    assert "sluice init-db" in bad.stdout


@pytest.mark.parametrize("bad", ["dlq", "leave"])
def test_check_refuses_what_run_refuses(ready, bad):
    env = ready.environment(SLUICE_BAD_MESSAGES=bad)
    checked, drained = ready.run("check", env=env), ready.run("drain", env=env)
    assert (checked.returncode, drained.returncode) == (2, 2)
    assert "has no dead-letter queue" in checked.stdout and "has no dead-letter queue" in drained.stderr


@pytest.mark.parametrize("command, begins", [(["mask", ""], "k1."), (["unmask", "--reason", "r", ""], "\n")])
def test_an_empty_value_is_a_value_and_not_standard_input(ready, command, begins):
    done = ready.ok(*command, env=ready.environment(SLUICE_AUDIT_FILE=str(ready.folder / "audit.log")))
    assert done.stdout.startswith(begins)


def test_check_grades_what_the_plan_does_with_persons(ready):
    file = ready.folder / "plan.toml"
    column = '[[column]]\nname = "{}"\ntype = "text"\nfrom = "{}"\n{}\n'
    file.write_text(
        '[table]\nname = "graded"\n'
        + column.format("a", "ip", 'mask = "aes_siv"\npii = true')
        + column.format("b", "peer", 'mask = { scheme = "aes_siv", domain = "ip" }')
        + column.format("c", "clientIP", "")
        + column.format("d", "zip", "")
        + column.format("e", "phone", 'mask = { scheme = "partial", keep_last = 6 }')
        + column.format("f", "g", 'mask = "hmac_sha256"')
        + column.format("h", "i", 'mask = "base64"')
        + '[[column]]\nname = "j"\ntype = "jsonb"\n'
    )
    ready.ok("init-db", "-c", file)
    out = ready.ok("check", "-c", file).stdout
    lines = {word: line for line in out.splitlines() for word in [line.split("column ")[-1].split(" ")[0]] if "column " in line}
    assert "ok" in lines["a"] and "who has the key can reverse it; domain ip, joins with b" in lines["a"]
    assert "joins with a" in lines["b"]
    assert "warn" in lines["c"] and "personal by its name" in lines["c"]
    assert "d" not in lines, "a zip is no ip"
    assert "warn" in lines["e"] and "last 6 characters" in out
    assert "ok" in lines["f"] and "nobody can reverse it" in lines["f"]
    assert "warn" in lines["h"] and "anybody can read it" in lines["h"]
    assert "warn" in lines["j"] and "jsonb" in lines["j"]


def test_help_has_examples_and_version_is_one_line(world):
    for command in ("run", "drain", "check", "init-db", "send", "mask", "unmask", "rekey", "keys", "keygen"):
        assert "Example" in world.ok(command, "--help").stdout
    assert world.ok("--version").stdout.startswith("sluice 0.")
