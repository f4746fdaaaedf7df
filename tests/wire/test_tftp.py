# SPDX-License-Identifier: BSD-3-Clause
"""TFTP at the gateway: RFC 1350, 2347, 2348, 2349, 7440; which files, to whom, and how many
transfers."""
import os
import struct
import time

from lib.case import GATEWAY, GATEWAY6, GatewayCase, scale
from lib.hostile import HostileCase, megabytes

DNS = '10.0.2.3'
DNS6 = 'fec0::3'
RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)


def request(name, *options, op=RRQ, mode=b'octet'):
    return struct.pack('>H', op) + b''.join(word + b'\0' for word in (name, mode, *options))


class TftpCase(GatewayCase):
    def serve(self, options='', **files):
        self.network(','.join(filter(None, ('tftp={dir}/files', options))), start=False)
        os.mkdir(self.lan.path('files'))
        for name, content in files.items():
            with open(self.lan.path('files', name), 'wb') as file:
                file.write(content)
        self.lan.start()

    def ask(self, station, name, *options, to=GATEWAY, **more):
        """The client's port, and the first answer."""
        sport = station.send_udp(to, 69, request(name, *options, **more))
        return sport, station.expect_udp(sport)

    def ack(self, station, sport, p, block):
        station.send_udp(p.net.src, p.udp.sport, struct.pack('>HH', ACK, block), sport=sport)

    def read(self, station, name, *options, to=GATEWAY):
        """The file, or the error's code; what the OACK said."""
        sport, p = self.ask(station, name, *options, to=to)
        granted = {}
        if p.udp.payload[1] == OACK:
            words = p.udp.payload[2:].split(b'\0')
            granted = dict(zip(words[0:-1:2], map(int, words[1:-1:2])))
            self.ack(station, sport, p, 0)
            p = station.expect_udp(sport)
        size = granted.get(b'blksize', 512)
        window = granted.get(b'windowsize', 1)
        data, block = b'', 1
        while True:
            op, number = struct.unpack_from('>HH', p.udp.payload)
            if op == ERROR:
                return number, granted
            self.assertEqual((op, number, p.net.src), (DATA, block & 0xffff, to))
            data += p.udp.payload[4:]
            short = len(p.udp.payload) < 4 + size
            if short or block % window == 0:
                self.ack(station, sport, p, number)
            if short:
                return data, granted
            block += 1
            p = station.expect_udp(sport)


class Tftp(TftpCase):
    def test_options_are_granted_and_the_file_is_whole(self):
        content = os.urandom(100_000)
        self.serve(boot=content)
        a = self.station()
        a.autoconfigure()
        for to, most in ((GATEWAY, 1468), (DNS, 1468), (GATEWAY6, 1448), (DNS6, 1448),
                         ('fe80::2', 1448)):
            with self.subTest(to=to):
                data, granted = self.read(a, b'boot', b'tsize', b'0', b'blksize', b'9000',
                                          b'windowsize', b'8', to=to)
                self.assertEqual(data, content)
                self.assertEqual(granted, {b'tsize': len(content), b'blksize': most,
                                           b'windowsize': 8})

    def test_a_small_mtu_bounds_the_block(self):
        content = os.urandom(5000)
        self.serve('mtu=1280', boot=content)
        data, granted = self.read(self.station(), b'boot', b'blksize', b'1468')
        self.assertEqual((data, granted), (content, {b'blksize': 1248}))

    def test_a_closed_network_boots_too(self):
        self.serve('restrict=on', boot=b'hello')
        self.assertEqual(self.read(self.station(), b'boot'), (b'hello', {}))

    def test_what_is_lost_is_sent_again(self):
        self.serve(boot=b'hello')
        a = self.station()
        sport, first = self.ask(a, b'boot', b'timeout', b'1')
        second = a.expect_udp(sport)
        self.assertEqual((second.udp.payload, second.udp.sport),
                         (first.udp.payload, first.udp.sport))

    def test_links_and_other_files_are_refused(self):
        self.serve()
        a = self.station()
        with open(self.lan.path('secret'), 'wb') as file:
            file.write(b'not for guests')
        os.symlink('../secret', self.lan.path('files', 'link'))
        os.symlink('/', self.lan.path('files', 'root'))
        os.mkfifo(self.lan.path('files', 'fifo'))
        for name in (b'link', b'root/etc/passwd', b'fifo', b'.', b'../secret', b'/../secret',
                     b'..\\secret', b'%s/secret' % self.lan.path().encode()):
            with self.subTest(name=name):
                self.assertIn(self.read(a, name)[0], (1, 2))
        _, p = self.ask(a, b'new', op=WRQ)
        self.assertEqual(p.udp.payload, b'\0\5\0\2Access violation: this server is read-only\0')

    def test_a_transfer_port_is_taken_from_nobody(self):
        """A service of the host on a port that transfers use stays reachable."""
        self.serve(boot=b'hello')
        a = self.station()
        sport, p = self.ask(a, b'boot')
        sock, port = self.host_udp()
        a.send_udp(GATEWAY, port, b'to the host', sport=sport)
        self.assertEqual(sock.recv(100), b'to the host')
        self.ack(a, sport, p, 1)
        a.ping(GATEWAY)

    def test_a_neighbour_does_not_speak_for_the_client(self):
        self.serve(boot=os.urandom(2000))
        a, b = self.station(), self.station()
        sport, p = self.ask(a, b'boot')
        b.resolve(GATEWAY)
        b.send_udp(GATEWAY, p.udp.sport, struct.pack('>HH', ACK, 1), sport=sport)
        b.ping(GATEWAY)
        self.ack(a, sport, p, 1)
        self.assertEqual(a.expect_udp(sport).udp.payload[:4], b'\0\3\0\2')

    def test_a_directory_that_is_not_there_is_named(self):
        self.network('tftp={dir}/absent', start=False)
        status, said = self.lan.refused()
        self.assertEqual(status, 1)
        self.assertIn(f"cannot serve '{self.lan.path('absent')}': No such file", said)


