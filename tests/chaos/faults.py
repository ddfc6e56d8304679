"""What a network does to connections, by a gate in their middle."""

import collections
import threading

from gate import COPY_ASKED


class Fault:
    """What a gate does to its links until it is over. Subclasses say what `act` passes on; None ends the link."""

    def __init__(self, gate):
        self.gate = gate
        self.met, self.over = threading.Event(), threading.Event()

    def act(self, link, from_server, data):
        raise NotImplementedError

    def begin(self):
        self.gate.fault = self.act

    def end(self):
        self.over.set()


class Refused(Fault):
    def begin(self):
        self.gate.refuse()
        self.met.set()

    def end(self):
        self.gate.reopen()


class Stalled(Fault):
    """Nothing passes; afterwards everything does, in order."""

    def act(self, link, from_server, data):
        if not self.over.is_set():
            self.met.set()
            self.over.wait(30)
        return data


class Cut(Fault):
    """Each connection ends after so many bytes of the server's: in a transaction, a handshake, the head of an answer."""

    BYTES_MAX = 60

    def __init__(self, gate):
        super().__init__(gate)
        self._passed = collections.Counter()

    def act(self, link, from_server, data):
        if self.over.is_set() or not from_server:
            return data
        room = self.BYTES_MAX - self._passed[link]
        self._passed[link] += len(data)
        if len(data) <= room:
            return data
        self.met.set()
        link.client.sendall(data[:room])
        return None


class ClosedOnData(Fault):
    def act(self, link, from_server, data):
        if self.over.is_set():
            return data
        self.met.set()
        return None


class HalfOpen(Fault):
    """The peer is gone without a word: no answer, no end, not even later. New connections work when it is over."""

    def __init__(self, gate):
        super().__init__(gate)
        self._dead = set()

    def act(self, link, from_server, data):
        if self.over.is_set() and link not in self._dead:
            return data
        self._dead.add(link)
        self.met.set()
        return b""


class SlowDrip(Fault):
    """A byte at a time."""

    def act(self, link, from_server, data):
        while len(data) > 1 and not self.over.wait(0.02):
            self.met.set()
            (link.client if from_server else link.server).sendall(data[:1])
            data = data[1:]
        return data


class Reset(Fault):
    """RST in the middle: of the rows of a COPY, or of the queue's answer."""

    def act(self, link, from_server, data):
        if from_server:
            link.loading = COPY_ASKED in data
        in_the_middle = (link.loading and not from_server) or (from_server and data.startswith(b"HTTP/1.1 200"))
        if self.over.is_set() or not in_the_middle:
            return data
        self.met.set()
        (link.client if from_server else link.server).sendall(data[: len(data) // 2])
        link.close(reset=True)
        return None


FAULTS = [Refused, Stalled, Cut, ClosedOnData, HalfOpen, SlowDrip, Reset]
