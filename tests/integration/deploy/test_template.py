"""The CloudFormation template and the program agree: what one names, the other has, and nothing is missing."""

import contextlib
import http.server
import pathlib
import re
import subprocess
import sys
import threading

import pytest

import template
from template import Template
from world import ACCESS_KEY, SAMPLES, new_world, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]

ALL_ACTIONS = {
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "SendMessage",
    "CreateQueue",
    "PurgeQueue",
    "DeleteQueue",
    "ListQueues",
    "SetQueueAttributes",
}


@pytest.fixture
def world(programs, tmp_path):
    with new_world(programs, tmp_path) as made:
        yield made


def test_cfn_lint_finds_nothing():
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("cfn-lint"), template.FILE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_variable_of_the_task_is_one_that_sluice_reads():
    known = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    for auth in ("password", "rds-iam"):
        container = Template(DatabaseAuth=auth).container()
        named = [v["Name"] for v in container["Environment"] + container["Secrets"]]
        assert len(set(named)) == len(named)
        assert set(named) <= known, set(named) - known


def test_each_action_is_one_that_sluice_calls():
    client = (ROOT / "src" / "sqs" / "client.cpp").read_text()
    called = {"sqs:" + re.sub("Batch$", "", name) for name in re.findall(r'"AmazonSQS\.(\w+)"', client)}
    called |= {"ecs:UpdateTaskProtection", "rds-db:connect"}
    assert Template().actions("TaskRole") <= called
    assert "task-protection/v1/state" in (ROOT / "src" / "app" / "task_protection.cpp").read_text()
    assert Template(DatabaseAuth="rds-iam").actions("TaskRole") - Template(DatabaseAuth="password").actions("TaskRole") == {
        "rds-db:connect"
    }


def test_what_starts_a_task_may_read_its_image_its_secrets_and_write_its_log():
    wanted = {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
    }
    assert Template().actions("ExecutionRole") == wanted
    assert Template(SecretsKeyArn="arn:aws:kms:x").actions("ExecutionRole") == wanted | {"kms:Decrypt"}
    assert "ManagedPolicyArns" not in Template().resource("ExecutionRole")


@pytest.mark.parametrize("role", ["TaskRole", "ExecutionRole"])
def test_rights_on_everything_are_for_what_has_no_resource(role):
    policies = Template(DatabaseAuth="rds-iam", DatabaseResourceId="db-ABC").resource(role)["Policies"]
    everything = [s["Action"] for p in policies for s in p["PolicyDocument"]["Statement"] if s["Resource"] == "*"]
    assert everything == ([["ecr:GetAuthorizationToken"]] if role == "ExecutionRole" else [])


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"DatabaseAuth": "rds-iam"}, "DatabaseResourceId"),
        ({"DatabaseAuth": "rds-iam", "DatabaseResourceId": "db-ABC"}, None),
        ({"DatabaseAuth": "password"}, "DatabaseSecretArn"),
        ({"DatabaseAuth": "password", "DatabaseSecretArn": "arn:aws:secretsmanager:x"}, None),
    ],
)
def test_a_way_to_log_in_that_lacks_something_is_refused(given, complaint):
    broken = Template(**given).broken_rules()
    assert len(broken) == (1 if complaint else 0)
    assert not complaint or complaint in broken[0]


def test_secrets_are_given_as_secrets():
    secret = {
        name
        for auth in ("password", "rds-iam")
        for name in (s["Name"] for s in Template(DatabaseAuth=auth).container()["Secrets"])
    }
    assert secret == {"SLUICE_KEYS", "PGPASSWORD"}
    assert not any("SecretArn" in str(v["Value"]) for v in Template(DatabaseAuth="password").container()["Environment"])


def test_each_metric_of_alarms_and_dashboard_is_one_that_sluice_writes():
    written = set(re.findall(r'{"(\w+)", "(?:Count|Milliseconds)"', (ROOT / "src" / "observe" / "emf.cpp").read_text()))
    used = Template().metrics()
    assert used and used <= written, used - written


@contextlib.contextmanager
def ecs_agent():
    """The agent beside a task, as far as protection goes: what it was asked, and its address."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            body = b'{"protection":{"ExpirationDate":"2026-01-02T03:04:05Z","ProtectionEnabled":true,"TaskArn":"arn"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/42", asked
    finally:
        server.shutdown()
        server.server_close()


def task_environment(world, agent="http://127.0.0.1:1"):
    """The task's variables, with this world's queue and database for the parameters, and nothing else but what ECS adds."""
    mine = world.environment()
    stack = Template(
        DatabaseAuth="password",
        DatabaseHost=mine["PGHOST"],
        DatabasePort=mine["PGPORT"],
        DatabaseName=mine["PGDATABASE"],
        DatabaseUser=mine["PGUSER"],
        DatabaseSslMode="disable",
        Messages=f"{world.endpoint}/000000000000/login-queue",
    )
    container = stack.container()
    env = {v["Name"]: str(v["Value"]) for v in container["Environment"]}
    secrets = {"SLUICE_KEYS": mine["SLUICE_KEYS"], "PGPASSWORD": mine["PGPASSWORD"]}
    env |= {v["Name"]: secrets[v["Name"]] for v in container["Secrets"]}
    ecs = {name: mine[name] for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    ecs |= {"ECS_AGENT_URI": agent}
    # AWS is here, and the database takes no TLS; the address of the status page is not ours to take.
    local = {"AWS_ENDPOINT_URL_SQS": world.endpoint, "SLUICE_ADMIN": "off", "PATH": mine["PATH"]}
    return env | ecs | local


def test_the_task_s_variables_and_rights_are_all_that_sluice_needs(world):
    world.ok("init-db")
    allowed = {a.removeprefix("sqs:") for a in Template().actions("TaskRole")}
    denied = [f"--deny={ACCESS_KEY}:{action}" for action in sorted(ALL_ACTIONS - allowed)]
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:100", *denied)
    with ecs_agent() as (agent, asked):
        running = world.start("run", env=task_environment(world, agent))
        wait_for(lambda: world.count("sluice.ledger") == 100, "the messages", process=running)
        wait_for(lambda: world.stats()["queues"]["login-queue"]["deleted"] == 100, "the deletes", process=running)
        wait_for(lambda: asked, "the task to be protected", process=running)
        running.terminate()
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    assert '"_aws"' in out and '"Rows":99' in out and '"SetAside":1' in out
    assert asked == [("/api/42/task-protection/v1/state", '{"ProtectionEnabled":true,"ExpiresInMinutes":5}')]


@pytest.mark.parametrize("action", ["ReceiveMessage", "GetQueueAttributes", "DeleteMessage"])
def test_none_of_its_rights_is_idle(world, action):
    world.ok("init-db")
    world.restart_queue("--queue", "login-queue", "--fill", f"login-queue:{SAMPLES}:100", f"--deny={ACCESS_KEY}:{action}")
    running = world.start("run", env=task_environment(world))
    try:
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode in (1, 2)
    assert action in err


def test_the_stop_has_time(world):
    stop_timeout_s = Template().container()["StopTimeout"]
    done = world.ok("check", "--print-config", env=task_environment(world))
    drain_max = re.search(r"^limits\.drain_max +(\d+)s ", done.stdout, re.M)
    assert int(drain_max[1]) + 10 <= stop_timeout_s <= 120
