# SPDX-License-Identifier: BSD-3-Clause
"""Forwards to a hostile guest: addresses it takes over, segments for closed connections, its
leaving."""
import contextlib
import json
import random
import socket
import time

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase, recv_exactly, scale
from lib.namespace import with_addresses
from lib.qmp import QmpError
from lib.wait import LIMIT

HOST = '198.51.100.7'  # RFC 5737
FIRST, LAST = 40000, 40015  # of the host's ephemeral ports
# Seconds that libslirp, with offload=off, remembers a closed connection: two times TCPTV_MSL, and a
# tick (tcp_timer.h).
TIME_WAIT = 10.5


def ephemeral_ports(first, last):
    with open('/proc/sys/net/ipv4/ip_local_port_range', 'w', encoding='ascii') as file:
        file.write(f'{first} {last}')


class HostileForward(GatewayCase):
    def forward(self):
        entry = self.lan.ask('query-forwards')[0]
        return entry['host-address'], entry['host-port']

    def through(self, station, port, bind=None):
        """A connection by the first rule: the client's end and the guest's."""
        station.listen(port)
        conn = self.keep(socket.create_connection(self.forward(), timeout=LIMIT,
                                                  source_address=bind and (bind, 0)))
        flow = station.accept(port)
        conn.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        return conn, flow

    def wait_in_time_wait(self, station, conn, flow):
        """Closes it, the client first: the daemon remembers the connection for a while."""
        conn.shutdown(socket.SHUT_WR)
        flow.expect_end()
        flow.shutdown()
        self.assertEqual(conn.recv(1), b'')
        conn.close()
        station.ping(GATEWAY)


