# SPDX-License-Identifier: BSD-3-Clause
"""From guests to the host's network: TCP, UDP and pings, how connections end, and large datagrams."""
import hashlib
import os
import signal
import socket
import struct
import threading

from lib import packet as pk
from lib.case import GATEWAY, GATEWAY6, GatewayCase, recv_exactly, scale
from lib.namespace import OWN

RESET_ON_CLOSE = struct.pack('ii', 1, 0)  # SO_LINGER


class NatCase(GatewayCase):
    options = ''

    def setUp(self):
        self.network(self.options)
        self.a = self.station()
        self.a.autoconfigure()

    def pair(self, host='127.0.0.1', to=GATEWAY):
        """A connection: the guest's end, the host's."""
        listener, port = self.host_tcp(host)
        flow = self.a.tcp(to, port)
        return flow, self.accept(listener)


class Outward(NatCase):
    def assert_talk(self, flow, conn):
        for data in (b'hello', bytes(range(256)) * 40):
            flow.send(data)
            self.assertEqual(recv_exactly(conn, len(data)), data)
            conn.sendall(data[::-1])
            self.assertEqual(flow.recv(len(data)), data[::-1])

    def test_tcp_reaches_the_hosts_loopback_by_the_gateway(self):
        self.assert_talk(*self.pair())

    def test_tcp_over_ipv6_reaches_the_hosts_loopback_by_the_gateway(self):
        self.assert_talk(*self.pair('::1', GATEWAY6))

    def test_tcp_reaches_the_hosts_own_address(self):
        self.assert_talk(*self.pair(OWN, OWN))

    def test_udp_reaches_the_hosts_loopback_by_the_gateway(self):
        for host, to in (('127.0.0.1', GATEWAY), ('::1', GATEWAY6)):
            with self.subTest(to=to):
                sock, port = self.host_udp(host)
                for n in range(3):
                    sport = self.a.send_udp(to, port, b'question %d' % n)
                    data, client = sock.recvfrom(65536)
                    self.assertEqual(data, b'question %d' % n)
                    sock.sendto(b'answer', client)
                    p = self.a.expect_udp(sport)
                    self.assertEqual((p.net.src, p.udp.sport, p.udp.payload),
                                     (to, port, b'answer'))

    def test_udp_reaches_the_hosts_own_address(self):
        sock, port = self.host_udp(OWN)
        sport = self.a.send_udp(OWN, port, b'question')
        sock.sendto(b'answer', sock.recvfrom(65536)[1])
        self.assertEqual(self.a.expect_udp(sport).net.src, OWN)

    def test_bursts_of_several_peers_come_whole_and_in_order(self):
        """Datagrams waiting for one socket are read in one turn; one of them is empty."""
        clients = {}
        for sport in (4000, 4001):
            sock, port = self.host_udp()
            self.a.send_udp(GATEWAY, port, b'question', sport=sport)
            clients[sport] = sock, sock.recvfrom(100)[1]
        sizes = [n * 37 % 1400 for n in range(60)]
        os.kill(self.lan.daemon.pid, signal.SIGSTOP)
        try:
            for n, size in enumerate(sizes):
                for sock, client in clients.values():
                    sock.sendto(bytes([n]) * size, client)
        finally:
            os.kill(self.lan.daemon.pid, signal.SIGCONT)
        for sport in clients:
            for n, size in enumerate(sizes):
                self.assertEqual(self.a.expect_udp(sport).udp.payload, bytes([n]) * size)

    def test_udp_of_one_source_port_keeps_its_destinations_apart(self):
        one, other = self.host_udp(), self.host_udp()
        for sock, port in (one, other):
            self.a.send_udp(GATEWAY, port, b'question', sport=5000)
            client = sock.recvfrom(65536)[1]
            sock.sendto(b'from %d' % port, client)
            p = self.a.expect_udp(5000)
            self.assertEqual((p.udp.sport, p.udp.payload), (port, b'from %d' % port))

    def test_a_ping_of_the_hosts_own_address_is_answered(self):
        for size in (0, 56, 1400):
            self.a.ping(OWN, bytes(size))

    def test_two_guests_have_the_same_port_at_once(self):
        b = self.station()
        listener, port = self.host_tcp()
        flows = []
        for station in (self.a, b):
            flow = station.connect(GATEWAY, port)
            station.run_until(lambda: flow.opened, 'the connection') # pylint: disable=W0640
            flows.append((flow, self.accept(listener)))
        for n, (flow, conn) in enumerate(flows):
            flow.send(b'%d' % n)
            self.assertEqual(recv_exactly(conn, 1), b'%d' % n)

    def test_many_connections_of_one_guest_at_once(self):
        listener, port = self.host_tcp()
        pairs = []
        for _ in range(100):
            flow = self.a.tcp(GATEWAY, port)
            pairs.append((flow, self.accept(listener)))
        for n, (flow, _) in enumerate(pairs):
            flow.send(b'%03d' % n)
        for n, (flow, conn) in enumerate(pairs):
            self.assertEqual(recv_exactly(conn, 3), b'%03d' % n)
            conn.close()
            flow.close()

    def test_a_guest_behind_a_guest_gets_out(self):
        far = '172.31.5.5'
        self.a.routed.add(far)
        listener, port = self.host_tcp()
        flow = self.a.tcp(GATEWAY, port, own=far)
        self.assert_talk(flow, self.accept(listener))
        sock, port = self.host_udp()
        sport = self.a.send_udp(GATEWAY, port, b'question', src=far)
        sock.sendto(b'answer', sock.recvfrom(65536)[1])
        self.assertEqual(self.a.expect_udp(sport).net.dst, far)

    def test_two_megabytes_both_ways_at_once_are_what_was_sent(self):
        size = scale(2 << 20)
        up, down = os.urandom(size), os.urandom(size)
        flow, conn = self.pair()
        got = []
        reader = threading.Thread(target=lambda: got.append(recv_exactly(conn, size)))
        writer = threading.Thread(target=lambda: conn.sendall(down))
        reader.start()
        writer.start()
        flow.send(up)
        received = flow.recv(size)
        reader.join()
        writer.join()
        self.assertEqual(hashlib.sha1(got[0]).digest(), hashlib.sha1(up).digest())
        self.assertEqual(hashlib.sha1(received).digest(), hashlib.sha1(down).digest())

    def test_segments_are_no_larger_than_the_guest_says(self):
        listener, port = self.host_tcp()
        for mss in (536, 1000, 1440, 8960):
            flow = self.a.tcp(GATEWAY, port, mss=mss)
            conn = self.accept(listener)
            conn.sendall(bytes(30000))
            self.assertEqual(len(flow.recv(30000)), 30000)  # the station checks each checksum
            flow.abort()


