#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Three guests on different kinds of netdev share one network; one is killed, the others go on."""

from lab import Lab, LabError, expect, expect_stopped_cleanly, free_port


def main():
    with Lab() as lab:
        web = lab.web_server(1000 * 1000)
        port = free_port()
        stream, dgram = lab.path("lan.sock"), lab.path("lan.dgram")
        daemon = lab.usernet(
            "--netdev", "user,id=nat",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={stream}",
            "--netdev", f"dgram,id=bus,local.type=unix,local.path={dgram}",
            "--netdev", f"socket,id=tcp,listen=127.0.0.1:{port}")
        guests = [
            lab.guest("anna", f"stream,id=n0,addr.type=unix,addr.path={stream}", wait=False),
            lab.guest("bert", f"dgram,id=n0,local.type=unix,local.path={lab.path('bert.dgram')},"
                      f"remote.type=unix,remote.path={dgram}", wait=False),
            lab.guest("cleo", f"socket,id=n0,connect=127.0.0.1:{port}", wait=False),
        ]
        addresses = {}
        for guest in guests:
            guest.wait_boot()
            addresses[guest] = guest.lease()
            guest.serve(f"this is {guest.name}")
        expect(len(set(addresses.values())), 3, "distinct addresses")

        for guest in guests:
            guest.ping("10.0.2.2")
            for other in guests:
                if other is not guest:
                    guest.ping(addresses[other])
                    expect(guest.fetch(f"http://{addresses[other]}/"), f"this is {other.name}",
                           f"{other.name}'s page at {guest.name}")

        anna, bert, cleo = guests
        # 40 pings over four seconds, the kill amid them: none may be lost.
        anna.run(f"ping -c 40 -i 0.1 -W 2 {addresses[cleo]} >/tmp/pings 2>&1 & echo $! >/tmp/pid")
        bert.kill()
        expect(cleo.fetch_sha256(f"http://10.0.2.2:{web.port}/data"), web.sha256, "checksum")
        pings = anna.run("while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.2; done; "
                         "cat /tmp/pings")
        if "40 packets received" not in pings:
            raise LabError("pings were lost when another guest was killed:\n" + pings)
        for guest, other in ((anna, cleo), (cleo, anna)):
            expect(guest.fetch(f"http://{addresses[other]}/"), f"this is {other.name}",
                   f"{other.name}'s page after the kill")
        status, _ = anna.try_run(f"ping -c 1 -W 1 {addresses[bert]}")
        if status == 0:
            raise LabError("the killed guest still answers")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
