# SPDX-License-Identifier: BSD-3-Clause
"""Destinations that guests must not reach: host-loopback=, restrict=, TFTP, and other ways to
them."""
import os
import socket
import struct

from lib import packet as pk
from lib.case import DNS, DNS6, GATEWAY, GATEWAY6, GatewayCase, recv_exactly
from lib.namespace import OWN
from lib.station import run_all

# Addresses that libslirp, the host's kernel or both take for the host's loopback, or for somebody
# that is no business of a guest's. What the name server's own port does is not tested here.
DETOURS = (DNS, '10.0.2.0', '10.0.2.1', '10.0.2.77', '10.0.2.255', '127.0.0.1', '127.0.0.53',
           '127.255.255.254', '0.0.0.0', '0.0.0.1', '224.0.0.1', '239.255.255.250', '240.0.0.1',
           '255.255.255.255')
DETOURS6 = (DNS6, 'fec0::', 'fec0::1', 'fec0::1234', '::1', '::', '::127.0.0.1',
            '::ffff:127.0.0.1', '::ffff:0.0.0.0', '::ffff:10.0.2.2', 'fe80::1', 'fe80::2', 'ff01::1',
            'ff02::1', 'ff05::2')


class PolicyCase(GatewayCase):
    def start(self, options=''):
        self.network(options)
        self.a = self.station()
        if not self.a.router:  # with restrict=on DHCP names none
            self.a.router = GATEWAY
        self.a.autoconfigure()
        self.hop = self.a.resolve(GATEWAY)
        self.tcp4, self.tcp_port = self.host_tcp('0.0.0.0')
        self.udp4, self.udp_port = self.host_udp('0.0.0.0')
        self.tcp6 = self.keep(socket.create_server(('::', self.tcp_port), family=socket.AF_INET6))
        self.udp6 = self.keep(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        self.udp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.udp6.bind(('::', self.udp_port))
        for sock in (self.tcp6, self.udp6):
            sock.settimeout(self.tcp4.gettimeout())

    def syn(self, dst, flags=pk.SYN):
        own = self.a.ip6 if ':' in dst else self.a.ip
        self.a.send_ip(dst, pk.TCP, pk.tcp(own, dst, 1234, self.tcp_port, 1, 0, flags),
                       hop=self.hop)

    def assert_refused(self, *destinations):
        """No TCP, UDP or ping passes to these; each packet counts as denied by policy."""
        own = {GATEWAY, DNS, GATEWAY6, DNS6, 'fe80::2', 'fe80::3'}
        for dst in destinations:
            with self.subTest(dst=dst):
                def send(dst=dst):
                    self.syn(dst)
                    self.syn(dst, pk.SYN | pk.FIN | pk.PSH | pk.URG)
                    self.a.send_udp(dst, self.udp_port, b'knock', hop=self.hop)
                    if dst not in own:  # these answer pings themselves
                        self.a.send_ping(dst, hop=self.hop)
                    return self.a
                self.assert_drops('policy', send, 3 if dst in own else 4)
        for sock in (self.tcp4, self.udp4, self.tcp6, self.udp6):
            self.assert_nobody_came(sock)
        # The name server's address refuses other services, so that programs fail at once.
        self.assertEqual([str(p) for p in self.a.inbox if (p.tcp or p.udp or p.icmp) and
                          not (p.net.src in (DNS, DNS6, 'fe80::3') and
                               (p.tcp and p.tcp.flags & pk.RST or p.icmp and p.icmp.kind == 3))],
                         [])

    def assert_reached(self, dst, host):
        listener, port = self.host_tcp(host)
        flow = self.a.tcp(dst, port)
        conn = self.accept(listener)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')
        sock, port = self.host_udp(host)
        sport = self.a.send_udp(dst, port, b'question')
        sock.sendto(b'answer', sock.recvfrom(64)[1])
        self.assertEqual(self.a.expect_udp(sport).udp.payload, b'answer')


class HostLoopback(PolicyCase):
    def test_on_it_is_reached_by_the_gateway_and_no_detour(self):
        self.start()
        self.assert_reached(GATEWAY, '127.0.0.1')
        self.assert_reached(GATEWAY6, '::1')
        self.assert_refused(*DETOURS, *DETOURS6)

    def test_off_it_is_not_reached_at_all(self):
        self.start('host-loopback=off')
        self.assert_refused(GATEWAY, GATEWAY6, *DETOURS, *DETOURS6)

    def test_off_the_rest_of_the_world_is_reached(self):
        self.start('host-loopback=off')
        self.assert_reached(OWN, OWN)

    def test_ports_are_reached_and_no_others(self):
        allowed, port = self.host_tcp()
        listener, other = self.host_tcp()
        self.start(f'host-loopback={port};1')
        flow = self.a.tcp(GATEWAY, port)
        conn = self.accept(allowed)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')

        def send():
            self.a.send_ip(GATEWAY, pk.TCP, pk.tcp(self.a.ip, GATEWAY, 9, other, 1, 0, pk.SYN))
            return self.a
        self.assert_drops('policy', send)
        self.assert_nobody_came(listener)
        self.assert_refused(GATEWAY, GATEWAY6, *DETOURS, *DETOURS6)

    def test_the_detours_of_another_subnet_are_closed_too(self):
        self.network('net=192.168.77.0/24,host-loopback=off')
        a = self.station()
        listener, port = self.host_tcp('0.0.0.0')
        hop = a.resolve(a.router)
        for dst in ('192.168.77.2', '192.168.77.3', '192.168.77.9', '192.168.77.255', '127.0.0.1',
                    '0.0.0.0'):
            a.send_ip(dst, pk.TCP, pk.tcp(a.ip, dst, 1234, port, 1, 0, pk.SYN), hop=hop)
        a.ping(a.router)
        self.assert_nobody_came(listener)
        self.assertEqual(self.dropped('policy'), 6)

    def test_fragments_are_no_detour(self):
        self.start('host-loopback=off')
        for dst in ('127.0.0.1', GATEWAY, '0.0.0.0'):
            datagram = pk.udp(self.a.ip, dst, 1234, self.udp_port, bytes(2000))

            def send(dst=dst, datagram=datagram):
                for part in pk.ipv4_fragments(self.a.ip, dst, pk.UDP, datagram, 5):
                    self.a.send(pk.eth(self.hop, self.a.mac, pk.IPV4, part))
                return self.a
            self.assert_drops('policy', send)
        # A first fragment without ports:
        datagram = pk.tcp(self.a.ip, '127.0.0.1', 1234, self.tcp_port, 1, 0, pk.SYN)
        for part in pk.ipv4_fragments(self.a.ip, '127.0.0.1', pk.TCP, datagram, 6, size=8):
            self.a.send(pk.eth(self.hop, self.a.mac, pk.IPV4, part))
        self.a.ping(GATEWAY)
        for sock in (self.tcp4, self.udp4, self.tcp6, self.udp6):
            self.assert_nobody_came(sock)

    def test_extension_headers_and_options_are_no_detour(self):
        self.start('host-loopback=off')
        for dst in ('::1', GATEWAY6, '::'):
            syn = pk.tcp(self.a.ip6, dst, 1234, self.tcp_port, 1, 0, pk.SYN)
            for header in (0, 43, 44, 60):  # hop-by-hop, routing, fragment, destination
                self.a.send_ip(dst, header, bytes([pk.TCP, 0, 0, 0, 0, 0, 0, 0]) + syn,
                               hop=self.hop)
        # Loose source route to the loopback (RFC 791 3.1), through an allowed address.
        route = bytes([131, 7, 4]) + pk.ip4('127.0.0.1') + b'\0'
        dst = '192.0.2.99'
        self.a.send_ip(dst, pk.TCP, pk.tcp(self.a.ip, dst, 1234, self.tcp_port, 1, 0, pk.SYN),
                       hop=self.hop, options=route)
        self.a.ping(GATEWAY)
        for sock in (self.tcp4, self.tcp6):
            self.assert_nobody_came(sock)

    def test_other_link_layer_destinations_are_no_detour(self):
        self.start('host-loopback=off')
        for mac in (pk.BROADCAST, b'\x33\x33\0\0\0\x01', b'\1\0\x5e\0\0\1', b'\x52\x56\0\0\0\2'):
            self.hop = mac
            for dst in (GATEWAY, '127.0.0.1', '0.0.0.0', '255.255.255.255', GATEWAY6, '::1'):
                self.syn(dst)
                self.a.send_udp(dst, self.udp_port, b'knock', hop=mac)
        self.a.ping(GATEWAY)
        for sock in (self.tcp4, self.udp4, self.tcp6, self.udp6):
            self.assert_nobody_came(sock)


class Restrict(PolicyCase):
    def test_nothing_gets_out(self):
        self.start('restrict=on')
        self.assert_refused(GATEWAY, GATEWAY6, OWN, '192.0.2.99', '2001:db8::1',
                            *DETOURS, *DETOURS6)

    def test_forwards_live_with_their_answers(self):
        self.start('restrict=on,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:0-:53,'
                   'hostfwd=tcp:[::1]:0-[fec0::15]:22,hostfwd=udp:[::1]:0-[fec0::15]:53')
        self.a.ip6 = 'fec0::15'
        self.a.listen(22)
        for entry in self.lan.ask('query-forwards'):
            where = entry['host-address'], entry['host-port']
            if entry['protocol'] == 'tcp':
                conn = self.dial(*where)
                flow = self.a.accept(22)
                conn.sendall(b'question')
                self.assertEqual(flow.recv(8), b'question')
                flow.send(b'answer')
                self.assertEqual(recv_exactly(conn, 6), b'answer')
                flow.shutdown()
                self.assertEqual(conn.recv(1), b'')
            else:
                client, _ = self.host_udp(where[0])
                for _ in range(2):
                    client.sendto(b'question', where)
                    p = self.a.expect_udp(53)
                    self.a.send_udp(p.net.src, p.udp.sport, b'answer', sport=53)
                    self.assertEqual(client.recvfrom(64)[0], b'answer')
        self.assert_refused(GATEWAY, GATEWAY6)

    def test_guests_reach_each_other(self):
        self.start('restrict=on')
        b = self.station()
        b.listen(80)
        flow = self.a.connect(b.ip, 80, hop=b.mac)
        run_all([self.a, b], lambda: flow.opened and b.accepted and b.accepted[0].opened,
                'a connection between guests')


class Tftp(PolicyCase):
    def read(self, name, to=GATEWAY):
        """The file, fetched by TFTP in octet mode (RFC 1350), or the error's code."""
        data, block = b'', 1
        sport = self.a.send_udp(to, 69, b'\0\1' + name + b'\0octet\0')
        while True:
            p = self.a.expect_udp(sport)
            op, number = struct.unpack_from('>HH', p.udp.payload)
            if op == 5:
                return number
            self.assertEqual((op, number), (3, block))
            data += p.udp.payload[4:]
            self.a.send_udp(to, p.udp.sport, struct.pack('>HH', 4, block), sport=sport)
            if len(p.udp.payload) < 516:
                return data
            block += 1

    def test_a_file_is_served(self):
        content = os.urandom(1300)
        self.network('tftp={dir}/files', start=False)
        os.mkdir(self.lan.path('files'))
        with open(self.lan.path('files', 'boot.img'), 'wb') as file:
            file.write(content)
        with open(self.lan.path('secret'), 'wb') as file:
            file.write(b'not for guests')
        self.lan.start()
        self.a = self.station()
        self.assertEqual(self.read(b'boot.img'), content)
        self.assertEqual(self.read(b'/boot.img'), content)
        self.assertEqual(self.read(b'absent'), 1)
        self.assertIsInstance(self.read(b'../secret'), int)
        self.assertIsInstance(self.read(b'/../secret'), int)

    def test_without_it_nobody_answers(self):
        self.start()
        for dst in (GATEWAY, DNS, '127.0.0.1', '10.0.2.77', '192.0.2.99', GATEWAY6, '2001:db8::1'):
            with self.subTest(dst=dst):
                def send(dst=dst):
                    self.a.send_udp(dst, 69, b'\0\1/etc/passwd\0octet\0', hop=self.hop)
                    return self.a
                self.assert_drops('policy', send)
        self.assertEqual([str(p) for p in self.a.inbox if p.udp], [])
