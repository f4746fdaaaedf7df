# SPDX-License-Identifier: BSD-3-Clause
"""Connections from the host through one forward to a server in the guest, each with one request."""

import time

from measures.base import LOOPBACK, Case, Row, free_port
from process import run_here

CONNECTIONS = 20000
QUICK_CONNECTIONS = 1000
AT_ONCE = 200
STORM_SECONDS = 30 # no more are begun then, and unfinished ones count as not served
GUEST_PORT = 7007
# The other side may take a while to close.
SETTLE_SECONDS = 20


class Storm(Case):
    def __init__(self, at_once, count):
        self.at_once, self.count = at_once, count
        self.id = f"storm.{at_once}"
        label = f"forward, {count} connections, " + (
            "one after another" if at_once == 1 else f"{at_once} at once")
        self.rows = (Row(self.id + ".rate", label, "1/s", "high"),
                     Row(self.id + ".errors", label, "not served", "low"),
                     Row(self.id + ".kept", label, "flows kept", "low"))

    def run(self, bench, peer):
        port = free_port()
        with bench.network(peer, forward=(port, GUEST_PORT)) as network:
            guest = network.guest()
            address = network.guest_address.split("/")[0]
            server = guest.start([bench.tool("netload"), "serve", address, str(GUEST_PORT)])
            try:
                server.line()
                # The first one is not measured: ARP, and allocations on first use.
                bench.netload(["storm", LOOPBACK, port, 1, 1, 1], run_here)
                before = settled(network, 0)
                result = bench.netload(["storm", LOOPBACK, port, self.count, self.at_once,
                                        STORM_SECONDS], run_here, STORM_SECONDS + 60)
                after = settled(network, before)
            finally:
                server.stop()
        values = {self.id + ".rate": result["per_second"],
                  self.id + ".errors": self.count - result["done"]}
        if after is not None:
            values[self.id + ".kept"] = max(after - before, 0)
        return values


def settled(network, wanted):
    """Flows, or open files, once they are WANTED, or have stopped falling."""
    deadline = time.monotonic() + (SETTLE_SECONDS if wanted else 1)
    count = network.held()
    while count is not None and count > wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        count = network.held()
    return count


def cases(quick):
    count = QUICK_CONNECTIONS if quick else CONNECTIONS
    return [Storm(AT_ONCE, count), Storm(1, count)]
