"""A service that must recover by itself from a fault of its network."""

import contextlib
import os
import random
import urllib.parse

from gate import Gate
from messages import QUEUE, Messages, refuse_some
from world import new_world, wait_for

SEED = int(os.environ.get("SLUICE_SEED") or random.SystemRandom().getrandbits(32))
SETTINGS = {"SLUICE_WAIT": "1s", "SLUICE_STATEMENT_TIMEOUT": "1s", "SLUICE_ADMIN": "off", "PGSSLMODE": "disable"}
FAULT_S = 1.2  # longer than SLUICE_STATEMENT_TIMEOUT


class Service:
    """`sluice run` behind two gates, and messages that go to the queue around them. `endpoint` is the queue's, if not the world's."""

    def __init__(self, world, stack, endpoint=None, **settings):
        env = world.environment()
        queue = urllib.parse.urlsplit(endpoint or world.endpoint)
        scheme = queue.scheme
        self.gates = {
            "queue": stack.enter_context(Gate((queue.hostname, queue.port))),
            "database": stack.enter_context(Gate((env["PGHOST"], int(env["PGPORT"])))),
        }
        self._world = world
        self.messages = Messages(world.endpoint, random.Random(SEED))
        self._log = world.folder / "sluice.log"
        database, queue = self.gates["database"], self.gates["queue"]
        env |= SETTINGS | {"PGHOST": database.host, "PGPORT": str(database.port)} | settings
        env["AWS_ENDPOINT_URL_SQS"] = f"{scheme}://{queue.host}:{queue.port}"
        self.process = world.start("run", env=env, stdout=open(self._log, "wb"))
        stack.callback(self.process.communicate)
        stack.callback(self.process.kill)

    def send(self, messages):
        for _ in range(messages // 10):
            self.messages.send_ten()

    def wait_until_done(self, seconds=30):
        try:
            wait_for(lambda: self._world.left(QUEUE) == 0, "an empty queue", seconds, self.process)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self._log.read_text()}") from None

    def stop(self):
        self.process.terminate()
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, (err, self._log.read_text())


def recovers(kind, peer, programs, folder, secured=lambda world, stack: {}):
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(new_world(programs, folder))
        world.restart_queue("--no-auth", "--queue", f"{QUEUE},VisibilityTimeout=5")
        world.ok("init-db")
        refuse_some(world)
        service = Service(world, stack, **secured(world, stack))
        service.send(100)
        service.wait_until_done()

        fault = kind(service.gates[peer])
        fault.begin()
        service.send(300)
        assert fault.met.wait(10), "the fault was never met"
        fault.over.wait(FAULT_S)
        fault.end()
        service.send(100)
        service.wait_until_done()
        service.stop()
        assert service.messages.differences(world) == (0, 0, [])
