"""CPU time and memory of processes, from /proc and from wait4. Not ru_maxrss: a child begins with that of the process that
started it, which here is a Python with all messages in memory."""

import os
import pathlib
import platform
import signal
import threading
import time

_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold blanks (proc(5))."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def cpu_seconds(pid):
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / _TICKS


def tree_cpu_seconds(root):
    """Of a process, its children that live, and those that it has reaped: PostgreSQL's backends end and leave theirs there."""
    ticks = sum(int(n) for n in _stat(root)[11:15])
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = _stat(entry)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == root:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def status_mib(pid, field):
    """VmRSS (now) or VmHWM (at most so far) of /proc/PID/status; 0 for a process that has ended."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


class MemorySampler(threading.Thread):
    """Resident memory of some processes every tenth of a second: their sum, and the most that one of them has had."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self._pids = pids
        self._over = threading.Event()
        self.samples = []  # (seconds, MiB)
        self.most = 0.0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def run(self):
        began = time.monotonic()
        while not self._over.is_set():
            resident = sum(status_mib(pid, "VmRSS") for pid in self._pids)
            self.samples.append((round(time.monotonic() - began, 2), round(resident, 1)))
            self.most = max(self.most, *(status_mib(pid, "VmHWM") for pid in self._pids))
            self._over.wait(0.1)


def has_ended(process):
    """Without reaping it: `finish` wants its resource usage."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def finish(process, seconds):
    """Waits for a process, ends it if it takes too long, and returns (exit code, CPU seconds)."""
    until = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > until:
            process.send_signal(signal.SIGKILL)
            pid, status, usage = os.wait4(process.pid, 0)
            break
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    return process.returncode, usage.ru_utime + usage.ru_stime


def machine():
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} x {model}, {memory:.0f} GiB, Linux {platform.release()}"
