# SPDX-License-Identifier: BSD-3-Clause
"""Troubles on a network are reported: an event, a log line, a line of usernetctl, at a bounded
rate."""
import time

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase
from lib.daemon import run_ctl
from lib.schema import Schema
from lib.wait import until

SAME = bytes.fromhex('525400123456')


class TroubleCase(GatewayCase):
    def start(self, *options):
        self.network(*options)
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.schema = Schema(self.qmp)

    def event(self, name):
        return self.schema.check(self.qmp.event(name))

    def events_until_now(self):
        """Names of all events since the last one waited for."""
        self.qmp.run('query-name')
        names = [event['event'] for event in self.qmp.events]
        self.qmp.events.clear()
        return names

    def warnings(self, text):
        return sum(text in line for line in self.lan.daemon.errors().splitlines())

    def ctl(self, *arguments):
        result = run_ctl(self.lan.folder, '--name', self.lan.name, *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result.stdout


class Macs(TroubleCase):
    def test_two_guests_of_one_mac(self):
        self.start()
        one, two = self.guest(), self.guest()
        for _ in range(500):
            for guest in (one, two):
                guest.send(pk.arp(1, SAME, '10.0.2.50', bytes(6), GATEWAY))
                guest.recv()
        data = self.event('GUEST_MAC_CONFLICT')
        self.assertEqual(data['mac'], '52:54:00:12:34:56')
        self.assertEqual({data['port'], data['other-port']}, {'lan.1', 'lan.2'})
        told = 1 + self.events_until_now().count('GUEST_MAC_CONFLICT')
        self.assertLessEqual(told, 4)
        self.assertEqual(self.warnings('two guests have the MAC address 52:54:00:12:34:56'), told)
        [guest] = self.lan.ask('query-guests')
        self.assertIn('two guests have the MAC address', guest['trouble'][0])
        self.assertIn('trouble: two guests have the MAC address 52:54:00:12:34:56',
                      self.ctl('guests'))
        one.close()
        self.lan.wait_for_ports('lan', 1)
        self.assertNotIn('trouble', self.ctl('guests'))

    def test_guest_that_is_plugged_elsewhere_is_no_trouble(self):
        self.start()
        one, two = self.guest(), self.guest()
        for guest in (one, two):
            guest.send(pk.arp(1, SAME, '10.0.2.50', bytes(6), GATEWAY))
            guest.recv()
        self.assertNotIn('GUEST_MAC_CONFLICT', self.events_until_now())
        self.assertEqual(self.lan.ask('query-troubles'), [])


class Addresses(TroubleCase):
    def test_address_leased_to_another(self):
        self.start()
        owner, thief = self.station(), self.station()
        for _ in range(50):
            thief.send(pk.arp(1, thief.mac, owner.ip, bytes(6), GATEWAY))
        data = self.event('GUEST_ADDRESS_CONFLICT')
        self.assertEqual((data['mac'], data['address'], data['port'], data['other-port']),
                         (pk.mac_text(thief.mac), owner.ip, 'lan.2', 'lan.1'))
        self.assertNotIn('GUEST_ADDRESS_CONFLICT', self.events_until_now())
        self.assertEqual(self.warnings(f'claims the address {owner.ip}'), 1)
        self.assertIn(f'claims the address {owner.ip}, which a guest has at lan.1',
                      self.ctl('guests'))

    def test_address_of_the_gateway(self):
        self.start()
        thief = self.station()
        thief.send(pk.arp(1, thief.mac, GATEWAY, bytes(6), thief.ip))
        data = self.event('GUEST_ADDRESS_CONFLICT')
        self.assertEqual((data['address'], data.get('other-port')), (GATEWAY, None))
        self.assertIn('which is not for it', data['text'])

    def test_ipv6_address_of_another(self):
        self.start()
        one, two = self.guest(), self.guest()
        for guest, mac in ((one, SAME), (two, SAME[:5] + b'\x57')):
            guest.send(pk.neighbour_solicit(mac, 'fec0::77', 'fec0::2'))
        data = self.event('GUEST_ADDRESS_CONFLICT')
        self.assertEqual((data['address'], data['mac'], data['other-port']),
                         ('fec0::77', '52:54:00:12:34:57', 'lan.1'))

    def test_address_of_another_subnet(self):
        self.start()
        station = self.station(lease=False)
        for _ in range(5):
            station.send(pk.arp(1, station.mac, '192.168.7.7', bytes(6), '192.168.7.1'))
        data = self.event('GUEST_WRONG_SUBNET')
        self.assertEqual((data['mac'], data['address'], data['subnet'], data['port']),
                         (pk.mac_text(station.mac), '192.168.7.7', '10.0.2.0/24', 'lan.1'))
        self.assertNotIn('GUEST_WRONG_SUBNET', self.events_until_now())
        self.assertIn('has the address 192.168.7.7, which is not of this network: 10.0.2.0/24',
                      self.ctl('guests'))

    def test_guest_that_never_asks_for_an_address(self):
        self.start()
        self.station()
        silent = self.guest()
        silent.send(pk.eth(pk.BROADCAST, SAME, 0x88b5, b'hello' * 10))
        began = time.monotonic()
        until(lambda: self.lan.ask('query-troubles'), 'the silent guest is noted', 60)
        data = self.event('GUEST_WITHOUT_ADDRESS')
        self.assertGreater(time.monotonic() - began, 10)
        self.assertEqual(data['port'], 'lan.2')
        self.assertIn('the guest at lan.2 sends frames and has no IPv4 address',
                      self.ctl('guests'))
        silent.send(pk.arp(1, SAME, '10.0.2.60', bytes(6), GATEWAY))
        silent.recv()
        until(lambda: not self.lan.ask('query-troubles'), 'the trouble is over')


class Limits(TroubleCase):
    def test_port_over_its_limit_of_stations(self):
        self.start()
        other = self.station()
        guest = self.guest()
        frame = b'\x88\xb5' + b'flood' * 10
        for first in range(0, 10000, 100):
            guest.send_all(other.mac + b'\x52\x55\x01\0' + n.to_bytes(2, 'big') + frame
                           for n in range(first, first + 100))
        data = self.event('BUDGET_EXHAUSTED')
        self.assertEqual((data['port'], data['limit']), ('lan.2', 'stations'))
        self.assertGreaterEqual(data['times'], 1)
        self.assertIn("lan.2 is over its limit 'stations'", self.ctl('guests'))


class Forwards(TroubleCase):
    def test_client_of_a_forward_whose_guest_is_not_there(self):
        self.start('hostfwd=tcp:127.0.0.1:0-10.0.2.40:22')
        [forward] = self.lan.ask('query-forwards')
        self.assertFalse(forward['here'])
        self.assertEqual(self.ctl('forwards').splitlines()[1].split(),
                         ['nat', forward['rule'], '10.0.2.40'])
        for _ in range(3):
            self.dial('127.0.0.1', forward['host-port'])
        data = self.event('FORWARD_WAITING')
        self.assertEqual((data['netdev'], data['rule']), ('nat', forward['rule']))
        self.assertEqual(self.warnings(f'clients of the forward {forward["rule"]} wait'), 1)
        self.assertIn('10.0.2.40, not there; waited for: 3', self.ctl('forwards'))
        station = self.station(lease=False)
        station.configure('10.0.2.40')
        station.send(pk.arp(1, station.mac, '10.0.2.40', bytes(6), GATEWAY))
        station.expect(lambda p: p.tcp and p.tcp.dport == 22, 'a client that waited')
        self.assertTrue(self.lan.ask('query-forwards')[0]['here'])
        self.assertNotIn('not there', self.ctl('forwards'))

    def test_datagram_to_a_forward_whose_guest_is_not_there(self):
        self.start('hostfwd=udp:127.0.0.1:0-10.0.2.40:53')
        [forward] = self.lan.ask('query-forwards')
        client, _ = self.host_udp()
        for _ in range(3):
            client.sendto(b'question', ('127.0.0.1', forward['host-port']))
        data = self.event('FORWARD_WAITING')
        self.assertEqual((data['netdev'], data['rule']), ('nat', forward['rule']))
        self.assertEqual(self.warnings(f'clients of the forward {forward["rule"]} wait'), 1)
        self.assertIn('10.0.2.40, not there; waited for: 3', self.ctl('forwards'))

    def test_forward_to_a_name_that_nobody_has_says_that_it_waits(self):
        self.start('hostfwd=tcp:127.0.0.1:0-nobody:22')
        lines = self.ctl('forwards').splitlines()
        self.assertTrue(lines[1].endswith('waits for a guest'), lines)
        self.assertNotIn('0.0.0.0', lines[1])
        [forward] = self.lan.ask('query-forwards')
        self.assertNotIn('guest-address', forward)
        self.assertEqual((forward['guest-name'], forward['guest-port'], forward['here']),
                         ('nobody', 22, False))


class Log(TroubleCase):
    def test_debug_shows_links_leases_conns_and_rules(self):
        self.start('hostfwd=tcp:127.0.0.1:0-:22,deny=198.51.100.0/24', '--log-level', 'debug')
        station = self.station()
        station.ping(GATEWAY)
        _, port = self.host_udp()
        station.send(pk.eth(b'\x52\x55\x0a\0\x02\x02', station.mac, 0x800, pk.ipv4(
            station.ip, GATEWAY, 17, pk.udp(station.ip, GATEWAY, 5000, port, b'x'))))
        self.qmp.run('policy-add', rule='deny=192.0.2.0/24')
        self.qmp.run('guest-add', name='web')
        station.guest.close()
        self.event('GUEST_LEFT')
        log = self.lan.daemon.errors()
        for text in ('debug: link lan.1: connected', f'lease {station.ip}',
                     'debug: rule of nat: tcp:127.0.0.1:', 'debug: rule deny=192.0.2.0/24 added',
                     'debug: rule deny=198.51.100.0/24 added',
                     'debug: guest web: named', 'debug: link lan.1: gone',
                     f'debug: conn udp guest {station.ip} port 5000, peer {GATEWAY} port {port}: '
                     'opened'):
            self.assertIn(text, log)
