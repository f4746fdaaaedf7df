# SPDX-License-Identifier: BSD-3-Clause
"""What a capture costs a TCP flow at MTU 1500: with a filter that matches nothing, of all frames, and
one that has ended. In one network after another, so that they compare."""

import os

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp
from process import CannotDo, Program

# The kind of capture, and the words after `usernetctl capture`.
KINDS = (("off", None), ("ended", []), ("nomatch", ["-f", "udp port 9"]), ("all", []))
LABELS = {"off": "no capture", "ended": "a capture that has ended",
          "nomatch": "a capture that matches nothing",
          "all": "a capture of all"}


class Capture(Case):
    def __init__(self, direction):
        self.direction = direction
        self.id = f"capture.{direction}"
        self.rows = tuple(Row(f"{self.id}.{kind}.gbps", f"TCP {direction}, {LABELS[kind]}",
                              "Gbit/s", "high") for kind, _ in KINDS)

    def run(self, bench, peer):
        if not hasattr(peer, "usernetctl"):
            raise CannotDo("has no such captures")
        return {f"{self.id}.{kind}.gbps": self.measure(bench, peer, kind, words)
                for kind, words in KINDS}

    def measure(self, bench, peer, kind, words):
        with bench.network(peer) as network:
            guest = network.guest()
            if words is not None:
                capture = Program([peer.usernetctl, "--socket",
                                   os.path.join(network.folder, "run", "qmp.sock"), "capture",
                                   *words, "-w", "/dev/null"],
                                  os.path.join(network.folder, "capture.log"))
                capture.wait_for(lambda: network.captures() == 1)
            if kind == "ended":
                capture.stop()
            try:
                return tcp(bench, peer, network, guest, self.direction).gbps
            finally:
                if words is not None and kind != "ended":
                    capture.stop()


def cases(quick):
    return [Capture(direction) for direction in DIRECTIONS]
