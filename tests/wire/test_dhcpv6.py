# SPDX-License-Identifier: BSD-3-Clause
"""DHCPv6 on the wire: addresses from the range (RFC 8415), and network boot (RFC 5970)."""
import itertools
import struct

from lib import packet as pk
from lib.case import GatewayCase

SERVERS = 'ff02::1:2'
SERVERS_MAC = pk.mac('33:33:00:01:00:02')
SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE = range(1, 10)
INFORMATION_REQUEST = 11
_xids = itertools.count(1)


def option(code, data=b''):
    return struct.pack('>HH', code, len(data)) + data


def address(ip):
    return option(5, pk.ip6(ip) + bytes(8))


def association(*options):
    return option(3, b'ia01' + bytes(8) + b''.join(options))


def options_of(data):
    found = {}
    while data:
        code, length = struct.unpack_from('>HH', data)
        found.setdefault(code, data[4:4 + length])
        data = data[4 + length:]
    return found


class Dhcpv6(GatewayCase):
    def guest6(self):
        station = self.station(lease=False)
        link_local = 'fe80::' + ':'.join(station.mac[i:i + 2].hex() for i in (0, 2, 4))
        station.advert = station.autoconfigure(link_local)
        station.link_local = link_local
        return station

    def say(self, station, kind, *options):
        """The answer's kind, and its options."""
        head = struct.pack('>I', kind << 24 | next(_xids))
        duid = option(1, b'\0\3\0\1' + station.mac)
        data = pk.udp(station.link_local, SERVERS, 546, 547, head + duid + b''.join(options))
        station.send(pk.eth(SERVERS_MAC, station.mac, pk.IPV6,
                            pk.ipv6(station.link_local, SERVERS, pk.UDP, data, hops=1)))
        p = station.expect(lambda p: p.udp and p.udp.dport == 546 and
                           p.udp.payload[1:4] == head[1:], 'an answer of DHCPv6')
        self.assertTrue(p.udp.good)
        return p.udp.payload[0], options_of(p.udp.payload[4:])

    def given(self, options):
        inner = options_of(options[3][12:])
        return pk.ip6_text(inner[5][:16]) if 5 in inner else None

    def lease(self, station):
        kind, offer = self.say(station, SOLICIT, association())
        self.assertEqual(kind, ADVERTISE)
        ip = self.given(offer)
        kind, got = self.say(station, REQUEST, option(2, offer[2]), association(address(ip)))
        self.assertEqual((kind, self.given(got)), (REPLY, ip))
        station.server = option(2, offer[2])
        return ip

    def test_guests_get_addresses_of_their_own_and_the_same_after_a_restart(self):
        self.network()
        a, b = self.guest6(), self.guest6()
        ips = [self.lease(a), self.lease(b)]
        self.assertEqual(len(set(ips)), 2)
        guests = {g['mac']: g for g in self.lan.ask('query-guests')}
        self.assertIn(ips[0], guests[pk.mac_text(a.mac)]['ipv6'])
        a.ip6 = ips[0]
        a.ping('fec0::2')
        mac = a.mac
        self.lan.stop()
        self.lan.start()
        again = self.station(lease=False, mac=mac)
        again.link_local = a.link_local
        self.assertEqual(self.lease(again), ips[0])

    def test_a_small_range_is_announced_and_serves_who_is_there(self):
        self.network('dhcpv6-range=fec0::100-fec0::101')
        a = self.guest6()
        self.assertEqual(a.advert.icmp6.body[1] & 0xc0, 0xc0)
        self.assertEqual(self.lease(a)[:8], 'fec0::10')
        gone = self.guest6()
        ip = self.lease(gone)
        late = self.guest6()
        with self.lan.daemon.qmp() as qmp:
            self.assertIsNone(self.given(self.say(late, SOLICIT, association())[1]))
            self.assertEqual(qmp.event('LEASE_REFUSED')['data']['reason'], 'no address is free')
        gone.guest.close()
        self.lan.wait_for_ports('lan', 2)
        self.assertEqual(self.lease(late), ip)
        self.say(late, RELEASE, late.server, association(address(ip)))
        self.assertEqual(self.lease(self.guest6()), ip)

    def test_without_a_range_there_are_none(self):
        self.network('dhcpv6-range=off')
        a = self.guest6()
        self.assertEqual(a.advert.icmp6.body[1] & 0xc0, 0x40)
        _, options = self.say(a, SOLICIT, association())
        self.assertEqual(options[3][12:], option(13, b'\0\2'))

    def test_confirm_knows_the_link(self):
        self.network()
        a = self.guest6()
        self.assertEqual(self.say(a, CONFIRM, association(address('fec0::7')))[1][13], b'\0\0')
        self.assertEqual(self.say(a, CONFIRM, association(address('2001:db8::7')))[1][13],
                         b'\0\4')

    def test_boot_file_is_a_url(self):
        self.network('bootfile=grub.efi,bootfile.arm64-efi-http=http://boot.lan/arm.efi,'
                     'bootfile-param=quiet')
        a = self.guest6()
        _, options = self.say(a, INFORMATION_REQUEST, option(6, b'\0\x17\0\x3b\0\x3c'))
        self.assertEqual(options[59], b'tftp://[fec0::2]/grub.efi')
        self.assertEqual(options[60], b'\0\5quiet')
        http = b'\0\0\1\x57\0\x21HTTPClient:Arch:00019:UNDI:003016'
        _, options = self.say(a, SOLICIT, option(14), association(), option(16, http),
                              option(61, b'\0\x13'))
        self.assertEqual(options[59], b'http://boot.lan/arm.efi')
        self.assertEqual(options[16], b'\0\0\1\x57\0\x0aHTTPClient')
        self.assertIsNotNone(self.given(options))
