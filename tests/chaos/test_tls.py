"""A link that breaks in the middle of a TLS handshake, as when a server is stopped, is no reason to stop sluice."""

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import threading
import urllib.parse

import pytest

from certificate import self_signed
from faults import Cut
from recovery import recovers
from world import LOCAL_POSTGRES, open_to_postgres


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    open_to_postgres(folder)
    return self_signed(folder, "127.0.0.1")


def test_before_the_queue(programs, tmp_path, certificate):
    def secured(world, stack):
        port = stack.enter_context(Terminator(world.endpoint, *certificate)).port
        return {"endpoint": f"https://127.0.0.1:{port}", "AWS_CA_BUNDLE": str(certificate[0])}

    recovers(Cut, "queue", programs, tmp_path, secured)


def test_before_the_database(programs, tmp_path, certificate, monkeypatch):
    place = certificate[0].parent
    server = ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate[0]}", "-c", f"ssl_key_file={certificate[1]}"]
    if os.getuid() == 0:
        shutil.chown(certificate[1], "postgres")
    lines = subprocess.run([LOCAL_POSTGRES, place / "d", "start", *server], check=True, capture_output=True, text=True).stdout
    try:
        for line in lines.splitlines():
            monkeypatch.setenv(*line.removeprefix("export ").split("=", 1))
        tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(certificate[0])}
        recovers(Cut, "database", programs, tmp_path, lambda world, stack: tls)
    finally:
        subprocess.run([LOCAL_POSTGRES, place / "d", "stop"], check=True)


class Terminator:
    """Speaks TLS for a server that does not."""

    def __init__(self, endpoint, certificate, key):
        at = urllib.parse.urlsplit(endpoint)
        self._upstream = (at.hostname, at.port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, *client):
        server = await asyncio.open_connection(*self._upstream)
        await asyncio.gather(self._pump(client[0], server[1]), self._pump(server[0], client[1]))

    @staticmethod
    async def _pump(source, target):
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
        target.close()
