# SPDX-License-Identifier: BSD-3-Clause
"""usernetctl connect: standard input and output, or a socket handed over, become a connection to a guest."""
import os
import socket
import subprocess
import threading

from lib.case import GATEWAY, scale
from lib.daemon import program
from lib.forward import WEB, TcpForwardCase
from lib.qmp import QmpError


class Connect(TcpForwardCase):
    def ctl(self, *words):
        return subprocess.Popen([program('USERNETCTL'), '--name', 'test', 'connect', *words],
                                env=self.lan.folder.environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, child, out=b''):
        with child:
            self.assertEqual(child.stdout.read(), out)
            self.assertEqual(child.stderr.read(), b'')
        self.assertEqual(child.returncode, 0)

    def test_standard_input_and_output_become_a_connection(self):
        self.network('', '--guest', 'web,mac=52:54:00:12:34:02')
        web = self.station(mac=WEB)
        web.listen(80)
        for guest in ('web', web.ip):
            child = self.ctl(guest, '80')
            flow = web.accept(80)
            self.assertEqual(flow.peer, GATEWAY)
            child.stdin.write(b'question')
            child.stdin.close()
            self.assertEqual(flow.recv(8), b'question')
            flow.expect_end()
            flow.send(b'answer')
            flow.shutdown()
            self.finish(child, b'answer')

    def test_the_guest_may_end_first(self):
        self.network()
        a = self.station()
        a.listen(80)
        child = self.ctl(a.ip, '80')
        flow = a.accept(80)
        flow.send(b'banner')
        flow.shutdown()
        self.assertEqual(child.stdout.read(), b'banner')
        child.stdin.write(b'late')
        child.stdin.close()
        self.assertEqual(flow.recv(4), b'late')
        flow.expect_end()
        self.finish(child)

    def test_it_waits_for_its_guest(self):
        self.network('', '--guest', 'web,mac=52:54:00:12:34:02')
        child = self.ctl('web', '80')
        web = self.station(lease=False, mac=WEB)
        web.listen(80)
        web.dhcp()
        flow = web.accept(80)
        flow.send(b'hello')
        flow.shutdown()
        child.stdin.close()
        self.finish(child, b'hello')

    def test_a_guest_that_does_not_come_is_named(self):
        self.network('', '--guest', 'web,mac=52:54:00:12:34:02')
        child = self.ctl('web', '80')
        with child:
            self.assertIn(b'the guest web is not there', child.stderr.read())
            self.assertEqual(child.stdout.read(), b'')
            child.stdin.close()

    def test_nobody_of_that_name(self):
        self.network()
        child = self.ctl('web', '80')
        child.stdin.close()
        with child:
            self.assertIn(b"Guest 'web' not found", child.stderr.read())
            child.stdout.read()
        self.assertEqual(child.returncode, 1)

    def test_only_a_connected_stream_socket_is_taken(self):
        self.network()
        with self.lan.daemon.qmp() as qmp, socket.socket(socket.AF_INET,
                                                         socket.SOCK_DGRAM) as sock:
            qmp.send_fd('{"execute":"getfd","arguments":{"fdname":"it"}}', sock.fileno())
            self.assertEqual(qmp.answer(), {'return': {}})
            with self.assertRaises(QmpError) as caught:
                qmp.run('connect', guest='10.0.2.15', port=80, fdname='it')
            self.assertIn('a connected stream socket', caught.exception.desc)

    def test_much_both_ways_at_once(self):
        self.network()
        a = self.station()
        a.listen(80)
        n = scale(100) << 16
        there, back = os.urandom(n), os.urandom(n)
        child = self.ctl(a.ip, '80')
        flow = a.accept(80)
        got = []

        def write():
            child.stdin.write(there)
            child.stdin.close()
        threads = [threading.Thread(target=write),
                   threading.Thread(target=lambda: got.append(child.stdout.read()))]
        for thread in threads:
            thread.start()
        flow.send(back)
        flow.shutdown()
        self.assertEqual(flow.recv(n), there)
        flow.expect_end()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [back])
        self.finish(child)
