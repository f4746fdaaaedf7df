#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The disk that leases are kept on (a small one of our own) is full: leases go on, none is lost or
given twice, killed meanwhile or not; when there is room again all is written down. DISK: its KB."""

import glob
import os
import random
import sys
import time

from churn import Broken, Churn

from lib import namespace
from lib import packet as pk
from lib.daemon import become_unprivileged
from lib.network import Network
from lib.wait import until

SEED = int(os.environ.get("SEED", "20260302"))
KILLS = int(os.environ.get("KILLS", "30"))
DISK = int(os.environ.get("DISK", "512")) * 1024
LINKS, CLIENTS = 4, 32
NET = ["--netdev", "user,id=nat,dhcpend=10.0.2.90,lease-time=3600", "--netdev",
       "stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock"]


class Disk:
    def __init__(self, net):
        self.folder = net.path("state")
        self.filler = os.path.join(self.folder, "filler")
        os.mkdir(self.folder)
        namespace.mount_disk(self.folder, DISK)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass
        with open(self.filler, "ab", buffering=0) as file:
            try:
                file.write(bytes(4096))
            except OSError:
                return
        raise Broken("the disk does not fill up")

    def free(self):
        os.unlink(self.filler)

    def journal(self):
        """The MAC of each address in the file: later lines win."""
        paths = glob.glob(os.path.join(self.folder, "**", "leases"), recursive=True)
        with open(paths[0], encoding="ascii") as file:
            return {words[2]: words[1] for words in map(str.split, file)}


def restart(net, churn):
    net.kill()
    churn.lose_links()
    net.start()
    churn.expect_known(net.ask("query-leases"))
    churn.recover()


def settle(churn):
    """All requests were answered."""
    if not churn.listen(20, lambda: all(client.waiting is None for client in churn.clients)):
        raise Broken("clients without an answer: " + ", ".join(
            str(client.number) for client in churn.clients if client.waiting))


def killed_while_full(net, churn, disk, rng):
    """The log has reserved room, so for a while even a full disk and kill -9 lose nothing."""
    for number in range(KILLS):
        disk.fill()
        churn.burst(CLIENTS // 2)
        churn.listen(rng.random() * 0.01)
        restart(net, churn)
        if number % 5 == 4:
            # As an administrator would; the room is reserved again.
            disk.free()
            net.stop()
            churn.lose_links()
            net.start()
            churn.expect_known(net.ask("query-leases"))
            churn.recover()


def long_full(net, churn, disk):
    """More changes than there is room for; then there is room, and then the process is killed."""
    disk.fill()
    before = churn.acks
    while churn.acks < before + 4000:
        churn.burst(CLIENTS)
        settle(churn)
        disk.fill()
    wanted = {(address, pk.mac_text(client.mac)) for address, client in churn.holder.items()}
    said = "cannot" in net.daemon.errors() or "No space" in net.daemon.errors()
    if not said and not wanted <= set(disk.journal().items()):
        raise Broken("the disk was full, and nobody said so")
    churn.expect_known(net.ask("query-leases"))
    disk.free()
    until(lambda: wanted <= set(disk.journal().items()), "all leases in the journal", 30)
    restart(net, churn)


def main():
    become_unprivileged()
    namespace.enter(namespace.NEWNS)
    rng = random.Random(SEED)
    net = Network(*NET, start=False)
    began = time.monotonic()
    try:
        disk = Disk(net)
        churn = Churn(rng, net.path("lan.sock"), LINKS, CLIENTS)
        net.start()
        churn.connect()
        killed_while_full(net, churn, disk, rng)
        long_full(net, churn, disk)
        net.stop()
    except BaseException:
        print(f"seed {SEED}\n{net.daemon.errors() if net.daemon else ''}", file=sys.stderr)
        raise
    finally:
        net.close()
    print(f"{KILLS} kills and {churn.acks} leases and renewals, most on a full disk; all "
          f"{len(churn.holder)} held are kept; {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
