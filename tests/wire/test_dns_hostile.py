# SPDX-License-Identifier: BSD-3-Clause
"""Lying name servers and flooding guests: wrong answers are refused, right ones still arrive
afterwards, and other guests do not notice."""
import itertools
import socket
import struct

from lib import dns
from lib import packet as pk
from lib.case import DNS, scale
from lib.hostile import EVIL, GATEWAY_MAC, HostileCase, megabytes
from lib.wait import until

TRUTH, LIE = '192.0.2.1', '198.51.100.66'
PER_GUEST = 512  # DNS_MAX_PER_GUEST (dns/dns.h)
_idents = itertools.count(1)


class DnsCase(HostileCase):
    def server(self, handle):
        return self.keep(dns.Server(handle))

    def ask(self, station, name, kind=dns.A):
        """The name server's answer to it."""
        return self.ask_raw(station, dns.query(next(_idents) & 0xffff, name, kind))

    def ask_raw(self, station, query):
        p = dns.parse(station.udp_exchange(DNS, 53, query))
        self.assertEqual(p.ident, int.from_bytes(query[:2], 'big'))
        return p

    def assert_told(self, name, *values, station=None):
        p = self.ask(station or self.good, name)
        self.assertEqual((p.rcode, p.name, p.values), (dns.NOERROR, name, list(values)))
        self.assertEqual({owner for owner, *_ in p.answers}, {name})

    def counters(self):
        return self.lan.ask('query-dns')['counters']


def truth(query, ask):
    return dns.answer(query, dns.record(ask.name, dns.A, dns.address(TRUTH)))


def lie(query, ask, **more):
    return dns.answer(query, dns.record(ask.name, dns.A, dns.address(LIE)), **more)


class Forged(DnsCase):
    """The liar is faster than the server, but has not seen the query."""

    def forged(self, send):
        """send(query, ask) before the server answers."""
        def handle(query, ask):
            if ask.name.startswith('forged'):
                send(query, ask)
            return truth(query, ask)
        self.upstream = self.server(handle)
        self.start(f'dns-server=127.0.0.1#{self.upstream.port}')
        for n in range(3):
            self.assert_told(f'forged{n}.example.org', TRUTH)
            self.assert_told(f'forged{n}.example.org', TRUTH, station=self.evil)
        self.assert_told('www.example.org', TRUTH)

    def from_another(self, host, port):
        """Sends the server's answer from another address."""
        def send(query, ask):
            sock.sendto(lie(query, ask), ask.client)
        sock = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind((host, port))
        return send

    def from_the_server(self, forge):
        def send(query, ask):
            for message in forge(query, ask):
                ask.udp.sendto(message, ask.client)
        return send

    def test_wrong_ids(self):
        """Everything that a liar could send before the server answers, except one value."""
        self.forged(self.from_the_server(lambda query, ask: [
            lie(query, ask, ident=ask.ident ^ change) for change in (1, 0x100, 0x8000, 0xffff)] +
            [lie(query, ask, ident=n) for n in range(200) if n != ask.ident]))

    def test_wrong_port(self):
        self.forged(self.from_another('127.0.0.1', 0))

    def test_wrong_source(self):
        """The right port, from another address."""
        def send(query, ask):
            if not elsewhere:
                elsewhere.append(self.from_another('127.0.0.2', self.upstream.port))
            elsewhere[0](query, ask)
        elsewhere = []
        self.forged(send)

    def test_wrong_question(self):
        self.forged(self.from_the_server(lambda query, ask: [
            lie(query, ask, asks=dns.question('other.example.org', dns.A)),
            lie(query, ask, asks=dns.question(ask.name, dns.AAAA)),
            lie(query, ask, asks=dns.question(ask.name, dns.A, cls=3)),
            dns.header(ask.ident, dns.QR | dns.RA, 0, 1) + lie(query, ask, asks=b'')[12:]]))

    def test_what_is_no_message(self):
        self.forged(self.from_the_server(lambda query, ask: [
            b'', query[:1], query[:2], query[:11], bytes(12), b'\xff' * 512, bytes(65000)]))


