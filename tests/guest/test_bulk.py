# SPDX-License-Identifier: BSD-3-Clause
"""400 MB through the NAT in both directions at once arrive as they were sent: outward, through a
forward, by usernetctl connect, and with a slow reader at either end.

The guest is a kernel in a network namespace behind a tap (tests/bench/tapguest.c), since an emulated
one would take minutes. argv: outward | forwarded | connect | slow-guest | slow-host,
and options of the user netdev if any
"""

import os
import socket
import subprocess
import sys
import threading

import bulk
from lab import SOURCE, Lab, LabError, expect_stopped_cleanly, free_port

SIZE = int(os.environ.get("USERNET_BULK_SIZE", 400 * 1000 * 1000))
GUEST_SIDE = os.path.join(SOURCE, "tests", "guest", "bulk.py")


def connect(lab):
    """A connection by usernetctl connect: the socket that is its standard input and output."""
    ours, theirs = socket.socketpair()
    with theirs:
        # It ends with the connection.
        subprocess.Popen([os.environ["USERNETCTL"], "--socket",
                          os.path.join(lab.path("run"), "qmp.sock"), "connect", "10.0.2.15",
                          "7000"], stdin=theirs, stdout=theirs)
    return ours


def main(kind, *options):
    with Lab() as lab:
        sock = lab.path("lan.sock")
        forward_port = free_port()
        daemon = lab.usernet("--netdev", ",".join(
            ("user", "id=nat", f"hostfwd=tcp:127.0.0.1:{forward_port}-:7000", *options)),
                             "--run-dir", lab.path("run"),
                             "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}")
        inside = [os.environ["TAPGUEST"], "--address", "10.0.2.15/24", "--gateway", "10.0.2.2", sock,
                  "python3", GUEST_SIDE]
        if kind in ("forwarded", "connect"):
            guest = subprocess.Popen([*inside, "listen", "7000", str(SIZE)], stdout=subprocess.PIPE)
            if not guest.stdout.readline():
                raise LabError("the guest's end did not start")
            if kind == "forwarded":
                bulk.connect("127.0.0.1", forward_port, SIZE)
            else:
                first = connect(lab)
                guest.stdout.readline()
                bulk.exchange(first, connect(lab), SIZE, False, (bulk.SEED, bulk.SEED + 1000))
        else:
            server = socket.create_server(("127.0.0.1", 0))
            server.settimeout(60)
            words = ["connect", "10.0.2.2", str(server.getsockname()[1]), str(SIZE)]
            if kind == "slow-guest":
                words.append("slow")
            host = []
            thread = threading.Thread(target=lambda: host.append(
                bulk.listen(server, SIZE, kind == "slow-host")))
            guest = subprocess.Popen([*inside, *words])
            thread.start()
            thread.join(600)
            if not host:
                raise LabError("the host's end did not get what was sent")
        if guest.wait(600) != 0:
            raise LabError("the guest's end did not get what was sent")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
