# SPDX-License-Identifier: BSD-3-Clause
"""Programs a bench starts: they end with it, and their cost is read from /proc."""

import ctypes
import os
import resource
import signal
import subprocess
import time

START_SECONDS = 20
STOP_SECONDS = 10
LOG_TAIL = 600 # characters of a program's output in a message

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


class CannotDo(Exception):
    """A peer or this machine cannot do a measurement; the table shows the reason."""


class Failed(Exception):
    """Something that should work has failed."""


def hard_limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def before_exec():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit(), hard_limit()))


def run_here(words, seconds, pass_fds=()):
    """The output of a command that is done in SECONDS."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=seconds, pass_fds=pass_fds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(words[0])} took over {seconds} s") from None
    if done.returncode != 0:
        raise Failed(f"{os.path.basename(words[0])}: {done.stderr.strip()[-300:]}")
    return done.stdout


# Of a socket that listens, in /proc/net/unix: __SO_ACCEPTCON of the kernel's linux/net.h.
LISTENS = 1 << 16


def listening(path):
    """Is a unix socket listening there? The file appears a little earlier."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.rstrip("\n").split(" ", 7)
            if line.endswith(f" {path}\n") and int(fields[3], 16) & LISTENS:
                return True
    return False


class Program:
    """A child with its output in the file LOG. With pipes=True its input and output are pipes; with
    ignore_pipe=True it starts with SIGPIPE ignored, as Python does."""

    def __init__(self, words, log, pipes=False, pass_fds=(), environment=None,
                 ignore_pipe=False):
        self.words = words
        self.log = log
        pipe = subprocess.PIPE if pipes else None
        with open(log, "wb") as file:
            self.child = subprocess.Popen(
                words, stdin=pipe or subprocess.DEVNULL, stdout=pipe or file, stderr=file,
                pass_fds=pass_fds, env={**os.environ, **(environment or {})},
                preexec_fn=before_exec, restore_signals=not ignore_pipe)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def epitaph(self):
        status = self.child.returncode
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"{os.path.basename(self.words[0])} ended at work with {how}"

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def fail(self, what):
        name = os.path.basename(self.words[0])
        return Failed(f"{name} {what}: {self.said().strip()[-LOG_TAIL:]}")

    def wait_for(self, condition):
        """Until CONDITION holds, while the program runs."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if not self.running() or time.monotonic() > deadline:
                self.stop()
                raise self.fail("did not start")
            time.sleep(0.02)

    def line(self):
        """A line of its output (pipes=True)."""
        line = self.child.stdout.readline()
        if not line:
            self.child.wait()
            raise self.fail(f"ended with status {self.child.returncode}")
        return line.decode()

    def stop(self):
        if self.child.stdin:
            self.child.stdin.close()
        if self.running():
            self.child.terminate()
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        if self.child.stdout:
            self.child.stdout.close()

    def cpu_seconds(self):
        """User and system time, proc(5) fields 14 and 15."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024 / 1e6
        raise self.fail("has ended")

    def descriptors(self):
        """Number of open descriptors; None: the process does not allow inspection."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return None
