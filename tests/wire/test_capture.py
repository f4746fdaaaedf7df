# SPDX-License-Identifier: BSD-3-Clause
"""Captures: pcapng files that tshark and capinfos read, live and from the start; filters, dropped
frames, slow readers."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from lib import packet
from lib.case import GATEWAY, GatewayCase
from lib.daemon import program
from lib.guest import StreamGuest
from lib.pcapng import Pcapng
from lib.qmp import QmpError
from lib.station import Station
from lib.wait import until

WEB = bytes.fromhex('525400a10001')
TAP = ('--guest', 'web,mac=52:54:00:a1:00:01,ip=10.0.2.20')


class Ctl:
    """usernetctl capture, running."""

    def __init__(self, network, *words, stdout=subprocess.DEVNULL):
        self.child = subprocess.Popen(
            [program('USERNETCTL'), '--name', network.name, 'capture', *words],
            env=network.folder.environment(), stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, text=True)
        until(lambda: network.ask('query-captures') or self.child.poll() is not None, 'a capture')

    def stop(self):
        """Its status and what it said."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        errors = self.child.communicate(timeout=30)[1]
        return self.child.returncode, errors

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stderr.close()


class Capture(GatewayCase):
    def start(self, *words, user='', more=TAP, **options):
        self.network(user, *more)
        self.file = self.lan.path('frames.pcapng')
        return self.keep(Ctl(self.lan, *words, '-w', self.file, **options))

    def frames(self):
        with open(self.file, 'rb') as file:
            return Pcapng(file.read())

    def tshark(self, *words):
        if not shutil.which('tshark'):
            self.skipTest('tshark is not installed')
        done = subprocess.run(['tshark', '-n', '-r', self.file, *words], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, 'HOME': self.lan.folder.path})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def capinfos(self):
        if not shutil.which('capinfos'):
            self.skipTest('capinfos is not installed')
        done = subprocess.run(['capinfos', self.file], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_every_port_is_an_interface_and_guests_are_named(self):
        ctl = self.start()
        web = self.station(mac=WEB)
        other = self.station()
        web.ping(GATEWAY)
        other.ping(GATEWAY)
        status, said = ctl.stop()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r'frames\.pcapng: \d+ frames, 0 lost')
        frames = self.frames()
        self.assertEqual({each.name for each in frames.interfaces}, {'lan.1', 'lan.2', 'nat.1'})
        named = [each.description or '' for each in frames.interfaces] + \
            [each.comment or '' for each in frames.packets]
        self.assertIn('guest web, 52:54:00:a1:00:01, 10.0.2.20', named)
        # The guest's ping: from it, and then to the gateway.
        pings = [each for each in frames.packets if each.data[12:14] == b'\x08\x00' and
                 each.data[23] == 1 and each.data[34] == 8]
        self.assertEqual([(frames.interfaces[each.interface].name, each.way) for each in pings],
                         [('lan.1', 'in'), ('nat.1', 'out'), ('lan.2', 'in'), ('nat.1', 'out')])
        self.assertIn('pcapng', self.capinfos())
        self.assertEqual(len(self.tshark('-Y', 'icmp.type == 8')), 4)
        lines = self.tshark('-Y', 'icmp.type == 8 && frame.interface_name == "lan.1"', '-T',
                            'fields', '-e', 'ip.src', '-e', 'frame.packet_flags_direction')
        self.assertEqual(lines, ['10.0.2.20\t0x00000001'])

    def test_one_guest(self):
        ctl = self.start('web')
        web, other = self.station(mac=WEB), self.station()
        other.ping(GATEWAY)
        web.ping(GATEWAY)
        other.guest.send(packet.eth(WEB, other.mac, 0x88b5, bytes(46)))
        web.ping(GATEWAY)
        ctl.stop()
        frames = self.frames()
        self.assertEqual([each.name for each in frames.interfaces], ['lan.1'])
        macs = {each.data[6:12] for each in frames.packets if each.way == 'in'}
        self.assertEqual(macs, {WEB})
        self.assertEqual(len(self.tshark('-Y', 'icmp')), 4)
        self.assertEqual(len(self.tshark('-Y', 'eth.type == 0x88b5')), 1)

    def test_a_netdev(self):
        ctl = self.start('nat')
        self.station().ping(GATEWAY)
        ctl.stop()
        self.assertEqual([each.name for each in self.frames().interfaces], ['nat.1'])

    def test_a_filter(self):
        if 'built without libpcap' in self.start('-f', 'arp').stop()[1]:
            self.skipTest('usernetctl was built without libpcap')
        ctl = self.keep(Ctl(self.lan, '-f', 'icmp[icmptype] == 8 and host 10.0.2.20', '-w',
                            self.file))
        web, other = self.station(mac=WEB), self.station()
        other.ping(GATEWAY)
        web.ping(GATEWAY)
        ctl.stop()
        self.assertEqual(len(self.frames().packets), 2)
        self.assertEqual(len(self.tshark('-Y', 'icmp.type == 8 && ip.addr == 10.0.2.20')), 2)

    def test_a_filter_that_is_wrong(self):
        status, said = self.start('-f', 'hos 1.2.3.4').stop()
        self.assertEqual(status, 2)
        self.assertIn("filter 'hos 1.2.3.4'", said)

    def test_a_guest_that_is_not_known(self):
        status, said = self.start('nobody').stop()
        self.assertEqual((status, said), (1, "usernetctl: Device 'nobody' not found\n"))

    def test_dropped_frames_say_why(self):
        ctl = self.start(user='deny=192.0.2.0/24')
        web = self.station(mac=WEB)
        web.send_udp('192.0.2.1', 9, b'denied')
        web.guest.send(packet.eth(b'\xff' * 6, b'\x01' + bytes(5), 0x88b5, bytes(46)))
        web.guest.send(bytes(10) + b'runt')
        web.ping(GATEWAY)
        ctl.stop()
        comments = {each.comment for each in self.frames().packets if each.comment}
        self.assertLessEqual({'dropped: policy', 'dropped: bad-source'}, comments)
        self.assertTrue(self.tshark('-Y', 'frame.comment == "dropped: policy" && udp.port == 9'))

    def test_from_the_start(self):
        self.network('', '--netdev',
                     'stream,id=two,server=on,addr.type=unix,addr.path={dir}/two.sock,'
                     'capture={dir}/two.pcapng')
        self.file = self.lan.path('two.pcapng')
        self.station().ping(GATEWAY)
        two = Station(self.keep(StreamGuest.unix(self.lan.path('two.sock'))))
        two.dhcp()
        two.ping(GATEWAY)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual(self.lan.ask('query-captures')[0]['name'], 'two')
        self.lan.stop()
        self.assertEqual([each.name for each in self.frames().interfaces], ['two.1'])
        self.assertEqual(len(self.tshark('-Y', 'icmp')), 2)
        self.assertIn('pcapng', self.capinfos())

    def test_from_the_start_at_the_gateway(self):
        """capture= of a user netdev: what guests send through the gateway, and not to each other."""
        self.network('capture={dir}/nat.pcapng')
        self.file = self.lan.path('nat.pcapng')
        one, two = self.station(), self.station()
        one.ping(GATEWAY)
        one.send_ping(two.ip, hop=two.mac)
        one.ping(GATEWAY)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual(self.lan.ask('query-captures')[0]['name'], 'nat')
        self.lan.stop()
        self.assertEqual([each.name for each in self.frames().interfaces], ['nat.1'])
        self.assertEqual(len(self.tshark('-Y', 'icmp')), 4)
        self.assertEqual(self.tshark('-Y', f'icmp && ip.addr == {two.ip}'), [])
        self.assertTrue(self.tshark('-Y', 'dhcp'))
        self.assertIn('pcapng', self.capinfos())

    def test_ready_for_a_pipe(self):
        """Frames arrive while the capture runs; it ends when the reader has had enough."""
        self.network()
        ctl = self.keep(Ctl(self.lan, stdout=subprocess.PIPE))
        os.set_blocking(ctl.child.stdout.fileno(), False)
        station, data = self.station(), b''
        station.ping(GATEWAY)

        def pinged():
            nonlocal data
            data += ctl.child.stdout.buffer.read(1 << 20) or b''
            return len([each for each in Pcapng(data).packets if each.data[23:24] == b'\1']) >= 4
        until(pinged, 'the ping in the pipe')
        ctl.child.stdout.close()
        self.assertEqual(ctl.child.wait(30), 0)
        until(lambda: not self.lan.ask('query-captures'), 'the end of the capture')

    def test_a_slow_reader_stops_nobody_and_losses_are_counted(self):
        self.network()
        self.file = self.lan.path('slow.pcapng')
        station = self.station()
        ours, theirs = socket.socketpair()
        self.keep(ours)
        with self.lan.daemon.qmp() as qmp:
            qmp.send_fd(json.dumps({'execute': 'getfd', 'arguments': {'fdname': 'x'}}),
                        theirs.fileno())
            qmp.answer()
            theirs.close()
            name = qmp.run('capture-start', fdname='x', name='lan')['id']
            begun = time.monotonic()
            frame = packet.eth(packet.BROADCAST, station.mac, 0x88b5, bytes(1400))
            for _ in range(50):
                station.guest.send_all([frame] * 100)
                station.ping(GATEWAY)
            self.assertLess(time.monotonic() - begun, 60)
            counts, = qmp.run('query-captures')
            self.assertGreater(counts['lost'], 100)
            self.assertEqual(qmp.run('capture-stop', id=name)['lost'], counts['lost'])
            self.assertEqual(qmp.run('query-captures'), [])
        data = b''
        ours.settimeout(30)
        while part := ours.recv(1 << 20):
            data += part
        with open(self.file, 'wb') as file:
            file.write(data)
        frames = self.frames()
        self.assertEqual(frames.lost, counts['lost'])
        self.assertEqual(len(frames.packets), counts['frames'])
        self.assertGreater(len(frames.packets), 1000)
        self.assertEqual(len(self.tshark('-Y', 'eth.type == 0x88b5 || icmp || arp')),
                         counts['frames'])

    def test_what_cannot_be_is_refused(self):
        self.network()
        with self.lan.daemon.qmp() as qmp:
            def start(fd, **arguments):
                qmp.send_fd(json.dumps({'execute': 'getfd', 'arguments': {'fdname': 'x'}}), fd)
                qmp.answer()
                try:
                    qmp.run('capture-start', fdname='x', **arguments)
                except QmpError as error:
                    return str(error)
                return None
            sock, other = socket.socketpair()
            with other, open('/dev/null', 'wb') as null, \
                    sock:
                self.assertIn('a file, a pipe or a socket', start(null.fileno()))
                for wrong in ('', '0', '1', '1,6 0 0', '1,5 0 0 1', '1,4 0 0 1', '2,6 0 0 1',
                              '2,21 1 0 0,6 0 0 1', '2,96 0 0 16,6 0 0 1', '2,52 0 0 0,6 0 0 1',
                              '1,6 0 0 1,6 0 0 1', '5000,6 0 0 1', '1,6 0 0 -1', '1,6 0 0 99999999999'):
                    self.assertIn('filter: ', start(sock.fileno(), filter=wrong) or '', wrong)
                self.assertIn('snaplen', start(sock.fileno(), snaplen=1))
                for _ in range(8):
                    self.assertIsNone(start(sock.fileno(), filter='1,6 0 0 65535'))
                self.assertIn('8 captures already', start(sock.fileno()))

    def test_the_end_of_the_network_ends_the_file(self):
        ctl = self.start()
        self.station().ping(GATEWAY)
        self.lan.stop()
        self.assertEqual(ctl.stop()[0], 0)
        self.assertEqual(self.frames().told, {'lan.1', 'nat.1'})


if __name__ == '__main__':
    unittest.main()
