# SPDX-License-Identifier: BSD-3-Clause
"""Two hundred guests on one network. Prints their cost; USERNET_TEST_SCALE divides their number."""
import sys
import time

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase, recv_exactly, scale
from lib.station import run_all

GUESTS = scale(200)


class Costs:
    """Time, CPU time and memory of the daemon, step by step."""

    def __init__(self, network):
        self.network = network
        self.began = time.monotonic(), network.cpu_seconds()

    def told(self, what):
        wall, cpu = time.monotonic(), self.network.cpu_seconds()
        print(f'{GUESTS} guests, {what}: {wall - self.began[0]:.2f} s, daemon '
              f'{cpu - self.began[1]:.2f} s CPU, {self.network.memory() / 1e6:.1f} MB',
              file=sys.stderr)
        self.began = wall, cpu


class Scale(GatewayCase):
    def all_get(self, send, got, what):
        """Each station sends; handles frames until each has received."""
        for station in self.stations:
            send(station)
        waiting = set(self.stations)

        def done():
            waiting.difference_update([s for s in waiting if got(s)])
            return not waiting
        run_all(self.stations, done, what)

    def test_all_have_a_lease_the_host_and_their_neighbour(self):
        self.network()
        costs = Costs(self.lan)
        self.stations = [self.station(lease=False) for _ in range(GUESTS)]
        self.lan.wait_for_ports('lan', GUESTS)
        costs.told('links')

        for station in self.stations:
            station.dhcp()
        self.assertEqual(len({s.ip for s in self.stations}), GUESTS)
        self.assertEqual(len(self.lan.ask('query-leases')), GUESTS)
        costs.told('leases')

        listener, port = self.host_tcp()
        for station in self.stations:
            station.inbox.clear()  # the others' broadcasts
        self.all_get(lambda s: s.resolve_later(GATEWAY), lambda s: s.knows(GATEWAY), 'ARP')
        flows = {}

        def connect(station):
            flows[station] = station.connect(GATEWAY, port)
        self.all_get(connect, lambda s: flows[s].opened, 'a connection of each')
        conns = [self.accept(listener) for _ in self.stations]
        for flow in flows.values():
            flow.segment(pk.ACK | pk.PSH, flow.own.encode().ljust(16))
            flow.seq += 16
        names = set()
        for conn in conns:
            name = recv_exactly(conn, 16)
            names.add(name.decode().strip())
            conn.sendall(name)
        self.assertEqual(names, {s.ip for s in self.stations})
        self.all_get(lambda s: None, lambda s: flows[s].received == s.ip.encode().ljust(16),
                     'its own words')
        costs.told('a TCP connection each through the NAT')

        after = dict(zip(self.stations, self.stations[1:] + self.stations[:1]))
        self.all_get(lambda s: s.resolve_later(after[s].ip), lambda s: s.knows(after[s].ip),
                     "the neighbour's MAC")
        self.all_get(lambda s: s.send_ping(after[s].ip), lambda s: s.pings_answered == 1 and any(
            p.icmp and p.icmp.kind == 0 and p.ip.src == after[s].ip for p in s.inbox),
                     "the neighbour's answer")
        costs.told('a neighbour pinged by each')
