"""What a benchmark stands on: a PostgreSQL of its own, a queue server for each run, and an environment for the programs."""

import datetime
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request

from . import workload

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
QUEUE, ACCOUNT, REGION, ACCESS_KEY = "bench", "000000000000", "eu-central-1", "bench"

# The defaults, but for room: a checkpoint in the middle of one run and not of another would be noise. Commit times are kept
# because the latency cases read them.
POSTGRES_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "track_commit_timestamp": "on",
}


class RunFailed(Exception):
    """A run that did not do its work: no rate is given for it."""


class Queue:
    """A sluice-sqs on loopback."""

    def __init__(self, program, folder, secret_key, arguments):
        port_file = folder / f"port.{secrets.token_hex(4)}"
        command = [program, "--listen", "127.0.0.1:0", "--port-file", port_file, "--region", REGION, "--account", ACCOUNT]
        command += ["--access-key", f"{ACCESS_KEY}:{secret_key}", "--queue", QUEUE, *arguments]
        self._log = open(folder / "queue.log", "ab")
        self.process = subprocess.Popen([str(c) for c in command], stdout=self._log, stderr=self._log)
        wait_for(port_file.exists, "the queue to be filled", 120, self.process)
        self.endpoint = f"http://127.0.0.1:{port_file.read_text().strip()}"
        self.url = f"{self.endpoint}/{ACCOUNT}/{QUEUE}"
        self._watch = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._watch.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RunFailed("sluice-sqs did not end on SIGTERM") from None
        finally:
            self._log.close()

    def stats(self):
        """Over one connection: asked for a hundred times a second, on the cores that are measured."""
        self._watch.request("GET", "/control/stats")
        return json.load(self._watch.getresponse())

    def counts(self):
        return self.stats()["queues"][QUEUE]

    def set_faults(self, **faults):
        request = urllib.request.Request(f"{self.endpoint}/control/faults", json.dumps(faults).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()


class World:
    def __init__(self, programs):
        self.sluice = programs / "sluice"
        self.sluice_sqs = programs / "sluice-sqs"
        for program in (self.sluice, self.sluice_sqs):
            if not program.is_file():
                raise SystemExit(f"bench: {program} is not there: make build")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench."))
        self.folder.chmod(0o711)  # as root, PostgreSQL runs as user postgres
        self.secret_key = secrets.token_hex(20)
        self.keys = self._output(self.sluice, "keygen", "bench")
        self._workloads = {}

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.__exit__()
            raise

    def _start(self):
        settings = [part for name, value in POSTGRES_SETTINGS.items() for part in ("-c", f"{name}={value}")]
        exports = self._output(ROOT / "scripts" / "local-postgres.sh", self.folder / "postgres", "start", *settings)
        self.postgres = dict(re.findall(r"^export (\w+)=(.*)$", exports, re.M))
        self.postmaster = int((self.folder / "postgres/data/postmaster.pid").read_text().split()[0])
        self._output(self.sluice, "init-db", env=self.environment(None))
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "scripts/local-postgres.sh", self.folder / "postgres", "stop"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, queue, **more):
        """All that the programs need, and nothing of the machine's own."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "SLUICE_QUEUE": QUEUE,
            "SLUICE_KEYS": self.keys,
            **self.postgres,
        }
        if queue is not None:
            env["AWS_ENDPOINT_URL_SQS"] = queue.endpoint
        return env | more

    def _output(self, *command, env=None, text=None):
        done = subprocess.run(
            [str(c) for c in command], env=env, input=text, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            raise RunFailed(f"{command[0]} {command[1]}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def queue(self, *arguments):
        return Queue(self.sluice_sqs, self.folder, self.secret_key, arguments)

    # -- the database --------------------------------------------------------------------------------------------------------
    def psql(self, *arguments, text=None):
        return self._output("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments, env=self.environment(None), text=text)

    def sql(self, statement):
        return [line.split("|") for line in self.psql("-c", statement).splitlines()]

    def empty_tables(self):
        """Also writes out what earlier runs left dirty, so that each run starts from the same place."""
        self.sql("TRUNCATE user_logins, sluice.ledger, sluice.quarantine")
        self.sql("CHECKPOINT")

    def check_rows(self, load, profile, began, quarantine=True):
        """Raises RunFailed unless the table holds exactly what the messages say."""
        found = tuple(self.sql(workload.check_sql(began))[0])
        wanted = (*tuple(str(n) for n in self.expected(load, profile)), "t")
        if found != wanted:
            raise RunFailed(f"wrong rows: (rows, distinct, checksum, dates) are {found}, wanted {wanted}")
        aside = int(self.sql("SELECT count(*) FROM sluice.quarantine")[0][0])
        if quarantine and aside != load.set_aside:
            raise RunFailed(f"{aside} messages in quarantine, wanted {load.set_aside}")

    def plan(self, profile):
        """The pipeline file of a profile that is not the default."""
        if profile == "compat":
            return EXAMPLES / "login-events-compat.toml"
        made = self.folder / "upsert.toml"
        table = 'name = "user_logins"\n'
        made.write_text(
            (EXAMPLES / "login-events.toml").read_text().replace(table, table + 'key = ["user_id"]\n')
            + '\n[[column]]\nname = "sent_at"\ntype = "timestamptz"\nfrom = "@sent_timestamp"\n'
        )
        return made

    # -- the work ------------------------------------------------------------------------------------------------------------
    def workload(self, count, size=200, bad_rate=0.0, refused_rate=0.0, seed=1, copies=1):
        """Made once for each set of arguments."""
        key = (count, size, bad_rate, refused_rate, seed, copies)
        if key not in self._workloads:
            path = self.folder / f"messages.{len(self._workloads)}"
            self._workloads[key] = (workload.Workload(path, *key), {})
        return self._workloads[key][0]

    def expected(self, load, profile):
        for known, answers in self._workloads.values():
            if known is load:
                if profile not in answers:
                    answers[profile] = load.expected(profile, self._mask)
                return answers[profile]
        raise KeyError(load)

    def _mask(self, domain, values):
        out = self._output(self.sluice, "mask", "--domain", domain, env=self.environment(None), text="\n".join(values) + "\n")
        return out.splitlines()


def today():
    return datetime.datetime.now(datetime.UTC).date()


def wait_for(condition, what, seconds, process=None):
    until = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise RunFailed(f"waited for {what}: the process ended with {process.returncode}")
        if time.monotonic() > until:
            raise RunFailed(f"waited {seconds} s for {what}")
        time.sleep(0.01)
