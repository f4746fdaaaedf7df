# SPDX-License-Identifier: BSD-3-Clause
"""One guest attacks; the other is served all the while, and the daemon stays small and running."""
import random
import struct
import threading

from lib import packet as pk
from lib.case import DNS, GATEWAY, GATEWAY6, recv_exactly, scale
from lib.guest import FRAME_MAX, StreamGuest
from lib.hostile import EVIL, GATEWAY_MAC, HostileCase, megabytes
from lib.mutate import lies, mutation, truncations
from lib.wait import LIMIT, until


class Malformed(HostileCase):
    def valid_frames(self):
        """One frame of each kind that the daemon parses, from the evil guest."""
        a, up = self.evil, self.evil.neighbours[GATEWAY]

        def v4(proto, payload, dst=GATEWAY):
            return pk.eth(up, EVIL, pk.IPV4, pk.ipv4(a.ip, dst, proto, payload))

        def v6(proto, payload, dst=GATEWAY6, hops=64):
            return pk.eth(up, EVIL, pk.IPV6, pk.ipv6(a.ip6, dst, proto, payload, hops))
        options = b''.join(pk.dhcp_option(*option) for option in (
            (61, b'\1' + EVIL), (12, b'evil'), (55, bytes([1, 3, 6, 15, 119])),
            (81, b'\5\0\0evil.example'), (57, b'\5\xdc'), (50, pk.ip4(a.ip))))
        syn = b'\x02\x04\x05\xb4\x01\x03\x03\x07\x04\x02\x08\x0a' + bytes(8)
        return {
            'arp request': pk.arp(1, EVIL, a.ip, bytes(6), GATEWAY),
            'arp reply': pk.arp(2, EVIL, a.ip, up, GATEWAY),
            'ping': v4(pk.ICMP, pk.icmp_echo(1, 1, b'hello')),
            'udp': v4(pk.UDP, pk.udp(a.ip, GATEWAY, 7000, 9, b'hello')),
            'dns': v4(pk.UDP, pk.udp(a.ip, DNS, 7000, 53, bytes.fromhex(
                '0001010000010000000000000774657374696e6700000100 01'.replace(' ', ''))), DNS),
            'tcp': v4(pk.TCP, pk.tcp(a.ip, GATEWAY, 7000, 9, 1, 0, pk.SYN, options=syn)),
            'fragment': pk.eth(up, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.UDP, bytes(64),
                                                          fragment=0x2000)),
            'discover': pk.dhcp_frame(EVIL, pk.DISCOVER, options=options),
            'request': pk.dhcp_frame(EVIL, pk.REQUEST, options=options),
            'inform': pk.dhcp_frame(EVIL, pk.INFORM, src=a.ip, ciaddr=a.ip, options=options),
            'solicitation': pk.neighbour_solicit(EVIL, a.ip6, GATEWAY6),
            'advertisement': pk.neighbour_advert(EVIL, a.ip6, up, GATEWAY6),
            'router solicitation': pk.router_solicit(EVIL, a.ip6),
            'ping6': v6(pk.ICMPV6, pk.icmpv6(a.ip6, GATEWAY6, 128, b'\0\1\0\1hello')),
            'udp6': v6(pk.UDP, pk.udp(a.ip6, GATEWAY6, 7000, 9, b'hello')),
            'tcp6': v6(pk.TCP, pk.tcp(a.ip6, GATEWAY6, 7000, 9, 1, 0, pk.SYN, options=syn)),
        }

    def test_every_truncation_of_every_kind_of_frame(self):
        self.start()
        for name, frame in self.valid_frames().items():
            with self.subTest(name):
                self.attack(truncations(frame))
        self.assertGreater(self.dropped('truncated'), 0)
        self.assertGreater(self.dropped('runt'), 0)

    def test_headers_that_lie(self):
        self.start()
        for name, frame in self.valid_frames().items():
            with self.subTest(name):
                self.attack(self.at_home(lies(frame)))

    def test_options_that_lie_in_dhcp_and_neighbour_discovery(self):
        self.start()
        frames = self.valid_frames()
        for length in range(256):
            for code in (12, 50, 53, 55, 57, 61, 81, 82, 119, 255):
                # An option that is longer than its message, last and before others.
                self.evil.send(pk.dhcp_frame(EVIL, pk.DISCOVER, options=bytes([code, length, 7])))
            body = bytes(4) + pk.ip6(GATEWAY6) + bytes([1, length]) + EVIL
            solicit = pk.icmpv6(self.evil.ip6, GATEWAY6, 135, body)
            self.evil.send(pk.eth(GATEWAY_MAC, EVIL, pk.IPV6, pk.ipv6(
                self.evil.ip6, GATEWAY6, pk.ICMPV6, solicit, hops=255)))
        self.attack([frames['discover']])

    def test_the_largest_frames(self):
        self.start()
        a = self.evil
        room = FRAME_MAX - 14
        frames = [
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.UDP, pk.udp(
                a.ip, GATEWAY, 7000, 9, bytes(65507)))),
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.ICMP, pk.icmp_echo(
                1, 1, bytes(65507)))),
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.TCP, pk.tcp(
                a.ip, GATEWAY, 7000, 9, 1, 0, pk.SYN, bytes(60000)))),
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
                a.ip, GATEWAY, pk.TCP, bytes(room - 20), total=0xffff)),
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV6, pk.ipv6(a.ip6, GATEWAY6, pk.UDP, pk.udp(
                a.ip6, GATEWAY6, 7000, 9, bytes(65000)))),
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV6, pk.ipv6(a.ip6, GATEWAY6, pk.ICMPV6, pk.icmpv6(
                a.ip6, GATEWAY6, 128, bytes(65000)))),
            pk.eth(GATEWAY_MAC, EVIL, pk.ARP, bytes(room)),
            pk.eth(pk.BROADCAST, EVIL, pk.IPV4, bytes(room)),
            pk.eth(pk.BROADCAST, EVIL, pk.IPV6, bytes(room)),
        ]
        for _ in range(20):
            self.attack(frames)

    def at_home(self, frames):
        """Drops those that would make the daemon send beyond this machine."""
        own4 = {pk.ip4(ip) for ip in (self.evil.ip, GATEWAY, DNS, '255.255.255.255', '0.0.0.0')}
        for frame in frames:
            if frame[12:14] == b'\x08\0' and len(frame) >= 34 and frame[30:34] not in own4 and \
                    frame[30] != 127:
                continue
            if frame[12:14] == b'\x86\xdd' and len(frame) >= 54 and frame[38] not in (0xfe, 0xff, 0):
                continue
            yield frame

    def test_twenty_thousand_random_mutations(self):
        self.start()
        source = random.Random(20000)
        flow = self.evil.tcp(GATEWAY, self.port)
        self.accept(self.listener)
        seeds = list(self.valid_frames().values())
        for flags in (pk.ACK, pk.ACK | pk.PSH, pk.FIN | pk.ACK, pk.RST, pk.SYN | pk.ACK):
            seeds.append(pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
                self.evil.ip, GATEWAY, pk.TCP, pk.tcp(
                    self.evil.ip, GATEWAY, flow.port, self.port, flow.seq, flow.ack, flags,
                    bytes(32)))))
        self.attack(self.at_home(mutation(source, source.choice(seeds))
                                 for _ in range(scale(20000))))


    def test_a_packet_longer_than_ipv4_could_say_goes_nowhere(self):
        """IPv6 lengths exclude the header: 40 bytes more than any buffer here has."""
        self.start()
        self.evil.autoconfigure()
        listener, port = self.host_tcp('::1')
        flow = self.evil.tcp(GATEWAY6, port)
        conn = self.accept(listener)
        most = 65535 - 40 - 20
        for n in range(most + 1, most + 9):
            for flags in (pk.ACK, pk.ACK | pk.URG):
                def send():
                    flow.segment(flags, b'x' * n, seq=flow.seq + 1) # pylint: disable=cell-var-from-loop
                    return self.evil
                self.assert_drops('malformed', send)
        flow.send(b'hello')
        self.assertEqual(conn.recv(5), b'hello')

    def test_an_ipv4_address_dressed_as_ipv6_is_nobodys(self):
        """After a packet from the same address, in one write: by addresses alone both belong to one
        connection, but the header of one is shorter."""
        self.start()
        listener, port = self.host_tcp()
        flow = self.evil.tcp(GATEWAY, port)
        conn = self.accept(listener)

        def frame(six, seq, data):
            src, dst = (f'::ffff:{a}' if six else a for a in (self.evil.ip, GATEWAY))
            build, kind = (pk.ipv6, pk.IPV6) if six else (pk.ipv4, pk.IPV4)
            return pk.eth(self.evil.hop_to(GATEWAY), self.evil.mac, kind, build(
                src, dst, pk.TCP, pk.tcp(src, dst, flow.port, port, seq, flow.ack, pk.ACK, data)))

        def send():
            self.evil.guest.send_all([frame(False, flow.seq, b'one'),
                                      frame(True, flow.seq + 3, b'two')])
            return self.evil
        self.assert_drops('malformed', send)
        flow.seq = (flow.seq + 3) % (1 << 32)
        flow.send(b'two')
        self.assertEqual(recv_exactly(conn, 6), b'onetwo')


