# SPDX-License-Identifier: BSD-3-Clause
"""5,000 guests with names on a /16, behind a few links: all get leases, all names resolve, and each
costs no more than with few guests."""
import random
import struct
import time

from lib import dns
from lib import packet as pk
from lib.case import GatewayCase, scale

GUESTS = scale(5000)
FEW = scale(500)
LINKS = 5
PARTS = 15  # in turns of both networks, so that other load of the machine affects both alike
STEPS = 20  # of a part
# Of a /16 (QEMU's net_slirp_init() ORs 0x0202 into the host part).
NAME_SERVER = '10.0.2.3'
GATEWAY_MAC = pk.mac('52:55:0a:00:02:02')


def percentile(values, share):
    return sorted(values)[int(len(values) * share)] * 1e6


class Crowd:
    """Guests with names behind a few links; their methods return the time taken."""

    def __init__(self, lan, links, seed):
        self.lan, self.links = lan, links
        self.addresses = []
        self.rng = random.Random(seed)
        self.asked = 0

    def mac(self, number):
        return b'\x52\x54\0\x10' + struct.pack('>H', number)

    def exchange(self, link, frame, mark):
        """Sends the frame; returns the first one on the same link with these bytes, parsed."""
        link.send(frame)
        answer = link.expect(lambda f: f if mark in f and f[6:12] == GATEWAY_MAC else None)
        link.seen.clear()
        return pk.parse(answer)

    def lease(self):
        """Adds a guest: DISCOVER to ACK."""
        number = len(self.addresses)
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
        assert (offer.kind, ack.kind, ack.yiaddr) == (pk.OFFER, pk.DHCP_ACK, offer.yiaddr)
        self.addresses.append(ack.yiaddr)
        return took

    def ask(self):
        """The next guest asks for the address of any."""
        asker, number = self.asked % len(self.addresses), self.rng.randrange(len(self.addresses))
        link, own = self.links[asker % LINKS], self.addresses[asker]
        self.asked += 1
        mark = struct.pack('>HHHHHH', asker, dns.QR | dns.AA | dns.RD | dns.RA, 1, 1, 0, 0)
        query = pk.eth(GATEWAY_MAC, self.mac(asker), pk.IPV4, pk.ipv4(
            own, NAME_SERVER, pk.UDP, pk.udp(own, NAME_SERVER, 40000, 53, dns.query(
                asker, f'guest-{number}.usernet.internal'))))
        start = time.monotonic()
        p = self.exchange(link, query, mark)
        took = time.monotonic() - start
        assert dns.parse(p.udp.payload).values == [self.addresses[number]]
        return took

    def cpu(self):
        """CPU seconds of the daemon (Documentation/scheduler/sched-stats.rst)."""
        with open(f'/proc/{self.lan.daemon.pid}/schedstat', encoding='ascii') as file:
            return int(file.read().split()[0]) / 1e9

    def drain(self):
        """Reads what was flooded to the other links."""
        for link in self.links:
            while link._receive(0):  # pylint: disable=protected-access
                pass


class Costs:
    """One operation for many guests: the time of each, and the daemon's CPU seconds in parts."""

    def __init__(self, crowd, step):
        self.crowd, self.step = crowd, step
        self.took, self.parts = [], []

    def run(self):
        before = self.crowd.cpu()
        self.took += [self.step() for _ in range(STEPS)]
        self.parts.append((self.crowd.cpu() - before) / STEPS)
        self.crowd.drain()

    def usual(self):
        """The kernel's count may lag behind, so that one part seems cheap and the next dear."""
        return percentile(self.parts, .5) / 1e6


class ManyGuests(GatewayCase):
    def crowd(self, n):
        self.network('net=10.0.0.0/16,dhcpstart=10.0.0.15,dhcpend=10.0.255.254,leases-per-port=5000')
        crowd = Crowd(self.lan, [self.guest() for _ in range(LINKS)], n)
        before = self.lan.memory()
        for _ in range(n):
            crowd.lease()
            if len(crowd.addresses) % 100 == 0:
                crowd.drain()
        print(f'{n} guests: {(self.lan.memory() - before) / n:.0f} bytes each')
        return crowd

    def test_a_guest_among_5000_costs_what_one_among_500_does(self):
        crowds = self.crowd(FEW), self.crowd(GUESTS)
        leases = [Costs(crowd, crowd.lease) for crowd in crowds]
        queries = [Costs(crowd, crowd.ask) for crowd in crowds]
        for _ in range(PARTS):
            for costs in leases + queries:
                costs.run()
        for what, (few, many) in (('DISCOVER to ACK', leases), ('name query', queries)):
            for n, costs in ((FEW, few), (GUESTS, many)):
                print(f'{what} among {n}: median {percentile(costs.took, .5):.0f} us, '
                      f'p99 {percentile(costs.took, .99):.0f} us; '
                      f'daemon {costs.usual() * 1e6:.0f} us CPU')
            # If it grew with the number of guests, it would be 7 times as much or more.
            self.assertLess(many.usual(), 3 * few.usual(), f'CPU of a {what}')
        for crowd in crowds:
            self.assertEqual(len(set(crowd.addresses)), len(crowd.addresses))
            self.assertEqual(len(crowd.lan.ask('query-leases')), len(crowd.addresses))
