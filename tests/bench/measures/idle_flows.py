# SPDX-License-Identifier: BSD-3-Clause
"""What idle TCP connections cost a busy one of the same guest, and their memory."""

import json

from measures.base import Case, Row
from measures.bulk import DIRECTIONS, tcp
from process import CannotDo, Failed, hard_limit

# Descriptors for other uses of netload and the peers.
DESCRIPTORS_MORE = 600
# One guest may hold three quarters of usernet's (conntrack/charge.h). The last count is lowered
# to what there is room for.
ROOM = hard_limit() * 3 // 4 - DESCRIPTORS_MORE
COUNTS = (0, 100, 1000, 5000, min(20000, max(ROOM // 1000 * 1000, 10000)))
QUICK_COUNTS = (0, 1000)


class IdleFlows(Case):
    def __init__(self, count):
        self.count = count
        self.id = f"idle.{count}"
        label = f"beside {count} idle flows"
        self.rows = tuple(row for direction in DIRECTIONS for row in (
            Row(f"{self.id}.{direction}.gbps", f"TCP {direction}, {label}", "Gbit/s", "high"),
            Row(f"{self.id}.{direction}.cpu", f"TCP {direction}, {label}", "CPU s/GB", "low"),
        )) + (Row(f"{self.id}.mb", f"memory, {label}", "MB", "low"),)

    def run(self, bench, peer):
        if self.count > ROOM:
            raise CannotDo(f"the limit of open files, {hard_limit()}, is too low here"
                           " (ulimit -Hn)")
        values = {}
        with bench.network(peer) as network, bench.echo_server(network) as port:
            guest = network.guest()
            holder = guest.start([bench.tool("netload"), "hold", network.host, str(port),
                                  str(self.count)]) if self.count else None
            try:
                if holder:
                    result = opened(holder)
                    if result["errors"]:
                        raise CannotDo(f"refused {result['errors']} of {self.count} flows")
                values[f"{self.id}.mb"] = network.resident_mb()
                for direction in DIRECTIONS:
                    run = tcp(bench, peer, network, guest, direction)
                    values[f"{self.id}.{direction}.gbps"] = run.gbps
                    values[f"{self.id}.{direction}.cpu"] = run.cpu_per_gb
            finally:
                if holder:
                    holder.stop()
        return values


def opened(holder):
    try:
        return json.loads(holder.line())
    except Failed as failure:
        raise CannotDo(f"so many flows could not be opened: {failure}") from None


def cases(quick):
    return [IdleFlows(count) for count in (QUICK_COUNTS if quick else COUNTS)]
