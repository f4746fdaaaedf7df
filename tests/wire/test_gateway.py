# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway itself answers: ARP, neighbour discovery, advertisements, pings, DHCP."""
import struct

from lib import packet as pk
from lib.case import DNS, DNS6, GATEWAY, GATEWAY6, GatewayCase

GATEWAY_MAC = pk.mac('52:55:0a:00:02:02')  # as libslirp's


class Neighbours(GatewayCase):
    def test_gateway_and_name_server_answer_arp(self):
        self.network()
        a = self.station()
        for ip in (GATEWAY, DNS):
            self.assertEqual(a.resolve(ip), GATEWAY_MAC)

    def test_arp_probes_are_answered_before_there_is_an_address(self):
        self.network()
        a = self.station(lease=False)
        a.send(pk.arp(1, a.mac, '0.0.0.0', bytes(6), GATEWAY))
        p = a.expect(lambda p: p.arp and p.arp.op == 2)
        self.assertEqual((p.arp.sender_ip, p.arp.sender_mac, p.dst), (GATEWAY, GATEWAY_MAC, a.mac))

    def test_arp_for_other_addresses_is_left_to_others(self):
        self.network()
        a = self.station()
        for ip in ('10.0.2.1', '10.0.2.77', '10.0.2.255', '192.0.2.1'):
            a.send(pk.arp(1, a.mac, a.ip, bytes(6), ip))
        a.ping(GATEWAY)
        self.assertEqual([str(p) for p in a.inbox if p.arp and p.arp.op == 2 and
                          p.arp.sender_ip != GATEWAY], [])

    def test_gateway_and_name_server_answer_solicitations(self):
        self.network()
        a = self.station(lease=False)
        a.autoconfigure()
        a.neighbours = {}
        for ip in (GATEWAY6, DNS6, 'fe80::2', 'fe80::3'):
            a.send(pk.neighbour_solicit(a.mac, a.ip6, ip))
            p = a.expect(lambda p: p.icmp6 and p.icmp6.kind == 136)
            self.assertEqual((p.ip6.src, p.ip6.dst, p.ip6.hops, p.dst), (ip, a.ip6, 255, a.mac))
            self.assertTrue(p.icmp6.good)
            self.assertEqual(p.icmp6.body[0] & 0xe0, 0xe0, 'router, solicited, override')
            self.assertEqual(p.icmp6.body[4:], pk.ip6(ip) + b'\x02\x01' + GATEWAY_MAC)

    def test_who_checks_an_address_of_the_gateway_is_told_by_multicast(self):
        self.network()
        a = self.station(lease=False)
        # RFC 4861 7.1.1: without a source address there must be no link-layer option.
        group = 'ff02::1:ff00:2'
        body = bytes(4) + pk.ip6(GATEWAY6)
        a.send(pk.eth(b'\x33\x33\xff\0\0\x02', a.mac, pk.IPV6, pk.ipv6(
            '::', group, pk.ICMPV6, pk.icmpv6('::', group, 135, body), hops=255)))
        p = a.expect(lambda p: p.icmp6 and p.icmp6.kind == 136)
        self.assertEqual((p.ip6.dst, p.dst), ('ff02::1', b'\x33\x33\0\0\0\x01'))
        self.assertEqual(p.icmp6.body[0] & 0x60, 0x20, 'override, and not solicited')