class Hostile(HostileCase, TftpCase):
    def test_requests_without_end_are_few_transfers(self):
        self.network('tftp={dir}/files', start=False)
        os.mkdir(self.lan.path('files'))
        with open(self.lan.path('files', 'boot'), 'wb') as file:
            file.write(os.urandom(40_000))
        self.lan.start()
        self.evil = self.station()
        self.good = self.station()
        self.evil.resolve(GATEWAY)
        self.read(self.good, b'boot')
        memory, begun, ports = self.lan.memory(), time.monotonic(), set()
        hop = self.evil.hop_to(GATEWAY)
        for n in range(scale(4000)):
            self.evil.send_udp(GATEWAY, 69, request(b'boot', b'blksize', b'1468', b'windowsize',
                                                    b'65535'), sport=1024 + n, hop=hop)
            if n % 500 == 0:
                self.evil.ping(GATEWAY)
                ports |= {p.udp.sport for p in self.evil.inbox if p.udp and p.udp.sport >= 49152}
                self.evil.inbox.clear()
        self.evil.ping(GATEWAY)
        ports |= {p.udp.sport for p in self.evil.inbox if p.udp and p.udp.sport >= 49152}
        # Eight at a time; others once these were quiet for 5 s.
        self.assertLessEqual(len(ports), 8 * (1 + (time.monotonic() - begun) // 5))
        self.assertLess(self.lan.memory() - memory, megabytes(8))
        self.assertEqual(len(self.read(self.good, b'boot', b'windowsize', b'8')[0]), 40_000)
        self.assertGreater(self.dropped('budget'), 0)


class Places(TftpCase):
    def test_repeated_acks_keep_no_place(self):
        """They are answered, as copies may have been lost, but move nothing on."""
        self.serve(boot=bytes(100_000))
        guest = self.station()
        places = []
        for _ in range(8):
            sport, p = self.ask(guest, b'boot', b'windowsize', b'2')
            self.assertEqual(p.udp.payload[1], OACK)
            places.append((sport, p))
        end = time.monotonic() + 5.3
        while time.monotonic() < end:
            for sport, p in places:
                self.ack(guest, sport, p, 0)
            guest.ping(GATEWAY)
            guest.inbox.clear()
            time.sleep(0.2)
        self.assertEqual(self.dropped('budget'), 0)
        _, p = self.ask(guest, b'boot')
        self.assertEqual(p.udp.payload[:4], struct.pack('>HH', DATA, 1))
