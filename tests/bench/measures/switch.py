# SPDX-License-Identifier: BSD-3-Clause
"""Guest to guest: frames of one size from one wire to another, as fast as they are accepted."""

import json

from measures.base import Case, Row
from process import Failed, run_here

SIZES = (1514, 64)


class Switch(Case):
    def __init__(self, size):
        self.size = size
        self.id = f"switch.{size}"
        label = f"guest to guest, {size}-byte frames"
        self.rows = (Row(self.id + ".gbps", label, "Gbit/s", "high"),
                     Row(self.id + ".mpps", label, "million/s", "high"),
                     Row(self.id + ".cpu", label, "CPU s/10^9", "low"))

    def run(self, bench, peer):
        with bench.network(peer, guests=2, nat=False) as network:
            source, target = network.wires
            words = [bench.tool("switchload"), source.name, target.name, str(self.size),
                     str(bench.seconds), str(network.programs[0].pid)]
            result = json.loads(run_here(words, bench.seconds + 30, source.fds + target.fds))
        if not result["frames"]:
            raise Failed("no frame arrived")
        return {self.id + ".gbps": result["gbps"], self.id + ".mpps": result["mpps"],
                self.id + ".cpu": result["cpu"] / result["frames"] * 1e9}


def cases(quick):
    return [Switch(size) for size in SIZES]