class Exhaustion(HostileCase):
    def flooded(self):
        """Frames of the evil guest that the daemon has read."""
        return max(port['rx-frames'] for netdev in self.lan.ask('query-netdevs')
                   if netdev['type'] != 'user' for port in netdev['ports'])

    def test_a_flood_is_read_in_small_pieces_while_others_are_served(self):
        """net/fair.h: a port whose frames cost much rests while another is active."""
        self.start()
        flood = b''.join(struct.pack('>I', len(frame)) + frame for frame in (
            pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(self.evil.ip, GATEWAY, pk.TCP, pk.tcp(
                self.evil.ip, GATEWAY, 1024 + n, 9, n, 0, pk.SYN))) for n in range(20000)))
        over = threading.Event()

        def send():
            while not over.is_set():
                self.evil.guest.send_raw(flood)

        def read():
            while not over.is_set():
                self.evil.guest.socket.recv(1 << 18)
        threads = [threading.Thread(target=work, daemon=True) for work in (send, read)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: self.flooded() > 10000, 'the flood')
            for _ in range(20):  # the daemon finds its measure
                self.good.ping(GATEWAY)
            before = self.flooded()
            for _ in range(100):
                self.good.ping(GATEWAY)
            # One read of 256 KB would be 4,500 of them.
            self.assertLess(self.flooded() - before, 100 * 1000)
            until(lambda: self.flooded() > before, 'the flood to go on')
        finally:
            over.set()
            for thread in threads:
                thread.join(LIMIT)

    def test_urgent_data_arrives_in_line(self):
        """RFC 6093. With offload=off libslirp never sees it; it would send it out of band."""
        self.start()
        flow = self.evil.tcp(GATEWAY, self.port)
        conn = self.accept(self.listener)
        for n in range(40):
            flow.segment(pk.ACK | pk.PSH | pk.URG, b'%d' % (n % 10), urgent=1)
            flow.seq += 1
        flow.shutdown()
        data = b''
        while part := conn.recv(65536):
            data += part
        self.assertEqual(data, b'0123456789' * 4)

    def test_sixty_thousand_first_fragments_cost_no_memory(self):
        self.start()
        before = self.lan.memory()
        a = self.evil
        self.attack((pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
            a.ip, GATEWAY, pk.UDP, bytes(1400), ident=n & 0xffff, fragment=0x2000))
            for n in range(scale(60000))), each=2000)
        self.assertLess(self.lan.memory() - before, megabytes(8))
        self.assertGreater(self.dropped('fragment'), 0)

    def test_a_guest_of_endless_connections_leaves_descriptors_to_others(self):
        self.start(files=600)
        a = self.evil

        def syns():
            for n in range(3000):
                yield pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.TCP, pk.tcp(
                    a.ip, GATEWAY, 10000 + n, self.port, 1, 0, pk.SYN)))
        self.attack(syns())
        self.assert_descriptors_left()

    def test_a_guest_of_endless_udp_ports_leaves_descriptors_to_others(self):
        self.start(files=600)
        a = self.evil
        _, port = self.host_udp()

        def datagrams():
            for n in range(3000):
                yield pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.UDP, pk.udp(
                    a.ip, GATEWAY, 10000 + n, port, b'x')))
        self.attack(datagrams())
        self.assert_descriptors_left(refused=False)  # the longest silent ones are closed

    def test_a_guest_of_endless_pings_leaves_descriptors_to_others(self):
        self.start(files=600)
        a = self.evil

        def pings():
            for n in range(3000):
                yield pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
                    a.ip, '192.0.2.99', pk.ICMP, pk.icmp_echo(n, 1)))
        self.attack(pings())
        self.assert_descriptors_left(refused=False)  # the longest silent ones are closed

    def test_a_guest_of_endless_addresses_leaves_descriptors_to_others(self):
        """A limit per address would not bind a guest that makes up addresses."""
        self.start(files=600)

        def syns():
            for n in range(3000):
                src = f'172.16.{n // 100}.{n % 100 + 1}'
                yield pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(src, GATEWAY, pk.TCP, pk.tcp(
                    src, GATEWAY, 10000, self.port, 1, 0, pk.SYN)))
        self.attack(syns())
        self.assert_descriptors_left()

    def assert_descriptors_left(self, refused=True):
        """There is room for another's new connection, a new guest and its connection, and for
        control."""
        self.drain()
        flow = self.good.tcp(GATEWAY, self.port)
        self.find_host_end(flow)
        new = self.station()
        self.find_host_end(new.tcp(GATEWAY, self.port))
        if refused:
            self.assertGreater(self.dropped('budget'), 0)
        self.assert_good_is_served()

    def drain(self):
        """Takes the evil one's connections off the listener."""
        self.listener.setblocking(False)
        try:
            while True:
                self.keep(self.listener.accept()[0])
        except BlockingIOError:
            self.listener.settimeout(LIMIT)

    def find_host_end(self, flow):
        flow.send(b'it is me')

        def mine():
            conn = self.accept(self.listener)
            conn.settimeout(LIMIT)
            return conn if conn.recv(8) == b'it is me' else None
        return until(mine, 'the connection at the host')


