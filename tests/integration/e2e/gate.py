"""A TCP gate before PostgreSQL that knows the server's confirmation of a COMMIT that comes after a COPY."""

import socket
import threading

# CommandComplete: length, tag (PostgreSQL docs, "Message Formats")
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
COPY_ASKED = b"G\x00"  # CopyInResponse: the transaction loads rows


class PostgresGate:
    def __init__(self, env):
        self._upstream = (env["PGHOST"], int(env["PGPORT"]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._open = threading.Event()
        self._open.set()
        self._cuts = 0
        self.held = 0
        self.cut = 0
        self._lock = threading.Lock()  # guards the counts: each connection has its threads
        self._sockets = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._open.set()
        self._listener.close()
        for s in self._sockets:
            s.close()

    def hold_commits(self):
        self._open.clear()

    def release(self):
        self._open.set()

    def cut_at_commit(self, times):
        self._cuts = times

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._upstream)
            self._sockets += [client, server]
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, target, from_server):
        tail = b""
        loading = False
        try:
            while data := source.recv(65536):
                loading = loading or COPY_ASKED in tail + data
                if from_server and loading and COMMITTED in tail + data and not self._let_pass():
                    break
                tail = data[-len(COMMITTED):]
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

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
