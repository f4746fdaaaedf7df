# SPDX-License-Identifier: BSD-3-Clause
"""Addresses stay with the guest that holds them; nobody speaks for the gateway; isolate= holds."""
import struct
import time

from lib import packet as pk
from lib.case import DNS, GATEWAY, GATEWAY6, GatewayCase, recv_exactly
from lib.guest import StreamGuest
from lib.hostile import HostileCase
from lib.station import Station
from lib.wait import until

WEB = b'\x52\x54\0\x12\x34\x99'
BLUE = 'stream,id=blue,server=on,addr.type=unix,addr.path={dir}/blue.sock,isolate='


def icmp(kind, code, rest, inner):
    data = struct.pack('>BBH4s', kind, code, 0, rest) + inner
    return data[:2] + struct.pack('>H', pk.checksum(data)) + data[4:]


class Holders(HostileCase):
    """The evil one takes what the good one has, which is there and has a connection open."""

    def setUp(self):
        self.start()
        self.qmp = self.keep(self.lan.daemon.qmp())

    def assert_refused(self, *frames, reason='spoofed'):
        """Counted for this reason at the evil one's port; the good one sees none, and is served."""
        self.handled()
        before = self.dropped(reason)
        for frame in frames:
            self.evil.send(frame)
        self.handled()
        self.assertEqual([str(p) for p in self.good.inbox if p.frame in frames], [])
        self.assertEqual(self.dropped(reason) - before, len(frames))
        self.assert_good_is_served()

    def guest_at(self, port):
        return [g for g in self.lan.ask('query-guests') if g['port'] == port]

    def test_mac(self):
        good, flow = self.good, self.flow
        syn = pk.tcp(good.ip, GATEWAY, 41000, self.port, 1, 0, pk.SYN)
        rst = pk.tcp(good.ip, GATEWAY, flow.port, self.port, flow.seq, flow.ack, pk.RST | pk.ACK)
        up = good.hop_to(GATEWAY)
        self.assert_refused(
            pk.eth(up, good.mac, pk.IPV4, pk.ipv4(good.ip, GATEWAY, pk.TCP, syn)),
            pk.eth(up, good.mac, pk.IPV4, pk.ipv4(good.ip, GATEWAY, pk.TCP, rst)),
            pk.arp(1, good.mac, good.ip, bytes(6), GATEWAY),
            pk.dhcp_frame(good.mac, pk.DISCOVER))
        data = self.qmp.event('GUEST_MAC_CONFLICT')['data']
        self.assertEqual((data['mac'], data['port'], data['other-port']),
                         (pk.mac_text(good.mac), 'lan.1', 'lan.2'))
        self.assert_nobody_came(self.listener)

    def test_ipv4_that_nobody_leased(self):
        other = self.station(lease=False)
        other.configure('10.0.2.78')
        other.ping(GATEWAY)
        self.assert_refused(
            pk.arp(1, self.evil.mac, '10.0.2.78', bytes(6), GATEWAY),
            pk.arp(2, self.evil.mac, '10.0.2.78', self.good.mac, self.good.ip),
            pk.eth(self.good.mac, self.evil.mac, pk.IPV4,
                   pk.ipv4('10.0.2.78', self.good.ip, pk.UDP,
                           pk.udp('10.0.2.78', self.good.ip, 53, 4444, b'forged'))))
        data = self.qmp.event('GUEST_ADDRESS_CONFLICT')['data']
        self.assertEqual((data['address'], data['port'], data['other-port']),
                         ('10.0.2.78', 'lan.1', 'lan.3'))
        self.assertEqual([g['ipv4'] for g in self.guest_at('lan.3')], ['10.0.2.78'])
        other.ping(GATEWAY)

    def test_ipv4_whose_guest_is_gone_may_be_taken(self):
        other = self.station(lease=False)
        other.configure('10.0.2.78')
        other.ping(GATEWAY)
        other.guest.close()
        self.lan.wait_for_ports('lan', 2)
        self.evil.configure('10.0.2.78')
        self.evil.ping(GATEWAY)

    def test_ipv6(self):
        self.good.autoconfigure()
        ip6 = self.good.ip6
        listener, port = self.host_tcp('::1')
        flow = self.good.tcp(GATEWAY6, port)
        conn = self.accept(listener)
        up = self.good.hop_to(GATEWAY6)
        self.assert_refused(
            pk.neighbour_advert(self.evil.mac, ip6, up, GATEWAY6),
            pk.neighbour_advert(self.evil.mac, ip6, b'\x33\x33\0\0\0\1', 'ff02::1'),
            pk.neighbour_solicit(self.evil.mac, ip6, GATEWAY6),
            pk.eth(up, self.evil.mac, pk.IPV6, pk.ipv6(ip6, GATEWAY6, pk.TCP, pk.tcp(
                ip6, GATEWAY6, flow.port, port, flow.seq, flow.ack, pk.RST | pk.ACK))))
        self.assertEqual(self.qmp.event('GUEST_ADDRESS_CONFLICT')['data']['address'], ip6)
        conn.sendall(b'still mine')
        self.assertEqual(flow.recv(10), b'still mine')

    def test_whatever_is_in_the_gateways_name(self):
        good, evil = self.good, self.evil
        inner = pk.ipv4(good.ip, '192.0.2.1', pk.UDP, pk.udp(good.ip, '192.0.2.1', 1, 2, b''))
        rst = pk.tcp(GATEWAY, good.ip, self.port, self.flow.port, self.flow.ack, self.flow.seq,
                     pk.RST | pk.ACK)

        def packet(src, proto, payload, **more):
            return pk.eth(good.mac, evil.mac, pk.IPV4, pk.ipv4(src, good.ip, proto, payload, **more))
        self.assert_refused(
            packet(GATEWAY, pk.ICMP, icmp(3, 4, struct.pack('>HH', 0, 552), inner)),
            packet(GATEWAY, pk.ICMP, icmp(3, 1, bytes(4), inner)),
            packet(GATEWAY, pk.TCP, rst),
            packet(DNS, pk.UDP, pk.udp(DNS, good.ip, 53, 4444, b'forged answer')),
            packet(DNS, pk.UDP, pk.udp(DNS, good.ip, 53, 4444, b'forged answer'),
                   options=b'\1\1\1\1'),
            pk.eth(good.mac, evil.mac, pk.IPV6, pk.ipv6(GATEWAY6, 'fec0::5', pk.ICMPV6, pk.icmpv6(
                GATEWAY6, 'fec0::5', 2, struct.pack('>I', 1280) + bytes(48)))))
        self.assert_refused(packet(GATEWAY, pk.ICMP, icmp(5, 1, pk.ip4(evil.ip), inner)))

    def test_redirects_in_its_own_name(self):
        inner = pk.ipv4(self.good.ip, '192.0.2.1', pk.UDP, bytes(8))
        redirect = icmp(5, 1, pk.ip4(self.evil.ip), inner)
        self.assert_refused(
            pk.eth(self.good.mac, self.evil.mac, pk.IPV4, pk.ipv4(
                self.evil.ip, self.good.ip, pk.ICMP, redirect)),
            pk.eth(self.good.mac, self.evil.mac, pk.IPV4, pk.ipv4(
                self.evil.ip, self.good.ip, pk.ICMP, icmp(9, 0, bytes(4), bytes(8)))),
            reason='rogue-server')