class WithoutOffload(Outward):
    options = 'offload=off'


class Ends(NatCase):
    def test_a_port_where_nobody_listens_is_refused(self):
        sock, port = self.host_udp()  # holds the number, as UDP
        self.assertTrue(sock)
        for to in (GATEWAY, GATEWAY6):
            with self.assertRaises(ConnectionRefusedError):
                self.a.tcp(to, port)

    def test_the_guest_closes_first_and_is_still_sent_to(self):
        for host, to in (('127.0.0.1', GATEWAY), ('::1', GATEWAY6)):
            flow, conn = self.pair(host, to)
            flow.send(b'all I have to say')
            flow.shutdown()
            self.assertEqual(recv_exactly(conn, 17), b'all I have to say')
            self.assertEqual(conn.recv(1), b'')
            conn.sendall(b'answer')
            self.assertEqual(flow.recv(6), b'answer')
            conn.close()
            flow.expect_end()

    def test_the_host_closes_first_and_is_still_sent_to(self):
        for host, to in (('127.0.0.1', GATEWAY), ('::1', GATEWAY6)):
            flow, conn = self.pair(host, to)
            conn.sendall(b'all I have to say')
            conn.shutdown(socket.SHUT_WR)
            self.assertEqual(flow.recv(17), b'all I have to say')
            flow.expect_end()
            flow.send(b'answer')
            self.assertEqual(recv_exactly(conn, 6), b'answer')
            flow.shutdown()
            self.assertEqual(conn.recv(1), b'')

    def test_data_and_end_in_one_segment_arrive_both(self):
        flow, conn = self.pair()
        flow.segment(pk.ACK | pk.PSH | pk.FIN, b'last words')
        flow.seq += 11
        self.assertEqual(recv_exactly(conn, 10), b'last words')
        self.assertEqual(conn.recv(1), b'')

    def test_a_guests_reset_ends_it_at_the_host(self):
        flow, conn = self.pair()
        flow.abort()
        try:
            self.assertEqual(conn.recv(1), b'')
        except ConnectionResetError:
            pass

    def test_a_hosts_reset_resets_it_at_the_guest(self):
        for host, to in (('127.0.0.1', GATEWAY), ('::1', GATEWAY6)):
            flow, conn = self.pair(host, to)
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            conn.close()
            flow.expect_reset()

    def test_a_segment_of_no_connection_is_reset(self):
        flow, _ = self.pair()
        flow.abort()
        flow.was_reset = False
        flow.segment(pk.ACK, b'who am I?')
        flow.expect_reset()

    def test_the_connections_of_a_guest_that_vanished_end(self):
        flow, conn = self.pair()
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')
        self.a.guest.close()
        try:
            self.assertEqual(conn.recv(1), b'')
        except ConnectionResetError:
            pass

    def test_a_guest_whose_link_comes_again_soon_goes_on(self):
        flow, conn = self.pair()
        self.a.guest.close()
        self.lan.wait_for_ports('lan', 0)
        self.a.guest = self.guest()
        flow.send(b'here again')
        self.assertEqual(recv_exactly(conn, 10), b'here again')
        conn.sendall(b'welcome')
        self.assertEqual(flow.recv(7), b'welcome')


