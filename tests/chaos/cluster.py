"""A PostgreSQL of one's own that can be killed: the program and its settings are Debian's, fsync is on."""

import ctypes
import os
import pathlib
import re
import signal
import subprocess

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/local-postgres.sh"


class Cluster:
    def __init__(self, folder):
        # Whose parent has died becomes our child: we learn when a killed server is gone, or the next one takes it for alive.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._folder = folder / "postgres"
        self.env = dict(re.findall(r"export (\w+)=(.*)", self._run("start")))

    def _run(self, action):
        return subprocess.run([SCRIPT, self._folder, action], check=True, capture_output=True, text=True).stdout

    def kill(self):
        """kill -9 of the server and all its children. Stopped first, it cannot make another while they are counted."""
        postmaster = int((self._folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        killed = [postmaster, *map(int, children)]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for pid in killed:
            os.waitpid(pid, 0)

    def revive(self):
        self._run("revive")

    def stop(self):
        self._run("stop")