class Advertisement(GatewayCase):
    def advert(self, **more):
        a = self.station(lease=False)
        p = a.autoconfigure(**more)
        self.assertTrue(p.icmp6.good)
        self.assertEqual(p.ip6.hops, 255)
        return a, p, dict(pk.nd_options(p.icmp6.body[12:]))

    def test_it_has_prefix_router_and_name_server(self):
        self.network('domainname=lan.example,dnssearch=one.example')
        a, p, options = self.advert()
        hops, flags, lifetime = struct.unpack_from('>BBH', p.icmp6.body)
        # RFC 4861 4.2: O: more configuration by stateless DHCPv6.
        self.assertEqual((hops, flags), (64, 0x40))
        self.assertGreaterEqual(lifetime, 600)
        self.assertEqual(p.ip6.src, 'fe80::2')
        self.assertEqual(options[1][:6], GATEWAY_MAC)
        length, flags, valid, preferred = struct.unpack_from('>BBII', options[3])
        self.assertEqual((length, flags), (64, 0xc0))
        self.assertGreaterEqual(valid, preferred)
        self.assertEqual(options[3][14:30], pk.ip6('fec0::'))
        self.assertEqual(options[25][6:], pk.ip6(DNS6))
        self.assertIn(b'\x03one\x07example\0', options[31])
        self.assertTrue(a.ip6.startswith('fec0::'))

    def test_with_mtu_it_has_that_too(self):
        self.network('mtu=9000')
        _, _, options = self.advert()
        self.assertEqual(struct.unpack('>HI', options[5]), (0, 9000))

    def test_without_mtu_it_says_nothing_of_it(self):
        self.network()
        self.assertNotIn(5, self.advert()[2])

    def test_it_has_the_prefix_that_was_configured(self):
        self.network('ipv6-net=fd12:3456::/64,ipv6-host=fd12:3456::1,ipv6-dns=fd12:3456::53')
        a, p, options = self.advert()
        self.assertEqual(options[3][14:30], pk.ip6('fd12:3456::'))
        self.assertEqual(options[25][6:], pk.ip6('fd12:3456::53'))
        self.assertEqual(p.ip6.src, 'fe80::1')
        a.ping('fd12:3456::1')

    def test_who_has_an_address_is_answered_alone(self):
        self.network()
        a, b = self.station(), self.station()
        p = a.autoconfigure(link_local='fe80::a')
        while p.ip6.dst == 'ff02::1':  # the unsolicited ones at start
            p = a.expect(lambda p: p.icmp6 and p.icmp6.kind == 134)
        self.assertEqual((p.ip6.dst, p.dst), ('fe80::a', a.mac))
        b.ping(GATEWAY)
        self.assertEqual([p for p in b.inbox if p.icmp6 and p.ip6.dst == 'fe80::a'], [])

    def test_with_restrict_there_is_a_name_server_but_no_router(self):
        self.network('restrict=on')
        _, p, options = self.advert()
        self.assertEqual(struct.unpack_from('>H', p.icmp6.body, 2), (0,))
        self.assertIn(25, options)
        self.assertIn(3, options)

    def test_with_ipv6_off_there_is_silence(self):
        self.network('ipv6=off')
        a = self.station()
        a.send(pk.router_solicit(a.mac))
        a.send(pk.neighbour_solicit(a.mac, 'fe80::a', GATEWAY6))
        a.ping(GATEWAY)
        self.assertEqual([str(p) for p in a.inbox if p.ip6], [])


class Ping(GatewayCase):
    def test_gateway_and_name_server_answer(self):
        self.network()
        a = self.station()
        a.autoconfigure()
        for size in (0, 1, 56, 1000):
            for ip in (GATEWAY, DNS, GATEWAY6, DNS6):
                a.ping(ip, bytes(size))

    def test_the_link_local_addresses_answer(self):
        self.network()
        a = self.station(lease=False)
        a.autoconfigure()
        a.ip6 = 'fe80::a'
        for ip in ('fe80::2', 'fe80::3'):
            a.ping(ip, hop=GATEWAY_MAC)

    def test_a_ping_in_fragments_is_answered(self):
        self.network()
        a = self.station()
        payload = bytes(i & 0xff for i in range(4000))
        parts = pk.ipv4_fragments(a.ip, GATEWAY, pk.ICMP, pk.icmp_echo(9, 9, payload), 77)
        for part in parts:
            a.send(pk.eth(a.resolve(GATEWAY), a.mac, pk.IPV4, part))
        p = a.expect(lambda p: p.icmp and p.icmp.kind == 0)
        self.assertEqual((p.icmp.ident, p.icmp.payload, p.icmp.good), (9, payload, True))

    def test_with_host_loopback_off_and_restrict_they_answer_still(self):
        for option in ('host-loopback=off', 'restrict=on'):
            with self.subTest(option=option):
                self.network(option)
                a = self.station()
                a.configure(a.ip, a.net, GATEWAY)
                a.ping(GATEWAY)
                a.ping(DNS)


