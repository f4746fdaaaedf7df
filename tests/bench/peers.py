# SPDX-License-Identifier: BSD-3-Clause
"""The programs a bench compares. Each can be a switch (two unix stream sockets), a NAT (one) or
both; a new peer is a class here and a line in PEERS."""

import os
import subprocess
import time

START_SECONDS = 20


class Peer:
    """A running program: pid, and the unix stream sockets clients plug into."""

    def __init__(self, words, paths, environment=None):
        self.paths = paths
        self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL,
                                      env={**os.environ, **(environment or {})})
        deadline = time.monotonic() + START_SECONDS
        while not all(os.path.exists(path) for path in paths):
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("did not start: " + " ".join(words))
            time.sleep(0.05)

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait()

    def cpu_seconds(self):
        """User and system time, proc(5) fields 14 and 15."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stream(name, path):
    return ["-netdev", f"stream,id={name},server=on,addr.type=unix,addr.path={path}"]


class Usernet:
    name = "usernet"

    def __init__(self, program):
        self.program = program

    def start(self, folder, netdevs, paths):
        words = [self.program, "--name", "bench"]
        for netdev in netdevs:
            words += ["--netdev", netdev]
        for number, path in enumerate(paths):
            words += ["-" + word if word == "-netdev" else word
                      for word in stream(f"lan{number}", path)]
        return Peer(words, paths, {"XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder})

    def switch(self, folder):
        return self.start(folder, [], [os.path.join(folder, name) for name in ("a", "b")])

    def nat(self, folder):
        return self.start(folder, ["user,id=nat"], [os.path.join(folder, "a")])


class Qemu:
    """QEMU's own hub and NAT, with no machine around them."""

    name = "qemu"

    def start(self, netdevs, paths):
        words = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
        names = [netdev.split("id=")[1].split(",")[0] for netdev in netdevs]
        for netdev in netdevs:
            words += ["-netdev", netdev]
        for number, path in enumerate(paths):
            words += stream(f"lan{number}", path)
            names.append(f"lan{number}")
        for name in names:
            words += ["-netdev", f"hubport,id=hub-{name},hubid=0,netdev={name}"]
        return Peer(words, paths)

    def switch(self, folder):
        return self.start([], [os.path.join(folder, name) for name in ("a", "b")])

    def nat(self, folder):
        return self.start(["user,id=nat"], [os.path.join(folder, "a")])
