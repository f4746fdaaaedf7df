# SPDX-License-Identifier: BSD-3-Clause
"""What idle guests cost a busy one, and their memory. Each has asked for the gateway and pinged
it."""

from guests import IdleGuests
from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp

COUNTS = (1, 10, 100, 500)
QUICK_COUNTS = (1, 10)


class Guests(Case):
    def __init__(self, count):
        self.count = count
        self.id = f"guests.{count}"
        label = f"{count} guests on the network" if count > 1 else "1 guest on the network"
        self.rows = tuple(row for direction in DIRECTIONS for row in (
            Row(f"{self.id}.{direction}.gbps", f"TCP {direction}, {label}", "Gbit/s", "high"),
            Row(f"{self.id}.{direction}.cpu", f"TCP {direction}, {label}", "CPU s/GB", "low"),
        )) + (Row(f"{self.id}.mb", f"memory, {label}", "MB", "low"),)

    def run(self, bench, peer):
        values = {}
        with bench.network(peer, guests=self.count) as network:
            guest = network.guest()
            idle = IdleGuests(network.wires[1:], network.host)
            try:
                values[f"{self.id}.mb"] = network.resident_mb()
                for direction in DIRECTIONS:
                    run = tcp(bench, peer, network, guest, direction)
                    values[f"{self.id}.{direction}.gbps"] = run.gbps
                    values[f"{self.id}.{direction}.cpu"] = run.cpu_per_gb
            finally:
                idle.close()
        return values


def cases(quick):
    return [Guests(count) for count in (QUICK_COUNTS if quick else COUNTS)]