class Failover(GatewayCase):
    def test_guest_that_is_plugged_elsewhere_goes_on_at_once(self):
        self.network()
        old = self.station()
        new = self.station(lease=False, mac=old.mac)  # the old link is still up: a migration
        new.configure(old.ip)
        new.ping(GATEWAY)
        [guest] = self.lan.ask('query-guests')
        self.assertEqual((guest['port'], guest['ipv4']), ('lan.2', old.ip))

    def test_reserved_mac_waits_for_the_old_link(self):
        self.network('', '--guest', f'web,mac={pk.mac_text(WEB)}')
        old = self.station(mac=WEB)
        new = self.station(lease=False, mac=WEB)
        new.configure(old.ip)
        new.send_ping(GATEWAY, hop=old.hop_to(GATEWAY))
        old.ping(GATEWAY)
        until(lambda: self.dropped('spoofed') == 1, 'the drop')
        self.assertEqual([str(p) for p in old.inbox if p.icmp], [])
        old.guest.close()
        self.lan.wait_for_ports('lan', 1)
        new.ping(GATEWAY)

    def test_link_that_is_down_holds_nothing(self):
        self.network()
        old, new = self.station(lease=False), self.station(lease=False)
        old.configure('10.0.2.77')
        old.ping(GATEWAY)
        new.configure('10.0.2.78')
        new.ping(GATEWAY)
        self.lan.ask('set_link', name='lan.1', up=False)
        new.configure('10.0.2.77')
        new.ping(GATEWAY)

    def test_guard_off_lets_an_address_move_at_once(self):
        self.network('', '--netdev', BLUE.replace('isolate=', 'guard=off'))
        old, new = self.station(lease=False), self.blue()
        for station in (old, new, old):
            station.configure('10.0.2.77')
            before = sum(self.frames_in())
            station.send(pk.arp(1, station.mac, '10.0.2.77', bytes(6), GATEWAY))
            until(lambda n=before: sum(self.frames_in()) > n, 'the frame')
        self.assertEqual(self.dropped('spoofed'), 1)  # the old one's: its netdev is guarded
        new.ping(GATEWAY)

    def frames_in(self):
        return [p['rx-frames'] for n in self.lan.ask('query-netdevs') if n['type'] != 'user'
                for p in n['ports']]

    def blue(self):
        return Station(self.keep(StreamGuest.unix(self.lan.path('blue.sock'))))


