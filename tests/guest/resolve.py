# SPDX-License-Identifier: BSD-3-Clause
"""Runs in a guest: asks a name server what its JSON standard input says, all at once, and prints
what came as JSON.

    resolve.py [SERVER]   with [{"name": …, "kind": …, "edns": …, "tcp": …}, …]

Of each: rcode, cut, values (as lib/dns.py reads them), seconds; an empty object when nothing came."""

import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from lib import dns  # noqa: E402 pylint: disable=wrong-import-position

SECONDS = 25


def plain(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def main():
    server = (sys.argv[1] if len(sys.argv) > 1 else "10.0.2.3", 53)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    asked, results = {}, []
    for number, one in enumerate(json.load(sys.stdin)):
        kind = socket.SOCK_STREAM if one.get("tcp") else socket.SOCK_DGRAM
        sock = socket.socket(family, kind)
        sock.connect(server)
        message = dns.query(0x4000 + number, one["name"], one.get("kind", dns.A), one.get("edns"))
        sock.sendall((struct.pack(">H", len(message)) if one.get("tcp") else b"") + message)
        asked[sock] = (number, one)
        results.append({})
    start = time.monotonic()
    while asked and time.monotonic() < start + SECONDS:
        for sock in select.select(list(asked), [], [], 1)[0]:
            number, one = asked.pop(sock)
            message = dns.read_tcp(sock) if one.get("tcp") else sock.recv(65536)
            answer = dns.parse(message)
            if answer.ident != 0x4000 + number or answer.name.lower() != one["name"].lower():
                sys.exit(f"not the answer to {one}: {answer}")
            results[number] = {"rcode": answer.rcode, "cut": answer.cut, "size": len(message),
                               "values": [plain(value) for value in answer.values],
                               "seconds": time.monotonic() - start}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
