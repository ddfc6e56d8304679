"""TCP gates before a peer: what passes can be seen, held back, changed or cut; and what PostgreSQL's protocol looks like there."""

import contextlib
import socket
import struct
import threading

# PostgreSQL docs, "Message Formats": type, length, and what we look for.
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"  # CommandComplete
COPY_ASKED = b"G\x00\x00\x00"  # CopyInResponse: the transaction loads rows
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST


class Link:
    """One connection through a gate."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.loading = False
        self._ended = threading.Lock()

    def close(self, reset=False):
        """Both sides, for whoever waits on them too. Only the first call counts: after a reset no FIN may follow."""
        if not self._ended.acquire(blocking=False):
            return
        for s in (self.client, self.server):
            with contextlib.suppress(OSError):
                if reset:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                s.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            if reset:
                s.close()


class Gate:
    """Passes TCP connections on to `upstream`. `fault(link, from_server, data)` gives what to pass on, or None to end the link;
    it runs on the link's own thread, one for each direction, and may wait."""

    def __init__(self, upstream, fault=None):
        self._upstream = upstream
        self.fault = fault
        self.links = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()

    def __enter__(self):
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.refuse()

    def refuse(self):
        """Connections are refused from now on, and those that there are end."""
        # shutdown wakes the thread that waits in accept; close alone would leave it listening.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_links()

    def reopen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.__enter__()

    def end_links(self, reset=False):
        links, self.links = self.links, []
        for link in links:
            link.close(reset)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            self.links.append(link)
            for from_server in (False, True):
                threading.Thread(target=self._pump, args=(link, from_server), daemon=True).start()

    def _pump(self, link, from_server):
        source, target = (link.server, link.client) if from_server else (link.client, link.server)
        try:
            while data := source.recv(65536):
                fault = self.fault
                data = fault(link, from_server, data) if fault else data
                if data is None:
                    break
                target.sendall(data)
        except OSError:
            pass
        link.close()
        if link in self.links:
            self.links.remove(link)


class PostgresGate(Gate):
    """A gate that knows the server's confirmation of a COMMIT that comes after a COPY."""

    def __init__(self, env):
        super().__init__((env["PGHOST"], int(env["PGPORT"])), self._watch)
        self._open = threading.Event()
        self._open.set()
        self._cuts = 0
        self.held = 0
        self.cut = 0
        self._lock = threading.Lock()  # guards the counts: each connection has its threads

    def __exit__(self, *_):
        self._open.set()
        super().__exit__()

    def hold_commits(self):
        self._open.clear()

    def release(self):
        self._open.set()

    def cut_at_commit(self, times):
        self._cuts = times

    def _watch(self, link, from_server, data):
        link.loading = link.loading or (from_server and COPY_ASKED in data)
        if from_server and link.loading and COMMITTED in data and not self._let_pass():
            return None
        return data

    def _let_pass(self):
        with self._lock:
            if self._cuts > 0:
                self._cuts -= 1
                self.cut += 1
                return False
            if not self._open.is_set():
                self.held += 1
        self._open.wait(30)
        return True
