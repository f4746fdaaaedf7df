# SPDX-License-Identifier: BSD-3-Clause
"""Pings, and ICMP errors to guests: their source, content, and the packet they quote."""
import itertools
import socket
import struct
import time

from lib import packet as pk
from lib.case import DNS, GATEWAY, GATEWAY6, GatewayCase
from lib.namespace import with_addresses
from lib.tcp import Tcp
from lib.wait import LIMIT
from lib.world import (FAR, FAR6, FORBIDDEN, FORBIDDEN6, NARROW, NARROW6, NARROW_MTU, NO_HOST,
                       NO_NET, NO_NET6, ROUTER, ROUTER6, in_a_world, without_pings)

UNREACHABLE, EXPIRED = 3, 11  # RFC 792
UNREACHABLE6, TOO_BIG6, EXPIRED6 = 1, 2, 3  # RFC 4443


class IcmpCase(GatewayCase):
    def setUp(self):
        self.a = None

    def start(self):
        self.network('offload=on')  # libslirp sends fewer errors
        self.a = self.station()
        self.a.autoconfigure()

    def send(self, way, dst, ttl=64, size=20):
        """Sends a probe; returns the bytes that an error must quote, from after the IP header
        on."""
        hops = {'hops' if ':' in dst else 'ttl': ttl}
        if way == 'udp':
            sport = self.a.send_udp(dst, 33434, b'x' * size, **hops)
            return struct.pack('>HH', sport, 33434), pk.UDP
        ident, seq = self.a.send_ping(dst, b'x' * size, **hops)
        return struct.pack('>HH', ident, seq), pk.ICMPV6 if ':' in dst else pk.ICMP

    def error(self, way, dst, **more):
        """(source, type, code, word) of the error about a probe; it must quote the probe."""
        (first, proto), six = self.send(way, dst, **more), ':' in dst
        at = 0 if way == 'udp' else 4

        def read(p):
            if six and p.icmp6 and p.icmp6.kind < 128:
                return p.icmp6.kind, p.icmp6.code, p.icmp6.body[:4], p.icmp6.body[4:], p.icmp6.good
            if not six and p.icmp and p.icmp.kind not in (0, 8):
                word = struct.pack('>HH', p.icmp.ident, p.icmp.seq)
                return p.icmp.kind, p.icmp.code, word, p.icmp.payload, p.icmp.good
            return None
        p = self.a.expect(read, f'an error of {dst}', LIMIT)
        kind, code, word, quote, good = read(p)
        self.assertTrue(good)
        header, address, number = (40, socket.AF_INET6, 6) if six else (20, socket.AF_INET, 9)
        dst_at = 24 if six else 16
        self.assertEqual(socket.inet_ntop(address, quote[dst_at:dst_at + (16 if six else 4)]), dst)
        self.assertEqual(quote[number], proto)
        self.assertEqual(quote[header + at:header + at + 4], first)
        return p.net.src, kind, code, struct.unpack('>I', word)[0]

    def assert_error(self, dst, wanted, ways=('udp', 'ping'), **more):
        # No subTest: a world is another process, which tells of one failure.
        for way in ways:
            self.assertEqual(self.error(way, dst, **more)[:3], wanted, (way, dst))