class Lease(GatewayCase):
    def assert_unanswered(self, station):
        """When all messages are handled, the server has sent nothing that was not read."""
        station.send(pk.arp(1, station.mac, '0.0.0.0', bytes(6), self.gateway))
        station.expect(lambda p: p.arp and p.arp.op == 2 and p.arp.sender_ip == self.gateway)
        told = [p.dhcp.kind for p in station.inbox if p.dhcp and p.dhcp.op == 2]
        self.assertEqual(told, [])

    gateway = GATEWAY

    def leases(self):
        return {lease['address']: lease['state'] for lease in self.lan.ask('query-leases')}

    def request(self, station, answer, ip=None, server=None, **more):
        options = {}
        if ip:
            options[50] = pk.ip4(ip)
        if server:
            options[54] = pk.ip4(server)
        return station.dhcp_exchange(pk.REQUEST, answer, options=options, **more)

    def test_no_dhcp_where_it_is_off(self):
        self.network('dhcp=off')
        a = self.station(lease=False)
        a.configure('10.0.2.50')
        for kind in (pk.DISCOVER, pk.REQUEST, pk.INFORM):
            a.send(pk.dhcp_frame(a.mac, kind))
        self.assert_unanswered(a)
        self.assertEqual(self.leases(), {})
        a.ping(GATEWAY)
        self.assertFalse(self.lan.ask('query-network')['gateway']['dhcp'])

    def test_discover_to_ack(self):
        self.network()
        a = self.station(lease=False)
        offer = a.dhcp_exchange(pk.DISCOVER, pk.OFFER)
        self.assertEqual((offer.ip.src, offer.ip.dst, offer.dst), (GATEWAY, '10.0.2.15', a.mac))
        self.assertTrue(offer.udp.good and offer.ip.good)
        self.assertEqual(offer.dhcp.yiaddr, '10.0.2.15')
        self.assertEqual(self.leases(), {'10.0.2.15': 'offered'})
        ack = self.request(a, pk.DHCP_ACK, '10.0.2.15', GATEWAY).dhcp
        self.assertEqual(ack.yiaddr, '10.0.2.15')
        self.assertEqual(self.leases(), {'10.0.2.15': 'bound'})

    def test_a_client_that_asks_for_broadcast_gets_it(self):
        self.network()
        a = self.station(lease=False)
        offer = a.dhcp_exchange(pk.DISCOVER, pk.OFFER, flags=0x8000)
        self.assertEqual((offer.ip.dst, offer.dst), ('255.255.255.255', pk.BROADCAST))

    def test_the_options_say_all_that_was_configured(self):
        self.network('domainname=lan.example,dnssearch=one.example,dnssearch=two.example,mtu=1400,'
                     'lease-time=600,hostname=box,bootfile=/boot.efi,tftp-server-name=far')
        options = self.station(lease=False).dhcp()
        self.assertEqual(options[1], pk.ip4('255.255.255.0'))
        self.assertEqual(options[3], pk.ip4(GATEWAY))
        self.assertEqual(options[6], pk.ip4(DNS))
        self.assertEqual(options[12], b'box')
        self.assertEqual(options[15], b'lan.example')
        self.assertEqual(options[26], struct.pack('>H', 1400))
        self.assertEqual(options[28], pk.ip4('10.0.2.255'))
        self.assertEqual(options[51], struct.pack('>I', 600))
        self.assertEqual(options[54], pk.ip4(GATEWAY))
        self.assertEqual(options[58], struct.pack('>I', 300))
        self.assertEqual(options[59], struct.pack('>I', 525))
        self.assertEqual(options[66], b'far')
        self.assertEqual(options[67], b'/boot.efi')
        # The domain itself comes first.
        self.assertTrue(options[119].startswith(b'\x03lan\x07example\0\x03one'))

    def test_with_restrict_the_name_server_is_named_and_no_router(self):
        self.network('restrict=on')
        options = self.station(lease=False).dhcp()
        self.assertNotIn(3, options)
        self.assertEqual(options[6], pk.ip4(DNS))

    def test_each_client_has_an_address_of_its_own_and_gets_it_again(self):
        self.network()
        stations = [self.station() for _ in range(5)]
        first = [s.ip for s in stations]
        self.assertEqual(first, [f'10.0.2.{15 + i}' for i in range(5)])
        for station in reversed(stations):
            station.dhcp()
        self.assertEqual([s.ip for s in stations], first)

    def test_it_is_renewed_by_unicast_to_the_gateway(self):
        self.network()
        a = self.station()
        p = self.request(a, pk.DHCP_ACK, ciaddr=a.ip, src=a.ip, dst=GATEWAY,
                         dst_mac=a.resolve(GATEWAY))
        self.assertEqual((p.dhcp.yiaddr, p.ip.dst, p.dst), (a.ip, a.ip, a.mac))

    def test_it_is_renewed_by_broadcast_when_that_had_no_answer(self):
        self.network()
        a = self.station()
        p = self.request(a, pk.DHCP_ACK, ciaddr=a.ip, src=a.ip)
        self.assertEqual((p.dhcp.yiaddr, p.ip.dst, p.dst), (a.ip, a.ip, a.mac))

    def test_a_rebooted_client_asks_for_what_it_had(self):
        self.network()
        a = self.station()
        self.assertEqual(self.request(a, pk.DHCP_ACK, a.ip).dhcp.yiaddr, a.ip)

    def test_a_client_keeps_its_address_when_the_daemon_comes_again(self):
        self.network()
        self.station()
        b = self.station()
        self.lan.stop()
        self.lan.start()
        b.guest = self.guest()
        self.assertEqual(self.request(b, pk.DHCP_ACK, b.ip).dhcp.yiaddr, '10.0.2.16')
        self.assertEqual(self.leases()['10.0.2.16'], 'bound')

    def test_who_asks_for_an_address_of_elsewhere_is_refused(self):
        self.network()
        a = self.station(lease=False)
        for ip in ('192.168.1.7', '10.0.3.15', GATEWAY, DNS, '10.0.2.255', '10.0.2.0'):
            p = self.request(a, pk.NAK, ip)
            self.assertEqual((p.ip.dst, p.dst), ('255.255.255.255', pk.BROADCAST))
            self.assertEqual(p.dhcp.yiaddr, '0.0.0.0')
            self.assertEqual(p.dhcp.options[54], pk.ip4(GATEWAY))

    def test_who_asks_for_the_address_of_another_is_refused(self):
        self.network()
        a, b = self.station(), self.station(lease=False)
        self.request(b, pk.NAK, a.ip)
        self.request(b, pk.NAK, ciaddr=a.ip, src=a.ip)
        self.assertEqual(self.leases(), {a.ip: 'bound'})

    def test_who_takes_another_servers_offer_is_not_answered(self):
        self.network()
        a = self.station(lease=False)
        a.dhcp_exchange(pk.DISCOVER, pk.OFFER)
        a.send(pk.dhcp_frame(a.mac, pk.REQUEST, options=pk.dhcp_option(50, pk.ip4('10.0.2.15')) +
                             pk.dhcp_option(54, pk.ip4('10.0.2.99'))))
        self.assert_unanswered(a)
        self.assertNotIn('bound', self.leases().values())

    def test_a_declined_address_is_not_given_again(self):
        self.network()
        a = self.station()
        a.send(pk.dhcp_frame(a.mac, pk.DECLINE, options=pk.dhcp_option(50, pk.ip4(a.ip)) +
                             pk.dhcp_option(54, pk.ip4(GATEWAY))))
        declined = a.ip
        a.dhcp()
        self.assertNotEqual(a.ip, declined)
        self.assertEqual(self.leases()[declined], 'declined')
        self.assertNotEqual(self.station().ip, declined)

    def test_nobody_declines_or_releases_what_is_anothers(self):
        self.network()
        a, b = self.station(), self.station()
        for kind, more in ((pk.DECLINE, {}), (pk.RELEASE, {'ciaddr': a.ip})):
            b.send(pk.dhcp_frame(b.mac, kind, options=pk.dhcp_option(50, pk.ip4(a.ip)) +
                                 pk.dhcp_option(54, pk.ip4(GATEWAY)), **more))
            # With the other's client identifier too:
            b.send(pk.dhcp_frame(a.mac, kind, src_mac=b.mac,
                                 options=pk.dhcp_option(50, pk.ip4(a.ip)) +
                                 pk.dhcp_option(54, pk.ip4(GATEWAY)), **more))
        self.assert_unanswered(b)
        self.assertEqual(self.leases(), {a.ip: 'bound', b.ip: 'bound'})

    def test_a_released_address_is_free_for_others_when_no_other_is(self):
        self.network('net=10.0.2.0/29')
        stations = [self.station() for _ in range(3)]
        stations[1].send_release()
        self.assert_unanswered(stations[1])
        self.assertEqual(self.leases()[stations[1].ip], 'expired')
        self.assertEqual(self.station().ip, stations[1].ip)

    def test_a_released_address_is_kept_for_its_client_while_there_are_others(self):
        self.network()
        a = self.station()
        ip = a.ip
        a.send_release()
        self.assertEqual(self.station().ip, '10.0.2.16')
        a.dhcp()
        self.assertEqual(a.ip, ip)

    def test_inform_is_answered_with_options_and_without_a_lease(self):
        self.network('domainname=lan.example')
        a = self.station(lease=False)
        a.configure('10.0.2.200')
        p = a.dhcp_exchange(pk.INFORM, pk.DHCP_ACK, ciaddr=a.ip, src=a.ip)
        self.assertEqual((p.ip.dst, p.dhcp.yiaddr), (a.ip, '0.0.0.0'))
        self.assertEqual(p.dhcp.options[15], b'lan.example')
        for time_option in (51, 58, 59):
            self.assertNotIn(time_option, p.dhcp.options)
        self.assertEqual(self.leases(), {})

    def test_a_small_pool_is_given_to_its_end(self):
        for net, hosts, gateway in (('10.0.2.0/29', [4, 5, 6], '10.0.2.2'),
                                    ('10.0.2.0/30', [1], '10.0.2.2'),
                                    ('192.168.9.64/28', list(range(79 - 11, 79)), '192.168.9.66')):
            with self.subTest(net=net):
                self.network('net=' + net)
                self.gateway = gateway
                got = []
                for _ in hosts:
                    a = self.station()
                    a.ping(gateway)
                    got.append(int(a.ip.split('.')[3]))
                self.assertEqual(sorted(got), hosts)
                late = self.station(lease=False)
                late.send(pk.dhcp_frame(late.mac, pk.DISCOVER))
                self.assert_unanswered(late)
                self.assertEqual(self.dropped('budget'), 1)

    def test_a_large_pool_has_all_its_addresses(self):
        for net, mask, last in (('10.0.0.0/8', '255.0.0.0', '10.255.255.254'),
                                ('172.20.0.0/16', '255.255.0.0', '172.20.255.254')):
            with self.subTest(net=net):
                self.network('net=' + net)
                a, b = self.station(), self.station(lease=False)
                self.assertEqual(a.lease.options[1], pk.ip4(mask))
                self.request(b, pk.DHCP_ACK, last)
                b.configure(last, net, a.router)
                b.ping(a.router)

    def test_start_and_end_of_the_pool_are_kept(self):
        self.network('dhcpstart=10.0.2.100,dhcpend=10.0.2.101')
        self.assertEqual([self.station().ip for _ in range(2)], ['10.0.2.100', '10.0.2.101'])
        self.request(self.station(lease=False), pk.NAK, '10.0.2.102')
