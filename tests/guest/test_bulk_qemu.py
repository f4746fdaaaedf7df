#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real guest moves 200 MB each way through the NAT, both at once, and what arrives is what was
sent. argv: options of the user netdev if any"""

import hashlib
import os
import random
import socket
import sys
import threading

from lab import Lab, LabError, expect, expect_stopped_cleanly

SIZE = int(os.environ.get("USERNET_BULK_SIZE", 200 * 1000 * 1000))
# The guest has memory for some of it only: this part again and again, each time behind its number.
PART_SIZE = min(SIZE, 10 * 1000 * 1000)
PARTS = SIZE // PART_SIZE
PART = random.Random(SIZE).randbytes(PART_SIZE)
SECONDS = 280


def pieces():
    for i in range(PARTS):
        yield b"%d\n" % i
        yield PART


def wanted():
    digest = hashlib.sha1()
    for piece in pieces():
        digest.update(piece)
    return digest.hexdigest()


class Server:
    """On the host's loopback: sends all, or takes all, of one connection."""

    def __init__(self, work):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.port = self.listener.getsockname()[1]
        self.digest = None
        self.thread = threading.Thread(target=self._serve, args=(work,), daemon=True)
        self.thread.start()

    def _serve(self, work):
        with self.listener, self.listener.accept()[0] as connection:
            self.digest = work(connection)

    def result(self):
        self.thread.join(SECONDS)
        if self.thread.is_alive():
            raise LabError("the host's end waits for more")
        return self.digest


def send(connection, data=pieces):
    for piece in data():
        connection.sendall(piece)


def receive(connection):
    digest = hashlib.sha1()
    while data := connection.recv(1 << 20):
        digest.update(data)
    return digest.hexdigest()


def down_command(server):
    return f"nc 10.0.2.2 {server.port} | sha1sum"


def up_command(server):
    return (f"i=0; while [ $i -lt {PARTS} ]; do echo $i; cat /part; i=$((i + 1)); done | "
            f"nc 10.0.2.2 {server.port}")


def main(*options):
    sha1 = wanted()
    with Lab() as lab:
        sock = lab.path("lan.sock")
        daemon = lab.usernet("--netdev", ",".join(("user,id=nat", *options)),
                             "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}")
        guest = lab.guest("guest", f"stream,id=n0,server=off,addr.type=unix,addr.path={sock}")
        guest.lease()
        part = Server(lambda connection: send(connection, lambda: [PART]))
        guest.run(f"nc 10.0.2.2 {part.port} >/part")

        server, taker = Server(send), Server(receive)
        output = guest.run(f"({up_command(taker)}) & {down_command(server)}; wait", SECONDS)
        expect(output.split()[0], sha1, "what came down")
        expect(taker.result(), sha1, "what went up")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
