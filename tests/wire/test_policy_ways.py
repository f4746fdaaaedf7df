# SPDX-License-Identifier: BSD-3-Clause
"""Ways around policy=sandbox, each of them closed; and the first bytes of connections, +sni, +host."""
import contextlib
import struct
import traceback

from lib import dns, hello, packet as pk
from lib.case import DNS, DNS6, GATEWAY, GATEWAY6
from lib.names import (FAR, FAR6, FAR6_2, FAR_2, FAR_3, HTTPS, METADATA, METADATA6, OTHER, PRIVATE,
                       PRIVATE6, TLS, WEB, NamesCase, hints, in_a_far_world)

HOST = '198.51.100.2'  # the host's own address in world.py

RULES = ('policy=sandbox,allow=api.example.com:443,allow=*.wild.example,allow=v4.example:443,'
         'allow=tls.example:443+sni,allow=*.tls.example:443+sni,allow=web.example:80+host,'
         'allow=both.example:443+sni+host,allow=gone.example:443')

ZONE = {
    'api.example.com': [FAR, FAR6], 'v4.example': [FAR_2, FAR6_2], 'tls.example': [FAR_3],
    'sub.tls.example': [FAR_3], 'web.example': [FAR_3], 'both.example': [FAR_3],
    'gone.example': [FAR_2],
    'private.wild.example': [PRIVATE, PRIVATE6], 'metadata.wild.example': [METADATA, METADATA6],
    'loop.wild.example': ['127.0.0.1', '::1'], 'zero.wild.example': ['0.0.0.0', '::'],
    'host.wild.example': [HOST, '2001:db8:1::2'], 'gateway.wild.example': [GATEWAY, GATEWAY6],
    'nat64.wild.example': ['64:ff9b::a9fe:a9fe'], 'sixtofour.wild.example': ['2002:a09:909::1'],
    'mapped.wild.example': ['::ffff:10.9.9.9'], 'alias.wild.example': ['->inside.example'],
    'inside.example': [PRIVATE], 'multicast.wild.example': ['224.0.0.1'],
    'hints.wild.example': [('hints.wild.example', HTTPS, hints([PRIVATE], [PRIVATE6]))],
    'neighbour.wild.example': ['10.0.2.16'],
}


