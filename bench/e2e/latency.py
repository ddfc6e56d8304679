"""How long a message waits: a service that runs, messages sent one by one, and the commit times that PostgreSQL keeps."""

import http.client
import json
import subprocess
import threading
import time
import urllib.parse

from . import drain, processes
from .world import RunFailed, today, wait_for


class Sender:
    """Sends over one connection. Unsigned: the queue of these cases checks no signatures, so that the harness needs no signer;
    sluice signs as ever."""

    def __init__(self, queue):
        self._connection = http.client.HTTPConnection(urllib.parse.urlparse(queue.endpoint).netloc, timeout=10)
        self._url = queue.url

    def _call(self, operation, **members):
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        self._connection.request("POST", "/", json.dumps(members), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RunFailed(f"{operation}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def send(self, lines):
        entries = [{"Id": str(i), "MessageBody": line} for i, line in enumerate(lines)]
        if self._call("SendMessageBatch", QueueUrl=self._url, Entries=entries).get("Failed"):
            raise RunFailed("the queue refused a message")


class Service:
    """`sluice run` on an empty queue and an empty table."""

    def __init__(self, world, load):
        self._world, self._load = world, load
        world.empty_tables()
        self.queue = world.queue("--no-auth")
        argv, env = drain.sluice(world, command="run")(self.queue)
        self._day = today()
        self._log = open(world.folder / "program.log", "wb")
        self._process = subprocess.Popen([str(a) for a in argv], env=env, stdout=self._log, stderr=self._log)
        wait_for(lambda: self.receives() > 0, "the first receive", 30, self._process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        self.queue.__exit__()
        self._log.close()

    def receives(self):
        return self.queue.stats()["requests"].get("ReceiveMessage", 0)

    def finish(self, sent_at):
        """Stops the service when all is deleted; returns each message's seconds from send to commit, sorted."""
        wait_for(lambda: self.queue.counts()["deleted"] >= len(sent_at), "all to be deleted", 60, self._process)
        rss = processes.status_mib(self._process.pid, "VmHWM")
        self._process.terminate()
        code, cpu = processes.finish(self._process, 40)
        if code != 0:
            raise RunFailed(f"sluice run: exit code {code} after SIGTERM")
        self._world.check_rows(self._load, "default", self._day)
        commits = self._world.sql("SELECT user_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM user_logins")
        waits = sorted(float(at) - sent_at[user] for user, at in commits)
        return waits, {"cpu_us_per_message": round(cpu / len(sent_at) * 1e6, 1), "rss_mib": round(rss, 1)}


def steady(world, load, rate):
    """`rate` messages a second, one by one."""
    with Service(world, load) as service:
        sender, sent_at = Sender(service.queue), {}
        began = time.monotonic()
        for i, line in enumerate(_lines(load)):
            time.sleep(max(0, began + i / rate - time.monotonic()))
            sent_at[json.loads(line)["user_id"]] = time.time()
            sender.send([line])
        waits, usage = service.finish(sent_at)
    return {"messages": load.count, "rate": rate, **percentiles(waits), **usage}


def burst(world, load, idle_seconds, senders=2):
    """Nothing for a while, then everything as fast as the harness can send it."""
    with Service(world, load) as service:
        before = service.receives()
        time.sleep(idle_seconds)
        idle_receives = service.receives() - before
        lines, sent_at = _lines(load), {}
        shares = [lines[i::senders] for i in range(senders)]
        began = time.time()
        threads = [threading.Thread(target=_send_share, args=(service.queue, share, sent_at)) for share in shares]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        sent_in = time.time() - began
        waits, usage = service.finish(sent_at)
    return {
        "messages": load.count,
        "idle_seconds": idle_seconds,
        "idle_receives": idle_receives,
        "sent_in_seconds": round(sent_in, 3),
        "first_commit_ms": round(waits[0] * 1000, 1),
        **percentiles(waits),
        **usage,
    }


def _send_share(queue, lines, sent_at):
    sender = Sender(queue)
    for i in range(0, len(lines), 10):
        ten = lines[i : i + 10]
        now = time.time()
        for line in ten:
            sent_at[json.loads(line)["user_id"]] = now
        sender.send(ten)


def _lines(load):
    return load.path.read_text().splitlines()


def percentiles(waits):
    """Milliseconds; and the whole distribution at each percent, for the plot."""

    def at(share):
        return round(waits[min(len(waits) - 1, int(share * len(waits)))] * 1000, 1)

    named = {f"p{int(p * 1000) / 10:g}_ms": at(p) for p in (0.5, 0.9, 0.99)}
    return named | {"max_ms": round(waits[-1] * 1000, 1), "distribution_ms": [at(i / 100) for i in range(100)]}
