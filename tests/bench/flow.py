# SPDX-License-Identifier: BSD-3-Clause
"""One TCP flow that begins with a TLS hello, as rules with +sni want it; iperf3's does not.

    flow.py serve DIRECTION PORT                    on the host's loopback; says "ready"
    flow.py DIRECTION ADDRESS PORT SECONDS NAME     in the guest, which first asks 10.0.2.3 for NAME

Who receives prints {"gbps": NUMBER}; the other prints {}. For each line of input the server prints
{"bytes": NUMBER}, how many it has sent or received so far."""

import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from lib import dns, hello  # noqa: E402 pylint: disable=wrong-import-position

CHUNK = 1 << 20
PATIENCE = 30


class Count:
    """The bytes of the flow so far."""

    def __init__(self):
        self.bytes = 0

    def answer(self):
        for _ in sys.stdin:
            print(json.dumps({"bytes": self.bytes}), flush=True)


def send(conn, seconds, count):
    data, until = bytes(CHUNK), time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            count.bytes += conn.send(data)
    except ConnectionError:  # the receiver has had enough
        pass
    return {}


def receive(conn, count):
    room, since = bytearray(CHUNK), time.monotonic()
    while size := conn.recv_into(room):
        count.bytes += size
    return {"gbps": count.bytes * 8 / 1e9 / (time.monotonic() - since)}


def serve(direction, port):
    count = Count()
    threading.Thread(target=count.answer, daemon=True).start()
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        conn, _ = listener.accept()
    with conn:
        conn.settimeout(PATIENCE)
        conn.recv(CHUNK)  # the hello
        if direction == "up":
            return receive(conn, count)
        return send(conn, int(conn.makefile("rb").readline()), count)


def ask(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(("10.0.2.3", 53))
        sock.send(dns.query(1, name))
        if not dns.parse(sock.recv(4096)).values:
            sys.exit(f"{name} has no address")


def run(direction, address, port, seconds, name):
    ask(name)
    with socket.create_connection((address, port), timeout=PATIENCE) as conn:
        conn.sendall(hello.tls(name))
        time.sleep(0.2)
        if direction == "up":
            return send(conn, seconds, Count())
        conn.sendall(f"{seconds}\n".encode())
        return receive(conn, Count())


def main():
    words = sys.argv[1:]
    if words[0] == "serve":
        result = serve(words[1], int(words[2]))
    else:
        result = run(words[0], words[1], int(words[2]), int(words[3]), words[4])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