class WaysCase(NamesCase):
    def open_all(self):
        self.start(RULES, zone=ZONE)
        self.b = self.join()
        for name in ('api.example.com', 'v4.example', 'tls.example', 'web.example', 'gone.example'):
            self.assertEqual(self.lookup(name)[0], dns.NOERROR)

    def assert_silent(self, send, *sources):
        """Nothing comes back from there, but errors of the gateway's."""
        self.a.inbox.clear()
        send()
        self.a.ping(GATEWAY)
        for p in self.a.inbox:
            if p.net and p.net.src in sources and not (p.icmp6 or p.icmp or
                                                       p.tcp and p.tcp.flags & pk.RST):
                self.fail(str(p))

    def assert_no_tcp(self, dst, port):
        own = self.a.ip6 if ':' in dst else self.a.ip

        def send():
            self.a.send_ip(dst, pk.TCP, pk.tcp(own, dst, 1234, port, 1, 0, pk.SYN),
                           hop=self.a.resolve(GATEWAY))
        self.assert_silent(send, dst)

    def assert_no_ping(self, dst):
        self.a.inbox.clear()
        self.a.send_ping(dst, hop=self.a.resolve(GATEWAY))
        self.a.ping(GATEWAY)
        for p in self.a.inbox:
            self.assertFalse(p.net.src == dst and (p.icmp and p.icmp.kind == 0 or
                                                   p.icmp6 and p.icmp6.kind == 129))

    def assert_not_told(self, name, kind=dns.A, **more):
        """The name is refused and does not leave the host."""
        self.upstream.seen.clear()
        rcode, values = self.lookup(name, kind, **more)
        self.assertNotEqual(rcode, dns.NOERROR)
        self.assertEqual((values, self.upstream.seen), ([], []))

    def assert_leads_nowhere(self, name, *addresses, port=TLS):
        for kind in (dns.A, dns.AAAA, HTTPS):
            self.lookup(name, kind)
        for address in addresses:
            self.assert_no_tcp(address, port)

    def begin(self, dst, port, *pieces):
        flow = self.a.tcp(dst, port)
        with contextlib.suppress(ConnectionResetError):
            for piece in pieces:
                flow.send(piece)
        self.a.run_until(lambda: flow.was_reset or flow.ended or flow.received,
                         'the beginning to be judged')
        return flow

    def assert_reset(self, dst, port, *pieces):
        flow = self.begin(dst, port, *pieces)
        self.assertTrue(flow.was_reset)
        self.assertEqual(flow.received, b'')

    def raw(self, message):
        return self.a.udp_exchange(DNS, 53, message)

    # --- ways that need more than a line ---

    def fragments_of_a_syn(self):
        data = pk.tcp(self.a.ip, FAR_2, 1234, OTHER, 1, 0, pk.SYN)

        def send():
            for part in pk.ipv4_fragments(self.a.ip, FAR_2, pk.TCP, data, 7, size=8):
                self.a.send(pk.eth(self.a.resolve(GATEWAY), self.a.mac, pk.IPV4, part))
        self.assert_silent(send, FAR_2)

    def frame_to_the_neighbours_mac(self):
        self.b.inbox.clear()
        self.a.send_ip(self.b.ip, pk.UDP, pk.udp(self.a.ip, self.b.ip, 1, 2, b'relay me'),
                       hop=self.b.mac)
        self.a.ping(GATEWAY)
        self.b.ping(GATEWAY)
        self.assertFalse([p for p in self.b.inbox if p.udp])

    def the_neighbour_as_source(self):
        self.b.inbox.clear()
        self.a.send_ip(FAR, pk.TCP, pk.tcp(self.b.ip, FAR, 9, TLS, 1, 0, pk.SYN), src=self.b.ip)
        self.a.ping(GATEWAY)
        self.b.ping(GATEWAY)
        self.assertFalse([p for p in self.b.inbox if p.tcp])

    def a_name_by_another_mac(self):
        self.assert_refused(FAR, TLS, station=self.b)

    def two_questions(self):
        message = dns.header(7, dns.RD, 2) + dns.question('api.example.com', dns.A) + \
            dns.question('secret.example', dns.A)
        self.upstream.seen.clear()
        self.assertNotEqual(self.raw(message)[3] & 15, dns.NOERROR)
        self.assertEqual(self.upstream.seen, [])

    def bytes_in_edns_options(self):
        seen = []
        self.zone['edns.wild.example'] = lambda ask: seen.append(ask) or [FAR]
        option = struct.pack('>HH', 65001, 6) + b'secret'
        opt = b'\0' + struct.pack('>HHIH', dns.OPT, 1232, 0, len(option)) + option
        message = dns.header(7, dns.RD, 1, 0, 0, 1) + dns.question('edns.wild.example', dns.A) + opt
        self.assertEqual(dns.parse(self.raw(message)).rcode, dns.NOERROR)
        self.assertTrue(seen)
        self.assertEqual([ask.additional for ask in seen if b'secret' in str(ask).encode()], [])

    def case_of_letters(self):
        self.assertEqual(self.lookup('ApI.eXaMpLe.CoM')[0], dns.NOERROR)
        self.assertEqual({n for n, _ in self.upstream.seen if n != n.lower()}, set())

    def records_of_others_in_an_answer(self):
        self.zone['extra.wild.example'] = [('extra.wild.example', dns.A, dns.address(FAR)),
                                           ('other.example', dns.A, dns.address('203.0.113.9'))]
        self.lookup('extra.wild.example')
        self.assert_no_tcp('203.0.113.9', TLS)

    def a_rule_that_went(self):
        flow = self.talk(FAR_2, TLS)
        self.ctl('policy', 'remove', 'allow=gone.example:443')
        self.ctl('policy', 'remove', 'allow=v4.example:443')
        self.a.run_until(lambda: flow.was_reset, 'the connection to be reset')
        self.assert_refused(FAR_2, TLS)

    def other_protocols(self):
        def send():
            for proto in (4, 41, 47, 50, 132):
                self.a.send_ip(FAR, proto, bytes(40))
        self.assert_silent(send, FAR)

    def a_hello_that_ends(self):
        flow = self.a.tcp(FAR_3, TLS)
        flow.send(hello.tls('tls.example')[:30])
        flow.segment(pk.FIN | pk.ACK)
        self.a.run_until(lambda: flow.was_reset or flow.ended, 'the end')
        self.assertEqual(flow.received, b'')

    def another_name_a_byte_at_a_time(self):
        self.assert_reset(FAR_3, TLS, *(bytes([b]) for b in hello.tls('other.example')))

    def ways(self):
        a, r, n, no = self, self.assert_refused, self.assert_not_told, self.assert_no_tcp
        bad, lead = self.assert_reset, self.assert_leads_nowhere
        tls = hello.tls('tls.example')
        long = '.'.join(['a' * 63] * 3 + ['b' * 45]) + '.wild.example'
        return {
            'a literal IPv4 address': lambda: r(FAR_3, OTHER),
            'a literal IPv6 address': lambda: r('2001:db8:3::9', TLS),
            'UDP to a literal address': lambda: a.assert_udp_refused('203.0.113.9', OTHER),
            'UDP to a literal IPv6 address': lambda: a.assert_udp_refused('2001:db8:3::9', OTHER),
            'ping of a literal address': lambda: a.assert_no_ping('203.0.113.9'),
            'ping of a literal IPv6 address': lambda: a.assert_no_ping('2001:db8:3::9'),
            'another port of an open address': lambda: r(FAR, WEB),
            'IPv4 mapped into IPv6': lambda: no('::ffff:203.0.113.1', TLS),
            'IPv4-compatible IPv6': lambda: no('::203.0.113.1', TLS),
            'NAT64 of an open address': lambda: no('64:ff9b::203.0.113.1', TLS),
            'local NAT64': lambda: no('64:ff9b:1::203.0.113.1', TLS),
            '6to4 of an open address': lambda: no('2002:cb00:7101::1', TLS),
            'Teredo': lambda: no('2001:0:cb00:7101::34ff:8efe', TLS),
            'IPv4-translated': lambda: no('::ffff:0:203.0.113.1', TLS),
            'another name server': lambda: a.assert_udp_refused('203.0.113.9', 53),
            'another name server by TCP': lambda: r('203.0.113.9', 53),
            'DNS over TLS': lambda: r('203.0.113.9', 853),
            'DNS over HTTPS by address': lambda: r('203.0.113.9', TLS),
            'DNS over TLS at our name server': lambda: r(DNS, 853),
            'another port of our name server': lambda: r(DNS6, OTHER),
            'name server port of an open address': lambda: r(FAR, 53),
            'the gateway (host loopback)': lambda: r(GATEWAY, 22),
            'the gateway by IPv6': lambda: r(GATEWAY6, 22),
            "the host's own address": lambda: r(HOST, 22),
            "the host's own IPv6 address": lambda: r('2001:db8:1::2', 22),
            'loopback': lambda: no('127.0.0.1', 22),
            'IPv6 loopback': lambda: no('::1', 22),
            'the zero address': lambda: no('0.0.0.0', 22),
            'broadcast': lambda: no('255.255.255.255', 22),
            'multicast': lambda: no('224.0.0.251', 5353),
            'a private address': lambda: r(PRIVATE, TLS),
            'a private IPv6 address': lambda: r(PRIVATE6, TLS),
            'a metadata service': lambda: r(METADATA, WEB),
            'a metadata service by IPv6': lambda: r(METADATA6, WEB),
            'rebinding to a private address': lambda: lead('private.wild.example', PRIVATE,
                                                           PRIVATE6),
            'rebinding to a metadata service': lambda: lead('metadata.wild.example', METADATA,
                                                            METADATA6, port=WEB),
            'rebinding to loopback': lambda: lead('loop.wild.example', '127.0.0.1', '::1'),
            'rebinding to zero': lambda: lead('zero.wild.example', '0.0.0.0', '::'),
            'rebinding to the host': lambda: lead('host.wild.example', HOST, '2001:db8:1::2'),
            'rebinding to the gateway': lambda: lead('gateway.wild.example', GATEWAY, GATEWAY6),
            'rebinding to a neighbour': lambda: lead('neighbour.wild.example', a.b.ip),
            'rebinding to multicast': lambda: lead('multicast.wild.example', '224.0.0.1'),
            'rebinding by NAT64': lambda: lead('nat64.wild.example', '64:ff9b::a9fe:a9fe',
                                               METADATA),
            'rebinding by 6to4': lambda: lead('sixtofour.wild.example', '2002:a09:909::1', PRIVATE),
            'rebinding by a mapped AAAA': lambda: lead('mapped.wild.example', PRIVATE),
            'an alias to a private name': lambda: lead('alias.wild.example', PRIVATE),
            'hints that are private': lambda: lead('hints.wild.example', PRIVATE, PRIVATE6),
            'IPv6 when only A was asked for': lambda: r(FAR6_2, TLS),
            "records of others in an answer": a.records_of_others_in_an_answer,
            'what another guest was told': a.a_name_by_another_mac,
            'a neighbour as relay': a.frame_to_the_neighbours_mac,
            "a neighbour's address as source": a.the_neighbour_as_source,
            'fragments of a SYN': a.fragments_of_a_syn,
            'other IP protocols': a.other_protocols,
            'a name that no rule has': lambda: n('secret.example'),
            'data in a TXT question': lambda: n('c2VjcmV0.evil.example', dns.TXT),
            'a question for ANY': lambda: n('secret.example', dns.ANY),
            'a question for NS': lambda: n('evil.example', dns.NS),
            'PTR': lambda: n('9.113.0.203.in-addr.arpa', dns.PTR),
            'PTR of a private address': lambda: n('9.9.9.10.in-addr.arpa', dns.PTR),
            'PTR by IPv6': lambda: n('1.0.0.0.ip6.arpa', dns.PTR),
            'the search list': lambda: n('secret.usernet.internal.example'),
            'a name of the local domain': lambda: n('c2VjcmV0.usernet.internal'),
            'a single label': lambda: n('secret'),
            'a name in .local': lambda: n('secret.local'),
            'an allowed name as prefix': lambda: n('api.example.com.evil.example'),
            'an allowed name as suffix': lambda: n('evilapi.example.com'),
            'below an allowed name': lambda: n('c2VjcmV0.api.example.com'),
            "a wildcard's name": lambda: n('wild.example'),
            'a wildcard without its dot': lambda: n('evilwild.example'),
            'a name of 255 bytes': lambda: n(long),
            'more labels than a wildcard may have': lambda: n('1.2.3.4.5.6.7.8.9.wild.example'),
            'other bytes below a wildcard': lambda: n('a$b.wild.example'),
            'a name with its final dot': lambda: n('secret.example.'),
            'a name by the IPv6 name server': lambda: n('secret.example', server=DNS6),
            'two questions': a.two_questions,
            'bytes in EDNS options': a.bytes_in_edns_options,
            'the case of letters': a.case_of_letters,
            'QUIC under +sni': lambda: a.assert_udp_refused(FAR_3, TLS),
            'another server name': lambda: bad(FAR_3, TLS, hello.tls('other.example')),
            'a server name that another rule has': lambda: bad(FAR_3, TLS,
                                                               hello.tls('api.example.com')),
            'a server name in another record': lambda: bad(
                FAR_3, TLS, hello.records(hello.message(hello.server_name(b'other.example')), 9, 9)),
            'a server name a byte at a time': a.another_name_a_byte_at_a_time,
            'no server name': lambda: bad(FAR_3, TLS, hello.records(hello.message())),
            'an address as server name': lambda: bad(FAR_3, TLS, hello.tls('203.0.113.3')),
            'two server names': lambda: bad(FAR_3, TLS, hello.records(hello.message(
                hello.server_name(b'tls.example', b'other.example')))),
            'two lists of server names': lambda: bad(FAR_3, TLS, hello.records(hello.message(
                hello.server_name(b'tls.example'), hello.server_name(b'other.example')))),
            'a server name that ends in NUL': lambda: bad(FAR_3, TLS, hello.records(hello.message(
                hello.server_name(b'tls.example\0.other.example')))),
            'an endless hello': lambda: bad(FAR_3, TLS, *(
                hello.records(b'\1\0\x40\0' + bytes(16384))[i:i + 1400]
                for i in range(0, 16384, 1400))),
            'a hello that ends': a.a_hello_that_ends,
            'plain text under +sni': lambda: bad(FAR_3, TLS, b'SSH-2.0-x\r\n'),
            'HTTP under +sni': lambda: bad(FAR_3, TLS, hello.http('tls.example')),
            'TLS under +host': lambda: bad(FAR_3, WEB, tls),
            'another Host': lambda: bad(FAR_3, WEB, hello.http('other.example')),
            'two Hosts': lambda: bad(FAR_3, WEB, hello.http('web.example', 'Host: other.example')),
            'no Host': lambda: bad(FAR_3, WEB, hello.http(None)),
            'a folded Host': lambda: bad(FAR_3, WEB, hello.http('web.example', ' .other.example')),
            'a target in absolute form': lambda: bad(
                FAR_3, WEB, hello.http('web.example', target='http://other.example/')),
            'CONNECT': lambda: bad(FAR_3, WEB, b'CONNECT other.example:443 HTTP/1.1\r\n'
                                   b'Host: web.example\r\n\r\n'),
            'HTTP/2 without TLS': lambda: bad(FAR_3, WEB, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
            'a rule that went': a.a_rule_that_went,
        }


class Ways(WaysCase):
    @in_a_far_world
    def test_every_way_around_is_closed(self):
        self.open_all()
        ways, failed, last = self.ways(), [], ''
        self.assertGreaterEqual(len(ways), 60)
        for name, way in ways.items():
            try:
                way()
            except Exception:  # pylint: disable=broad-except
                failed.append(name)
                last = traceback.format_exc()
        if failed:
            self.fail(f'{last}\nopen: {"; ".join(failed)}')


class FirstBytes(WaysCase):
    def assert_passes(self, dst, port, *pieces):
        flow = self.begin(dst, port, *pieces)
        data = b''.join(pieces)
        self.assertEqual(flow.recv(len(data)), data)
        flow.send(b'what follows')
        self.assertEqual(flow.recv(12), b'what follows')
        flow.close()

    @in_a_far_world
    def test_what_names_an_allowed_server_passes_however_it_is_cut(self):
        self.open_all()
        self.lookup('both.example')
        tls = hello.tls('tls.example')
        self.assert_passes(FAR_3, TLS, tls)
        self.assert_passes(FAR_3, TLS, hello.tls('TLS.Example'))
        self.assert_passes(FAR_3, TLS, *(tls[i:i + 1] for i in range(len(tls))))
        self.assert_passes(FAR_3, TLS, hello.records(
            hello.message(hello.server_name(b'tls.example')), 1, 2, 3, 4, 40))
        self.assert_passes(FAR_3, TLS, tls + b'early data')
        self.assert_passes(FAR_3, TLS, hello.tls('both.example'))
        self.assert_passes(FAR_3, TLS, hello.http('both.example'))
        http = hello.http('web.example:80', 'Accept: */*')
        self.assert_passes(FAR_3, WEB, http)
        self.assert_passes(FAR_3, WEB, http[:20], http[20:])

    @in_a_far_world
    def test_a_denied_server_name_is_logged(self):
        self.open_all()
        self.assert_reset(FAR_3, TLS, hello.tls('other.example'))
        entry = self.qmp.run('query-policy-log')[-1]
        self.assertEqual((entry['verdict'], entry['name'], entry['address'], entry['rule']),
                         ('deny', 'other.example', FAR_3, 'allow=tls.example:443+sni'))

    @in_a_far_world
    def test_a_guest_that_says_nothing_is_reset_in_time(self):
        self.open_all()
        flow = self.a.tcp(FAR_3, TLS)
        flow.send(b'\x16\3\1')
        self.a.run_until(lambda: flow.was_reset, 'the reset', limit=20)