class Errors(IcmpCase):
    @in_a_world
    def test_hops_are_counted_as_on_a_router(self):
        self.start()
        self.assert_error(NARROW, (GATEWAY, EXPIRED, 0), ttl=1)
        self.assert_error(NARROW, (ROUTER, EXPIRED, 0), ttl=2)
        self.assert_error(NARROW6, (GATEWAY6, EXPIRED6, 0), ttl=1)
        self.assert_error(NARROW6, (ROUTER6, EXPIRED6, 0), ttl=2)
        self.assertEqual(self.error('udp', FAR, ttl=2)[:3], (FAR, UNREACHABLE, 3))
        self.a.ping(FAR, ttl=2)
        self.a.ping(FAR6, hops=2)

    @in_a_world
    def test_unreachable_is_told_by_who_said_it(self):
        self.start()
        self.assert_error(NO_NET, (ROUTER, UNREACHABLE, 0))
        self.assert_error(NO_HOST, (ROUTER, UNREACHABLE, 1))
        # Linux sends five IPv4 errors in a row (route.c error_burst).
        self.assert_error(FORBIDDEN, (ROUTER, UNREACHABLE, 13), ways=['udp'])
        self.assert_error(NO_NET6, (ROUTER6, UNREACHABLE6, 0))
        self.assert_error(FORBIDDEN6, (ROUTER6, UNREACHABLE6, 1))

    @in_a_world
    def test_the_narrowest_link_is_told(self):
        self.start()
        for dst, router, gateway, kind, code in (
                (NARROW, ROUTER, GATEWAY, UNREACHABLE, 4),
                (NARROW6, ROUTER6, GATEWAY6, TOO_BIG6, 0)):
            fits = NARROW_MTU - (48 if ':' in dst else 28)
            # The router sends it once; then this host's kernel knows the MTU.
            for source in (router, gateway):
                said = self.error('ping', dst, size=1400, **self.whole(dst))
                self.assertEqual(said, (source, kind, code, NARROW_MTU))
            said = self.error('udp', dst, size=fits + 1, **self.whole(dst))
            self.assertEqual(said, (gateway, kind, code, NARROW_MTU))
            self.assertEqual(self.error('udp', dst, size=fits, ttl=2)[0], router)

    @in_a_world
    def test_each_of_a_run_that_is_too_large_is_told(self):
        """Datagrams of one length are sent together, and the kernel refuses them together."""
        self.start()
        self.error('udp', NARROW, size=1400, **self.whole(NARROW))
        data = pk.udp(self.a.ip, NARROW, 5000, 33434, b'x' * 1400)
        frame = pk.eth(self.a.hop_to(NARROW), self.a.mac, pk.IPV4,
                       pk.ipv4(self.a.ip, NARROW, pk.UDP, data, fragment=0x4000))
        self.a.guest.send_all([frame] * 8)
        for _ in range(8):
            p = self.a.expect(lambda p: p.icmp and p.icmp.kind == UNREACHABLE, 'an error')
            self.assertEqual((p.net.src, p.icmp.code, p.icmp.seq), (GATEWAY, 4, NARROW_MTU))

    @with_addresses()
    def test_a_host_without_a_route_says_so_at_once(self):
        self.start()
        self.assertEqual(self.error('udp', FAR)[:3], (GATEWAY, UNREACHABLE, 0))
        self.assertEqual(self.error('udp', FAR6)[:3], (GATEWAY6, UNREACHABLE6, 0))

    @staticmethod
    def whole(dst):
        return {} if ':' in dst else {'fragment': 0x4000}

    def send(self, way, dst, ttl=64, size=20, **more):
        if not more:
            return super().send(way, dst, ttl, size)
        if way == 'udp':
            return struct.pack('>HH', self.a.send_udp(dst, 33434, b'x' * size, **more),
                               33434), pk.UDP
        return struct.pack('>HH', *self.a.send_ping(dst, b'x' * size, **more)), pk.ICMP

    def test_a_closed_port_of_the_host_is_told_by_the_gateway(self):
        self.start()
        self.assertEqual(self.error('udp', GATEWAY)[:3], (GATEWAY, UNREACHABLE, 3))
        self.assertEqual(self.error('udp', GATEWAY6)[:3], (GATEWAY6, UNREACHABLE6, 4))

    def test_other_ports_of_the_name_server_are_refused(self):
        self.start()
        for port in (853, 80):
            with self.assertRaises(ConnectionRefusedError):
                self.a.tcp(DNS, port)
        self.assertEqual(self.error('udp', DNS)[:3], (DNS, UNREACHABLE, 3))


