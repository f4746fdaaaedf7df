#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Forwards whose guest does its worst: names it takes anew, segments for what is over, its going."""
import contextlib
import socket
import time
import unittest

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase, recv_exactly
from lib.daemon import become_unprivileged
from lib.namespace import with_addresses
from lib.qmp import QmpError
from lib.wait import LIMIT

HOST = '198.51.100.7'  # RFC 5737
FIRST, LAST = 40000, 40015  # of the host's ephemeral ports
# Of libslirp: two times TCPTV_MSL, and a tick (tcp_timer.h).
TIME_WAIT = 10.5


def ephemeral_ports(first, last):
    with open('/proc/sys/net/ipv4/ip_local_port_range', 'w', encoding='ascii') as file:
        file.write(f'{first} {last}')


class HostileForward(GatewayCase):
    def forward(self):
        entry = self.lan.ask('query-forwards')[0]
        return entry['host-address'], entry['host-port']

    def through(self, station, port, bind=None):
        """A connection by the first rule: the host's end and the guest's."""
        station.listen(port)
        conn = self.keep(socket.create_connection(self.forward(), timeout=LIMIT,
                                                  source_address=bind and (bind, 0)))
        flow = station.accept(port)
        conn.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        return conn, flow

    def wait_in_time_wait(self, station, conn, flow):
        """The client ended first: libslirp keeps what it knows for a while."""
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
            # Behind what was sent, so that it begins anew (RFC 9293 3.10.7.4, RFC 6191).
            flow.segment(pk.SYN, seq=(flow.seq + 1000000) % (1 << 32))
            return a
        send()
        a.ping(GATEWAY)
        conn, flow = self.through(a, 22, HOST)
        self.assert_drops('policy', send)
        for listener in listeners:
            self.assert_nobody_came(listener)

    def flood(self, station, segment):
        """Segments that count for nothing, until libslirp has let go of their connection."""
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
        # Without ACK: those with one keep it (libslirp tcp_input.c).
        self.flood(a, lambda: flow.segment(pk.PSH))
        conn, flow = self.through(a, 22)
        flow.send(b'answer')
        self.assertEqual(recv_exactly(conn, 6), b'answer')


class Descriptors(HostileForward):
    def test_rules_leave_some_to_the_guests(self):
        """A range that would take all there are is refused, whole."""
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
        """A guest with a connection, callers of one that is not there, one that is not answered."""
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
        # What is left of a round is one descriptor a connection, and they are too few for that.
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

    def test_rules_go_while_their_clients_wait(self):
        self.network(self.OPTIONS)
        self.open_all()
        for entry in self.lan.ask('query-forwards'):
            self.lan.ask('hostfwd-remove', rule=f"tcp:127.0.0.1:{entry['host-port']}")
        self.assert_over(*self.waiting)
        self.conn.sendall(b'still')
        self.assertEqual(self.flow.recv(5), b'still')


if __name__ == '__main__':
    become_unprivileged()
    unittest.main()
