# SPDX-License-Identifier: BSD-3-Clause
"""The host's name servers and search list are followed, and short names of its network resolve.
Many lookups of one guest do not block others."""
import os
import threading

from lib import dns
from lib import packet as pk
from lib.case import DNS, GatewayCase
from lib.daemon import run_ctl
from lib.wait import until

PER_GUEST = 512  # DNS_MAX_PER_GUEST (dns/dns.h)


class NameCase(GatewayCase):
    def server(self, zone):
        """Answers from zone (name -> address), which may change; else NXDOMAIN. As dns-server=."""
        def handle(query, ask):
            if ask.name not in zone:
                return dns.answer(query, rcode=dns.NXDOMAIN)
            return dns.answer(query, dns.record(ask.name, dns.A, dns.address(zone[ask.name])))
        self.upstream = self.keep(dns.Server(handle))
        return f'127.0.0.1#{self.upstream.port}'

    def ask(self, station, name, kind=dns.A):
        p = dns.parse(station.udp_exchange(DNS, 53, dns.query(7, name, kind)))
        return p.rcode, p.values

    def query_dns(self):
        return self.lan.ask('query-dns')


class ResolvConf(NameCase):
    def resolv_network(self, text, options=''):
        """resolv.conf cannot name a port, so servers with one are given as options."""
        self.network('resolv-conf={dir}/resolv.conf' + options, start=False)
        self.write(text)
        self.lan.start()

    def write(self, text):
        path = self.lan.path('resolv.conf')
        with open(path + '.new', 'w', encoding='ascii') as file:
            file.write(text)
        os.rename(path + '.new', path)

    def rewrite(self, text):
        changes = self.query_dns()['counters']['config-changes']
        self.write(text)
        until(lambda: self.query_dns()['counters']['config-changes'] == changes + 1, 'the change')

    def test_a_rewrite_with_the_same_servers_empties_what_was_learnt(self):
        zone = {'www.corp.example': '192.0.2.10'}
        self.resolv_network('nameserver 127.0.0.1\nsearch lan\n',
                            f',dns-server=/corp.example/{self.server(zone)}')
        station = self.station()
        for _ in range(2):
            self.assertEqual(self.ask(station, 'www.corp.example'), (dns.NOERROR, ['192.0.2.10']))
        self.assertEqual(len(self.upstream.seen), 1)
        zone['www.corp.example'] = '10.99.0.10'
        self.rewrite('nameserver 127.0.0.1\nsearch corp.example lan\n')
        self.assertEqual(self.ask(station, 'www.corp.example'), (dns.NOERROR, ['10.99.0.10']))

    def test_the_search_list_is_offered_and_followed(self):
        self.resolv_network('nameserver 192.0.2.1\nsearch corp.example one.example\n',
                            ',dnssearch=one.example')
        station = self.station(lease=False)
        names = b''.join(dns.name(name) for name in (
            'usernet.internal', 'one.example', 'corp.example'))
        self.assertEqual(station.dhcp()[119], names)
        options = dict(pk.nd_options(station.autoconfigure().icmp6.body[12:]))
        self.assertEqual(options[31][6:].rstrip(b'\0'), names.rstrip(b'\0'))
        self.assertEqual(self.query_dns()['search'], ['corp.example', 'one.example'])
        # Guests that listen to advertisements learn a change at once.
        self.rewrite('nameserver 192.0.2.1\nsearch vpn.example\n')
        station.expect(lambda p: p.icmp6 and p.icmp6.kind == 134 and
                       dns.name('vpn.example') in p.icmp6.body, 'a router advertisement')
        self.assertIn(dns.name('vpn.example'), station.dhcp()[119])

    def test_the_search_list_is_not_offered_where_it_is_off_or_of_no_use(self):
        for option in ('dns-host-search=off', 'restrict=on'):
            with self.subTest(option):
                self.resolv_network('nameserver 192.0.2.1\nsearch corp.example\n', ',' + option)
                self.assertNotIn(119, self.station(lease=False).dhcp())

    def test_any_address_as_server_is_this_host(self):
        self.resolv_network('nameserver 0.0.0.0\nnameserver ::\n')
        self.assertEqual(self.query_dns()['servers'], ['127.0.0.1', '::1'])


