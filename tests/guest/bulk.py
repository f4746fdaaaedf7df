# SPDX-License-Identifier: BSD-3-Clause
"""One end of a bulk transfer: sends SIZE known bytes and receives SIZE known bytes at the same
time, on a connection each, and says whether the SHA-1 of what came is right.

    bulk.py (listen PORT | connect HOST PORT) SIZE [slow]

A slow reader takes little at a time and rests often, so that every buffer on the way fills up.
"""

import hashlib
import random
import socket
import sys
import threading
import time

BLOCK = 1 << 20
SEED = 20240229


def blocks(seed, size):
    """SIZE bytes that repeat only after 64 MB, so that a lost or doubled piece shows."""
    pool = [random.Random(seed + i).randbytes(BLOCK) for i in range(64)]
    i = 0
    while size > 0:
        yield pool[i % 64][:size]
        size -= BLOCK
        i += 1


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


def listen(server, size, slow=False, accepted=lambda: None):
    first, _ = server.accept()
    accepted()
    second, _ = server.accept()
    exchange(second, first, size, slow, (SEED + 1000, SEED))


def connect(host, port, size, slow=False):
    first = socket.create_connection((host, port))
    second = socket.create_connection((host, port))
    exchange(first, second, size, slow, (SEED, SEED + 1000))


def main():
    words = sys.argv[1:]
    slow = words[-1] == "slow"
    if words[0] == "listen":
        with socket.create_server(("", int(words[1]))) as server:
            print("listening", flush=True)
            listen(server, int(words[2]), slow, lambda: print("accepted", flush=True))
    else:
        connect(words[1], int(words[2]), int(words[3]), slow)


if __name__ == "__main__":
    main()
