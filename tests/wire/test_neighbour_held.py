# SPDX-License-Identifier: BSD-3-Clause
"""
As test_neighbour.py, beside attacks that hold something: connections, descriptors, memory, queries,
links. Here too each test is a row of the table, and its figures are printed.
"""
import os
import select
import socket
import struct
import time

from lib import dns
from lib import packet as pk
from lib.case import DNS, GATEWAY, scale
from lib.guest import FRAME_MAX, DgramGuest
from lib.hostile import EVIL
from lib.neighbour import SECONDS_MAX, Child, Datagrams, NeighbourCase, framed, stand_back
from lib.station import Station
from lib.wait import until

CLOSED_FLOWS = 400, 4000
DEAF_FLOWS = scale(4000)
LINKS = scale(1000)
ADDRESS_SPACE = 1536 << 20


def call(port, most):
    """Clients of a forward, as many as most at once; each is closed once others need its place."""
    stand_back()
    clients, end = [], time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        client = socket.socket()
        client.setblocking(False)
        try:
            client.connect_ex(('127.0.0.1', port))
        except OSError:
            time.sleep(0.001)
        clients.append(client)
        if len(clients) >= most:
            # In half of the places new ones come: the flood goes on for ever.
            for old in clients[:most // 2]:
                old.close()
            del clients[:most // 2]


def trickle(sockets):
    """64 bytes on each of them, again and again: parts of frames that never end."""
    stand_back()
    sent, end = 0, time.monotonic() + SECONDS_MAX
    while time.monotonic() < end and sent < FRAME_MAX - 14000:
        for sock in sockets:
            try:
                sock.send(bytes(64), socket.MSG_DONTWAIT)
            except OSError:  # it waits, or was closed
                pass
        sent += 64
        time.sleep(0.01)
    time.sleep(SECONDS_MAX)


class Nothing:
    """An attack that is what it holds."""

    def close(self):
        pass


class Held(NeighbourCase):
    def test_a_network_peer_floods_a_forward_whose_guest_does_not_answer(self):
        self.start('hostfwd=tcp:127.0.0.1:0-10.0.2.77:22')
        silent = self.station(lease=False)  # it is there, and never answers a SYN
        silent.configure('10.0.2.77')
        silent.send(pk.arp(1, silent.mac, silent.ip, bytes(6), GATEWAY))
        silent.resolve(GATEWAY)
        port = self.lan.ask('query-forwards')[0]['host-port']
        before = self.lan.ask('query-status')['descriptors']
        self.beside('clients of a forward without an answer', lambda: Child(call, port, 2000))
        status = self.lan.ask('query-status')
        self.say(f"  {status['descriptors'] - before} more descriptors")

    def test_flows_with_a_closed_window(self):
        for flows in map(scale, CLOSED_FLOWS):
            with self.subTest(flows=flows):
                self.start()
                self.beside(f'{flows} flows with a closed window', lambda n=flows: self.closed(n))

    def closed(self, flows):
        for _ in range(flows):
            self.evil.tcp(GATEWAY, self.burst, window=0)
        return Nothing()

    def test_flows_of_a_guest_that_does_not_read(self):
        self.start()
        self.beside(f'{DEAF_FLOWS} flows of a guest that does not read', self.deaf)
        self.evil.guest.close()  # the port goes while they wait for it
        self.lan.wait_for_ports('lan', 1)
        self.good.ping(GATEWAY)

    def deaf(self):
        """Data of all flows is to be sent at once: the port is congested, and they wait for it."""
        flows = [self.evil.tcp(GATEWAY, self.burst, window=0) for _ in range(DEAF_FLOWS)]
        for flow in flows:
            flow.segment(pk.ACK, window=65535)
        return Nothing()

    def test_dns_over_tcp(self):
        silent = self.keep(dns.Server(lambda query, ask: None))
        world = self.keep(dns.Server(lambda query, ask: dns.answer(
            query, dns.record(ask.name, dns.A, dns.address('192.0.2.1')))))
        self.start(f'dns-server=/silent.example/127.0.0.1#{silent.port},'
                   f'dns-server=127.0.0.1#{world.port}')
        names = (f'n{n}.example.org' for n in range(1000))

        def asked():
            """How many of 20 lookups the neighbour has answered."""
            good = 0
            for n in range(20):
                answer = dns.parse(self.good.udp_exchange(DNS, 53, dns.query(n + 1, next(names))))
                good += answer.values == ['192.0.2.1']
            return good
        alone = asked()

        def attack():
            for n in range(36):
                flow = self.evil.tcp(DNS, 53)
                block = b''
                for i in range(64):
                    message = dns.query(i + 1, f'x{n}-{i}.silent.example')
                    block += struct.pack('>H', len(message)) + message
                at = 0
                while at < len(block):
                    flow.segment(pk.ACK | pk.PSH, block[at:at + 1400])
                    flow.seq += len(block[at:at + 1400])
                    at += 1400
            return Nothing()
        self.beside('36 connections of 64 DNS queries that nobody answers', attack)
        beside = asked()
        self.say(f"  the neighbour's lookups: {alone} of 20 alone, {beside} beside")
        self.assertEqual((alone, beside), (20, 20))

    def test_a_guest_that_never_reads_and_is_pinged(self):
        """The neighbour goes on pinging it, and measures meanwhile."""
        self.start()
        to_evil = framed([pk.eth(EVIL, self.good.mac, pk.IPV4, pk.ipv4(
            self.good.ip, self.evil.ip, pk.ICMP, pk.icmp_echo(1, 1, bytes(1400))))] * 4)
        pinged = 0

        def meanwhile():
            nonlocal pinged
            self.good.guest.send_raw(to_evil)
            pinged += 4
        echo = self.v4(pk.ICMP, pk.icmp_echo(1, 1, bytes(1400)))

        def attack():
            self.meanwhile = meanwhile
            return self.flood([echo] * 2000, reads=False)
        self.beside('a guest that never reads', attack)
        self.say(f'  {pinged} pings to it')

    def test_links_that_trickle_half_frames(self):
        self.start()

        def attack():
            guests = [self.guest() for _ in range(LINKS)]
            for guest in guests:
                guest.send_raw(struct.pack('>I', FRAME_MAX) + bytes(12000))
            return Child(trickle, [guest.socket for guest in guests])
        self.beside(f'{LINKS} links that trickle half frames', attack)

    def test_few_descriptors(self):
        for files in (64, 256):
            with self.subTest(files=files):
                self.start(files=files)
                self.beside(f'a guest that opens connections without end, {files} descriptors',
                            lambda: self.flood(self.syn(1024 + n, self.sink, seq=n * 65536)
                                               for n in range(scale(20000))))

    def test_syns_in_a_small_address_space(self):
        self.start(address_space=ADDRESS_SPACE)
        self.beside('SYNs to an open port, 1.5 GB of address space', lambda: self.flood(
            self.syn(1024 + n, self.sink, seq=n * 65536) for n in range(scale(20000))))
        self.assertGreater(self.dropped('budget'), 0)

    def test_a_guest_of_a_datagram_server(self):
        """Guests share its socket: beyond its share the flood is dropped and counted."""
        self.start('', '--netdev', 'dgram,id=dg,local.type=unix,local.path={dir}/lan.dgram')
        guest = self.keep(DgramGuest.unix(self.lan.path('evil.dgram'), self.lan.path('lan.dgram')))
        self.evil = Station(guest, b'\x66\xaa\x55\xaa\x55\x68')
        self.evil.dhcp()
        frames = [self.syn(1024 + n, 9, mac=self.evil.mac) for n in range(scale(20000))]
        self.beside('SYNs of a guest of a datagram server', lambda: Datagrams(guest, frames))
        self.assertGreater(self.dropped('budget'), 0)


class Forwarded(NeighbourCase):
    def test_clients_wait_in_the_listener_when_a_guest_has_too_many(self):
        """The daemon takes no more of them than may be unanswered; their number is printed."""
        self.start('hostfwd=tcp:127.0.0.1:0-10.0.2.77:22')
        silent = self.station(lease=False)
        silent.configure('10.0.2.77')
        silent.send(pk.arp(1, silent.mac, silent.ip, bytes(6), GATEWAY))
        silent.resolve(GATEWAY)
        port = self.lan.ask('query-forwards')[0]['host-port']
        before = self.lan.ask('query-status')['descriptors']
        clients = []
        for _ in range(1000):
            client = self.keep(socket.socket())
            client.setblocking(False)
            client.connect_ex(('127.0.0.1', port))
            clients.append(client)
        until(lambda: self.lan.ask('query-status')['descriptors'] > before + 10, 'clients')
        time.sleep(0.2)
        held = self.lan.ask('query-status')['descriptors'] - before
        gone = sum(bool(select.select([client], [], [], 0)[0]) for client in clients)
        self.say(f'1000 clients of a guest that does not answer: {held} descriptors, {gone} reset')
        limits = self.lan.ask('query-netdevs')[0]['limits-per-port']
        self.assertLessEqual(held, limits['unanswered-connections'])
        self.assertEqual(gone, 0)
