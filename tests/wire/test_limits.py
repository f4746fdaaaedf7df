# SPDX-License-Identifier: BSD-3-Clause
"""--limit changes a bound, the queries show it, and it holds."""
import os
import socket
import time

from lib import packet as pk
from lib.case import DNS, GATEWAY, GatewayCase
from lib.daemon import Folder, run_daemon
from lib.wait import until
from test_tftp import request


class Limits(GatewayCase):
    def test_they_are_shown(self):
        self.network('', '--limit', 'address-hold=60', '--limit', 'commands=3')
        limits = self.lan.ask('query-netdevs')[0]['limits-per-port']
        self.assertEqual((limits['address-hold'], limits['guests']), (60, 8192))
        self.assertEqual(self.lan.ask('query-network')['limits']['commands'], 3)

    def test_stations_in_all(self):
        self.network('', '--limit', 'all-stations=200')
        self.assertEqual(self.lan.ask('query-network')['max-stations'], 200)
        guest = self.station()
        for n in range(300):
            guest.send(pk.eth(b'\xff' * 6, b'\x02\0\0\0' + n.to_bytes(2, 'big'), 0x88b5, bytes(46)))
        guest.ping(GATEWAY)
        # The last quarter is for ports with few.
        self.assertEqual(self.lan.ask('query-network')['stations'], 150)
        self.station().ping(GATEWAY)
        self.assertEqual(self.lan.ask('query-network')['stations'], 151)
        self.assertGreater(self.dropped('stations'), 100)

    def test_dns_connections(self):
        self.network('', '--limit', 'dns-tcp-connections=3', '--limit', 'all-dns-tcp-connections=5')
        for guest in self.station(), self.station():
            for _ in range(4):
                guest.tcp(DNS, 53)
        counters = self.lan.ask('query-dns')['counters']
        self.assertEqual((counters['tcp-connections'], counters['tcp-displaced']), (5, 3))

    def test_clients_of_the_control_socket(self):
        self.network('', '--limit', 'control-clients=2')
        with self.lan.daemon.qmp() as first, self.lan.daemon.qmp():
            with self.assertRaises((EOFError, ConnectionError, TypeError)):
                self.lan.daemon.qmp()
            control = first.run('query-status')['control']
        self.assertEqual((control['max-clients'], control['clients'], control['refused-clients']),
                         (2, 2, 1))

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
