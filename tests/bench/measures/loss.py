# SPDX-License-Identifier: BSD-3-Clause
"""One TCP flow at MTU 1500, while one frame in a thousand is lost on the guest's wire."""

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp

ONE_IN = 1000


class Loss(Case):
    def __init__(self, direction):
        self.direction = direction
        self.id = f"loss.{direction}"
        self.rows = (Row(f"{self.id}.gbps", f"TCP {direction}, 1 frame in {ONE_IN} lost", "Gbit/s",
                         "high"),)

    def run(self, bench, peer):
        with bench.network(peer) as network:
            run = tcp(bench, peer, network, network.guest(lose=ONE_IN), self.direction)
        return {f"{self.id}.gbps": run.gbps}


def cases(quick):
    return [Loss(direction) for direction in DIRECTIONS]
