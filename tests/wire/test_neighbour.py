# SPDX-License-Identifier: BSD-3-Clause
"""
A neighbour's round trips, throughput and connections, alone and beside one guest's flood. Each test
is a row of a table of attacks; its figures are printed.
"""
import random
import struct

from lib import packet as pk
from lib.case import GATEWAY, scale
from lib.neighbour import NeighbourCase, framed

NOWHERE = '203.0.113.9'  # routed to lo, where nobody answers
N = scale(20000)         # different frames of a flood


class Opening(NeighbourCase):
    """Frames that open something."""

    def setUp(self):
        self.start()
        self.random = random.Random(7)

    def port(self):
        return self.random.randrange(1024, 65536)

    def test_syns_to_closed_ports(self):
        self.beside('SYNs to closed ports', lambda: self.flood(
            self.syn(self.port(), self.random.randrange(10, 1000)) for _ in range(N)))
        rests = [port['rests'] for port in self.lan.ports('lan').values()]
        self.say(f'  rests of the ports: {rests}')

    def test_syns_to_an_open_port_that_are_never_answered(self):
        self.beside('SYNs to an open port, whose answers nobody acknowledges', lambda: self.flood(
            self.syn(self.port(), self.sink, seq=self.random.getrandbits(32)) for _ in range(N)))

    def test_syns_to_a_blackhole(self):
        self.beside('SYNs to where nobody answers', lambda: self.flood(
            self.syn(self.port(), self.port(), NOWHERE) for _ in range(N)))

    def datagrams(self, dst):
        for _ in range(N):
            yield self.v4(pk.UDP, pk.udp(self.evil.ip, dst, self.port(), self.port(), b'x'), dst)

    def test_datagrams_to_many_ports(self):
        self.beside('datagrams to many closed ports', lambda: self.flood(self.datagrams(GATEWAY)))

    def test_datagrams_to_where_nobody_answers(self):
        self.beside('datagrams to many ports of nobody',
                    lambda: self.flood(self.datagrams(NOWHERE)))

    def test_pings_outside(self):
        self.beside('pings outside', lambda: self.flood(
            self.v4(pk.ICMP, pk.icmp_echo(self.random.getrandbits(16), 1), NOWHERE)
            for _ in range(N)))

    def test_acks_without_a_connection(self):
        self.beside('ACKs without a connection', lambda: self.flood(
            self.v4(pk.TCP, pk.tcp(self.evil.ip, GATEWAY, self.port(), self.port(), 1, 1, pk.ACK))
            for _ in range(N)))


class Connected(NeighbourCase):
    """Segments of connections that stand."""

    def setUp(self):
        self.start()

    def test_one_byte_segments(self):
        flow = self.evil.tcp(GATEWAY, self.sink)
        template = self.v4(pk.TCP, pk.tcp(self.evil.ip, GATEWAY, flow.port, self.sink, 0, flow.ack,
                                          pk.ACK | pk.PSH, b'x'))
        head, tail = template[:38], template[42:]
        begin = flow.seq

        def blobs():
            """The checksum is not patched: a reliable link's is not verified."""
            seq = begin
            while True:
                yield framed(head + struct.pack('>I', (seq + i) % (1 << 32)) + tail
                             for i in range(1000)), 1000
                seq += 1000
        self.beside('one-byte segments', lambda: self.blobs(blobs()))

    def test_duplicate_acks(self):
        flow = self.evil.tcp(GATEWAY, self.bulk)
        self.beside('duplicate ACKs', lambda: self.flood(
            [self.v4(pk.TCP, pk.tcp(self.evil.ip, GATEWAY, flow.port, self.bulk, flow.seq, flow.ack,
                                    pk.ACK))] * 2000))


class Addresses(NeighbourCase):
    """Frames from addresses without end."""

    def setUp(self):
        self.start()
        self.random = random.Random(8)

    def mac(self):
        return b'\x02' + self.random.randbytes(5)

    def address(self):
        return f'10.0.2.{self.random.randrange(100, 200)}'

    def test_random_macs(self):
        self.beside('random MACs', lambda: self.flood(
            self.syn(1024 + n, 9, mac=self.mac()) for n in range(N)))

    def test_random_macs_and_addresses(self):
        self.beside('random MACs and addresses', lambda: self.flood(
            self.syn(1024 + n, 9, src=self.address(), mac=self.mac()) for n in range(N)))

    def test_arp_at_the_gateway(self):
        self.beside('ARP requests for the gateway', lambda: self.flood(
            pk.arp(1, self.evil.mac, self.evil.ip, bytes(6), GATEWAY, dst=self.up)
            for _ in range(N)))

    def test_broadcast_arp(self):
        self.beside('broadcast ARP requests', lambda: self.flood(
            pk.arp(1, self.evil.mac, self.evil.ip, bytes(6), GATEWAY) for _ in range(N)))

    def test_routed_sources(self):
        def frames():
            for n in range(N):
                src = f'172.16.{n >> 8 & 255}.{n & 255}'
                yield self.syn(1024 + n % 60000, 9, src=src)
        self.beside('routed sources', lambda: self.flood(frames()))
