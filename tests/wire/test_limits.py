# SPDX-License-Identifier: BSD-3-Clause
"""--limit changes a bound, the queries show it, and it holds."""
import os
import socket
import time

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase
from lib.daemon import Folder, run_daemon
from lib.wait import until
from test_tftp import request


class Limits(GatewayCase):
    def test_they_are_shown(self):
        self.network('', '--limit', 'address-hold=60', '--limit', 'commands=3')
        limits = self.lan.ask('query-netdevs')[0]['limits-per-port']
        self.assertEqual((limits['address-hold'], limits['guests']), (60, 8192))
        self.assertEqual(self.lan.ask('query-network')['limits']['commands'], 3)

    def test_a_wrong_one_is_named(self):
        for word, said in (('speed=1', 'the names are stations, guests, address-hold'),
                           ('guests', 'write NAME=NUMBER'),
                           ('guests=0', 'write a number from 1 to 16384'),
                           ('guests=-1', 'write a number from 1 to 16384')):
            with self.subTest(word), Folder() as folder:
                done = run_daemon(folder, '--limit', word)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"--limit '{word}': ", done.stderr)
                self.assertIn(said, done.stderr)

    def test_in_a_file(self):
        with Folder() as folder:
            path = folder.file('usernet.conf')
            with open(path, 'w', encoding='ascii') as file:
                file.write('[network]\nlimit = tftp-transfers=2; run-time=5\n')
            done = run_daemon(folder, '--config', path)
            self.assertEqual(done.returncode, 2)
            self.assertIn("limit 'run-time=5': write a number from 10", done.stderr)
            self.assertIn(path, done.stderr)

    def test_transfers_of_a_port(self):
        self.network('tftp={dir}/files', '--limit', 'tftp-transfers=2', start=False)
        os.mkdir(self.lan.path('files'))
        with open(self.lan.path('files', 'boot'), 'wb') as file:
            file.write(bytes(4000))
        self.lan.start()
        guest = self.station()
        ports = [guest.send_udp(GATEWAY, 69, request(b'boot')) for _ in range(4)]
        guest.ping(GATEWAY)
        answered = {p.udp.dport for p in guest.inbox if p.udp}
        self.assertEqual(answered, set(ports[:2]))
        self.assertEqual(self.dropped('budget'), 2)

    def test_unanswered_connections_of_a_guest(self):
        self.network('hostfwd=tcp:127.0.0.1:0-10.0.2.77:22', '--limit', 'unanswered-connections=5')
        silent = self.station(lease=False)
        silent.configure('10.0.2.77')
        silent.send(pk.arp(1, silent.mac, silent.ip, bytes(6), GATEWAY))
        silent.resolve(GATEWAY)
        port = self.lan.ask('query-forwards')[0]['host-port']
        before = self.lan.ask('query-status')['descriptors']
        for _ in range(50):
            client = self.keep(socket.socket())
            client.setblocking(False)
            client.connect_ex(('127.0.0.1', port))
        until(lambda: self.lan.ask('query-status')['descriptors'] >= before + 5, 'clients')
        time.sleep(0.2)
        self.assertLessEqual(self.lan.ask('query-status')['descriptors'], before + 6)
