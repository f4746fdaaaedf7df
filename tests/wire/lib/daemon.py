# SPDX-License-Identifier: BSD-3-Clause
"""Starts the daemon under test: as a plain user, in a folder of its own that goes away.

    with Folder() as folder:
        with Daemon(folder, "--netdev", "user,id=nat") as daemon:
            daemon.qmp().run("query-status")

Environment: USERNET (the daemon), USERNETCTL, USERNET_WRAPPER (words in front of the daemon),
USERNET_TEST_USER (who to be when started by root).
"""

import os
import pwd
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

from lib.qmp import Qmp

# Long, for valgrind on a busy machine; costs nothing otherwise.
READY_SECONDS = 60
END_SECONDS = 60


def become_unprivileged():
    """If root, run the test again as a plain user: the daemon must not need more."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(os.environ.get("USERNET_TEST_USER", "daemon"))
    os.execvp("setpriv", ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                          "--init-groups", sys.executable, *sys.argv])


class Folder:
    """
    A temporary folder with a run directory in it, "run", that XDG_RUNTIME_DIR names. What outlives
    a daemon goes to "state", and configuration is looked for in "config".
    """

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="usernet-wire-")
        os.mkdir(self.file("run"), 0o700)

    def file(self, *names):
        return os.path.join(self.path, *names)

    def environment(self):
        return {**os.environ, "XDG_RUNTIME_DIR": self.file("run"),
                "XDG_STATE_HOME": self.file("state"), "XDG_CONFIG_HOME": self.file("config")}

    def left(self):
        """
        What is in the folder, beside the run directory itself and what is meant to stay: sorted
        relative paths. A lock file stays, as another process may be about to lock it, and so do
        the directories that hold nothing else.
        """
        found = []
        for base, folders, files in os.walk(self.path):
            if base == self.path:
                folders[:] = [name for name in folders if name not in ("state", "config")]
            found += [os.path.relpath(os.path.join(base, name), self.path)
                      for name in folders + files]
        locks = [name for name in found if os.path.basename(name) == "lock"
                 and os.path.getsize(self.file(name)) == 0]
        stay = {"run", *locks}
        for name in locks:
            while name:
                name = os.path.dirname(name)
                stay.add(name)
        return sorted(name for name in found if name not in stay)

    def close(self):
        for base, folders, _ in os.walk(self.path):
            for name in folders:
                os.chmod(os.path.join(base, name), 0o700)

        def gone(_, path, error):
            # A program that is ending, as a VDE switch, removes files of its own meanwhile.
            if not issubclass(error[0], FileNotFoundError):
                raise error[1].with_traceback(error[2])

        shutil.rmtree(self.path, onerror=gone)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def program(variable):
    path = os.environ.get(variable) or shutil.which(variable.lower())
    if not path:
        raise RuntimeError(f"{variable} does not name the program to test")
    return path


def words(*arguments):
    return shlex.split(os.environ.get("USERNET_WRAPPER", "")) + [program("USERNET"), *arguments]


def run_daemon(folder, *arguments, **options):
    """Runs a daemon that must not start, to its end."""
    return subprocess.run(words(*arguments), env=folder.environment(), cwd=folder.path, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=END_SECONDS, check=False, **options)


class Daemon:
    """A running daemon, ready when the constructor returns."""

    def __init__(self, folder, *arguments, name="default", environment=None, pass_fds=(),
                 **options):
        self.folder = folder
        self.name = name
        self.out_path = folder.file(f"{name}.out")
        self.err_path = folder.file(f"{name}.err")
        ready, their_end = os.pipe()
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(
                words("--name", name, "--ready-fd", str(their_end), *arguments),
                env={**folder.environment(), **(environment or {})}, cwd=folder.path,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=(their_end, *pass_fds),
                **options)
        os.close(their_end)
        try:
            if not select.select([ready], [], [], READY_SECONDS)[0]:
                self.kill()
                raise RuntimeError(f"not ready within {READY_SECONDS} s: {self.errors()}")
            self.ready_line = os.read(ready, 64)
            self.ready_closed = self.ready_line and os.read(ready, 64) == b""
        finally:
            os.close(ready)
        if not self.ready_line:
            self.wait()
            raise RuntimeError(f"status {self.child.returncode}: {self.errors()}")

    @property
    def pid(self):
        return self.child.pid

    def run_dir(self, *names):
        return self.folder.file("run", "usernet", self.name, *names)

    def qmp(self, negotiate=True):
        return Qmp(self.run_dir("qmp.sock"), negotiate)

    def output(self):
        with open(self.out_path, encoding="utf-8") as file:
            return file.read()

    def errors(self):
        with open(self.err_path, encoding="utf-8") as file:
            return file.read()

    def running(self):
        return self.child.poll() is None

    def wait(self):
        return self.child.wait(END_SECONDS)

    def stop(self, signo=signal.SIGTERM):
        """Ends it and returns its status; errors of a sanitizer or valgrind count."""
        if self.running():
            self.child.send_signal(signo)
        return self.wait()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.errors(), file=sys.stderr)
            self.kill()
            return
        status = self.stop()
        if status != 0:
            raise RuntimeError(f"{self.name} ended with status {status}: {self.errors()}")


def run_ctl(folder, *arguments, timeout=END_SECONDS):
    """usernetctl, with the folder's run directory."""
    return subprocess.run([program("USERNETCTL"), *arguments], env=folder.environment(), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False)
