# SPDX-License-Identifier: BSD-3-Clause
"""Root, for the one test that needs an administrator: listens on the unix socket argv[1], for the user
USERNET_TEST_USER, until standard input ends. A client sends a line, the JSON object of USERNET and
USERNETCTL; test_bridged.py runs, and its output and status come back. tools/check starts it."""

import json
import os
import pwd
import select
import socket
import subprocess
import sys

TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_bridged.py")


def serve(client):
    with client, client.makefile("rwb") as stream:
        asked = json.loads(stream.readline())
        programs = {name: str(asked[name]) for name in ("USERNET", "USERNETCTL")}
        done = subprocess.run([sys.executable, TEST], env={**os.environ, **programs}, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        stream.write(done.stdout + b"\n%d" % done.returncode)


def main(path):
    user = pwd.getpwnam(os.environ["USERNET_TEST_USER"])
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chown(path, user.pw_uid, user.pw_gid)
        os.chmod(path, 0o600)
        listener.listen()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            serve(listener.accept()[0])


if __name__ == "__main__":
    main(sys.argv[1])
