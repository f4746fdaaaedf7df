# SPDX-License-Identifier: BSD-3-Clause
"""From the host into guests: hostfwd rules of the command line, and live ones."""
import socket
import sys

from lib.case import GATEWAY, GATEWAY6, GatewayCase, recv_exactly, scale
from lib.namespace import OWN
from lib.qmp import QmpError
from lib.wait import LIMIT, until

GUEST6 = 'fec0::15'


class ForwardCase(GatewayCase):
    def forward(self, index=0):
        """Where the rule listens: (host, port)."""
        entry = self.lan.ask('query-forwards')[index]
        return entry['host-address'], entry['host-port']

    def assert_talk(self, conn, flow):
        for data in (b'hello', bytes(range(256)) * 40):
            conn.sendall(data)
            self.assertEqual(flow.recv(len(data)), data)
            flow.send(data[::-1])
            self.assertEqual(recv_exactly(conn, len(data)), data[::-1])

    def through(self, station, where, guest_port):
        """A connection from the host through this forward: the client's end and the guest's."""
        station.listen(guest_port)
        conn = self.dial(*where)
        return conn, station.accept(guest_port)

    def client(self, host='127.0.0.1'):
        return self.host_udp(host)[0]


class Both(ForwardCase):
    def rules(self):
        return sorted(entry['rule'] for entry in self.lan.ask('query-forwards'))

    def test_star_leads_a_range_of_both_protocols_to_a_guest(self):
        first, last = 21000, 20999 + scale(2000)
        ports = f'{first}..{last}'
        self.network(f'hostfwd=*:{OWN}:{ports}-10.0.2.15')
        self.assertEqual(self.rules(), [f'tcp:{OWN}:{ports}-10.0.2.15:{ports}',
                                        f'udp:{OWN}:{ports}-10.0.2.15:{ports}'])
        print(f'{last - first + 1} ports by TCP and UDP: {self.lan.memory() / 1e6:.1f} MB',
              file=sys.stderr)
        a = self.station()
        for port in (first, last):
            conn, flow = self.through(a, (OWN, port), port)
            self.assert_talk(conn, flow)
            client = self.client(OWN)
            client.sendto(b'hello', (OWN, port))
            self.assertEqual(a.expect(lambda p, port=port: p.udp and p.udp.dport == port).udp.payload,
                             b'hello')

    def test_star_is_added_and_removed_live_as_one(self):
        self.network()
        self.lan.ask('hostfwd-add', rule='*:127.0.0.1:21080-10.0.2.15')
        self.assertEqual(len(self.rules()), 2)
        with self.assertRaises(QmpError):
            self.lan.ask('hostfwd-add', rule='*:127.0.0.1:21080-10.0.2.16')
        self.lan.ask('hostfwd-remove', rule='*:127.0.0.1:21080')
        self.assertEqual(self.rules(), [])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(('127.0.0.1', 21081))
            with self.assertRaises(QmpError):
                self.lan.ask('hostfwd-add', rule='*:127.0.0.1:21081-10.0.2.15')
            self.assertEqual(self.rules(), [])

    def test_all_ports_need_a_range(self):
        self.network('hostfwd=*:127.0.0.1-10.0.2.15', start=False)
        status, text = self.lan.refused()
        self.assertEqual(status, 2)
        self.assertIn('ports must be named, as in *:192.0.2.7:1024..65535-web', text)


