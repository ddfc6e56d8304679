"""What an end-to-end test stands on: the programs, a queue, a database."""

import contextlib
import itertools
import json
import os
import pathlib
import re
import secrets
import subprocess
import tempfile
import time
import urllib.request

DATA = pathlib.Path(__file__).resolve().parents[2] / "data"
SAMPLES = DATA / "login-events" / "login-events.ndjson"
EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"
LOCAL_POSTGRES = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "local-postgres.sh"
ACCESS_KEY, SECRET_KEY, REGION = "AKIATESTTESTTEST", "a-secret-of-the-tests", "eu-west-1"


class World:
    def __init__(self, programs, folder, database):
        self.programs = programs
        self.folder = folder
        self.database = database
        self.queue_process = None
        self.endpoint = None
        self._started = []
        self.keys = self.run("keygen", "k1", env={}).stdout.strip()
        # What a fixture has chosen for its tests.
        self.env = {}
        self.role = None  # of PostgreSQL, by which sluice connects
        self.pool = None  # the port of a pooler

    # -- the queue ---------------------------------------------------------------------------------------------------------
    def start_queue(self, *arguments):
        port_file = self.folder / "sqs.port"
        port_file.unlink(missing_ok=True)
        command = [self.programs / "sluice-sqs", "--listen", "127.0.0.1:0", "--port-file", port_file, "--region", REGION]
        command += ["--access-key", f"{ACCESS_KEY}:{SECRET_KEY}", *arguments]
        log = open(self.folder / "sqs.log", "ab")
        self.queue_process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(port_file.exists, "sluice-sqs to listen", process=self.queue_process)
        self.endpoint = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def stop_queue(self):
        if self.queue_process is not None:
            self.queue_process.terminate()
            self.queue_process.wait(10)
            self.queue_process = None

    def restart_queue(self, *arguments):
        self.stop_queue()
        self.start_queue(*arguments)

    def stats(self):
        with urllib.request.urlopen(f"{self.endpoint}/control/stats", timeout=5) as answer:
            return json.load(answer)

    def left(self, queue):
        stats = self.stats()["queues"][queue]
        return stats["visible"] + stats["in_flight"]

    def wait_for_polls(self, process, more=2):
        """Until so many receives have begun from now on: what would happen at once has happened."""
        wanted = self.stats()["requests"]["ReceiveMessage"] + more
        wait_for(lambda: self.stats()["requests"]["ReceiveMessage"] >= wanted, f"{more} more polls", process=process)

    def set_faults(self, **faults):
        """Instead of those that there were: none, with none named."""
        request = urllib.request.Request(f"{self.endpoint}/control/faults", json.dumps(faults).encode(), method="POST")
        urllib.request.urlopen(request, timeout=5).close()

    # -- the database --------------------------------------------------------------------------------------------------------
    def sql(self, statement, database=None):
        """Rows as lists of texts; NULL is None. Tables without a schema are those of public: the role is called sluice, and by its
        own path they would be in schema sluice."""
        command = ["psql", "-XqAt", "-F", "\x1f", "-P", "null=\x02", "-v", "ON_ERROR_STOP=1", "-d", database or self.database]
        env = os.environ | {"PGOPTIONS": "-c search_path=public"}
        done = subprocess.run([*command, "-c", statement], env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [[None if v == "\x02" else v for v in line.split("\x1f")] for line in done.stdout.splitlines()]

    def admin_sql(self, statement):
        return self.sql(statement, database=os.environ["PGDATABASE"])

    def count(self, table):
        return int(self.sql(f"SELECT count(*) FROM {table}")[0][0])

    # -- the program ---------------------------------------------------------------------------------------------------------
    def environment(self, **changes):
        """All that sluice needs, and nothing of the machine's own; None takes a variable away."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_SQS": self.endpoint,
            "SLUICE_QUEUE": "login-queue",
            "SLUICE_KEYS": self.keys,
            "PGDATABASE": self.database,
            "SLUICE_AUDIT_FILE": str(self.folder / "audit.log"),
        }
        env |= {name: os.environ[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD") if name in os.environ}
        env |= {
            name: os.environ[name] for name in os.environ if name.endswith(("SAN_OPTIONS", "SYMBOLIZER_PATH", "PROFILE_FILE"))
        }
        return {name: value for name, value in (env | changes).items() if value is not None}

    def start(self, *arguments, env=None, prefix=(), **pipes):
        """`prefix`: a command that runs it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | pipes
        chosen = self.environment() if env is None else env
        process = subprocess.Popen([*prefix, self.programs / "sluice", *map(str, arguments)], env=chosen, **pipes)
        self._started.append(process)
        return process

    def run(self, *arguments, env=None, timeout=120, input=None):
        process = self.start(*arguments, env=env, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"sluice {arguments} did not end in {timeout} s\n{out}\n{err}") from None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments, **how):
        done = self.run(*arguments, **how)
        assert done.returncode == 0, f"sluice {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def stop(self):
        """Also what a test that failed has left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.stop_queue()


@contextlib.contextmanager
def new_world(programs, folder):
    """A queue server and an empty database, for as long as they are needed; a key ring; no AWS files of the user's."""
    database = f"t{os.getpid()}_{secrets.token_hex(6)}"
    made = World(programs, folder, database)
    made.admin_sql(f"CREATE DATABASE {database}")
    try:
        made.start_queue()
        yield made
    finally:
        made.stop()
        made.admin_sql(f"DROP DATABASE {database} WITH (FORCE)")


def address_of(log):
    """Where a sluice that logs to the file `log` says that its admin server is; empty until it does."""
    found = re.search(r'"event":"admin_listening","address":("[^"]+")', log.read_text())
    return json.loads(found[1]) if found else ""


@contextlib.contextmanager
def transaction(made, statement):
    """One that has run this, and is not done until the end of the block."""
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", made.database]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.stdin.write(f"BEGIN; {statement}; SELECT 'done';\n")
        process.stdin.flush()
        while process.stdout.readline().strip() != "done":
            assert process.poll() is None, f"{statement} failed"
        yield
    finally:
        process.communicate("COMMIT;\n", timeout=10)


def open_to_postgres(folder):
    """For a cluster in it: as root, its server runs as user postgres, who has to get there from the folder of temporary files."""
    top = pathlib.Path(tempfile.gettempdir())
    for each in itertools.takewhile(lambda f: f != top, [folder, *folder.parents]):
        each.chmod(0o755)


def wait_for(condition, what, seconds=20, process=None):
    until = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, f"{what}: the process ended with {process.returncode}"
        assert time.monotonic() < until, f"waited {seconds} s for {what}"
        time.sleep(0.02)
