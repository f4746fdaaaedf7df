# SPDX-License-Identifier: BSD-3-Clause
"""Requests of one byte on one connection, and connections with one request each, from a guest to
the host's loopback."""

from measures.base import Case, Row
from process import Failed


class Requests(Case):
    id = "latency"
    rows = (Row("latency.p50", "request and response, median", "us", "low"),
            Row("latency.p99", "request and response, 99 of 100", "us", "low"))

    def run(self, bench, peer):
        with bench.network(peer) as network, bench.echo_server(network) as port:
            result = bench.netload(["ask", network.host, port, bench.seconds], network.guest().run)
        return {"latency.p50": result["p50_us"], "latency.p99": result["p99_us"]}


class Connects(Case):
    def __init__(self, at_once):
        self.at_once = at_once
        self.id = f"connect.{at_once}"
        label = "connections, one after another" if at_once == 1 else f"connections, {at_once} at once"
        self.rows = (Row(self.id + ".rate", label, "1/s", "high"),)

    def run(self, bench, peer):
        with bench.network(peer) as network, bench.echo_server(network) as port:
            result = bench.netload(["connect", network.host, port, bench.seconds, self.at_once],
                                   network.guest().run)
        if result["errors"]:
            raise Failed(f"{result['errors']} connections got no answer")
        return {self.id + ".rate": result["per_second"]}


def cases(quick):
    return [Requests(), Connects(1), Connects(50)]