def deep_name(labels):
    """A name on the wire with this many labels of 63 bytes."""
    return (b'\x3f' + b'a' * 63) * labels + b'\0'


def address_record(owner, kind=dns.A, data=dns.address(LIE)):
    """owner: in wire form."""
    return owner + struct.pack('>HHIH', kind, 1, 60, len(data)) + data


def to(at):
    """A pointer."""
    return struct.pack('>H', 0xc000 | at)


class Poisoned(DnsCase):
    """The server itself lies, or someone who sees its queries. The second one tells the truth."""

    def poisons(self, ask):
        """Records by their fault; each is the answer's first, right after the question."""
        here = 12 + len(dns.question(ask.name, ask.kind))
        name = dns.name(ask.name)
        alias = dns.record('other.example.org', dns.CNAME, name)
        return {
            'a CNAME out of the blue': [dns.record('bank.example', dns.CNAME,
                                                   dns.name('evil.example')),
                                        dns.record('evil.example', dns.A, dns.address(LIE))],
            'a CNAME to us, and an address': [alias, dns.record('other.example.org', dns.A,
                                                                dns.address(LIE))],
            'an address of another name': [dns.record(ask.name, dns.A, dns.address(LIE)),
                                           dns.record('bank.example', dns.A, dns.address(LIE))],
            'a pointer to itself': [address_record(to(here))],
            'two that point at each other': [address_record(b'\1a' + to(here + 4) + to(here))],
            'a loop through a label': [address_record(b'\1a' + to(here))],
            'a loop within what a CNAME says': [address_record(
                name, dns.CNAME, b'\1a' + to(here + len(name) + 10))],
            'a pointer forward': [address_record(to(here + 60)), address_record(name)],
            'a pointer behind the end': [address_record(to(0x3fff))],
            'a name of 257 bytes': [address_record(deep_name(4))],
            'a name made longer than 255 by a pointer': [
                address_record(b'\x3f' + b'a' * 63 + to(here + 77)), address_record(deep_name(3))],
            'a CNAME of 257 bytes': [address_record(name, dns.CNAME, deep_name(4))],
            'a label of a reserved kind': [address_record(b'\x41a\0')],
            'a name without an end': [b'\x3f' + b'a' * 20],
            'data longer than the message': [
                name + struct.pack('>HHIH', dns.A, 1, 60, 4000) + dns.address(LIE)],
        }

    def test_each_is_refused_and_the_truth_comes_from_another(self):
        def poison(query, ask):
            records = list(self.poisons(ask).values())[int(ask.name[1:].split('.')[0])]
            return dns.answer(query, *records)
        self.start(f'dns-server=127.0.0.1#{self.server(poison).port},'
                   f'dns-server=127.0.0.1#{self.server(truth).port}')
        kinds = list(self.poisons(dns.parse(dns.query(1, 'n.example.org'))))
        for number, what in enumerate(kinds):
            with self.subTest(what):
                self.assert_told(f'n{number}.example.org', TRUTH)
                self.assert_told(f'n{number}.example.org', TRUTH, station=self.evil)
        self.assert_good_is_served()

    def test_each_is_refused_and_the_truth_comes_later(self):
        """One server only. A refused answer must not be cached."""
        def handle(query, ask):
            records = list(self.poisons(ask).values())[int(ask.name[1:].split('.')[0])]
            if self.lying and ask.name[0] == 'n':
                return dns.answer(query, *records)
            return truth(query, ask)
        self.start(f'dns-server=127.0.0.1#{self.server(handle).port}')
        kinds = list(self.poisons(dns.parse(dns.query(1, 'n.example.org'))))
        for number, what in enumerate(kinds):
            with self.subTest(what):
                self.lying = True
                p = self.ask(self.good, f'n{number}.example.org')
                self.assertEqual((p.rcode, p.answers), (dns.SERVFAIL, []))
                self.lying = False
                self.assert_told(f'n{number}.example.org', TRUTH)
        self.assertEqual(self.counters()['upstream-bad'], len(kinds))
        self.assert_told('w1.example.org', TRUTH)


