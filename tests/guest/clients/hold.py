# SPDX-License-Identifier: BSD-3-Clause
"""Runs in a guest: holds a connection to NAME's echo service until the file GO is there, and says
whether it still works. Usage: hold.py NAME GO"""

import os
import socket
import sys
import time


def main():
    name, go = sys.argv[1:]
    with socket.create_connection((name, 7), timeout=20) as conn:
        for word in (b"first", b"again"):
            conn.sendall(word)
            got = b""
            while len(got) < len(word):
                part = conn.recv(64)
                if not part:
                    sys.exit("closed")
                got += part
            print(got.decode(), flush=True)
            while not os.path.exists(go):
                time.sleep(0.1)


if __name__ == "__main__":
    main()
