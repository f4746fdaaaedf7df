# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams of 1400 bytes: the rate that gets through a flood, and the losses at an easy rate."""

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, iperf3

SIZE = 1400
EASY_RATE = 20000 # a second


class Udp(Case):
    def __init__(self, direction, rate):
        self.direction, self.rate = direction, rate
        self.id = f"udp.{direction}." + (str(rate) if rate else "flood")
        if rate:
            self.rows = (Row(self.id + ".loss", f"UDP {direction}, {rate} datagrams/s", "% lost",
                             "low"),)
        else:
            label = f"UDP {direction}, flood of {SIZE} bytes"
            self.rows = (Row(self.id + ".kpps", label, "1000 datagrams/s", "high"),
                         Row(self.id + ".cpu", label, "CPU us each", "low"))

    def run(self, bench, peer):
        bits = self.rate * SIZE * 8
        with bench.network(peer) as network:
            run = iperf3(network, network.guest(), self.direction, bench.seconds,
                         ["-u", "-l", str(SIZE), "-b", str(bits)])
        total = run.end["sum"]
        arrived = total["packets"] - total["lost_packets"]
        if self.rate:
            return {self.id + ".loss": 100 * total["lost_packets"] / max(total["packets"], 1)}
        return {self.id + ".kpps": arrived / total["seconds"] / 1e3,
                self.id + ".cpu": run.cpu / max(arrived, 1) * 1e6}


def cases(quick):
    return [Udp(direction, rate) for direction in DIRECTIONS for rate in (0, EASY_RATE)]