class Large(NatCase):
    SIZES = (1472, 1473, 2952, 9000, 16092, 16093, 20000, 40000, 65507)

    def test_fragments_of_the_guest_are_one_datagram_at_the_host(self):
        sock, port = self.host_udp()
        for size in self.SIZES:
            with self.subTest(size=size):
                data = os.urandom(size)
                self.a.send_udp(GATEWAY, port, data)
                self.assertEqual(sock.recvfrom(65536)[0], data)

    def test_fragments_out_of_order_are_put_in_order(self):
        sock, port = self.host_udp()
        data = os.urandom(9000)
        datagram = pk.udp(self.a.ip, GATEWAY, 4000, port, data)
        parts = list(pk.ipv4_fragments(self.a.ip, GATEWAY, pk.UDP, datagram, 99))
        for part in parts[1::2] + parts[0::2]:
            self.a.send(pk.eth(self.a.resolve(GATEWAY), self.a.mac, pk.IPV4, part))
        self.assertEqual(sock.recvfrom(65536)[0], data)

    def test_a_large_answer_comes_in_fragments_that_fit(self):
        sock, port = self.host_udp()
        self.a.send_udp(GATEWAY, port, b'question', sport=4000)
        client = sock.recvfrom(65536)[1]
        for size in self.SIZES:
            with self.subTest(size=size):
                data = os.urandom(size)
                sock.sendto(data, client)
                p = self.a.expect_udp(4000)
                self.assertEqual(p.udp.payload, data)
                self.assertLessEqual(max(p.sizes or [len(p.frame)]), 1514)
                self.assertEqual(bool(p.sizes), size > 1472)

    def test_a_large_answer_over_ipv6_comes_in_fragments_that_fit(self):
        sock, port = self.host_udp('::1')
        self.a.send_udp(GATEWAY6, port, b'question', sport=4000)
        client = sock.recvfrom(65536)[1]
        for size in (1452, 1453, 9000, 16000):
            with self.subTest(size=size):
                data = os.urandom(size)
                sock.sendto(data, client)
                p = self.a.expect_udp(4000)
                self.assertEqual(p.udp.payload, data)
                self.assertLessEqual(max(p.sizes or [len(p.frame)]), 1514)
                self.assertEqual(bool(p.sizes), size > 1452)


class LargeFrames(NatCase):
    options = 'mtu=9000'

    def test_answers_fit_the_mtu_that_was_told(self):
        sock, port = self.host_udp()
        self.a.send_udp(GATEWAY, port, b'question', sport=4000)
        client = sock.recvfrom(65536)[1]
        sock.sendto(bytes(8972), client)
        self.assertIsNone(self.a.expect_udp(4000).sizes)
        sock.sendto(bytes(8973), client)
        self.assertEqual(len(self.a.expect_udp(4000).sizes), 2)
