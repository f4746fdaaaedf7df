# SPDX-License-Identifier: BSD-3-Clause
"""What the keys of QEMU's stream addresses do, and mode= and group= of a unix socket."""
import os
import socket
import stat
import time
import unittest

from lib.guest import StreamGuest
from lib.network import Network
from lib.wait import until

MPTCP = getattr(socket, 'IPPROTO_MPTCP', 262)
SOL_MPTCP, MPTCP_INFO, FALLBACK = 284, 1, 1


class Keys(unittest.TestCase):
    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def network(self, *netdevs):
        return self.keep(Network(*(word for n in netdevs for word in ('--netdev', n))))

    def tcp(self, id_, port, more=''):
        return f'stream,id={id_},server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={port}{more}'

    def free_port(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            return s.getsockname()[1]

    def answers(self, host, port):
        try:
            socket.create_connection((host, port), 5).close()
            return True
        except OSError:
            return False

    def test_to_takes_the_first_free_port(self):
        port = self.free_port()
        d = self.network(self.tcp('one', port, f',addr.to={port + 9}'),
                         self.tcp('two', port, f',addr.to={port + 9}'))
        texts = [n['description'] for n in d.ask('query-netdevs')]
        self.assertEqual(texts[0], f'tcp:127.0.0.1:{port} (server)')
        taken = int(texts[1].split(':')[2].split()[0])
        self.assertIn(taken, range(port + 1, port + 10))
        self.keep(StreamGuest.tcp('127.0.0.1', taken))
        d.wait_for_ports('two', 1)

    def test_families_of_any_address(self):
        for keys, four, six in (('addr.ipv4=on,addr.ipv6=on', True, True),
                                ('addr.ipv4=on', True, False), ('addr.ipv6=off', True, False),
                                ('addr.ipv6=on', False, True), ('addr.ipv4=off', False, True)):
            with self.subTest(keys=keys):
                port = self.free_port()
                self.network('stream,id=any,server=on,addr.type=inet,addr.host=,'
                             f'addr.port={port},{keys}')
                self.assertEqual(self.answers('127.0.0.1', port), four)
                self.assertEqual(self.answers('::1', port), six)

    def test_mptcp(self):
        try:
            client = self.keep(socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP))
        except OSError as e:
            self.skipTest(f'no multipath TCP: {e}')
        port = self.free_port()
        d = self.network(self.tcp('multi', port, ',addr.mptcp=on'))
        client.connect(('127.0.0.1', port))
        d.wait_for_ports('multi', 1)
        info = client.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)
        self.assertEqual(int.from_bytes(info[8:12], 'little') & FALLBACK, 0)

    def test_reconnect_is_the_time_between_attempts(self):
        for key in ('reconnect-ms=100', 'reconnect=1'):
            with self.subTest(key=key):
                d = self.network('stream,id=far,addr.type=unix,addr.path={dir}/far.sock,' + key)
                wait = 0.1 if 'ms' in key else 1.0
                listener = self.keep(StreamGuest.listen_unix(d.path('far.sock')))
                self.addCleanup(os.unlink, d.path('far.sock'))
                times = []
                for _ in range(4):
                    StreamGuest.accept_from(listener).close()
                    times.append(time.monotonic())
                gaps = [b - a for a, b in zip(times, times[1:])]
                # Each delay is 75 to 125 %, never doubled; a busy machine adds to it.
                self.assertGreater(min(gaps), 0.6 * wait)
                self.assertLess(min(gaps), 1.25 * wait + 0.5)

    def test_mode_and_group_of_a_unix_socket(self):
        group = os.getgid()
        for netdev, mode in (('stream,id=lan,server=on,addr.type=unix,addr.path={dir}/s', 0o600),
                             ('stream,id=lan,server=on,addr.type=unix,addr.path={dir}/s,mode=0660',
                              0o660),
                             ('stream,id=lan,server=on,addr.type=unix,addr.path={dir}/s,'
                              f'group={group}', 0o660),
                             ('dgram,id=lan,local.type=unix,local.path={dir}/s,mode=0666,'
                              f'group={group}', 0o666)):
            with self.subTest(netdev=netdev):
                d = self.network(netdev)
                st = os.stat(d.path('s'))
                self.assertEqual(stat.S_IMODE(st.st_mode), mode)
                self.assertEqual(st.st_gid, group)

    def test_a_group_that_is_not_ours_is_refused_and_leaves_no_socket(self):
        d = self.keep(Network('--netdev', 'stream,id=lan,server=on,addr.type=unix,'
                              'addr.path={dir}/s,group=4242424', start=False))
        status, text = d.refused()
        self.assertNotEqual(status, 0)
        self.assertIn('group 4242424', text)
        self.assertFalse(os.path.exists(d.path('s')))

    def test_events_tell_the_address_as_qemu_does(self):
        port = self.free_port()
        name = f'usernet-wire-{os.getpid()}'
        d = self.network(
            f'stream,id=six,server=on,addr.type=inet,addr.host=::1,addr.port={port}',
            f'stream,id=abs,server=on,addr.type=unix,addr.path={name},addr.abstract=on')
        with d.daemon.qmp() as qmp:
            guest = self.keep(StreamGuest(socket.create_connection(('::1', port))))
            self.assertEqual(qmp.event('NETDEV_STREAM_CONNECTED')['data']['addr'],
                             {'type': 'inet', 'host': '::1',
                              'port': str(guest.socket.getsockname()[1])})
            self.keep(StreamGuest.unix(name, abstract=True))
            self.assertEqual(qmp.event('NETDEV_STREAM_CONNECTED')['data']['addr'],
                             {'type': 'unix', 'path': name, 'abstract': True})
