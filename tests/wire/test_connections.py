# SPDX-License-Identifier: BSD-3-Clause
"""query-connections: the conns of the gateway, with the addresses that the guest sees."""
import json
import socket
import threading

from lib import packet as pk
from lib.case import GATEWAY, GATEWAY6, GatewayCase, recv_exactly, scale
from lib.daemon import run_ctl
from lib.namespace import OWN
from lib.wait import LIMIT, Never, until

WORD = 1 << 32
WEB = b'\x52\x54\0\x12\x34\x99'


class ConnectionsCase(GatewayCase):
    def setUp(self):
        self.network('hostfwd=tcp:127.0.0.1:0-10.0.2.20:22,hostfwd=udp:127.0.0.1:0-10.0.2.20:53',
                     '--guest', 'web,mac=52:54:00:12:34:99,ip=10.0.2.20')
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.a = self.station(mac=WEB)
        self.a.autoconfigure()

    def rows(self, **members):
        """The conns with these members; "_" stands for "-"."""
        wanted = {key.replace('_', '-'): value for key, value in members.items()}
        return [row for row in self.qmp.run('query-connections')
                if wanted.items() <= row.items()]

    def row(self, **members):
        [row] = self.rows(**members)
        return row

    def becomes(self, state, **members):
        until(lambda: [row['state'] for row in self.rows(**members)] == [state], state)

    def forward(self, protocol):
        [entry] = [e for e in self.lan.ask('query-forwards') if e['protocol'] == protocol]
        return entry['host-address'], entry['host-port']


