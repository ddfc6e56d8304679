"""The peers: how each is started, and what it needs. All do what sluice's compatibility profile does (parse, base64 of two
fields, major version, seven columns), at least once; none has a ledger."""

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import shutil
import sys
from dataclasses import dataclass, field, replace

from e2e.world import REGION

FAR_MS = 20
FAR = f"{FAR_MS} ms away"

HERE = pathlib.Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    name: str
    messages: int  # enough for some seconds: a slow peer gets fewer
    argv: tuple
    missing: str = ""  # why it cannot be run here
    faults: dict = field(default_factory=dict)


def all_peers():
    python = "" if _has("boto3", "psycopg") else "needs boto3 and psycopg (bench/requirements.txt)"
    node = ""
    if shutil.which("node") is None:
        node = "needs node"
    elif not (HERE / "node/node_modules/sqs-consumer").is_dir():
        node = "needs npm install in bench/peers/node"
    connect = os.environ.get("REDPANDA_CONNECT", "")
    no_connect = "" if connect and os.access(connect, os.X_OK) else "REDPANDA_CONNECT does not name its binary"
    vector = "no package of it in the registries that the harness installs from"
    one_by_one = Peer("Python, one by one", 2_000, (sys.executable, HERE / "python_one_by_one.py"), python)
    batched = Peer("Python, COPY of 500, 8 threads", 20_000, (sys.executable, HERE / "python_batched.py"), python)
    connect_best = Peer("Redpanda Connect, 8 inputs", 50_000, (connect, "run", HERE / "connect_best.yaml"), no_connect)
    return [
        one_by_one,
        batched,
        Peer("Node sqs-consumer, 1 consumer", 10_000, ("node", HERE / "node/consumer.mjs", "1"), node),
        Peer("Node sqs-consumer, 8 consumers", 30_000, ("node", HERE / "node/consumer.mjs", "8"), node),
        Peer("Redpanda Connect, as documented", 20_000, (connect, "run", HERE / "connect_documented.yaml"), no_connect),
        connect_best,
        _far(one_by_one, 200),
        _far(batched, 5_000),
        _far(connect_best, 20_000),
        Peer("Vector", 0, (), vector),
    ]


def _far(peer, messages):
    """Beside a queue that is as far away as a region's own: loopback flatters those who keep few calls in flight."""
    return replace(peer, name=f"{peer.name}, {FAR}", messages=messages, faults={"latency_ms": FAR_MS})


def versions(first_line):
    """Of what the peers stand on, as far as it is here. A Redpanda Connect built from source may give that of its engine."""
    found = {name: importlib.metadata.version(name) for name in ("boto3", "psycopg") if _has(name)}
    found |= {name: json.loads((HERE / "node/package.json").read_text())["dependencies"][name] for name in ("sqs-consumer", "pg")}
    if shutil.which("node"):
        found["node"] = first_line("node", "--version")
    if os.environ.get("REDPANDA_CONNECT"):
        found["redpanda_connect"] = first_line(os.environ["REDPANDA_CONNECT"], "--version").removeprefix("Version: ")
    return found


def command(world, peer):
    """For `drain.run`."""

    def of(queue):
        pg = world.postgres
        dsn = f"postgres://{pg['PGUSER']}:{pg['PGPASSWORD']}@{pg['PGHOST']}:{pg['PGPORT']}/{pg['PGDATABASE']}?sslmode=disable"
        return peer.argv, world.environment(queue, DSN=dsn, QUEUE_URL=queue.url, AWS_DEFAULT_REGION=REGION)

    return of


def _has(*modules):
    return all(importlib.util.find_spec(m) for m in modules)
