#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""5,000 guests with names on a /16, behind a handful of links: all leased, all found by name, and
the last as cheap as the first."""
import random
import struct
import time
import unittest

from lib import dns
from lib import packet as pk
from lib.case import GatewayCase, scale
from lib.daemon import become_unprivileged

GUESTS = scale(5000)
LINKS = 5
ROUND = GUESTS // 10  # guests whose cost is taken together
PARTS = 10            # of a round; the cheapest counts, as others on the machine only ever add
# Of a /16 (QEMU's net_slirp_init() ORs 0x0202 into the host part).
NAME_SERVER = '10.0.2.3'
GATEWAY_MAC = pk.mac('52:55:0a:00:02:02')


def percentile(values, share):
    return sorted(values)[int(len(values) * share)] * 1e6


class ManyGuests(GatewayCase):
    def setUp(self):
        self.network('net=10.0.0.0/16,dhcpstart=10.0.0.15,dhcpend=10.0.255.254')
        self.links = [self.guest() for _ in range(LINKS)]
        self.addresses = []

    def cpu(self):
        """Seconds that the daemon ran (Documentation/scheduler/sched-stats.rst)."""
        with open(f'/proc/{self.lan.daemon.pid}/schedstat', encoding='ascii') as file:
            return int(file.read().split()[0]) / 1e9

    def memory(self):
        with open(f'/proc/{self.lan.daemon.pid}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmRSS:'))

    def mac(self, number):
        return b'\x52\x54\0\x10' + struct.pack('>H', number)

    def exchange(self, link, frame, mark):
        """Sends the frame; the first that comes to the same link with these bytes, parsed."""
        link.send(frame)
        answer = link.expect(lambda f: f if mark in f and f[6:12] == GATEWAY_MAC else None)
        link.seen.clear()
        return pk.parse(answer)

    def lease(self, number):
        """DISCOVER to ACK, and how long it took."""
        link, mac = self.links[number % LINKS], self.mac(number)
        name = pk.dhcp_option(12, b'guest-%d' % number)
        xid = 0x5a000000 + number
        mark = struct.pack('>I', xid)
        discover = pk.dhcp_frame(mac, pk.DISCOVER, xid=xid, options=name)
        start = time.monotonic()
        offer = self.exchange(link, discover, mark).dhcp
        ack = self.exchange(link, pk.dhcp_frame(
            mac, pk.REQUEST, xid=xid, options=pk.dhcp_option(50, pk.ip4(offer.yiaddr)) +
            pk.dhcp_option(54, offer.options[54]) + name), mark).dhcp
        took = time.monotonic() - start
        self.assertEqual((offer.kind, ack.kind, ack.yiaddr), (pk.OFFER, pk.DHCP_ACK, offer.yiaddr))
        self.addresses.append(ack.yiaddr)
        return took

    def ask(self, asker, number):
        """guest-NUMBER's address as asker is told it, and how long it took."""
        link, own = self.links[asker % LINKS], self.addresses[asker]
        mark = struct.pack('>HHHHHH', asker, dns.QR | dns.AA | dns.RD | dns.RA, 1, 1, 0, 0)
        query = pk.eth(GATEWAY_MAC, self.mac(asker), pk.IPV4, pk.ipv4(
            own, NAME_SERVER, pk.UDP, pk.udp(own, NAME_SERVER, 40000, 53, dns.query(
                asker, f'guest-{number}.usernet.internal'))))
        start = time.monotonic()
        p = self.exchange(link, query, mark)
        took = time.monotonic() - start
        self.assertEqual(dns.parse(p.udp.payload).values, [self.addresses[number]])
        return took

    def cost(self, step, numbers):
        """What step(number) returned for each, and the daemon's CPU seconds for one."""
        took, costs = [], []
        size = max(1, len(numbers) // PARTS)
        for at in range(0, len(numbers), size):
            part = numbers[at:at + size]
            before = self.cpu()
            took += [step(number) for number in part]
            costs.append((self.cpu() - before) / len(part))
        return took, min(costs)

    def drain(self):
        """What was flooded to the links that were not looked at."""
        for link in self.links:
            while link._receive(0):  # pylint: disable=protected-access
                pass

    def test_the_last_of_5000_guests_cost_what_the_first_did(self):
        rng = random.Random(16)
        leases, queries, costs = [], [], []
        memory = self.memory()
        for first in range(0, GUESTS, ROUND):
            numbers = range(first, first + ROUND)
            took, lease_cost = self.cost(self.lease, numbers)
            leases.append(took)
            took, query_cost = self.cost(
                lambda number, known=first + ROUND: self.ask(number, rng.randrange(known)), numbers)
            queries.append(took)
            costs.append((lease_cost, query_cost))
            self.drain()
        self.assertEqual(len(set(self.addresses)), GUESTS)
        for what, took, index in (('DISCOVER to ACK', leases, 0), ('name query', queries, 1)):
            for label, part, cost in ((f'first {ROUND}', took[0], costs[0]),
                                      (f'last {ROUND} of {GUESTS}', took[-1], costs[-1])):
                print(f'{what}, {label}: median {percentile(part, .5):.0f} us, '
                      f'p99 {percentile(part, .99):.0f} us; '
                      f'daemon {cost[index] * 1e6:.0f} us CPU a guest')
            every = [one for part in took for one in part]
            print(f'{what}, all: p99 {percentile(every, .99):.0f} us')
        print(f'memory: {(self.memory() - memory) * 1024 / GUESTS:.0f} bytes a guest')
        # Were it to grow with the guests, all of the last rounds would cost 7 times the first; what
        # else the machine does meanwhile makes some dearer.
        for index, what in enumerate(('lease', 'query')):
            self.assertLess(min(cost[index] for cost in costs[-4:]), 3 * costs[0][index],
                            f'CPU of a {what}')
        self.assertEqual(len(self.lan.ask('query-leases')), GUESTS)


if __name__ == '__main__':
    become_unprivileged()
    unittest.main()