class Tcp(ConnectionsCase):
    def test_a_connection_of_the_guests_is_told_from_its_begin_to_its_end(self):
        listener, port = self.host_tcp()
        flow = self.a.tcp(GATEWAY, port)
        conn = self.accept(listener)
        flow.send(b'x' * 3000)
        self.assertEqual(recv_exactly(conn, 3000), b'x' * 3000)
        conn.sendall(b'y' * 700)
        self.assertEqual(flow.recv(700), b'y' * 700)
        row = self.row(protocol='tcp')
        self.assertEqual({key: row[key] for key in row if not key.startswith('packets')}, {
            'netdev': 'nat', 'protocol': 'tcp', 'guest': 'web', 'mac': '52:54:00:12:34:99',
            'port': row['port'], 'guest-address': '10.0.2.20', 'guest-port': flow.port,
            'peer-address': GATEWAY, 'peer-port': port, 'direction': 'out', 'opened-by': 'guest',
            'state': 'ESTABLISHED', 'age': row['age'], 'idle': 0, 'bytes-out': 3000,
            'bytes-in': 700})
        self.assertGreaterEqual(row['packets-out'], 4)
        flow.shutdown()
        self.becomes('FIN_WAIT_2', protocol='tcp')
        conn.close()
        flow.expect_end()
        self.becomes('TIME_WAIT', protocol='tcp')

    def test_the_host_ends_first(self):
        listener, port = self.host_tcp()
        flow = self.a.tcp(GATEWAY, port)
        self.accept(listener).close()
        flow.expect_end()
        self.becomes('CLOSE_WAIT', protocol='tcp')
        flow.segment(pk.FIN | pk.ACK)
        self.becomes('CLOSED', protocol='tcp')

    def descriptors(self):
        return self.qmp.run('query-status')['descriptors']

    def test_one_that_the_host_ended_and_the_guest_holds_no_descriptor(self):
        listener, port = self.host_tcp()
        before = self.descriptors()
        flow = self.a.tcp(GATEWAY, port)
        self.accept(listener).close()
        self.a.listen(22)
        conn = self.dial(*self.forward('tcp'))
        came_in = self.a.accept(22)
        conn.close()
        for one in flow, came_in:
            one.expect_end()
            one.segment(pk.FIN | pk.ACK)
        until(lambda: self.descriptors() <= before + 1, 'nothing but the forward\'s door')
        # With offload=off libslirp keeps the outward connection for two times TCPTV_MSL (tcp_timer.h).
        until(lambda: 'TIME_WAIT' not in self.qmp.hmp('info usernet'), 'no TIME_WAIT', 12 + LIMIT)
        self.assertEqual({row['state'] for row in self.rows(protocol='tcp')} - {'CLOSED'}, set())

    def test_a_guest_that_did_not_hear_that_its_end_was_heard_is_told_again(self):
        self.a.listen(22)
        flows = []
        for host, gateway in ('127.0.0.1', GATEWAY), ('::1', GATEWAY6):
            listener, port = self.host_tcp(host)
            flows.append(self.a.tcp(gateway, port))
            self.accept(listener).close()
        conn = self.dial(*self.forward('tcp'))
        flows.append(self.a.accept(22))
        conn.close()
        for flow in flows:
            flow.expect_end()
            flow.shutdown()
        until(lambda: [row['state'] for row in self.rows(protocol='tcp')] == ['CLOSED'] * 3, 'their ends')
        for flow in flows:
            flow.acked = (flow.seq - 1) % WORD
            flow.segment(pk.FIN | pk.ACK, seq=flow.acked)
            flow.wait(lambda: flow.acked == flow.seq, 'the acknowledgement again')
            self.assertFalse(flow.was_reset)

    def test_what_the_guest_said_before_its_end_reaches_a_host_that_reads_late(self):
        self.a.listen(22)
        conn = self.dial(*self.forward('tcp'))
        flow = self.a.accept(22)
        conn.shutdown(socket.SHUT_WR)
        flow.expect_end()
        # Until nothing more is taken: the rest waits in the daemon's buffers.
        sent, taken = b'', -1
        while taken != flow.acked:
            taken = flow.acked
            while (room := flow.peer_window - (flow.seq - flow.acked) % WORD) > 0:
                part = bytes([len(sent) // 1000 % 251]) * min(room, 1000)
                flow.segment(pk.ACK, part)
                flow.seq = (flow.seq + len(part)) % WORD
                sent += part
            try:
                self.a.run_until(lambda: flow.acked == flow.seq, 'acknowledgements', 0.3)
            except Never:
                pass
        got = []
        reader = threading.Thread(target=lambda: got.append(b''.join(iter(lambda: conn.recv(65536), b''))))
        reader.start()
        self.a.run_until(lambda: flow.acked == flow.seq, 'acknowledgements')
        flow.shutdown()
        reader.join()
        self.assertTrue(got[0] == sent)

    def test_a_reset_ends_it(self):
        listener, port = self.host_tcp()
        flow = self.a.tcp(GATEWAY, port)
        self.accept(listener)
        flow.abort()
        self.becomes('CLOSED', protocol='tcp')

    def test_who_is_refused_is_closed(self):
        listener, port = self.host_tcp()
        listener.close()
        with self.assertRaises(ConnectionRefusedError):
            self.a.tcp(GATEWAY, port)
        self.becomes('CLOSED', protocol='tcp')

    def test_ipv6(self):
        listener, port = self.host_tcp('::1')
        flow = self.a.tcp(GATEWAY6, port)
        conn = self.accept(listener)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')
        row = self.row(protocol='tcp')
        self.assertEqual((row['guest-address'], row['peer-address'], row['state'], row['guest']),
                         (self.a.ip6, GATEWAY6, 'ESTABLISHED', 'web'))
        self.assertEqual((row['bytes-out'], row['bytes-in']), (5, 0))

    def test_one_that_came_by_a_forward_says_so(self):
        self.a.listen(22)
        where = self.forward('tcp')
        conn = self.dial(*where)
        flow = self.a.accept(22)
        conn.sendall(b'question')
        self.assertEqual(flow.recv(8), b'question')
        flow.send(b'ok')
        self.assertEqual(recv_exactly(conn, 2), b'ok')
        row = self.row(protocol='tcp')
        self.assertEqual((row['direction'], row['opened-by'], row['state'], row['guest-port'],
                          row['bytes-in'], row['bytes-out']),
                         ('in', 'forward', 'ESTABLISHED', 22, 8, 2))
        self.assertEqual((row['peer-address'], row['peer-port']), (flow.peer, flow.peer_port))

    def test_a_guest_that_does_not_answer_is_seen_waiting(self):
        conn = self.dial(*self.forward('tcp'))
        self.a.listening.add(22)
        self.a.send = lambda frame, send=self.a.send: send(frame) if frame[12:14] == b'\x08\x06' \
            else None
        self.a.run_until(lambda: self.a.accepted, 'a SYN')
        self.assertEqual(self.row(protocol='tcp')['state'], 'SYN_RECEIVED')
        conn.close()

    def test_many_come_and_go_and_none_is_left(self):
        listener, port = self.host_tcp()
        for _ in range(scale(200)):
            flow = self.a.tcp(GATEWAY, port)
            conn = self.accept(listener)
            conn.close()
            flow.expect_end()
            flow.shutdown()
        self.assertEqual([row for row in self.rows() if row['state'] != 'CLOSED'], [])
        until(lambda: not self.rows(), lambda: f'the end of {self.rows()}', limit=60)

    def test_flows_go_with_their_guest(self):
        listener, port = self.host_tcp()
        self.a.tcp(GATEWAY, port)
        self.accept(listener)
        other = self.station()
        other.tcp(GATEWAY, port)
        self.accept(listener)
        self.assertEqual(len(self.rows()), 2)
        self.a.guest.close()
        until(lambda: len(self.rows()) == 1, 'the end of one', limit=60)
        self.assertEqual(self.row()['guest-address'], other.ip)


class Others(ConnectionsCase):
    def test_datagrams(self):
        sock, port = self.host_udp()
        sport = self.a.send_udp(GATEWAY, port, b'question')
        _, client = sock.recvfrom(64)
        sock.sendto(b'an answer', client)
        self.a.expect_udp(sport)
        row = self.row(protocol='udp')
        self.assertNotIn('state', row)
        self.assertEqual((row['guest-port'], row['peer-port'], row['bytes-out'], row['bytes-in'],
                          row['packets-out'], row['packets-in']), (sport, port, 8, 9, 1, 1))

    def test_datagrams_of_a_forward(self):
        client, _ = self.host_udp()
        client.sendto(b'question', self.forward('udp'))
        p = self.a.expect_udp(53)
        self.a.send_udp(p.net.src, p.udp.sport, b'an answer', sport=53)
        self.assertEqual(client.recvfrom(64)[0], b'an answer')
        row = self.row(protocol='udp')
        self.assertEqual((row['direction'], row['opened-by'], row['guest-port'], row['peer-address'],
                          row['peer-port'], row['bytes-in'], row['bytes-out']),
                         ('in', 'forward', 53, p.net.src, p.udp.sport, 8, 9))
        rule = f"udp:127.0.0.1:{self.forward('udp')[1]}"
        self.assertEqual(row['rule'], f"hostfwd={rule}-10.0.2.20:53")
        self.qmp.run('hostfwd-remove', rule=rule)
        self.assertEqual(self.rows(), [])

    def test_pings(self):
        self.a.send_ping(OWN)
        self.a.ping(GATEWAY)  # answered after the packet was handled
        row = self.row(protocol='icmp')
        self.assertEqual((row['peer-address'], row['bytes-out'], row['direction']),
                         (OWN, 5, 'out'))
        self.assertNotIn('guest-port', row)

    def test_the_gateways_own_services_are_no_connections(self):
        self.a.ping(GATEWAY)
        self.assertEqual(self.rows(), [])

    def test_the_rule_that_let_it_out_is_named(self):
        self.qmp.run('policy-add', rule='allow=10.0.2.2', guest='web')
        _, port = self.host_udp()
        self.a.send_udp(GATEWAY, port, b'question')
        self.a.ping(GATEWAY)
        self.assertEqual(self.row(protocol='udp')['rule'], 'allow=10.0.2.2')

    def test_usernetctl_shows_them(self):
        listener, port = self.host_tcp()
        self.a.tcp(GATEWAY, port)
        self.accept(listener)

        def ctl(*words):
            result = run_ctl(self.lan.folder, '--name', self.lan.name, *words)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout
        head, line = ctl('connections').splitlines()
        self.assertEqual(head.split()[:3], ['PROTOCOL', 'GUEST', 'ADDRESS'])
        self.assertEqual(line.split()[:3], ['tcp', 'web', '10.0.2.20'])
        self.assertIn('ESTABLISHED', line)
        self.assertEqual(json.loads(ctl('--json', 'connections'))[0]['peer-port'], port)

    def test_info_usernet_has_qemus_columns_still(self):
        listener, port = self.host_tcp()
        self.a.tcp(GATEWAY, port).send(b'x')
        self.accept(listener)
        text = self.qmp.hmp('info usernet')
        self.assertIn('Protocol[State]    FD  Source Address  Port   Dest. Address  Port', text)
        self.assertRegex(text, rf'TCP\[ESTABLISHED\] +\d+ +10\.0\.2\.20 +\d+ +10\.0\.2\.2 +{port}')
