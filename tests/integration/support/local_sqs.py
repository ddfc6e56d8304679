"""A sluice-sqs of one's own."""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

ACCESS_KEY, SECRET_KEY, REGION = "AKIAFOREIGNCLIENT", "a-secret/of+the-foreign-clients", "eu-west-1"
START_MAX_S = 10


class LocalSqs:
    def __init__(self, folder, *arguments):
        port_file = folder / "port"
        program = pathlib.Path(os.environ["SLUICE_BIN"]) / "sluice-sqs"
        command = [program, "--listen", "127.0.0.1:0", "--port-file", port_file, "--region", REGION]
        command += ["--access-key", f"{ACCESS_KEY}:{SECRET_KEY}", *arguments]
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_MAX_S
        while not port_file.exists():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        self.endpoint = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def stop(self):
        """Its exit code, which is 0 after SIGTERM."""
        self.process.terminate()
        return self.process.wait(10)

    def stats(self):
        with urllib.request.urlopen(f"{self.endpoint}/control/stats", timeout=5) as answer:
            return json.load(answer)

    def set_faults(self, **faults):
        request = urllib.request.Request(f"{self.endpoint}/control/faults", data=json.dumps(faults).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