class TimeWait(HostileForward):
    @with_addresses(HOST)
    def test_a_clients_name_does_not_lead_a_guest_to_the_hosts_loopback(self):
        ephemeral_ports(FIRST, LAST)
        self.network(f'host-loopback=off,hostfwd=tcp:{HOST}:2222-:22')
        a = self.station()
        conn, flow = self.through(a, 22, HOST)
        self.assertEqual(flow.peer, HOST)
        self.wait_in_time_wait(a, conn, flow)
        listeners = []
        for port in range(FIRST, LAST + 1):
            with contextlib.suppress(OSError):
                listeners.append(self.keep(socket.create_server(('127.0.0.1', port))))

        self.assertGreater(len(listeners), LAST - FIRST - 5)
        ephemeral_ports(LAST + 1, LAST + 100)  # not to run out of them
        def send():
            # Above the sequence numbers used, so that it restarts (RFC 9293 3.10.7.4, RFC 6191).
            flow.segment(pk.SYN, seq=(flow.seq + 1000000) % (1 << 32))
            return a
        send()
        a.ping(GATEWAY)
        conn, flow = self.through(a, 22, HOST)
        send()  # within a connection: a challenge ACK (RFC 5961 4), and it goes on
        a.ping(GATEWAY)
        flow.send(b'answer')
        self.assertEqual(recv_exactly(conn, 6), b'answer')
        for listener in listeners:
            self.assert_nobody_came(listener)

    def flood(self, station, segment):
        """Sends segments that have no effect until the connection is forgotten."""
        end = time.monotonic() + TIME_WAIT
        while time.monotonic() < end:
            segment()
            station.step(0.001)
        station.ping(GATEWAY)

    def test_segments_for_what_is_let_go_at_this_moment(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        a = self.station()
        conn, flow = self.through(a, 22)
        self.wait_in_time_wait(a, conn, flow)
        # Without ACK: segments with one would extend libslirp's TIME_WAIT (tcp_input.c).
        self.flood(a, lambda: flow.segment(pk.PSH))
        conn, flow = self.through(a, 22)
        flow.send(b'answer')
        self.assertEqual(recv_exactly(conn, 6), b'answer')


class Descriptors(HostileForward):
    def test_rules_leave_some_to_the_guests(self):
        """A range that would need all descriptors is refused as a whole."""
        self.network('hostfwd=tcp:127.0.0.1:0-:22', files=256)
        a = self.station()
        with self.assertRaises(QmpError) as caught:
            self.lan.ask('hostfwd-add', rule='tcp:127.9.8.7:20000..20199-:2000')
        self.assertIn('raise the limit of open files', caught.exception.desc)
        self.lan.ask('hostfwd-add', rule='tcp:127.9.8.7:20000..20099-:2000')
        conn, flow = self.through(a, 22)
        flow.send(b'answer')
        self.assertEqual(recv_exactly(conn, 6), b'answer')
        listener, port = self.host_tcp()
        a.tcp(GATEWAY, port).send(b'out')
        self.assertEqual(recv_exactly(self.accept(listener), 3), b'out')


class Going(HostileForward):
    OPTIONS = 'hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-10.0.2.99:22'

    def open_all(self):
        """A guest with a connection, clients that wait for an absent guest, a client without an
        answer."""
        self.a = self.station(mac=pk.mac('52:54:00:12:34:56'))
        self.conn, self.flow = self.through(self.a, 22)
        absent = self.lan.ask('query-forwards')[1]
        self.waiting = [self.dial(absent['host-address'], absent['host-port']) for _ in range(20)]
        self.a.listening.clear()
        self.unanswered = [self.dial(*self.forward()) for _ in range(20)]

    def assert_over(self, *conns):
        for conn in conns:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(conn.recv(1), b'')

    def test_the_gateway_goes_and_comes_while_clients_wait_and_talk(self):
        # A round leaves one descriptor per connection, too few for the next.
        self.network(self.OPTIONS, files=192)
        rules = [entry['host-port'] for entry in self.lan.ask('query-forwards')]
        for _ in range(5):
            self.open_all()
            self.lan.ask('netdev_del', id='nat')
            self.assert_over(self.conn, *self.waiting, *self.unanswered)
            for port in rules:
                with self.assertRaises(ConnectionRefusedError):
                    self.dial('127.0.0.1', port)
            self.a.guest.close()
            self.lan.wait_for_ports('lan', 0)
            self.lan.ask('netdev_add', type='user', id='nat', hostfwd=[
                {'str': rule.removeprefix('hostfwd=')} for rule in self.OPTIONS.split(',')])
            rules = [entry['host-port'] for entry in self.lan.ask('query-forwards')]

    def test_the_daemon_ends_while_clients_wait_and_talk(self):
        self.network(self.OPTIONS)
        self.open_all()
        self.lan.stop()
        self.assert_over(self.conn, *self.waiting, *self.unanswered)

    def connect(self, qmp, guest, port):
        """As `usernetctl connect`: the client's end."""
        ours, theirs = socket.socketpair()
        self.keep(ours).settimeout(LIMIT)
        with theirs:
            qmp.send_fd('{"execute":"getfd","arguments":{"fdname":"it"}}', theirs.fileno())
            self.assertEqual(qmp.answer(), {'return': {}})
        qmp.run('connect', guest=guest, port=port, fdname='it')
        return ours

    def test_connections_without_a_rule_are_given_up_at_any_moment(self):
        self.network(files=192)
        a, qmp = self.station(), self.keep(self.lan.daemon.qmp())
        a.listen(22)
        for n in range(scale(200)):
            guest = a.ip if n % 2 else '10.0.2.99'  # an absent guest
            conn = self.connect(qmp, guest, 22)
            if n % 3 == 0:
                with contextlib.suppress(BrokenPipeError):  # too many wait
                    conn.sendall(bytes(1000))
            if n % 4 == 1:
                a.accept(22)
            conn.close()
            if n % 5 == 0:
                a.ping(GATEWAY)
        self.lan.ask('netdev_del', id='nat')
        self.lan.ask('netdev_add', type='user', id='nat')
        conn = self.connect(qmp, a.ip, 22)
        a.accepted.clear()
        a.ping(GATEWAY)
        conn.sendall(b'hello')
        self.assertEqual(a.accept(22).recv(5), b'hello')

    def test_two_clients_change_everything_at_once_while_guests_talk(self):
        self.network(self.OPTIONS, files=256)
        a, choose = self.station(), random.Random(4)
        a.listen(22)
        hop, (_, port) = a.resolve(GATEWAY), self.host_tcp()
        commands = [('netdev_del', {'id': 'nat'}), ('netdev_add', {'type': 'user', 'id': 'nat'}),
                    ('netdev_add', {'type': 'user', 'id': 'nat'}),
                    ('hostfwd-add', {'rule': 'tcp:127.9.8.7:20000..20004-:22'}),
                    ('hostfwd-remove', {'rule': 'tcp:127.9.8.7:20000..20004'}),
                    ('hostfwd-add', {'rule': 'udp:127.9.8.7:20000-web:22'}),
                    ('hostfwd-remove', {'rule': 'udp:127.9.8.7:20000'}),
                    ('guestfwd-add', {'rule': f'tcp:10.0.2.100:80-tcp:127.0.0.1:{port}'}),
                    ('guestfwd-remove', {'rule': 'tcp:10.0.2.100:80'}),
                    ('guest-add', {'name': 'web', 'mac': pk.mac_text(a.mac)}),
                    ('guest-remove', {'name': 'web'}),
                    ('policy-add', {'rule': f'deny=tcp:10.0.2.2:{port}'}),
                    ('policy-remove', {'rule': f'deny=tcp:10.0.2.2:{port}'}),
                    ('query-connections', {}), ('query-forwards', {})]
        clients = [self.keep(self.lan.daemon.qmp()) for _ in range(2)]
        known = {entry['name'] for entry in clients[0].run('query-commands')}
        self.assertEqual({name for name, _ in commands} - known, set())
        for _ in range(scale(20)):
            for qmp in clients:
                for name, arguments in choose.choices(commands, k=20):
                    qmp.send(json.dumps({'execute': name, 'arguments': arguments}))
            for n in range(10):
                with socket.socket() as conn, contextlib.suppress(OSError):
                    conn.connect(('127.9.8.7', 20000 + n % 5))
                    conn.sendall(b'hello')
                a.connect('10.0.2.100', 80, hop=hop)
                a.connect(GATEWAY, port, hop=hop)
                while a.step():
                    pass
            for qmp in clients:
                for _ in range(20):
                    self.assertTrue(qmp.answer().keys() & {'return', 'error'})
        with contextlib.suppress(QmpError):
            clients[0].run('netdev_del', id='nat')
        clients[0].run('netdev_add', type='user', id='nat')
        a.flows.clear()
        flow = a.tcp(GATEWAY, port)
        flow.send(b'still here')

    def test_rules_go_while_their_clients_wait(self):
        self.network(self.OPTIONS)
        self.open_all()
        for entry in self.lan.ask('query-forwards'):
            self.lan.ask('hostfwd-remove', rule=f"tcp:127.0.0.1:{entry['host-port']}")
        self.assert_over(*self.waiting)
        self.conn.sendall(b'still')
        self.assertEqual(self.flow.recv(5), b'still')
