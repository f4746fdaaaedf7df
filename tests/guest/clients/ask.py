# SPDX-License-Identifier: BSD-3-Clause
"""Runs in a guest: what Python's resolver and urllib say. Usage: ask.py [WORD ARGUMENT]...

A line for each: the word, the argument, the answer or the error, milliseconds."""

import os
import socket
import ssl
import sys
import time
import urllib.request


def lookup(name):
    return socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)[0][4][0]


def fetch(url):
    context = ssl.create_default_context(cafile=os.environ["CA"])
    with urllib.request.urlopen(url, context=context, timeout=20) as answer:
        return answer.read().decode().strip()


def connect(address):
    socket.create_connection((address, 443), timeout=20).close()
    return "open"


def main():
    words = sys.argv[1:]
    while words:
        word, argument = words[:2]
        del words[:2]
        since = time.monotonic()
        try:
            said = {"lookup": lookup, "fetch": fetch, "connect": connect}[word](argument)
        except OSError as error:
            said = str(error)
        print(word, argument, said, f"{(time.monotonic() - since) * 1000:.1f}")


if __name__ == "__main__":
    main()
