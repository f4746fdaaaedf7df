# SPDX-License-Identifier: BSD-3-Clause
"""One run of iperf3 between a guest and the host's loopback: what several measures are made of."""

import json
import os
import statistics

from measures.base import LOOPBACK, free_port
from process import Failed, Program

DIRECTIONS = ("up", "down") # up is away from the guest
MORE_SECONDS = 12 # for the start and the end of a run
PROBE_SECONDS = 1
PROBE_MORE_SECONDS = 4 # a way that is slower to start is not the best
PROBES = 3 # where limits are: one may find a bad moment


class Bulk:
    """The result of a run, and the measured processes' CPU seconds during it."""

    def __init__(self, end, cpu):
        self.end = end
        self.cpu = cpu

    @property
    def gbps(self):
        return self.end["sum_received"]["bits_per_second"] / 1e9

    @property
    def cpu_per_gb(self):
        return self.cpu / max(self.end["sum_received"]["bytes"], 1) * 1e9


def iperf3(network, guest, direction, seconds, more, patience=MORE_SECONDS):
    port = free_port()
    server = Program(["iperf3", "-s", "-1", "-B", LOOPBACK, "-p", str(port), "--forceflush"],
                     os.path.join(network.folder, f"iperf3-{port}.log"))
    try:
        server.wait_for(lambda: "Server listening" in server.said())
        words = ["iperf3", "-J", "-c", network.host, "-p", str(port), "-t", str(seconds), *more]
        if direction == "down":
            words.append("-R")
        # The CPU clock runs around the transfer and not the start of anything.
        before = network.cpu_seconds()
        result = json.loads(guest.run(words, seconds + patience))
        cpu = network.cpu_seconds() - before
    finally:
        server.stop()
    if "error" in result:
        raise Failed(f"iperf3: {result['error']}")
    return Bulk(result["end"], cpu)


def tcp(bench, peer, network, guest, direction, flows=1, buffer=None):
    """BUFFER: of who sends, as iperf3's -w has it; None: what the kernel gives."""
    chosen = sending(bench, peer, direction, network.mtu, flows, buffer)
    return iperf3(network, guest, direction, bench.seconds, ["-P", str(flows), *chosen])


# --- how TCP sends: each peer gets the congestion control that serves it best, and the results say
# which ---


def controls():
    """iperf3 sets it at both ends, and a plain user may set only what the kernel allows."""
    with open("/proc/sys/net/ipv4/tcp_allowed_congestion_control", encoding="ascii") as file:
        return file.read().split()


def sending(bench, peer, direction, mtu, flows, buffer):
    """The iperf3 options that send fastest through PEER, tried for each kind of run."""
    if bench.quick:
        mtu, flows = 1500, 1
    key = (peer.name, direction, mtu, flows, buffer)
    if key not in bench.sending:
        ways = [["-C", name, *(["-w", buffer] if buffer else [])] for name in controls()]
        probes = PROBES if (mtu, flows) == (1500, 1) and not bench.quick else 1
        rates = [[probe(bench, peer, direction, mtu, ["-P", str(flows), *way]) for way in ways]
                 for _ in range(probes)]
        best = [statistics.median(column) for column in zip(*rates)]
        bench.sending[key] = ways[best.index(max(best))] if any(best) else []
    return bench.sending[key]


def probe(bench, peer, direction, mtu, words):
    """Gbit/s of a short run; 0 for one that failed."""
    with bench.network(peer, mtu=mtu) as network:
        try:
            return iperf3(network, network.guest(), direction, PROBE_SECONDS, words,
                          PROBE_MORE_SECONDS).gbps
        except Failed:
            return 0
