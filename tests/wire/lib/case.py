# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the gateway: a network with a user netdev, and stations on its unix stream server."""
import os
import socket
import unittest

from .guest import StreamGuest
from .network import Network
from .station import Station
from .wait import LIMIT

LAN = 'stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock'
GATEWAY, DNS = '10.0.2.2', '10.0.2.3'
GATEWAY6, DNS6 = 'fec0::2', 'fec0::3'


def scale(n):
    """n, or less when USERNET_TEST_SCALE (a divisor) says that the daemon is slow, as under
    valgrind."""
    return max(1, n // int(os.environ.get('USERNET_TEST_SCALE', '1')))


class GatewayCase(unittest.TestCase):
    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def network(self, user='', *more, **options):
        """user: the keys after "user,id=nat,"."""
        self.lan = self.keep(Network('--netdev', 'user,id=nat' + (user and ',' + user), '--netdev',
                                     LAN, *more, **options))
        return self.lan

    def guest(self):
        return self.keep(StreamGuest.unix(self.lan.path('lan.sock')))

    def station(self, lease=True, mac=None):
        station = Station(self.guest(), mac)
        if lease:
            station.dhcp()
        return station

    def dropped(self, reason):
        """Number of frames dropped for this reason, at all ports."""
        return sum(port['drops'].get(reason, 0) for netdev in self.lan.ask('query-netdevs')
                   for port in netdev['ports'])

    def assert_drops(self, reason, send, n=1):
        """send()'s frame is dropped for this reason and no other."""
        def all_drops():
            counts = {}
            for netdev in self.lan.ask('query-netdevs'):
                for port in netdev['ports']:
                    for name, count in port['drops'].items():
                        counts[name] = counts.get(name, 0) + count
            return counts
        before = all_drops()
        station = send()
        # The daemon answers this ping after it has seen both.
        station.ping(GATEWAY if station.ip else GATEWAY6)
        after = all_drops()
        changed = {name: after[name] - before.get(name, 0) for name in after
                   if after[name] != before.get(name, 0)}
        self.assertEqual(changed, {reason: n})

    # --- the host's side ---

    def host_tcp(self, host='127.0.0.1'):
        """A listening socket on the host, and its port."""
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener = self.keep(socket.create_server((host, 0), family=family, backlog=512))
        listener.settimeout(LIMIT)
        return listener, listener.getsockname()[1]

    def host_udp(self, host='127.0.0.1'):
        sock = self.keep(socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET,
                                       socket.SOCK_DGRAM))
        sock.bind((host, 0))
        sock.settimeout(LIMIT)
        return sock, sock.getsockname()[1]

    def accept(self, listener):
        sock, _ = listener.accept()
        sock.settimeout(LIMIT)
        return self.keep(sock)

    def dial(self, host, port):
        """A connection of a client on the host."""
        return self.keep(socket.create_connection((host, port), timeout=LIMIT))

    def assert_nobody_came(self, listener):
        """Nothing has come to this socket; call it after the daemon has handled what might cause
        it."""
        listener.setblocking(False)
        try:
            with self.assertRaises(BlockingIOError):
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recvfrom(65536)
        finally:
            listener.settimeout(LIMIT)


def recv_exactly(sock, n):
    data = b''
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError(f'{len(data)} of {n} bytes')
        data += part
    return data