class Tcp(ForwardCase):
    def test_port_0_is_chosen_told_and_led_to_the_first_address_of_the_pool(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        host, port = self.forward()
        self.assertEqual(host, '127.0.0.1')
        self.assertGreater(port, 0)
        conn, flow = self.through(a, (host, port), 22)
        self.assertEqual(flow.peer, GATEWAY)  # the guest sees a loopback client so
        self.assert_talk(conn, flow)

    def test_a_rule_that_names_a_guest_leads_there(self):
        self.network('hostfwd=tcp:127.0.0.1:0-10.0.2.16:22')
        a, b = self.station(), self.station()
        conn, flow = self.through(b, self.forward(), 22)
        self.assert_talk(conn, flow)
        self.assertEqual(a.accepted, [])

    def test_ipv6(self):
        self.network(f'hostfwd=tcp:[::1]:0-[{GUEST6}]:22')
        a = self.station(lease=False)
        a.autoconfigure()
        a.ip6 = GUEST6
        conn, flow = self.through(a, self.forward(), 22)
        self.assertEqual(flow.peer, GATEWAY6)
        self.assert_talk(conn, flow)

    def test_a_guest_where_nobody_listens_refuses(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        conn = self.dial(*self.forward())
        a.expect(lambda p: p.tcp and p.tcp.dport == 22)
        try:
            self.assertEqual(conn.recv(1), b'')
        except ConnectionResetError:
            pass

    def test_who_comes_before_the_guest_is_served_when_it_is_there(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        conn = self.dial(*self.forward())
        conn.sendall(b'anybody there?')
        a = self.station(lease=False)
        a.listen(22)
        a.dhcp()
        flow = a.accept(22)
        self.assertEqual(flow.recv(14), b'anybody there?')
        self.assert_talk(conn, flow)

    def test_a_forward_outlives_its_guest_and_finds_the_next(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        where = self.forward()
        conn, flow = self.through(a, where, 22)
        self.assert_talk(conn, flow)
        a.guest.close()
        self.lan.wait_for_ports('lan', 0)
        b = self.station(lease=False, mac=a.mac)
        b.dhcp()
        self.assertEqual(b.ip, a.ip)
        conn, flow = self.through(b, where, 22)
        self.assert_talk(conn, flow)

    def test_another_machine_may_take_the_address_and_the_forward(self):
        self.network('dhcpend=10.0.2.15,hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        conn, flow = self.through(a, self.forward(), 22)
        self.assert_talk(conn, flow)
        a.send_release()
        b = self.station()
        self.assertEqual(b.ip, a.ip)
        conn, flow = self.through(b, self.forward(), 22)
        self.assert_talk(conn, flow)

    def test_either_side_closes_first(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        conn, flow = self.through(a, self.forward(), 22)
        conn.sendall(b'question')
        conn.shutdown(socket.SHUT_WR)
        self.assertEqual(flow.recv(8), b'question')
        flow.expect_end()
        flow.send(b'answer')
        flow.shutdown()
        self.assertEqual(recv_exactly(conn, 6), b'answer')
        self.assertEqual(conn.recv(1), b'')
        conn, flow = self.through(a, self.forward(), 22)
        flow.send(b'banner')
        flow.shutdown()
        self.assertEqual(recv_exactly(conn, 6), b'banner')
        self.assertEqual(conn.recv(1), b'')
        conn.sendall(b'bye')
        self.assertEqual(flow.recv(3), b'bye')

    def test_fifty_clients_at_once_are_all_served(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        a.listen(22)
        clients = [self.dial(*self.forward()) for _ in range(50)]
        for n, conn in enumerate(clients):
            conn.sendall(b'%02d' % n)
        seen = set()
        for _ in clients:
            flow = a.accept(22)
            name = flow.recv(2)
            seen.add(name)
            flow.send(name)
        self.assertEqual(len(seen), 50)
        for n, conn in enumerate(clients):
            self.assertEqual(recv_exactly(conn, 2), b'%02d' % n)


class Udp(ForwardCase):
    def assert_talk_udp(self, station, where, port, clients):
        """Each client's datagram reaches the guest, and the answer reaches that client."""
        sources = {}
        for n, client in enumerate(clients):
            client.sendto(b'question %d' % n, where)
            p = station.expect_udp(port)
            self.assertEqual(p.udp.payload, b'question %d' % n)
            sources[n] = p
        for n, client in reversed(list(enumerate(clients))):
            p = sources[n]
            station.send_udp(p.net.src, p.udp.sport, b'answer %d' % n, sport=port)
            data, sender = client.recvfrom(65536)
            self.assertEqual((data, sender[:2]), (b'answer %d' % n, where))

    def test_each_client_gets_its_answer(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53')
        a = self.station()
        self.assert_talk_udp(a, self.forward(), 53, [self.client() for _ in range(5)])

    def test_ipv6(self):
        self.network(f'hostfwd=udp:[::1]:0-[{GUEST6}]:53')
        a = self.station(lease=False)
        a.autoconfigure()
        a.ip6 = GUEST6
        self.assert_talk_udp(a, self.forward(), 53, [self.client('::1') for _ in range(3)])

    def test_clients_on_the_host_are_answered_with_host_loopback_off(self):
        self.network(f'host-loopback=off,hostfwd=udp:127.0.0.1:0-:53,'
                     f'hostfwd=udp:[::1]:0-[{GUEST6}]:53')
        a = self.station()
        a.autoconfigure()
        a.ip6 = GUEST6
        for index, host in enumerate(('127.0.0.1', '::1')):
            self.assert_talk_udp(a, self.forward(index), 53, [self.client(host) for _ in range(3)])

    def test_an_answer_goes_to_nobody_who_has_not_asked(self):
        self.network('host-loopback=off,hostfwd=udp:127.0.0.1:0-:53')
        a = self.station()
        self.assert_talk_udp(a, self.forward(), 53, [self.client()])
        stranger, port = self.host_udp()

        def send():
            a.send_udp(GATEWAY, port, b'unasked', sport=53)
            return a
        self.assert_drops('policy', send)
        self.assert_nobody_came(stranger)

    def test_large_datagrams_pass_both_ways(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53')
        a, client = self.station(), self.client()
        data = bytes(range(256)) * 35
        client.sendto(data, self.forward())
        p = a.expect_udp(53)
        self.assertEqual(p.udp.payload, data)
        a.send_udp(GATEWAY, p.udp.sport, data[::-1], sport=53)
        self.assertEqual(client.recv(65536), data[::-1])

    def test_a_client_before_there_is_a_guest_does_no_harm(self):
        self.network(f'hostfwd=udp:127.0.0.1:0-:53,hostfwd=udp:[::1]:0-[{GUEST6}]:53,'
                     'hostfwd=udp:[::]:0-[fec0::16]:53')
        for index in range(3):
            host, port = self.forward(index)
            self.client('127.0.0.1' if index == 0 else '::1').sendto(b'hello', (
                host if host != '::' else '::1', port))
        a = self.station()
        a.autoconfigure()
        a.ip6 = GUEST6
        self.assertEqual(a.expect_udp(53).udp.payload, b'hello')
        # While a solicitation for it is unanswered, up to 1 s, datagrams may be lost: the client
        # asks again, as clients do.
        client, where = self.client('::1'), self.forward(1)

        def ask():
            client.sendto(b'again', where)
            a.step(0.1)
            return [p for p in a.inbox if p.udp and p.ip6 and p.udp.payload == b'again']
        self.assertEqual(until(ask, 'the datagram')[0].ip6.dst, GUEST6)


class Live(ForwardCase):
    def setUp(self):
        self.network()
        self.a = self.station()
        self.a.listen(22)
        self.qmp = self.keep(self.lan.daemon.qmp())

    def test_rules_come_and_go_while_a_connection_runs(self):
        listener, port = self.host_tcp()
        out = self.a.tcp(GATEWAY, port)
        host = self.accept(listener)

        def assert_runs():
            out.send(b'up')
            self.assertEqual(recv_exactly(host, 2), b'up')
            host.sendall(b'down')
            self.assertEqual(out.recv(4), b'down')
        for _ in range(3):
            entry = self.qmp.run('hostfwd-add', rule='tcp:127.0.0.1:0-:22')
            where = entry['host-address'], entry['host-port']
            assert_runs()
            conn, flow = self.through(self.a, where, 22)
            self.assert_talk(conn, flow)
            self.qmp.run('hostfwd-remove', rule=f'tcp:{where[0]}:{where[1]}')
            self.assertEqual(self.qmp.run('query-forwards'), [])
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(where, timeout=LIMIT)
            assert_runs()
            self.assert_talk(conn, flow)  # the rule is removed, its connection stays

    def test_udp_rules_come_and_go(self):
        client = self.client()
        for _ in range(3):
            entry = self.qmp.run('hostfwd-add', rule='udp:127.0.0.1:0-:53')
            where = entry['host-address'], entry['host-port']
            client.sendto(b'question', where)
            p = self.a.expect_udp(53)
            self.a.send_udp(p.net.src, p.udp.sport, b'answer', sport=53)
            self.assertEqual(client.recvfrom(64), (b'answer', where))
            self.qmp.run('hostfwd-remove', rule=f'udp:{where[0]}:{where[1]}')
            # The port is free again.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(where)

    def test_a_port_in_use_is_refused_and_nothing_changes(self):
        _, port = self.host_tcp()
        with self.assertRaises(QmpError) as caught:
            self.qmp.run('hostfwd-add', rule=f'tcp:127.0.0.1:{port}-:22')
        self.assertIn(str(port), caught.exception.desc)
        self.assertEqual(self.qmp.run('query-forwards'), [])
        entry = self.qmp.run('hostfwd-add', rule='tcp:127.0.0.1:0-:22')
        self.assert_talk(*self.through(self.a, (entry['host-address'], entry['host-port']), 22))

    def test_many_rules_are_kept_apart(self):
        entries = [self.qmp.run('hostfwd-add', rule=f'tcp:127.0.0.1:0-:{1000 + n}')
                   for n in range(40)]
        for n in (39, 0, 20):
            where = entries[n]['host-address'], entries[n]['host-port']
            self.assert_talk(*self.through(self.a, where, 1000 + n))
        for entry in entries[1:]:
            self.qmp.run('hostfwd-remove', rule=f"tcp:127.0.0.1:{entry['host-port']}")
        where = entries[0]['host-address'], entries[0]['host-port']
        self.assert_talk(*self.through(self.a, where, 1000))

    def test_connections_are_listed(self):
        entry = self.qmp.run('hostfwd-add', rule='tcp:127.0.0.1:0-:22')
        conn, flow = self.through(self.a, (entry['host-address'], entry['host-port']), 22)
        self.assert_talk(conn, flow)
        rows = self.qmp.run('query-connections')
        self.assertEqual([row['state'] for row in rows], ['ESTABLISHED'])
        conn.close()
        flow.close()
        until(lambda: 'ESTABLISHED' not in
              [row['state'] for row in self.qmp.run('query-connections')], 'its end')
