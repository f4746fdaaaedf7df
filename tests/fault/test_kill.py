#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""kill -9 at random moments while leases come and go, again and again (KILLS, 500; SEED): every
lease is kept, none is given twice, and after each restart links and renewals are back within 2 s."""

import os
import random
import signal
import subprocess
import sys
import time

from churn import Broken, Churn

from lib.daemon import become_unprivileged, words
from lib.network import Network

KILLS = int(os.environ.get("KILLS", "500"))
SEED = int(os.environ.get("SEED", "20260301"))
WITHIN = 2.0 * (20 if os.environ.get("USERNET_WRAPPER") else 1)

LINKS, CLIENTS, BURST = 4, 32, 12
NET = ["--netdev", "user,id=nat,dhcpend=10.0.2.90,lease-time=3600", "--netdev",
       "stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock"]


def kill_while_starting(net, rng):
    """The start was interrupted."""
    child = subprocess.Popen(words("--name", net.name, *net.options), cwd=net.folder.path,
                             env=net.folder.environment(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(rng.random() * 0.03)
    child.send_signal(signal.SIGKILL)
    child.wait()


def main():
    become_unprivileged()
    rng = random.Random(SEED)
    net = Network(*NET, start=False)
    began = time.monotonic()
    times = []
    early = 0
    try:
        churn = Churn(rng, net.path("lan.sock"), LINKS, CLIENTS)
        net.start()
        churn.connect()
        while len(times) + early < KILLS:
            churn.burst(BURST)
            churn.listen(rng.random() * 0.012)
            if rng.random() < 0.5:
                churn.burst(BURST)
                churn.listen(rng.random() * 0.002)
            net.kill()
            killed = time.monotonic()
            churn.lose_links()
            if rng.random() < 0.1 and len(times) + early + 1 < KILLS:
                kill_while_starting(net, rng)
                early += 1
                killed = time.monotonic()
            net.start()
            churn.expect_known(net.ask("query-leases"))
            churn.recover(WITHIN + 10)
            times.append(time.monotonic() - killed)
            if times[-1] > WITHIN:
                raise Broken(f"back after {times[-1]:.2f} s, which is more than {WITHIN:.0f} s")
        net.stop()
    except BaseException:
        print(f"kill {len(times) + early + 1}, seed {SEED}", file=sys.stderr)
        print(net.daemon.errors() if net.daemon else "", file=sys.stderr)
        raise
    finally:
        net.close()
    times.sort()
    print(f"{len(times) + early} kills ({early} while starting), {churn.acks} leases and renewals, "
          f"{churn.releases} releases, {len(churn.resting)} declined; all {len(churn.holder)} held "
          f"are kept\nback after {times[len(times) // 2] * 1000:.0f} ms (median), "
          f"{times[-1] * 1000:.0f} ms (worst); {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
