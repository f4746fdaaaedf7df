# SPDX-License-Identifier: BSD-3-Clause
"""400 MB through the NAT in both directions at once arrive as they were sent: outward, through a
forward, by usernetctl connect, over IPv6 either way, with a slow reader at either end, in 8 flows,
and over a wire that loses one frame in 1000 each way and delays another (without offload, less).

The guest is a kernel in a network namespace behind a tap (tests/bench/tapguest.c), since an emulated
one would take minutes. argv: a kind (KINDS), and options of the user netdev if any
"""

import os
import socket
import subprocess
import sys
import threading

import bulk
from lab import SOURCE, Lab, LabError, expect_stopped_cleanly, free_port

SIZE = int(os.environ.get("USERNET_BULK_SIZE", 400 * 1000 * 1000))
# With offload=off a loss often waits for libslirp's timer, for seconds.
LOSSY_SIZE_WITHOUT = SIZE // 40
FLOWS = 8
ROUGH = 1000  # frames, of which one is lost and one late
GUEST_SIDE = os.path.join(SOURCE, "tests", "guest", "bulk.py")


def connect(lab):
    """A connection by usernetctl connect: the socket that is its standard input and output."""
    ours, theirs = socket.socketpair()
    with theirs:
        # The program ends with the connection.
        subprocess.Popen([os.environ["USERNETCTL"], "--socket",
                          os.path.join(lab.path("run"), "qmp.sock"), "connect", "10.0.2.15",
                          "7000"], stdin=theirs, stdout=theirs)
    return ours


def check_rough(line):
    """The wire reports losses and delays, up and down; each must have occurred."""
    numbers = [int(word) for word in line.split() if word.isdigit()]
    if len(numbers) != 4 or 0 in numbers:
        raise LabError(f"the wire was too good: {line!r}")


class Bulk:
    def __init__(self, lab, kind, options):
        self.lab, self.kind = lab, kind
        self.lan = lab.path("lan.sock")
        self.flows = FLOWS if kind == "flows" else 1
        self.size = SIZE // self.flows
        if kind == "lossy" and "offload=off" in options:
            self.size = LOSSY_SIZE_WITHOUT
        self.ipv6 = kind.startswith("ipv6")
        self.address, self.target = ("::1", "[fec0::15]") if self.ipv6 else ("127.0.0.1", "")
        self.port = free_port()
        host = f"[{self.address}]" if self.ipv6 else self.address
        self.daemon = lab.usernet(
            "--netdev", ",".join(("user", "id=nat",
                                  f"hostfwd=tcp:{host}:{self.port}-{self.target}:7000", *options)),
            "--run-dir", lab.path("run"),
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={self.lan}")

    def guest(self, *words, **more):
        """Runs bulk.py in the guest; its last words are the amount and the time."""
        tapguest = [os.environ["TAPGUEST"], "--address", "10.0.2.15/24,fec0::15/64",
                    "--gateway", "10.0.2.2"]
        if self.kind == "lossy":
            tapguest += ["--rough", str(ROUGH)]
            more["stderr"] = subprocess.PIPE
        words += (str(self.size), str(self.flows))
        if self.kind == "slow-guest":
            words += ("slow",)
        return subprocess.Popen([*tapguest, self.lan, "python3", GUEST_SIDE, *words], text=True,
                                **more)

    def inward(self):
        guest = self.guest("listen", "7000", stdout=subprocess.PIPE)
        if not guest.stdout.readline():
            raise LabError("the guest's end did not start")
        if self.kind == "connect":
            first = connect(self.lab)
            guest.stdout.readline()
            bulk.exchange(first, connect(self.lab), self.size, False, (bulk.SEED, bulk.SEED + 1000))
        else:
            bulk.connect(self.address, self.port, self.size, self.flows)
        return guest

    def outward(self):
        family = socket.AF_INET6 if self.ipv6 else socket.AF_INET
        host = []
        with socket.create_server((self.address, 0), family=family, backlog=64) as server:
            server.settimeout(60)
            thread = threading.Thread(target=lambda: host.append(
                bulk.listen(server, self.size, self.flows, self.kind == "slow-host")))
            guest = self.guest("connect", "fec0::2" if self.ipv6 else "10.0.2.2",
                               str(server.getsockname()[1]))
            thread.start()
            thread.join(600)
        if not host:
            raise LabError("the host's end did not get what was sent")
        return guest


KINDS = {
    "outward": Bulk.outward,
    "forwarded": Bulk.inward,
    "connect": Bulk.inward,
    "ipv6": Bulk.outward,
    "ipv6-forwarded": Bulk.inward,
    "slow-guest": Bulk.outward,
    "slow-host": Bulk.outward,
    "flows": Bulk.outward,
    "lossy": Bulk.outward,
}


def main(kind, *options):
    with Lab() as lab:
        work = Bulk(lab, kind, options)
        guest = KINDS[kind](work)
        if guest.wait(600) != 0:
            raise LabError("the guest's end did not get what was sent")
        if guest.stderr:
            check_rough(guest.stderr.read())
        expect_stopped_cleanly(work.daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
