# SPDX-License-Identifier: BSD-3-Clause
"""Rules by name: what they open, for whom and how long, and what guests are told of other names."""
import json
import os
import textwrap
import time

from lib import dns, hello
from lib.case import DNS6
from lib.names import (FAR, FAR6, FAR6_2, FAR_2, FAR_3, HTTPS, OTHER, PRIVATE, TLS, WEB, NamesCase,
                       hints, in_a_far_world)

ZONE = {
    'api.example.com': [FAR, FAR6],
    'www.example.com': [FAR_2],
    'shared.example.org': [FAR_2],
    'a.b.example.com': [FAR_3],
    'alias.example.com': ['->edge.cdn.example'],
    'edge.cdn.example': [FAR_3],
    'tracker.example': [FAR],
    'inside.example.com': [PRIVATE],
}


class Opening(NamesCase):
    @in_a_far_world
    def test_a_name_that_was_asked_for_opens_its_addresses_for_its_ports(self):
        self.start('deny=*,allow=api.example.com:443', zone=ZONE)
        self.assert_refused(FAR, TLS)
        self.assertEqual(self.lookup('api.example.com'), (dns.NOERROR, [FAR]))
        self.assert_open(FAR, TLS)
        self.assert_refused(FAR, WEB)
        self.assert_refused(FAR6, TLS)
        self.assertEqual(self.lookup('API.example.com', dns.AAAA), (dns.NOERROR, [FAR6]))
        self.assert_open(FAR6, TLS)

    @in_a_far_world
    def test_udp_and_ping_are_opened_like_tcp(self):
        self.start('deny=*,allow=api.example.com', zone=ZONE)
        self.assert_udp_refused(FAR, OTHER)
        self.lookup('api.example.com')
        self.assertEqual(self.a.udp_exchange(FAR, OTHER, b'question'), b'udp question')
        self.a.ping(FAR)

    @in_a_far_world
    def test_a_wildcard_is_every_name_below(self):
        self.start('deny=*,allow=*.example.com:80', zone=ZONE)
        self.assertEqual(self.lookup('a.b.example.com'), (dns.NOERROR, [FAR_3]))
        self.assert_open(FAR_3, WEB)
        self.assertEqual(self.lookup('example.com')[0], dns.REFUSED)
        self.assertEqual(self.lookup('shared.example.org')[0], dns.REFUSED)

    @in_a_far_world
    def test_an_alias_into_another_zone_opens_where_it_leads(self):
        self.start('deny=*,allow=alias.example.com:443', zone=ZONE)
        self.assertEqual(self.lookup('alias.example.com'), (dns.NOERROR, [FAR_3]))
        self.assert_open(FAR_3, TLS)
        self.assertEqual(self.lookup('edge.cdn.example')[0], dns.REFUSED)

    @in_a_far_world
    def test_hints_of_https_records_open_their_addresses(self):
        zone = {'api.example.com': [('api.example.com', HTTPS, hints([FAR_2], [FAR6_2]))]}
        self.start('deny=*,allow=api.example.com:443', zone=zone)
        self.assert_refused(FAR_2, TLS)
        self.lookup('api.example.com', HTTPS)
        self.assert_open(FAR_2, TLS)
        self.assert_open(FAR6_2, TLS)

    @in_a_far_world
    def test_two_guests_with_other_rules_share_an_address(self):
        one, two = b'\x52\x54\0\x12\x34\x91', b'\x52\x54\0\x12\x34\x92'
        self.start('deny=*', '--guest', f'one,mac={one.hex(":")},allow=www.example.com:80',
                   '--guest', f'two,mac={two.hex(":")},allow=shared.example.org:443',
                   zone=ZONE, mac=one)
        other = self.join(two)
        self.lookup('www.example.com')
        self.assertEqual(self.lookup('shared.example.org')[0], dns.REFUSED)
        self.lookup('shared.example.org', station=other)
        self.assert_open(FAR_2, WEB)
        self.assert_refused(FAR_2, TLS)
        self.assert_open(FAR_2, TLS, station=other)
        self.assert_refused(FAR_2, WEB, station=other)

    @in_a_far_world
    def test_one_address_with_two_names_opens_to_each_ones_ports(self):
        self.start('deny=*,allow=www.example.com:80,allow=shared.example.org:443', zone=ZONE)
        self.lookup('www.example.com')
        self.assert_refused(FAR_2, TLS)
        self.lookup('shared.example.org')
        self.assert_open(FAR_2, TLS)
        self.assert_open(FAR_2, WEB)
        self.assert_refused(FAR_2, OTHER)

    @in_a_far_world
    def test_a_single_address_outranks_a_name_and_a_name_a_network(self):
        self.start(f'deny=*,deny=203.0.113.0/24,allow=*.example.com,deny={FAR_3}', zone=ZONE)
        self.lookup('www.example.com')
        self.lookup('a.b.example.com')
        self.assert_open(FAR_2, WEB)
        self.assert_refused(FAR_3, WEB)
        self.assert_refused(FAR, WEB)

    @in_a_far_world
    def test_a_guest_of_many_macs_closes_only_what_its_port_has_open(self):
        zone = {**ZONE, **{f'n{i}.example.com': [f'198.51.100.{i}'] for i in range(20)}}
        self.start('deny=*,allow=*.example.com', '--limit', 'open-names=8', zone=zone)
        self.lookup('www.example.com')
        hostile = self.join(b'\x52\x54\0\x66\0\0')
        for i in range(20):
            hostile.mac = b'\x52\x54\0\x66\0' + bytes([i // 4])
            hostile.dhcp()
            self.assertEqual(self.lookup(f'n{i}.example.com', station=hostile)[0], dns.NOERROR)
        said = self.lan.ask('query-policy')
        self.assertEqual((said['open-names'], said['open-displaced']), (9, 12))
        self.assert_open(FAR_2, WEB)

    @in_a_far_world
    def test_ttl_0_is_enough_to_connect(self):
        zone = {'api.example.com': [('api.example.com', dns.A, dns.address(FAR), 0)]}
        self.start('deny=*,allow=api.example.com:443', zone=zone)
        self.lookup('api.example.com')
        self.assert_open(FAR, TLS)

    @in_a_far_world
    def test_an_answer_that_changes_opens_the_new_address(self):
        zone = {'api.example.com': [('api.example.com', dns.A, dns.address(FAR), 0)]}
        self.start('deny=*,allow=api.example.com:443', zone=zone)
        self.lookup('api.example.com')
        flow = self.talk(FAR, TLS)
        self.zone['api.example.com'] = [('api.example.com', dns.A, dns.address(FAR_2), 0)]
        self.assertEqual(self.lookup('api.example.com'), (dns.NOERROR, [FAR_2]))
        self.assert_open(FAR_2, TLS)
        flow.send(b'again')
        self.assertEqual(flow.recv(5), b'again')

    @in_a_far_world
    def test_the_name_server_by_tcp_and_ipv6_opens_the_same(self):
        self.start('deny=*,allow=api.example.com:443', zone=ZONE)
        flow = self.a.tcp('10.0.2.3', 53)
        query = dns.query(7, 'api.example.com')
        flow.send(len(query).to_bytes(2, 'big') + query)
        size = int.from_bytes(flow.recv(2), 'big')
        self.assertEqual(dns.parse(flow.recv(size)).values, [FAR])
        self.assert_open(FAR, TLS)
        self.assertEqual(self.lookup('api.example.com', dns.AAAA, server=DNS6),
                         (dns.NOERROR, [FAR6]))
        self.assert_open(FAR6, TLS)

    @in_a_far_world
    def test_an_answer_from_the_cache_opens_for_another_guest_too(self):
        self.start('deny=*,allow=api.example.com:443', zone=ZONE)
        other = self.join()
        self.lookup('api.example.com')
        self.assert_refused(FAR, TLS, station=other)
        self.lookup('api.example.com', station=other)
        self.assertEqual(len(self.upstream.seen), 1)
        self.assert_open(FAR, TLS, station=other)

    @in_a_far_world
    def test_private_leads_where_the_rule_says_so(self):
        self.start('deny=*,allow=inside.example.com:443+private', zone=ZONE)
        self.lookup('inside.example.com')
        self.assert_open(PRIVATE, TLS)

    @in_a_far_world
    def test_a_name_of_the_configuration_is_a_name(self):
        self.start('deny=*,allow=box.example.net:443')
        self.qmp.run('dns-add', name='box.example.net', address=FAR)
        self.lookup('box.example.net')
        self.assert_open(FAR, TLS)


class Live(NamesCase):
    @in_a_far_world
    def test_rules_come_and_go_and_what_is_open_follows(self):
        self.start('deny=*,allow=www.example.com:80', zone=ZONE)
        self.assertEqual(self.lookup('api.example.com')[0], dns.REFUSED)
        self.ctl('policy', 'add', 'allow=api.example.com:443')
        self.assertEqual(self.lookup('api.example.com'), (dns.NOERROR, [FAR]))
        flow = self.talk(FAR, TLS)
        self.assertIn('1 connection is', self.ctl('policy', 'remove', 'allow=API.example.com.:443'))
        self.a.run_until(lambda: flow.was_reset, 'the connection to be reset')
        self.assert_refused(FAR, TLS)

    @in_a_far_world
    def test_other_changes_leave_an_open_connection_whose_name_has_ended(self):
        zone = {'api.example.com': [('api.example.com', dns.A, dns.address(FAR), 0)]}
        self.start('deny=*,allow=api.example.com:443', zone=zone)
        self.lookup('api.example.com')
        flow = self.talk(FAR, TLS)
        self.ctl('policy', 'add', 'allow=www.example.com:80')
        flow.send(b'again')
        self.assertEqual(flow.recv(5), b'again')

    @in_a_far_world
    def test_rules_are_counted_and_printed(self):
        self.start('deny=*,allow=tcp:*.example.com:80,,443', zone=ZONE)
        self.lookup('www.example.com')
        self.assert_open(FAR_2, WEB)
        self.assert_open(FAR_2, TLS)
        rules = {r['rule']: r['hits'] for r in self.qmp.run('query-policy')['rules']}
        self.assertEqual(rules['allow=tcp:*.example.com:80,443'], 2)
        self.assertEqual(self.qmp.run('query-policy')['open-names'], 1)

    @in_a_far_world
    def test_the_file_has_rules_by_name(self):
        self.start('')
        self.lan.stop()
        with open(self.lan.path('names.conf'), 'w', encoding='utf-8') as file:
            file.write('[netdev nat]\ntype = user\ndeny = *\n'
                       f'dns-server = 127.0.0.1#{self.upstream.port}\n'
                       'allow = tcp:*.example.com:80,443; udp:api.example.com\n'
                       '[netdev lan]\ntype = stream\nserver = on\naddr.type = unix\n'
                       f'addr.path = {self.lan.path("lan.sock")}\n')
        self.zone.update(ZONE)
        self.lan.options = ['--config', self.lan.path('names.conf')]
        self.lan.start()
        self.a = self.join()
        self.lookup('www.example.com')
        self.assert_open(FAR_2, TLS)
        rules = self.lan.ask('query-policy')['rules']
        self.assertEqual([r['rule'] for r in rules], [
            'allow=udp:api.example.com', 'allow=tcp:*.example.com:80,443', 'deny=*'])


class Refusing(NamesCase):
    @in_a_far_world
    def test_names_not_allowed_are_refused_at_once_and_do_not_leave(self):
        self.start('deny=*,allow=api.example.com', zone=ZONE)
        began = time.monotonic()
        for name in ('tracker.example', 'www.example.com', 'secret.api.example.com'):
            self.assertEqual(self.lookup(name), (dns.REFUSED, []))
        self.assertLess(time.monotonic() - began, 1)
        self.lookup('api.example.com')
        self.assertEqual(self.asked(), ['api.example.com'])

    @in_a_far_world
    def test_dns_policy_nxdomain(self):
        self.start('deny=*,allow=api.example.com,dns-policy=nxdomain', zone=ZONE)
        self.assertEqual(self.lookup('tracker.example'), (dns.NXDOMAIN, []))
        self.assertEqual(self.asked(), [])

    @in_a_far_world
    def test_dns_policy_answer_opens_nothing(self):
        self.start('deny=*,allow=api.example.com,dns-policy=answer', zone=ZONE)
        self.assertEqual(self.lookup('www.example.com'), (dns.NOERROR, [FAR_2]))
        self.assert_refused(FAR_2, WEB)

    @in_a_far_world
    def test_one_name_is_denied_where_all_are_allowed(self):
        self.start('deny=tracker.example', zone=ZONE)
        self.assertEqual(self.lookup('tracker.example')[0], dns.REFUSED)
        self.assertEqual(self.lookup('www.example.com'), (dns.NOERROR, [FAR_2]))
        self.assert_open(FAR_2, WEB)

    @in_a_far_world
    def test_names_are_asked_for_where_any_address_is_open_on_some_port(self):
        self.start('deny=*,allow=tcp:*:443,allow=api.example.com', zone=ZONE)
        self.assertEqual(self.lookup('www.example.com'), (dns.NOERROR, [FAR_2]))
        self.assert_open(FAR_2, TLS)
        self.assert_refused(FAR_2, WEB)

    @in_a_far_world
    def test_a_resolver_that_searches_goes_on(self):
        self.start('deny=*,allow=api.example.com,dnssearch=corp.example', zone=ZONE)
        self.assertEqual(self.lookup('api.example.com.corp.example')[0], dns.NXDOMAIN)
        self.assertEqual(self.lookup('api.example.com.usernet.internal')[0], dns.NXDOMAIN)
        self.assertEqual(self.asked(), [])

    @in_a_far_world
    def test_the_networks_own_names_are_answered(self):
        self.start('policy=sandbox', zone=ZONE)
        self.assertEqual(self.lookup('gateway.usernet.internal'), (dns.NOERROR, ['10.0.2.2']))

    @in_a_far_world
    def test_restrict_on_takes_rules_by_name(self):
        self.start('restrict=on,allow=api.example.com:443', zone=ZONE)
        self.assertEqual(self.lookup('www.example.com')[0], dns.REFUSED)
        self.lookup('api.example.com')
        self.assert_open(FAR, TLS)


class Sandbox(NamesCase):
    @in_a_far_world
    def test_one_word_closes_all_but_the_rules(self):
        self.start('policy=sandbox,allow=*.example.com:443', zone=ZONE)
        other = self.join()
        policy = self.qmp.run('query-policy')
        self.assertEqual((policy['default'], policy['policy'], policy['host-loopback'],
                          policy['host-addresses']), ('deny', 'sandbox', 'off', False))
        self.lookup('api.example.com')
        self.assert_open(FAR, TLS)
        self.assertEqual(self.lookup('tracker.example')[0], dns.NXDOMAIN)
        listener, port = self.host_tcp('0.0.0.0')
        for dst in ('10.0.2.2', '198.51.100.2', FAR_2):
            self.assert_refused(dst, port)
        self.assert_nobody_came(listener)
        self.a.resolve_later(other.ip)
        self.a.ping('10.0.2.2')
        self.assertFalse(self.a.knows(other.ip))

    @in_a_far_world
    def test_a_key_that_is_given_stays(self):
        listener, port = self.host_tcp()
        self.start(f'policy=sandbox,host-loopback={port},allow=10.0.2.2:{port}', zone=ZONE)
        self.a.tcp('10.0.2.2', port)
        self.accept(listener)

    def test_other_words_are_refused(self):
        for option, why in (('policy=closed', "policy=closed is none of 'rules', 'sandbox' and "
                                              "'learn'"),
                            ('dns-policy=drop', "dns-policy=drop is none of 'refused', 'nxdomain' "
                                                "and 'answer'")):
            self.network(start=False)
            self.lan.options = ['--netdev', f'user,id=nat,{option}']
            status, text = self.lan.refused()
            self.assertEqual(status, 2)
            self.assertIn(why, text)


class Learning(NamesCase):
    @in_a_far_world
    def test_what_was_seen_is_said_as_rules_that_allow_it(self):
        self.start('policy=learn', zone=ZONE)
        self.lookup('www.example.com')
        self.assert_open(FAR_2, WEB)
        self.assert_open(FAR, TLS)
        self.lookup('inside.example.com')
        self.assert_open(PRIVATE, TLS)
        rules = self.ctl('policy', 'learned').splitlines()
        self.assertEqual(rules, ['allow=tcp:203.0.113.1:443',
                                 'allow=tcp:inside.example.com:443+private',
                                 'allow=tcp:www.example.com:80'])
        self.start(','.join(['policy=sandbox', *rules]), zone=ZONE)
        self.lookup('www.example.com')
        self.lookup('inside.example.com')
        self.assert_open(FAR_2, WEB)
        self.assert_open(FAR, TLS)
        self.assert_open(PRIVATE, TLS)

    @in_a_far_world
    def test_what_is_too_much_to_learn_and_to_keep_is_told(self):
        self.start('policy=learn', zone=ZONE)
        for port in range(1, 1100):
            self.a.send_udp(FAR, port, b'x', sport=5000)
            if port % 100 == 0:
                self.a.ping(FAR)
        self.assertEqual(len(self.ctl('policy', 'learned').splitlines()), 1024)
        mac = self.a.mac.hex(':')
        errors = self.lan.daemon.errors()
        self.assertRegex(errors, f"'allow=udp:{FAR}:[0-9]+' of {mac} is not learned")
        self.assertIn(f'{mac} asks for more than 64 things a second', errors)

    @in_a_far_world
    def test_nothing_is_learned_without(self):
        self.start('', zone=ZONE)
        self.assertIn('policy=learn', self.ctl('policy', 'learned', status=1))


class Telling(NamesCase):
    @in_a_far_world
    def test_verdicts_are_logged_with_guest_name_address_port_and_rule(self):
        mac = b'\x52\x54\0\x12\x34\x91'
        self.start('policy=sandbox,allow=api.example.com:443', '--guest',
                   f'box,mac={mac.hex(":")}', zone=ZONE, mac=mac)
        self.lookup('tracker.example')
        self.lookup('api.example.com')
        self.assert_open(FAR, TLS)
        self.assert_refused(FAR, WEB)
        log = [{k: v for k, v in entry.items() if k not in ('time', 'mac')}
               for entry in self.qmp.run('query-policy-log')]
        self.assertEqual(log, [
            {'verdict': 'deny', 'guest': 'box', 'protocol': 'dns', 'name': 'tracker.example',
             'rule': 'policy=sandbox', 'times': 1},
            {'verdict': 'allow', 'guest': 'box', 'protocol': 'dns', 'name': 'api.example.com',
             'rule': 'allow=api.example.com:443', 'times': 1},
            {'verdict': 'allow', 'guest': 'box', 'protocol': 'tcp', 'name': 'api.example.com',
             'address': FAR, 'port': TLS, 'rule': 'allow=api.example.com:443', 'times': 1},
            {'verdict': 'deny', 'guest': 'box', 'protocol': 'tcp', 'name': 'api.example.com',
             'address': FAR, 'port': WEB, 'rule': 'policy=sandbox', 'times': 1}])
        text = self.ctl('policy', 'log')
        for word in ('tracker.example', 'api.example.com', FAR, 'deny', 'allow=api.example.com:443'):
            self.assertIn(word, text)

    @in_a_far_world
    def test_denials_and_permissions_are_events(self):
        self.start('policy=sandbox,allow=api.example.com:443', zone=ZONE)
        self.lookup('tracker.example')
        event = self.qmp.event('POLICY_DENIED')['data']
        self.assertEqual((event['protocol'], event['destination-name'], event['rule']),
                         ('dns', 'tracker.example', 'policy=sandbox'))
        self.lookup('api.example.com')
        event = self.qmp.event('POLICY_ALLOWED')['data']
        self.assertEqual((event['protocol'], event['destination-name'], event['rule']),
                         ('dns', 'api.example.com', 'allow=api.example.com:443'))

    @in_a_far_world
    def test_the_log_is_bounded_and_one_guest_does_not_fill_it(self):
        self.start('policy=sandbox', zone=ZONE)
        for i in range(200):
            self.lookup(f'n{i}.example')
        self.assertLess(len(self.qmp.run('query-policy-log')), 200)

    @in_a_far_world
    def test_explain_says_what_would_happen_and_why(self):
        mac = b'\x52\x54\0\x12\x34\x91'
        self.start('policy=sandbox,allow=api.example.com:443', '--guest',
                   f'box,mac={mac.hex(":")}', zone=ZONE, mac=mac)

        def explain(target):
            return json.loads(self.ctl('--json', 'explain', 'box', target))
        name = explain('tracker.example')
        self.assertEqual((name['verdict'], name['lookup'], name['rule']),
                         ('deny', 'nxdomain', 'policy=sandbox'))
        self.lookup('api.example.com')
        name = explain('api.example.com')
        self.assertEqual((name['verdict'], name['lookup'], name['rule']),
                         ('allow', 'answer', 'allow=api.example.com:443'))
        self.assertEqual([o['address'] for o in name['open']], [FAR])
        tcp, udp = explain(f'{FAR}:443')['connections']
        self.assertEqual((tcp['verdict'], tcp['rule'], tcp['name']),
                         ('allow', 'allow=api.example.com:443', 'api.example.com'))
        self.assertEqual(udp['verdict'], 'allow')
        self.assertEqual([c['verdict'] for c in explain('10.0.2.2')['connections']], ['deny'] * 3)
        self.assertEqual([c['verdict'] for c in explain('[2001:db8::1]:443')['connections']],
                         ['deny'] * 2)
        self.assertIn('deny', self.ctl('explain', 'box', 'tracker.example'))
        self.assertIn('not found', self.ctl('explain', 'nobody', FAR, status=1))
        self.assertIn('neither a name nor', self.ctl('explain', 'box', '1.2.3', status=1))
        self.assertIn('write api.example.com', self.ctl('explain', 'box', 'api.example.com:443', status=1))
        tcp = explain('10.0.2.77:80')['connections'][0]
        self.assertEqual(tcp['verdict'], 'allow')
        self.assertIn('on the network itself', tcp['why'])


class Example(NamesCase):
    PAGE = os.path.join(os.path.dirname(__file__), '..', '..', 'tools', 'examples', 'sandbox')

    def configuration(self):
        """The first block of the page: an indented run of lines that begins with a section."""
        with open(self.PAGE, encoding='utf-8') as page:
            block = page.read().split('\n\n    [', 1)[1].split('\n\n', 1)[0]
        return textwrap.dedent('    [' + block) + '\n'

    @in_a_far_world
    def test_the_page_for_a_build_allows_its_names_and_no_others(self):
        names = ('npm.mirror.example', 'python.mirror.example', 'files.mirror.example', 'github.com',
                 'raw.githubusercontent.com')
        server = self.names({name: [FAR] for name in (*names, 'example.com', 'gist.github.com')})
        self.zone['debian.mirror.example'] = ['->cdn.example']
        self.zone['cdn.example'] = [FAR_2]
        self.network(start=False)
        text = self.configuration()
        self.assertLessEqual(len(text.splitlines()), 10)
        text = text.replace('/tmp/sandbox.sock', self.lan.path('lan.sock'))
        text = text.replace('policy = sandbox\n', f'policy = sandbox\n{server}\n')
        with open(self.lan.path('sandbox.conf'), 'w', encoding='utf-8') as file:
            file.write(text)
        self.lan.options = ['--config', self.lan.path('sandbox.conf')]
        self.lan.start()
        self.a = self.join()
        for name in names:
            self.assertEqual(self.lookup(name), (dns.NOERROR, [FAR]))
            flow = self.a.tcp(FAR, TLS)
            data = hello.tls(name)
            flow.send(data)
            self.assertEqual(flow.recv(len(data)), data)
        self.lookup('debian.mirror.example')
        flow = self.a.tcp(FAR_2, WEB)
        data = hello.http('debian.mirror.example')
        flow.send(data)
        self.assertEqual(flow.recv(len(data)), data)
        for name in ('example.com', 'gist.github.com', 'evil.python.mirror.example'):
            self.assertEqual(self.lookup(name), (dns.NXDOMAIN, []))
        self.assert_refused(FAR, WEB)
        self.assert_refused(FAR, 22)
