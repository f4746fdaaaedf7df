# SPDX-License-Identifier: BSD-3-Clause
"""TCP between a guest and the host's loopback: MTUs, one flow and several, both directions."""

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp

MTUS = (1500, 9000, 65520)
FLOWS = (1, 8)


class Tcp(Case):
    def __init__(self, mtu, flows, direction):
        self.mtu, self.flows, self.direction = mtu, flows, direction
        self.id = f"tcp.{direction}.{mtu}.{flows}"
        label = f"TCP {direction}, MTU {mtu}, {flows} flow" + ("s" if flows > 1 else "")
        self.rows = (Row(self.id + ".gbps", label, "Gbit/s", "high"),
                     Row(self.id + ".cpu", label, "CPU s/GB", "low"))

    def run(self, bench, peer):
        with bench.network(peer, mtu=self.mtu) as network:
            run = tcp(bench, peer, network, network.guest(), self.direction, self.flows)
        return {self.id + ".gbps": run.gbps, self.id + ".cpu": run.cpu_per_gb}


def cases(quick):
    return [Tcp(mtu, flows, direction) for mtu in MTUS[:1 if quick else None] for flows in FLOWS
            for direction in DIRECTIONS]