class Asked(DnsCase):
    """Guests that send invalid queries."""

    def test_names_that_cannot_be(self):
        self.start(f'dns-server=127.0.0.1#{self.server(truth).port}')
        tail = struct.pack('>HH', dns.A, 1)
        for what, question in {
                'a loop': to(12) + tail, 'a loop through a label': b'\1a' + to(12) + tail,
                'a pointer forward': to(18) + tail + b'\1a\0', '257 bytes': deep_name(4) + tail,
                'a reserved label': b'\x41a\0' + tail, 'no end': b'\x3f' + b'a' * 20,
                'no type': dns.name('a.example'), 'nothing': b''}.items():
            with self.subTest(what):
                ident = next(_idents)
                answer = self.evil.udp_exchange(DNS, 53, dns.header(ident, dns.RD, 1) + question)
                self.assertEqual(struct.unpack_from('>H', answer)[0], ident)
                self.assertEqual(answer[3] & 15, dns.FORMERR)
                self.assert_told('www.example.org', TRUTH)

    def test_names_as_long_as_they_may_be(self):
        def short(query, ask):
            return dns.answer(query, address_record(to(12), data=dns.address(TRUTH)))
        self.start(f'dns-server=127.0.0.1#{self.server(short).port}')
        longest = '.'.join(['a' * 63] * 3 + ['b' * 61])
        self.assertEqual(len(dns.name(longest)), 255)
        self.assert_told(longest, TRUTH)


class Flooding(DnsCase):
    def query_frame(self, name, sport, src_mac=EVIL):
        return pk.eth(GATEWAY_MAC, src_mac, pk.IPV4, pk.ipv4(
            self.evil.ip, DNS, pk.UDP, pk.udp(self.evil.ip, DNS, sport, 53,
                                              dns.query(sport, name))))

    def flood(self, names):
        """The good guest asks for local and foreign names all the while."""
        silent = self.server(lambda query, ask: None)
        world = self.server(truth)
        self.start(f'dns-server=/slow.example/127.0.0.1#{silent.port},'
                   f'dns-server=127.0.0.1#{world.port}')
        memory, each = self.lan.memory(), 2000
        frames = (self.query_frame(name, 1024 + n % 60000) for n, name in enumerate(names))
        for turn in itertools.count():
            some = list(itertools.islice(frames, each))
            if not some:
                break
            self.evil.guest.send_all(some)
            self.handled()
            self.assert_good_is_served()
            self.assert_told('gateway.usernet.internal', '10.0.2.2')
            self.assert_told(f'n{turn}.example.org', TRUTH)
            self.assertLessEqual(self.counters()['outstanding'], PER_GUEST)
        self.assertLess(self.lan.memory() - memory, megabytes(8))

    def test_a_hundred_thousand_queries_for_what_nobody_answers(self):
        n = scale(100000)
        self.flood(f'n{number}.slow.example' for number in range(n))
        counters = self.counters()
        self.assertEqual(counters['dropped'] + counters['forwarded'] + counters['local'] +
                         counters['cached'], counters['queries-udp'])
        self.assertGreater(counters['dropped'], n // 2)
        # Waiting queries end at last, and the evil guest is served like others.
        until(lambda: self.counters()['outstanding'] == 0, 'an end of waiting')
        # After all the answers that it did not read.
        while self.evil.step(0.5):
            self.evil.inbox.clear()
        self.assert_told('gateway.usernet.internal', '10.0.2.2', station=self.evil)

    def test_a_hundred_thousand_queries_for_what_we_know(self):
        """It never reads the answers."""
        self.flood(itertools.repeat('gateway.usernet.internal', scale(100000)))

    def test_a_hundred_thousand_queries_for_what_is_kept(self):
        self.flood(itertools.repeat('n0.example.org', scale(100000)))
