# SPDX-License-Identifier: BSD-3-Clause
"""One end of a bulk transfer: sends SIZE known bytes and receives SIZE known bytes at the same
time, on a connection each, and says whether the SHA-1 of what came is right.

    bulk.py (listen PORT | connect HOST PORT) SIZE [FLOWS] [slow]

FLOWS such pairs of connections move SIZE bytes each, all at once. A slow reader takes little at a
time and rests often, so that every buffer on the way fills up.
"""

import functools
import hashlib
import random
import socket
import sys
import threading
import time

BLOCK = 1 << 20
SEED = 20240229


@functools.cache
def block_of(number):
    return random.Random(number).randbytes(BLOCK)


def blocks(seed, size):
    """SIZE bytes that repeat only after 64 MB, so that a lost or doubled piece shows."""
    for i in range((size + BLOCK - 1) // BLOCK):
        yield block_of(seed + i % 64)[:size - i * BLOCK]


def send(connection, seed, size):
    for block in blocks(seed, size):
        connection.sendall(block)
    connection.shutdown(socket.SHUT_WR)


def receive(connection, slow, result):
    digest = hashlib.sha1()
    count = 0
    rest_at = 8 * BLOCK
    while True:
        data = connection.recv(16384 if slow else BLOCK)
        if not data:
            break
        digest.update(data)
        count += len(data)
        if slow and count >= rest_at:
            rest_at += 8 * BLOCK
            time.sleep(0.05)
    result.append((count, digest.hexdigest()))


def wanted(seed, size):
    digest = hashlib.sha1()
    for block in blocks(seed, size):
        digest.update(block)
    return size, digest.hexdigest()


def exchange(outward, inward, size, slow, seeds):
    """OUTWARD carries what this end sends, INWARD what it receives."""
    result = []
    reader = threading.Thread(target=receive, args=(inward, slow, result))
    reader.start()
    send(outward, seeds[0], size)
    reader.join()
    inward.close()
    if outward.recv(1):
        raise SystemExit("bytes that nobody sent")
    outward.close()
    if result[0] != wanted(seeds[1], size):
        raise SystemExit(f"wrong bytes: {result[0]} instead of {wanted(seeds[1], size)}")


def exchange_all(flows, size, slow, seeds):
    """FLOWS are pairs (outward, inward); no two carry the same."""
    failed = []

    def one(i, flow):
        try:
            exchange(*flow, size, slow, (seeds[0] + i, seeds[1] + i))
        except (OSError, SystemExit) as error:
            failed.append(f"flow {i}: {error}")

    threads = [threading.Thread(target=one, args=each) for each in enumerate(flows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit("\n".join(failed))


def listen(server, size, flows=1, slow=False, accepted=lambda: None):
    def accept():
        connection, _ = server.accept()
        accepted()
        return connection

    pairs = [(accept(), accept()) for _ in range(flows)]
    exchange_all([(second, first) for first, second in pairs], size, slow, (SEED + 1000, SEED))


def connect(host, port, size, flows=1, slow=False):
    # One after the other, that both ends know which is which.
    exchange_all([(socket.create_connection((host, port)), socket.create_connection((host, port)))
                  for _ in range(flows)], size, slow, (SEED, SEED + 1000))


def main():
    words = sys.argv[1:]
    slow = words[-1] == "slow"
    if slow:
        words.pop()
    where, numbers = (words[1:2], words[2:]) if words[0] == "listen" else (words[1:3], words[3:])
    numbers = [int(number) for number in numbers]
    if words[0] == "listen":
        with socket.create_server(("::", int(where[0])), family=socket.AF_INET6,
                                  dualstack_ipv6=True, backlog=64) as server:
            print("listening", flush=True)
            listen(server, *numbers, slow=slow, accepted=lambda: print("accepted", flush=True))
    else:
        connect(where[0], int(where[1]), *numbers, slow=slow)


if __name__ == "__main__":
    main()