class ShortNames(NameCase):
    ZONE = {'nas': '192.168.1.5', 'printer.local': '192.168.1.6', 'web': '192.168.1.7',
            'web.local': '192.168.1.8'}

    def test_names_that_no_guest_has_are_asked_of_the_hosts_servers(self):
        self.network('dns-server=' + self.server(self.ZONE), '--guest', 'web,ip=10.0.2.20')
        station = self.station()
        for name, address in (('nas', '192.168.1.5'), ('printer.local', '192.168.1.6'),
                              ('web', '10.0.2.20'), ('gateway', '10.0.2.2')):
            with self.subTest(name):
                self.assertEqual(self.ask(station, name), (dns.NOERROR, [address]))
        self.assertEqual(self.ask(station, 'nobody'), (dns.NXDOMAIN, []))
        self.assertEqual([name for name, _ in self.upstream.seen], ['nas', 'printer.local', 'nobody'])

    def test_a_key_keeps_them_here(self):
        self.network(f'dns-server={self.server(self.ZONE)},dns-host-search=off')
        station = self.station()
        for name in ('nas', 'printer.local'):
            self.assertEqual(self.ask(station, name), (dns.NXDOMAIN, []))
        self.assertEqual(self.upstream.seen, [])

    def test_with_restrict_our_own_names_are_known_and_no_others(self):
        self.network('restrict=on,dns-server=' + self.server(self.ZONE), '--guest',
                     'web,ip=10.0.2.20')
        station = self.station()
        self.assertEqual(self.ask(station, 'web'), (dns.NOERROR, ['10.0.2.20']))
        self.assertEqual(self.ask(station, 'nas'), (dns.NXDOMAIN, []))
        self.assertEqual(self.ask(station, 'www.example.org'), (dns.REFUSED, []))
        self.assertEqual(self.upstream.seen, [])

    def test_names_that_machines_trust_are_no_guests_claim(self):
        self.network('dns-server=' + self.server({}))
        other = self.station()
        for name in (b'wpad', b'ISATAP', b'dns', b'localhost', b'gateway', b'autodiscover'):
            with self.subTest(name):
                evil = self.station(lease=False)
                evil.dhcp(pk.dhcp_option(12, name))
                self.assertNotIn([evil.ip], self.ask(other, name.decode()))
                self.assertEqual(self.ask(other, name.decode() + '.usernet.internal')[1],
                                 {b'dns': ['10.0.2.3'], b'gateway': ['10.0.2.2']}.get(name, []))


class Many(NameCase):
    def slow(self):
        """A server that takes 0.3 s, and does not answer for names in dead.example."""
        def handle(query, ask):
            if not ask.name.endswith('dead.example'):
                timer = threading.Timer(0.3, ask.udp.sendto, (dns.answer(query, dns.record(
                    ask.name, dns.A, dns.address('192.0.2.1'))), ask.client))
                timer.daemon = True
                timer.start()
        self.upstream = self.keep(dns.Server(handle))
        self.network(f'dns-server=127.0.0.1#{self.upstream.port}')
        return self.station()

    def ask_at_once(self, station, names):
        """Sends them together; returns the answers by rcode when all have come."""
        sport = 20000
        for n, name in enumerate(names):
            station.send_udp(DNS, 53, dns.query(n, name), sport=sport)
        rcodes = {}

        def count():
            for p in station.inbox:
                if p.udp and p.udp.dport == sport:
                    rcode = dns.parse(p.udp.payload).rcode
                    rcodes[rcode] = rcodes.get(rcode, 0) + 1
            station.inbox.clear()
            return sum(rcodes.values()) == len(names)
        station.run_until(count, 'all answers')
        return rcodes

    def test_three_hundred_at_once_are_answered(self):
        station = self.slow()
        self.assertEqual(self.ask_at_once(station, [f'n{n}.example.org' for n in range(300)]),
                         {dns.NOERROR: 300})
        self.assertEqual(len(self.upstream.seen), 300)

    def test_dead_names_hold_up_neither_their_guest_nor_others(self):
        station = self.slow()
        other = self.station()
        for n in range(2 * PER_GUEST):
            station.send_udp(DNS, 53, dns.query(n, f'n{n}.dead.example'), sport=20000)
        self.assertEqual(self.ask(other, 'other.example.org'), (dns.NOERROR, ['192.0.2.1']))
        counters = self.query_dns()['counters']
        self.assertEqual((counters['outstanding'], counters['dropped']), (PER_GUEST, PER_GUEST))
        # The longest waiting query is ended.
        until(lambda: self.ask(station, 'good.example.org') == (dns.NOERROR, ['192.0.2.1']),
              'an answer')
        counters = self.query_dns()['counters']
        self.assertGreaterEqual(counters['displaced'], 1)
        said = run_ctl(self.lan.folder, '--name', self.lan.name, 'dns', 'status').stdout
        self.assertIn(f'dropped: {counters["dropped"]}\n', said)
        self.assertEqual(self.lan.ask('query-status')['dns-dropped'],
                         counters['dropped'] + counters['displaced'])
        errors = self.lan.daemon.errors()
        mac = ':'.join(f'{byte:02x}' for byte in station.mac)
        self.assertIn(f'{mac} has reached its limit of waiting lookups', errors)
        self.assertLessEqual(errors.count('waiting lookups'), 10)