class Isolation(GatewayCase):
    def heard(self, station, mark, limit=0.3):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            station.step(0.05)
            if any(mark in p.frame for p in station.inbox):
                return True
        return False

    def reach(self, one, other):
        """Which of broadcast and unicast from the one the other gets."""
        reached = set()
        for name, dst in (('broadcast', pk.BROADCAST), ('unicast', other.mac)):
            mark = b'%s %s' % (name.encode(), one.mac)
            one.send(pk.eth(dst, one.mac, 0x88b5, mark + bytes(50)))
            one.ping(GATEWAY)
            if self.heard(other, mark):
                reached.add(name)
        return reached

    BOTH = {'broadcast', 'unicast'}

    def blue(self):
        station = Station(self.keep(StreamGuest.unix(self.lan.path('blue.sock'))))
        station.dhcp()
        return station

    def test_guests_of_an_isolated_network_reach_the_gateway_only(self):
        self.network('isolate=on')
        a, b = self.station(), self.station()
        self.assertEqual(self.reach(a, b), set())
        self.assertEqual(self.dropped('isolated'), 1)
        self.assertTrue(self.lan.ask('query-network')['gateway']['isolated'])
        listener, port = self.host_tcp()
        flow = a.tcp(GATEWAY, port)
        conn = self.accept(listener)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')

    def test_isolated_netdev(self):
        self.network('', '--netdev', BLUE + 'on')
        a, b, c, d = self.station(), self.station(), self.blue(), self.blue()
        self.assertEqual(self.reach(a, b), self.BOTH)
        self.assertEqual(self.reach(a, c), set())
        self.assertEqual(self.reach(c, a), set())
        self.assertEqual(self.reach(c, d), set())
        netdevs = {n['id']: n for n in self.lan.ask('query-netdevs')}
        self.assertEqual((netdevs['blue']['isolate'], netdevs['lan'].get('isolate')), ('on', None))

    def test_groups(self):
        self.network('isolate=on', '--netdev', BLUE + 'blue', '--netdev',
                     BLUE.replace('blue', 'red') + 'blue', '--netdev',
                     BLUE.replace('blue', 'free') + 'off')
        a, c, d = self.station(), self.blue(), self.blue()
        self.assertEqual(self.reach(c, d), self.BOTH)
        self.assertEqual(self.reach(a, c), set())
        self.assertEqual(self.reach(c, a), set())


class Forms(GatewayCase):
    def test_denied_ipv4_is_denied_in_its_ipv6_forms(self):
        self.network('deny=192.0.2.0/24')
        a = self.station()
        a.autoconfigure()
        for n, dst in enumerate(('192.0.2.1', '64:ff9b::192.0.2.1', '2002:c000:201::1',
                                 '2001:0:1:2:3:4:3fff:fdfe'), 1):
            a.connect(dst, 80)
            until(lambda n=n: self.hits() == n, f'the denial of {dst}')

    def hits(self):
        [rule] = self.lan.ask('query-policy')['rules']
        return rule['hits']
