# SPDX-License-Identifier: BSD-3-Clause
"""Two guests on separate links: one attacks, the other must not notice."""
import itertools
import os

from . import packet as pk
from .case import GATEWAY, GatewayCase, recv_exactly

EVIL = b'\x66\xaa\x55\xaa\x55\x66'  # far from all others, also with a byte changed
GATEWAY_MAC = pk.mac('52:55:0a:00:02:02')
_marks = itertools.count()


def megabytes(n):
    """n of them in bytes, times USERNET_TEST_MEMORY under ASan, where the daemon keeps freed
    memory, and under valgrind, whose own memory is the daemon's."""
    return (n << 20) * int(os.environ.get('USERNET_TEST_MEMORY', '1'))


class HostileCase(GatewayCase):
    def start(self, options='', **more):
        self.network(options, **more)
        self.evil = self.station(mac=EVIL)
        self.evil.autoconfigure()
        self.evil.resolve(GATEWAY)
        self.good = self.station()
        self.good.resolve(GATEWAY)
        self.listener, self.port = self.host_tcp()
        self.flow = self.good.tcp(GATEWAY, self.port)
        self.conn = self.accept(self.listener)

    def handled(self):
        """The daemon has handled all frames of the evil guest: one of them reached the good
        guest."""
        mark = pk.eth(self.good.mac, EVIL, 0x88b5, b'mark %d' % next(_marks) + bytes(40))
        self.evil.send(mark)
        self.good.expect(lambda p: p.frame == mark, 'the mark')

    def assert_good_is_served(self):
        self.good.ping(GATEWAY)
        self.flow.send(b'up')
        self.assertEqual(recv_exactly(self.conn, 2), b'up')
        self.conn.sendall(b'down')
        self.assertEqual(self.flow.recv(4), b'down')

    def attack(self, frames, each=500):
        """Sends them, and checks now and then that the good guest is served."""
        frames = iter(frames)
        while True:
            some = list(itertools.islice(frames, each))
            if not some:
                break
            self.evil.guest.send_all(some)
            self.handled()
            self.assert_good_is_served()
