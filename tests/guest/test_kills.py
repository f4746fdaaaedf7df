#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""usernet is killed under a guest's load, again and again (KILLS, 50), and started again: each time
link, lease and forward are back. Prints the times."""

import os
import sys
import time

from lab import Lab, LabError, expect, expect_stopped_cleanly, free_port

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from lib.qmp import Qmp  # noqa: E402

KILLS = int(os.environ.get("KILLS", "50"))
WITHIN = 2.0  # seconds from the start of the new usernet to the link
SIZE = 50 * 1000 * 1000
MAC = "52:54:00:a1:00:01"


def ask(lab, command):
    qmp = Qmp(os.path.join(lab.run_dir(), "qmp.sock"))
    try:
        return qmp.run(command)
    finally:
        qmp.close()


def guest_port(lab):
    """The port of the guest; None: its link is down."""
    ports = [port for netdev in ask(lab, "query-netdevs") if netdev["type"] == "stream"
             for port in netdev["ports"]]
    return ports[0] if ports else None


def await_link(lab, began):
    while not guest_port(lab):
        if time.monotonic() - began > WITHIN:
            raise LabError(f"no link within {WITHIN} s")
        time.sleep(0.005)
    return time.monotonic() - began


class Load:
    """The guest loads from the host, one download after the other, until the end."""

    def __init__(self, guest, port):
        url = f"http://10.0.2.2:{port}/data"
        guest.run(f"(while :; do timeout 1 wget -q -O /dev/null {url}; done) "
                  ">/dev/null 2>&1 &")
        self.bytes = 0

    def await_bytes(self, lab):
        """The new usernet carries it: a kill now is one under load."""
        deadline = time.monotonic() + 30
        while True:
            port = guest_port(lab)
            if port and port["tx-bytes"] > 500 * 1000:
                self.bytes += port["tx-bytes"]
                return
            if time.monotonic() > deadline:
                raise LabError("the guest loads nothing after the restart")
            time.sleep(0.02)


def one_kill(lab, daemon, user, address, port):
    daemon.kill()
    began = time.monotonic()
    daemon = lab.usernet("--netdev", user, "--guest", f"web,mac={MAC}")
    link = await_link(lab, began)
    lease, = (lease for lease in ask(lab, "query-leases") if lease["mac"] == MAC)
    expect((lease["address"], lease["state"]), (address, "bound"), "the lease")
    expect(lab.fetch(f"http://127.0.0.1:{port}/"), b"still here", "the page by hostfwd")
    return daemon, link, time.monotonic() - began


def main():
    with Lab() as lab:
        server, port = lab.web_server(SIZE), free_port()
        user = f"user,id=nat,hostfwd=tcp:127.0.0.1:{port}-web:80"
        daemon = lab.usernet("--netdev", user, "--guest", f"web,mac={MAC}")
        guest = lab.guest("guest", f"stream,id=n0,server=on,addr.type=unix,"
                                   f"addr.path={lab.run_dir()}/guests/web.sock", mac=MAC)
        address = guest.lease()
        guest.serve("still here")
        load = Load(guest, server.port)
        links, pages = [], []
        for _ in range(KILLS):
            load.await_bytes(lab)
            daemon, link, page = one_kill(lab, daemon, user, address, port)
            links.append(link)
            pages.append(page)
        expect(guest.lease(), address, "the address in the end")
        expect_stopped_cleanly(daemon)
    for what, times in (("link", sorted(links)), ("page by hostfwd", sorted(pages))):
        print(f"{len(times)} kills, {what} back after {times[len(times) // 2] * 1000:.0f} ms "
              f"(median), {times[-1] * 1000:.0f} ms (worst)")
    print(f"{load.bytes / 1e6:.0f} MB were loaded meanwhile")


if __name__ == "__main__":
    main()
