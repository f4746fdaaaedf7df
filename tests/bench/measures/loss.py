# SPDX-License-Identifier: BSD-3-Clause
"""One TCP flow down at MTU 1500, while one frame in a thousand is lost on the guest's wire."""

from measures.base import Case, Row
from measures.bulk import tcp

ONE_IN = 1000


class Loss(Case):
    id = "loss"
    rows = (Row("loss.down.gbps", f"TCP down, 1 frame in {ONE_IN} lost", "Gbit/s", "high"),)

    def run(self, bench, peer):
        with bench.network(peer) as network:
            run = tcp(bench, peer, network, network.guest(lose=ONE_IN), "down")
        return {"loss.down.gbps": run.gbps}


def cases(quick):
    return [Loss()]
