#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A LAN made of several hops, with one gateway:

    anna ─┐ QEMU's hub           first usernet          second usernet
          ├─ stream ───────────── vswitch, gateway ──────── vswitch ──── cleo
    bert ─┘ socket listen/connect                 stream
"""

from lab import Lab, expect, expect_stopped_cleanly, free_port


def main():
    with Lab() as lab:
        web = lab.web_server(1000 * 1000)
        between = free_port()
        first_path, second_path = lab.path("first.sock"), lab.path("second.sock")
        first = lab.usernet(
            "--netdev", "user,id=nat",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={first_path}",
            name="first")
        second = lab.usernet(
            "--netdev", f"stream,id=up,server=off,addr.type=unix,addr.path={first_path}",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={second_path}",
            name="second")
        anna = lab.guest("anna", [
            f"socket,id=peer,listen=127.0.0.1:{between}",
            f"stream,id=lan,addr.type=unix,addr.path={first_path}",
            "hubport,id=n0,hubid=0",
            "hubport,id=h1,hubid=0,netdev=peer",
            "hubport,id=h2,hubid=0,netdev=lan",
        ])
        bert = lab.guest("bert", f"socket,id=n0,connect=127.0.0.1:{between}", wait=False)
        cleo = lab.guest("cleo", f"stream,id=n0,addr.type=unix,addr.path={second_path}",
                         wait=False)
        guests = [anna, bert.wait_boot(), cleo.wait_boot()]

        addresses = {}
        for guest in guests:
            addresses[guest] = guest.lease()
            guest.serve(f"this is {guest.name}")
        expect(len(set(addresses.values())), 3, "distinct addresses of one pool")

        gateways = set()
        for guest in guests:
            guest.ping("10.0.2.2")
            # "? (10.0.2.2) at 52:55:0a:00:02:02 [ether] on eth0"
            gateways.add(guest.run("arp -n 10.0.2.2").split()[3])
            expect(guest.fetch_sha256(f"http://10.0.2.2:{web.port}/data"), web.sha256, "checksum")
            for other in guests:
                if other is not guest:
                    guest.ping(addresses[other])
                    expect(guest.fetch(f"http://{addresses[other]}/"), f"this is {other.name}",
                           f"{other.name}'s page at {guest.name}")
        expect(len(gateways), 1, "one gateway for all")
        expect_stopped_cleanly(second)
        anna.ping(addresses[bert])
        expect_stopped_cleanly(first)


if __name__ == "__main__":
    main()
