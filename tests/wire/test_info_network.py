# SPDX-License-Identifier: BSD-3-Clause
"""
`info network` in QEMU's words (10.2 and later): each netdev kind, without a peer and with one. QEMU's own
test of these netdevs (tests/qtest/netdev-socket.c) compares the whole text.
"""
import os
import socket
import unittest

from lib.guest import DgramGuest, StreamGuest
from lib.network import Network
from lib.wait import until


class InfoNetwork(unittest.TestCase):
    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def network(self, netdev, **more):
        return self.keep(Network('--no-default-netdevs', '--netdev', netdev, **more))

    def free_port(self, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        with socket.socket(family, kind) as s:
            s.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
            return s.getsockname()[1]

    def says(self, network, *lines):
        """Prints exactly these lines, now or soon."""
        wanted = ''.join(line + '\r\n' for line in lines)
        with network.daemon.qmp() as qmp:
            seen = []

            def asked():
                seen[:] = [qmp.hmp('info network')]
                return seen[0] == wanted
            try:
                until(asked, 'the lines')
            finally:
                self.assertEqual(seen[0], wanted)

    def test_user(self):
        self.says(self.network('user,id=nat'), 'nat: index=0,type=user,net=10.0.2.0,restrict=off')
        self.says(self.network('user,id=nat,net=192.168.7.0/24,restrict=on'),
                  'nat: index=0,type=user,net=192.168.7.0,restrict=on')

    def test_stream_server_on_unix(self):
        d = self.network('stream,id=st0,server=true,addr.type=unix,addr.path={dir}/s,')
        self.says(d, 'st0: index=0,type=stream,listening')
        here = f'type=stream,unix:{d.path("s")}'
        with StreamGuest.unix(d.path('s')):
            self.says(d, f'st0: index=0,{here}')
            with StreamGuest.unix(d.path('s')):
                self.says(d, f'st0: index=0,{here}', f'st0: index=1,{here}')
        self.says(d, 'st0: index=0,type=stream,listening')

    def test_stream_server_on_an_abstract_name(self):
        name = f'usernet-wire-{os.getpid()}'
        d = self.network(f'stream,id=st0,server=on,addr.type=unix,addr.path={name},addr.abstract=on')
        with StreamGuest.unix(name, abstract=True):
            self.says(d, f'st0: index=0,type=stream,unix:{name}')

    def test_stream_server_on_tcp(self):
        port = self.free_port()
        d = self.network('stream,id=st0,server=on,addr.type=inet,addr.ipv4=on,addr.ipv6=off,'
                         f'addr.host=127.0.0.1,addr.port={port}')
        with StreamGuest.tcp('127.0.0.1', port) as guest:
            own = guest.socket.getsockname()[1]
            self.says(d, f'st0: index=0,type=stream,tcp:127.0.0.1:{own}')

    def test_stream_client(self):
        for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
            with self.subTest(host=host):
                port = self.free_port(family=family)
                d = self.network(f'stream,id=st0,addr.type=inet,addr.host={host},addr.port={port},'
                                 'reconnect-ms=20')
                self.says(d, 'st0: index=0,type=stream,connecting')
                listener = self.keep(socket.create_server((host, port), family=family))
                with StreamGuest.accept_from(listener):
                    self.says(d, f'st0: index=0,type=stream,tcp:{host}:{port}')

    def test_stream_client_that_dials_once(self):
        d = self.network('stream,id=st0,addr.type=unix,addr.path={dir}/far,reconnect-ms=0')
        self.says(d, 'st0: index=0,type=stream,error: No such file or directory')
        listener = StreamGuest.listen_unix(d.path('far'))
        listener.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            listener.accept()
        listener.close()
        os.unlink(d.path('far'))

    def test_descriptors(self):
        for netdev, kind, text in (
                ('stream,id=st0,addr.type=fd,addr.str={}', socket.SOCK_STREAM, 'stream,unix:'),
                ('dgram,id=st0,local.type=fd,local.str={}', socket.SOCK_DGRAM, 'dgram,fd={} unix'),
                ('socket,id=st0,fd={}', socket.SOCK_STREAM, 'socket,socket: fd={}'),
                ('socket,id=st0,fd={}', socket.SOCK_DGRAM, 'socket,socket: fd={} unix')):
            with self.subTest(netdev=netdev, kind=kind):
                ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
                number = theirs.fileno()
                d = self.network(netdev.format(number), fds=[number])
                theirs.close()
                self.says(d, 'st0: index=0,type=' + text.format(number))
                ours.close()

    def test_a_bound_descriptor_of_a_server_is_listened_on(self):
        with socket.socket() as bound:
            bound.bind(('127.0.0.1', 0))
            d = self.network(f'stream,id=st0,server=on,addr.type=fd,addr.str={bound.fileno()}',
                             fds=[bound.fileno()])
            self.says(d, 'st0: index=0,type=stream,listening')
            with StreamGuest.tcp(*bound.getsockname()) as guest:
                own = guest.socket.getsockname()[1]
                self.says(d, f'st0: index=0,type=stream,tcp:127.0.0.1:{own}')

    def test_dgram(self):
        here, there = (self.free_port(socket.SOCK_DGRAM) for _ in range(2))
        d = self.network(f'dgram,id=st0,local.type=inet,local.host=127.0.0.1,local.port={here},'
                         f'remote.type=inet,remote.host=127.0.0.1,remote.port={there}')
        self.says(d, f'st0: index=0,type=dgram,udp=127.0.0.1:{here}/127.0.0.1:{there}')
        d = self.network('dgram,id=st0,local.type=unix,local.path={dir}/a,remote.type=unix,'
                         'remote.path={dir}/b')
        self.says(d, f'st0: index=0,type=dgram,udp={d.path("a")}:{d.path("b")}')
        d = self.network('dgram,id=st0,remote.type=inet,remote.host=230.0.0.1,remote.port=1234,'
                         'local.type=inet,local.host=127.0.0.1')
        self.says(d, 'st0: index=0,type=dgram,mcast=230.0.0.1:1234')

    def test_dgram_server(self):
        d = self.network('dgram,id=st0,local.type=unix,local.path={dir}/lan')
        self.says(d, f'st0: index=0,type=dgram,udp={d.path("lan")}:')
        with DgramGuest.unix(d.path('a'), d.path('lan')) as guest:
            guest.send(b'\xff' * 6 + b'\x52\x54\0\0\0\1' + bytes(48))
            self.says(d, f'st0: index=0,type=dgram,udp={d.path("lan")}:{d.path("a")}')

    def test_socket(self):
        port = self.free_port()
        d = self.network(f'socket,id=st0,listen=127.0.0.1:{port}')
        self.says(d, 'st0: index=0,type=socket,')
        with StreamGuest.tcp('127.0.0.1', port) as guest:
            own = guest.socket.getsockname()[1]
            self.says(d, 'st0: index=0,type=socket,socket: connection from '
                         f'127.0.0.1:{own}')
        d = self.network(f'socket,id=st0,connect=127.0.0.1:{port}')
        self.says(d, f'st0: index=0,type=socket,socket: connect to 127.0.0.1:{port}')
        d = self.network(f'socket,id=st0,udp=127.0.0.1:{port},localaddr=127.0.0.1:0')
        self.says(d, f'st0: index=0,type=socket,socket: udp=127.0.0.1:{port}')
        d = self.network('socket,id=st0,mcast=230.0.0.1:1234,localaddr=127.0.0.1')
        self.says(d, 'st0: index=0,type=socket,socket: mcast=230.0.0.1:1234')
