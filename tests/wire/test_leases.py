# SPDX-License-Identifier: BSD-3-Clause
"""Leases outlive the process; reservations hold on the wire. tests/fault kills the process at
random."""
import itertools

from lib import packet as pk
from lib.case import GatewayCase, scale
from lib.hostile import HostileCase, megabytes

MACS = [b'\x52\x54\0\x1e\0' + bytes([n]) for n in range(40)]


class Leases(GatewayCase):
    def bound(self):
        """MAC to address of the bound leases; no address belongs to two guests."""
        leases = [l for l in self.lan.ask('query-leases') if l['state'] == 'bound']
        self.assertEqual(len({l['address'] for l in leases}), len(leases))
        self.assertEqual(len({l['mac'] for l in leases}), len(leases))
        return {l['mac']: l['address'] for l in leases}

    def assert_kept(self, held):
        bound = self.bound()
        for mac, ip in held.items():
            self.assertEqual(bound.get(pk.mac_text(mac)), ip)

    def test_lease_and_name_are_there_after_a_restart(self):
        self.network()
        a = self.station(mac=MACS[0])
        a.dhcp(pk.dhcp_option(12, b'web'))
        self.lan.stop()
        self.lan.start()
        self.assert_kept({a.mac: a.ip})
        b = self.station(mac=MACS[1])
        self.assertNotEqual(b.ip, a.ip)
        # The new process does not know it, and renews it nevertheless.
        again = self.station(lease=False, mac=MACS[0])
        again.configure(a.ip)
        again.ping('10.0.2.2')
        guest = [g for g in self.lan.ask('query-guests') if g['mac'] == pk.mac_text(MACS[0])]
        self.assertEqual(guest[0].get('name'), 'web')

    def test_reservation_holds_on_the_wire(self):
        self.network('', '--guest', f'web,mac={pk.mac_text(MACS[0])},ip=10.0.2.77')
        thief = self.station(mac=MACS[2])
        self.assert_drops('spoofed', lambda: self.claims(thief, '10.0.2.77'))
        a = self.station(mac=MACS[0])
        self.assertEqual(a.ip, '10.0.2.77')
        self.assertEqual(a.lease.options[12], b'web')
        a.ping('10.0.2.2')

    def claims(self, station, ip):
        station.send(pk.arp(1, station.mac, ip, bytes(6), ip))
        return station


class Newcomers(GatewayCase):
    def test_guests_that_left_do_not_use_up_the_pool(self):
        self.network('dhcpend=10.0.2.24')  # ten addresses
        first = self.station()
        gone = []
        for n in range(30):
            gone.append(self.station(mac=MACS[n]))
            gone[-1].guest.close()
            self.lan.wait_for_ports('lan', 1)
        newcomers = [self.station() for _ in range(8)]
        self.assertEqual(len({s.ip for s in [first, *newcomers]}), 9)
        again = self.station(mac=gone[-1].mac)
        self.assertEqual(again.ip, gone[-1].ip)
        first.dhcp()

    def test_running_out_is_an_event_and_a_line(self):
        self.network('dhcpend=10.0.2.15')
        self.station()
        late = self.station(lease=False, mac=MACS[0])
        with self.lan.daemon.qmp() as qmp:
            late.send(pk.dhcp_frame(late.mac, pk.DISCOVER))
            data = qmp.event('LEASE_REFUSED')['data']
        self.assertEqual(data, {'mac': pk.mac_text(MACS[0]), 'port': 'lan.2',
                                'reason': 'no address is free'})
        self.assertIn(f'no lease for {pk.mac_text(MACS[0])} at lan.2: no address is free',
                      self.lan.daemon.errors())

    def test_a_ports_share_is_configured(self):
        self.network('leases-per-port=2')
        a = self.station()

        def ask(mac, port_of=a):
            port_of.send(pk.dhcp_frame(mac, pk.DISCOVER, xid=7, src_mac=port_of.mac))
            return port_of
        ask(MACS[1]).ping('10.0.2.2')
        self.assert_drops('budget', lambda: ask(MACS[2]))

    def test_a_probe_of_another_hardware_address_is_answered(self):
        """As nmap and a bonded card do: the message names one MAC, the frame comes from another."""
        self.network()
        a = self.station()
        a.send(pk.dhcp_frame(MACS[1], pk.DISCOVER, xid=7, src_mac=a.mac))
        offer = a.expect(lambda p: p.dhcp and p.dhcp.xid == 7, 'an offer')
        self.assertEqual(offer.dst, pk.BROADCAST)

    def test_strict_it_is_not(self):
        self.network('dhcp-strict=on')
        a = self.station()

        def ask():
            a.send(pk.dhcp_frame(MACS[1], pk.DISCOVER, xid=7, src_mac=a.mac))
            return a
        self.assert_drops('spoofed', ask)

    def test_nobody_asks_for_a_neighbour(self):
        self.network('', '--guest', f'web,mac={pk.mac_text(MACS[3])},ip=10.0.2.77')
        a, b = self.station(), self.station()

        def ask(mac):
            a.send(pk.dhcp_frame(mac, pk.DISCOVER, xid=7, src_mac=a.mac))
            return a
        self.assert_drops('spoofed', lambda: ask(b.mac))
        self.assert_drops('spoofed', lambda: ask(MACS[3]))


class Starvation(HostileCase):
    """A hundred thousand DISCOVERs from one port: other ports get leases meanwhile."""

    def starve(self, discover):
        """discover(n): the frame of the nth made-up client."""
        self.start()
        memory = self.lan.memory()
        frames = (discover(n) for n in range(scale(100000)))
        beside = []
        while True:
            some = list(itertools.islice(frames, 5000))
            if not some:
                break
            self.evil.guest.send_all(some)
            self.handled()
            beside.append(self.station())
            self.good.dhcp()
            self.assert_good_is_served()
        self.assertEqual(len({s.ip for s in beside} | {self.good.ip, self.evil.ip}),
                         len(beside) + 2)
        leases = self.lan.ask('query-leases')
        held = sum(lease['state'] == 'offered' for lease in leases)
        self.assertLessEqual(held, 32)
        self.assertEqual(sum(lease['state'] == 'bound' for lease in leases), len(beside) + 2)
        self.assertLess(self.lan.memory() - memory, megabytes(16))

    def test_under_ever_other_hardware_addresses(self):
        """In the message and on the frame."""
        self.starve(lambda n: pk.dhcp_frame(b'\x52\x54' + (0x77000000 + n).to_bytes(4, 'big'),
                                            pk.DISCOVER, xid=n + 1))

    def test_under_other_hardware_addresses_in_the_message_alone(self):
        self.starve(lambda n: pk.dhcp_frame(b'\x52\x54' + (0x77000000 + n).to_bytes(4, 'big'),
                                            pk.DISCOVER, xid=n + 1, src_mac=self.evil.mac))

    def test_under_other_client_ids(self):
        self.starve(lambda n: pk.dhcp_frame(
            self.evil.mac, pk.DISCOVER, xid=n + 1,
            options=pk.dhcp_option(61, b'\0client-%d' % n)))
