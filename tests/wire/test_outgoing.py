# SPDX-License-Identifier: BSD-3-Clause
"""outgoing=: the address of the host from which guests' connections, datagrams and pings leave."""
import os
import socket
import unittest

from lib.case import GatewayCase
from lib.namespace import with_addresses
from lib.wait import LIMIT

HOST, HOST6 = '192.0.2.1', '2001:db8::1'       # where the servers are
OURS, OURS6 = '192.0.2.7', '2001:db8::7'       # outgoing= of the network
WEBS, WEBS6 = '192.0.2.8', '2001:db8::8'       # outgoing= of the guest web
WEB = bytes.fromhex('525400a10001')
ALL = f'outgoing={OURS},outgoing={OURS6}'
GUEST = f'web,mac=52:54:00:a1:00:01,outgoing={WEBS},outgoing={WEBS6}'
in_addresses = with_addresses(HOST, HOST6, OURS, OURS6, WEBS, WEBS6)


class Outgoing(GatewayCase):
    def sources(self, station, host):
        """From where a server sees TCP and UDP of this station come."""
        listener, port = self.host_tcp(host)
        client = station.tcp(host, port)
        server, peer = listener.accept()
        server.close()
        client.abort()
        sock, port = self.host_udp(host)
        source = station.send_udp(host, port, b'hello')
        data, udp_peer = sock.recvfrom(100)
        self.assertEqual(data, b'hello')
        sock.sendto(b'answer', udp_peer)
        self.assertEqual(station.expect_udp(source).udp.payload, b'answer')
        return {peer[0], udp_peer[0]}

    def ping_source(self, station, host):
        with open('/proc/sys/net/ipv4/ping_group_range', 'w', encoding='ascii') as file:
            file.write(f'{os.getgid()} {os.getgid()}')
        v6 = ':' in host
        with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                           socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP) as raw:
            raw.settimeout(LIMIT)
            station.ping(host, b'where from')
            while True:
                data, peer = raw.recvfrom(2000)
                if data.endswith(b'where from') and data[0 if v6 else 20] == (128 if v6 else 8):
                    return peer[0]

    def stations(self, user, *more):
        self.network(user, '--guest', GUEST, *more)
        for mac in (None, WEB):
            station = self.station(mac=mac)
            station.autoconfigure()
            yield station

    @in_addresses
    def test_tcp_udp_and_pings(self):
        other, web = self.stations(ALL)
        for station, v4, v6 in ((other, OURS, OURS6), (web, WEBS, WEBS6)):
            self.assertEqual(self.sources(station, HOST), {v4})
            self.assertEqual(self.sources(station, HOST6), {v6})
            self.assertEqual(self.ping_source(station, HOST), v4)
            self.assertEqual(self.ping_source(station, HOST6), v6)

    @in_addresses
    def test_libslirp(self):
        other, web = self.stations(ALL + ',offload=off')
        for station, v4, v6 in ((other, OURS, OURS6), (web, WEBS, WEBS6)):
            self.assertEqual(self.sources(station, HOST), {v4})
            self.assertEqual(self.sources(station, HOST6), {v6})

    @in_addresses
    def test_one_guest_alone(self):
        other, web = self.stations('')
        self.assertEqual(self.sources(other, HOST), {HOST})
        self.assertEqual(self.sources(web, HOST), {WEBS})

    @in_addresses
    def test_loopback_is_not_bound(self):
        other, _ = self.stations(ALL)
        listener, port = self.host_tcp()
        other.tcp('10.0.2.2', port)
        _, peer = listener.accept()
        self.assertEqual(peer[0], '127.0.0.1')

    def nothing_leaves(self, user):
        self.network('outgoing=203.0.113.9' + user)
        self.assertIn('outgoing=203.0.113.9 is not an address of this host now',
                      self.lan.daemon.errors())
        station = self.station()
        listener, port = self.host_tcp(HOST)
        sock, udp_port = self.host_udp(HOST)
        client = station.connect(HOST, port)
        station.run_until(lambda: client.was_reset or any(
            p.icmp and p.icmp.kind == 3 for p in station.inbox), 'the refusal')
        station.send_udp(HOST, udp_port, b'no')
        station.ping('10.0.2.2')
        self.assert_nobody_came(listener)
        self.assert_nobody_came(sock)

    @in_addresses
    def test_nothing_leaves_from_another_address(self):
        self.nothing_leaves('')

    @in_addresses
    def test_nothing_leaves_libslirp_from_another_address(self):
        self.nothing_leaves(',offload=off')


if __name__ == '__main__':
    unittest.main()
