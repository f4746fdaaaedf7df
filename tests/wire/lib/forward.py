# SPDX-License-Identifier: BSD-3-Clause
"""Tests of TCP and unix forwards: rules, clients of the host, and connections through them."""
import os
import socket

from .case import GATEWAY6, GatewayCase, recv_exactly
from .wait import LIMIT

GUEST6 = 'fec0::15'
WEB = b'\x52\x54\0\x12\x34\x02'  # the address of the guest "web"


def reset(sock):
    """Closes it with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    sock.close()


class TcpForwardCase(GatewayCase):
    def forwards(self):
        return [(entry['host-address'], entry['host-port'])
                for entry in self.lan.ask('query-forwards')]

    def forward(self):
        return self.forwards()[0]

    def through(self, station, where, guest_port=22, source=None):
        """Both ends, client's and guest's, of a connection through this forward."""
        station.listen(guest_port)
        conn = self.keep(socket.create_connection(where, LIMIT, source and (source, 0)))
        return conn, station.accept(guest_port)

    def assert_talk(self, conn, flow, n=10000):
        for data in (b'hello', os.urandom(n)):
            conn.sendall(data)
            self.assertEqual(flow.recv(len(data)), data)
            flow.send(data[::-1])
            self.assertEqual(recv_exactly(conn, len(data)), data[::-1])

    def assert_reset(self, conn):
        with self.assertRaises(ConnectionResetError):
            if conn.recv(1) == b'':
                self.fail('an end, no reset')

    def assert_refused(self, where):
        with self.assertRaises((ConnectionRefusedError, FileNotFoundError)):
            if isinstance(where, str):
                self.dial_unix(where)
            else:
                self.dial(*where)

    def dial_unix(self, path):
        sock = self.keep(socket.socket(socket.AF_UNIX))
        sock.settimeout(LIMIT)
        sock.connect(path)
        return sock

    def station6(self):
        station = self.station(lease=False)
        station.autoconfigure()
        station.ip6 = GUEST6
        station.ping(GATEWAY6)
        return station

    def descriptors(self):
        """The descriptors of connections, sessions and forwards."""
        return self.lan.ask('query-status')['descriptors']

    def free_ports(self, n):
        """The first of n consecutive free ports."""
        for first in range(20000, 30000, n):
            try:
                socks = [self.host_listener(first + i) for i in range(n)]
            except OSError:
                continue
            for sock in socks:
                sock.close()
            return first
        raise AssertionError('no free ports')

    @staticmethod
    def host_listener(port):
        sock = socket.socket()
        sock.bind(('127.0.0.1', port))
        sock.listen()
        return sock