class Connects(IcmpCase):
    """A connection that cannot be made ends as one of a program of the host does."""

    def refusal(self, dst, ttl=64):
        """What answers a SYN: (source, type, code) of an ICMP error, or "reset". Nothing may be left."""
        six = ':' in dst
        before = self.lan.ask('query-status')['descriptors']
        flow = Tcp(self.a, dst, 80, next(self.ports))
        syn = pk.tcp(flow.own, dst, flow.port, 80, flow.seq, 0, pk.SYN)
        self.a.send_ip(dst, pk.TCP, syn, **{'hops' if six else 'ttl': ttl})

        def read(p):
            if p.tcp and p.tcp.dport == flow.port:
                self.assertEqual(p.tcp.flags, pk.RST | pk.ACK)
                self.assertEqual(p.tcp.ack, flow.seq + 1 & 0xffffffff)
                return 'reset'
            body = p.icmp6.body[4:] if six and p.icmp6 else \
                p.icmp.payload if p.icmp and not six else b''
            at = 40 if six else 20
            if body[at:at + 8] != syn[:8]:
                return None
            icmp = p.icmp6 if six else p.icmp
            self.assertTrue(icmp.good)
            return p.net.src, icmp.kind, icmp.code
        answer = read(self.a.expect(read, f'an answer about {dst}', LIMIT))
        self.assertEqual(self.lan.ask('query-status')['descriptors'], before)
        self.a.ping(GATEWAY)
        self.assertFalse([p for p in self.a.inbox if p.tcp], 'more is said')
        return answer

    def start(self):
        super().start()
        self.ports = itertools.count(50000)
        self.a.ping(GATEWAY6)

    @in_a_world
    def test_unreachable_is_told_by_who_said_it(self):
        self.start()
        for dst, wanted in ((NO_NET, (ROUTER, UNREACHABLE, 0)), (NO_HOST, (ROUTER, UNREACHABLE, 1)),
                            (FORBIDDEN, (ROUTER, UNREACHABLE, 13)),
                            (NO_NET6, (ROUTER6, UNREACHABLE6, 0)),
                            (FORBIDDEN6, (ROUTER6, UNREACHABLE6, 1)),
                            (FAR, 'reset'), (FAR6, 'reset')):
            began = time.monotonic()
            self.assertEqual(self.refusal(dst), wanted, dst)
            self.assertLess(time.monotonic() - began, 2)

    @in_a_world
    def test_hops_are_counted_as_on_a_router(self):
        self.start()
        for dst, gateway, router, expired in ((NARROW, GATEWAY, ROUTER, EXPIRED),
                                              (NARROW6, GATEWAY6, ROUTER6, EXPIRED6)):
            self.assertEqual(self.refusal(dst, ttl=1), (gateway, expired, 0))
            self.assertEqual(self.refusal(dst, ttl=2), (router, expired, 0))
        self.assertEqual(self.refusal(FAR, ttl=2), 'reset')
        # The host's loopback is the gateway itself.
        self.assertEqual(self.refusal(GATEWAY, ttl=1), 'reset')

    @in_a_world
    def test_a_network_that_heals_is_found_again(self):
        """The same SYN, as a guest repeats it, first fails and then connects."""
        self.start()
        for dst, six in ((NO_HOST, ''), (NO_NET6, '-6')):
            self.assertEqual(self.refusal(dst)[0], ROUTER6 if six else ROUTER)
            length = '128 dev lo nodad' if six else '32 dev lo'
            self.world.router.run(f'ip {six} route del unreachable {dst}',
                                  f'ip addr add {dst}/{length}')
            listener = self.world.router.listen(dst, 80)
            self.a.tcp(dst, 80, sport=next(self.ports) - 1)
            self.assertTrue(listener.accept()[0])

    @with_addresses()
    def test_a_host_without_a_route_says_so_at_once(self):
        self.start()
        self.assertEqual(self.refusal(FAR), (GATEWAY, UNREACHABLE, 0))
        # As where a name has addresses of both families, and the host IPv4 only.
        self.assertEqual(self.refusal(FAR6), (GATEWAY6, UNREACHABLE6, 0))


class Pings(IcmpCase):
    @in_a_world
    def test_both_families_are_answered(self):
        self.start()
        for dst in (FAR, FAR6):
            for size in (0, 8, 1400):
                self.a.ping(dst, b'y' * size)

    @in_a_world
    def test_large_ones_pass_in_fragments(self):
        self.start()
        payload = bytes(range(256)) * 12
        echo = pk.icmp_echo(7, 1, payload)
        for part in pk.ipv4_fragments(self.a.ip, FAR, pk.ICMP, echo, 99):
            self.a.send(pk.eth(self.a.hop_to(FAR), self.a.mac, pk.IPV4, part))
        p = self.a.expect(lambda p: p.icmp and p.icmp.ident == 7, 'a large echo')
        self.assertEqual(p.icmp.payload, payload)

    def test_record_route_and_timestamps_are_answered(self):
        self.start()
        record_route = bytes([7, 39, 4]) + bytes(36) + b'\1'
        timestamp = bytes([68, 36, 5, 0]) + bytes(32)
        for dst in (GATEWAY, DNS):
            for options in (record_route, timestamp):
                self.a.ping(dst, options=options)

    @without_pings
    def test_without_permission_it_is_said(self):
        self.start()
        self.assert_drops('unsupported', lambda: self.a.send_ping(FAR) and self.a)
        self.assert_drops('unsupported', lambda: self.a.send_ping(FAR6) and self.a)
        self.assertEqual(self.lan.daemon.errors().count('ping_group_range'), 1)
