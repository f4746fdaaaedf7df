# SPDX-License-Identifier: BSD-3-Clause
"""A guest with many flows at once."""
import contextlib
import socket

from lib.case import GATEWAY, GATEWAY6, GatewayCase, recv_exactly
from lib.wait import until

FLOWS = 600


class ManyFlows(GatewayCase):
    def setUp(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        self.a = self.station()
        self.status = lambda: self.lan.ask('query-status')

    def host_udp(self):
        sock = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind(('127.0.0.1', 0))
        sock.settimeout(10)
        return sock, sock.getsockname()[1]

    def said(self, sock, port, sport):
        """The client that the host sees when the guest's socket sends; it gets an answer."""
        self.a.send_udp(GATEWAY, port, b'question', sport=sport)
        data, who = sock.recvfrom(100)
        self.assertEqual(data, b'question')
        sock.sendto(b'answer', who)
        self.assertEqual(self.a.expect_udp(sport).udp.payload, b'answer')
        return who

    def open_many(self, gateway=GATEWAY, host='127.0.0.1'):
        listener, port = self.host_tcp(host)
        flows = [(self.a.tcp(gateway, port), self.accept(listener)) for _ in range(FLOWS)]
        self.assertGreaterEqual(self.status()['descriptors'], FLOWS)
        return flows

    def assert_talk(self, flows):
        for i, (flow, conn) in enumerate(flows):
            flow.send(b'out %d' % i)
            conn.sendall(b'in %d' % i)
        for i, (flow, conn) in enumerate(flows):
            self.assertEqual(recv_exactly(conn, len(b'out %d' % i)), b'out %d' % i)
            self.assertEqual(flow.recv(len(b'in %d' % i)), b'in %d' % i)

    def end(self, flows):
        """Half of them close at the guest first, half at the host."""
        for i, (flow, conn) in enumerate(flows):
            if i % 2:
                flow.shutdown()
                self.assertEqual(conn.recv(1), b'')
                conn.close()
                flow.expect_end()
            else:
                conn.close()
                flow.expect_end()
                flow.shutdown()

    def test_all_talk_and_end(self):
        before = self.status()['descriptors']
        flows = self.open_many()
        self.assert_talk(flows)
        self.end(flows)
        until(lambda: self.status()['descriptors'] <= before, 'no descriptor')

    def test_ipv6(self):
        self.a.autoconfigure()
        flows = self.open_many(GATEWAY6, '::1')
        self.assert_talk(flows)

    def test_all_that_came_in_talk_and_end(self):
        self.a.listen(22)
        forward = self.lan.ask('query-forwards')[0]
        flows = []
        for _ in range(FLOWS):
            conn = self.dial(forward['host-address'], forward['host-port'])
            flows.append((self.a.accept(22), conn))
        self.assert_talk(flows)
        self.end(flows)
        self.assertNotIn('ESTABLISHED', self.lan.daemon.qmp().hmp('info usernet'))

    def test_a_socket_of_the_guests_is_one_of_the_hosts_before_and_after(self):
        one, one_port = self.host_udp()
        two, two_port = self.host_udp()
        old = self.said(one, one_port, 5000)
        self.open_many()
        self.assertEqual(self.said(two, two_port, 5000), old)
        self.assertEqual(self.said(one, one_port, 5000), old)
        for sport in range(5001, 5011):
            self.assertEqual(self.said(one, one_port, sport), self.said(two, two_port, sport))

    def test_a_guest_that_went_and_came_finds_nothing_of_it(self):
        flows = self.open_many()
        mac = self.a.mac
        self.a.guest.close()
        for _, conn in flows:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(conn.recv(1), b'')
        until(lambda: self.status()['descriptors'] <= 1, 'no descriptor')
        self.a = self.station(mac=mac)
        listener, port = self.host_tcp()
        self.assert_talk([(self.a.tcp(GATEWAY, port), self.accept(listener))])

