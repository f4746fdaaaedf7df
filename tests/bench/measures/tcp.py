# SPDX-License-Identifier: BSD-3-Clause
"""TCP between a guest and the host's loopback: MTUs, one flow and several, both directions. One flow
also with a small send buffer, which bounds what is under way: Debian's passt drops what the host's
socket does not take at once, so what a guest sends through it depends much on that."""

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp

MTUS = (1500, 9000, 65520)
FLOWS = (1, 8)
SMALL_BUFFER = "200K"


class Tcp(Case):
    def __init__(self, mtu, flows, direction, buffer=None):
        self.mtu, self.flows, self.direction, self.buffer = mtu, flows, direction, buffer
        self.id = f"tcp.{direction}.{mtu}.{flows}" + (f".{buffer}" if buffer else "")
        label = f"TCP {direction}, MTU {mtu}, {flows} flow" + ("s" if flows > 1 else "")
        if buffer:
            label = f"TCP {direction}, the same, send buffer {buffer}"
        self.rows = (Row(self.id + ".gbps", label, "Gbit/s", "high"),
                     Row(self.id + ".cpu", label, "CPU s/GB", "low"))

    def run(self, bench, peer):
        with bench.network(peer, mtu=self.mtu) as network:
            run = tcp(bench, peer, network, network.guest(), self.direction, self.flows,
                      self.buffer)
        return {self.id + ".gbps": run.gbps, self.id + ".cpu": run.cpu_per_gb}


def cases(quick):
    found = []
    for mtu in MTUS[:1 if quick else None]:
        for flows in FLOWS:
            for direction in DIRECTIONS:
                found.append(Tcp(mtu, flows, direction))
                if (mtu, flows) == (MTUS[0], 1) and not quick:
                    found.append(Tcp(mtu, flows, direction, SMALL_BUFFER))
    return found
