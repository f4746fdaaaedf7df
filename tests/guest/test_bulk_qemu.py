#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real guest moves 200 MB each way through the NAT, both at once, and what arrives is what was
sent: it fetches from the host, while the host fetches from it. argv: options of the user netdev"""

import hashlib
import os
import random
import sys
import threading

from lab import Lab, expect, expect_stopped_cleanly, free_port

SIZE = int(os.environ.get("USERNET_BULK_SIZE", 200 * 1000 * 1000))
MEGABYTES = 640  # of memory: half of it may be files
SECONDS = 250


def main(*options):
    data = random.Random(SIZE).randbytes(SIZE)
    sha1 = hashlib.sha1(data).hexdigest()
    with Lab() as lab:
        sock, forwarded = lab.path("lan.sock"), free_port()
        web = lab.web_server(data=data)
        daemon = lab.usernet(
            "--netdev", ",".join((f"user,id=nat,hostfwd=tcp:127.0.0.1:{forwarded}-:80", *options)),
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}")
        guest = lab.guest("guest", f"stream,id=n0,server=off,addr.type=unix,addr.path={sock}",
                          extra=["-m", str(MEGABYTES)])
        guest.lease()
        guest.serve("its own")
        fetch = f"wget -q -O - http://10.0.2.2:{web.port}/data"
        guest.run(f"{fetch} >/www/data", SECONDS)

        came_up = []
        thread = threading.Thread(target=lambda: came_up.append(
            hashlib.sha1(lab.fetch(f"http://127.0.0.1:{forwarded}/data", SECONDS)).hexdigest()))
        thread.start()
        came_down = guest.run(f"set -o pipefail; {fetch} | sha1sum", SECONDS).split()[0]
        thread.join()
        expect(came_down, sha1, "what came down")
        expect(came_up, [sha1], "what went up")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