class Impostor(HostileCase):
    """The evil guest claims to be another. The good one must not see that, nor lose anything."""

    def setUp(self):
        self.start()

    def assert_unseen(self, reason, *frames):
        """Dropped for this reason: the good guest sees none of them."""
        self.handled()
        before = self.dropped(reason)
        for frame in frames:
            self.evil.send(frame)
        self.handled()
        self.assertEqual([str(p) for p in self.good.inbox if p.frame in frames], [])
        self.assertEqual(self.dropped(reason) - before, len(frames))
        self.assert_good_is_served()

    def test_frames_from_the_gateways_mac(self):
        self.assert_unseen('bad-source', pk.eth(self.good.mac, GATEWAY_MAC, 0x88b5, bytes(50)),
                           pk.eth(pk.BROADCAST, GATEWAY_MAC, 0x88b5, bytes(50)))

    def test_frames_from_no_mac_and_from_groups(self):
        self.assert_unseen('bad-source', pk.eth(self.good.mac, bytes(6), 0x88b5, bytes(50)),
                           pk.eth(self.good.mac, pk.BROADCAST, 0x88b5, bytes(50)),
                           pk.eth(self.good.mac, b'\x33\x33\0\0\0\1', 0x88b5, bytes(50)))

    def test_arp_for_the_gateway_and_the_name_server(self):
        frames = []
        for ip in (GATEWAY, DNS):
            frames += [pk.arp(2, EVIL, ip, self.good.mac, self.good.ip),
                       pk.arp(1, EVIL, ip, bytes(6), ip),
                       pk.arp(1, EVIL, ip, bytes(6), self.good.ip),
                       pk.arp(2, EVIL, ip, self.good.mac, self.good.ip, dst=pk.BROADCAST)]
        self.assert_unseen('spoofed', *frames)

    def test_arp_for_an_address_leased_to_another(self):
        victim = self.station()
        self.assert_unseen('spoofed', pk.arp(2, EVIL, victim.ip, self.good.mac, self.good.ip),
                           pk.arp(1, EVIL, victim.ip, bytes(6), victim.ip),
                           pk.arp(2, EVIL, victim.ip, self.good.mac, self.good.ip,
                                  dst=pk.BROADCAST))
        victim.ping(GATEWAY)

    def test_neighbour_advertisements_for_the_gateway(self):
        self.good.autoconfigure()
        frames = [pk.neighbour_advert(EVIL, ip, dst_mac, dst)
                  for ip in (GATEWAY6, 'fe80::2', 'fec0::3')
                  for dst_mac, dst in ((self.good.mac, self.good.ip6),
                                       (b'\x33\x33\0\0\0\1', 'ff02::1'))]
        self.assert_unseen('spoofed', *frames)

    def test_a_rogue_dhcp_server(self):
        def reply(kind, dst_mac, dst):
            message = pk.dhcp(self.good.mac, kind, op=2, yiaddr='10.0.2.66',
                              options=pk.dhcp_option(54, pk.ip4(self.evil.ip)))
            return pk.eth(dst_mac, EVIL, pk.IPV4, pk.ipv4(self.evil.ip, dst, pk.UDP, pk.udp(
                self.evil.ip, dst, 67, 68, message)))
        frames = [reply(kind, mac, dst) for kind in (pk.OFFER, pk.DHCP_ACK, pk.NAK)
                  for mac, dst in ((pk.BROADCAST, '255.255.255.255'),
                                   (self.good.mac, self.good.ip))]
        # With a VLAN tag too: the receiver may remove it.
        frames.append(frames[0][:12] + b'\x81\0\0\0' + frames[0][12:])
        self.assert_unseen('rogue-server', *frames)

    def test_a_rogue_router(self):
        advert = pk.router_advert(EVIL, 'fe80::66')
        # With an extension header in front (RFC 7113).
        hidden = advert[:20] + b'\0' + advert[21:54] + bytes([pk.ICMPV6, 0, 1, 4, 0, 0, 0, 0]) + \
            advert[54:]
        hidden = hidden[:18] + struct.pack('>H', len(hidden) - 54) + hidden[20:]
        self.assert_unseen('rogue-server', advert, hidden)

    def test_packets_from_the_address_of_another_do_not_touch_its_connections(self):
        flow, a = self.flow, self.good

        def forged(flags, payload=b''):
            return pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(a.ip, GATEWAY, pk.TCP, pk.tcp(
                a.ip, GATEWAY, flow.port, self.port, flow.seq, flow.ack, flags, payload)))
        self.assert_unseen('spoofed', forged(pk.RST | pk.ACK), forged(pk.ACK | pk.PSH, b'evil'),
                           forged(pk.FIN | pk.ACK), forged(pk.SYN))
        self.conn.sendall(b'still mine')
        self.assertEqual(flow.recv(10), b'still mine')

    def test_packets_from_the_address_of_another_get_no_answer_of_its(self):
        sock, port = self.host_udp()
        datagram = pk.udp(self.good.ip, GATEWAY, 5000, port, b'evil')
        self.assert_unseen('spoofed', pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
            self.good.ip, GATEWAY, pk.UDP, datagram)))
        self.assert_nobody_came(sock)

    def test_packets_from_the_gateways_address_go_nowhere(self):
        sock, port = self.host_udp()
        self.assert_unseen('spoofed', *(pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
            ip, GATEWAY, pk.UDP, pk.udp(ip, GATEWAY, 5000, port, b'evil')))
            for ip in (GATEWAY, DNS)))
        self.assert_nobody_came(sock)

    def test_a_large_ping_from_the_address_of_another_does_not_take_what_it_is_sent(self):
        echo = pk.icmp_echo(1, 1, bytes(3000))
        parts = list(pk.ipv4_fragments(self.good.ip, GATEWAY, pk.ICMP, echo, 77))
        for part in parts:
            self.evil.send(pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, part))
        self.handled()
        self.conn.sendall(b'still mine')
        self.assertEqual(self.flow.recv(10), b'still mine')
        self.assertEqual(self.dropped('spoofed'), len(parts))

    def test_a_forward_stays_with_the_guest_that_has_the_address(self):
        entry = self.lan.ask('hostfwd-add', rule=f'tcp:127.0.0.1:0-{self.good.ip}:22')
        self.good.listen(22)
        self.evil.send(pk.arp(2, EVIL, self.good.ip, GATEWAY_MAC, GATEWAY))
        self.evil.send(pk.eth(GATEWAY_MAC, EVIL, pk.IPV4, pk.ipv4(
            self.good.ip, GATEWAY, pk.ICMP, pk.icmp_echo(1, 1))))
        self.handled()
        conn = self.dial(entry['host-address'], entry['host-port'])
        flow = self.good.accept(22)
        conn.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')


class Links(HostileCase):
    def test_a_guest_that_never_reads_what_it_asks_for_costs_little(self):
        self.start()
        silent = self.station(mac=b'\x66\xaa\x55\xaa\x55\x67')
        before = self.lan.memory()
        echo = pk.eth(GATEWAY_MAC, silent.mac, pk.IPV4, pk.ipv4(
            silent.ip, GATEWAY, pk.ICMP, pk.icmp_echo(1, 1, bytes(1400))))
        for _ in range(40):
            silent.guest.send_all([echo] * scale(500))
            self.assert_good_is_served()
        self.assertLess(self.lan.memory() - before, megabytes(24))

    def test_links_that_come_and_go_leave_nothing(self):
        self.start()
        path = self.lan.path('lan.sock')
        for n in range(scale(300)):
            with StreamGuest.unix(path) as guest:
                guest.send(pk.arp(1, EVIL[:4] + n.to_bytes(2, 'big'), '0.0.0.0', bytes(6), GATEWAY))
        self.lan.wait_for_ports('lan', 2)
        self.assert_good_is_served()
