# SPDX-License-Identifier: BSD-3-Clause
"""allow= and deny= of the network and of guests, host-loopback= and host-addresses=: at start and
live."""
import contextlib
import os

from lib import network, packet as pk
from lib.case import GATEWAY, GATEWAY6, GatewayCase, recv_exactly
from lib.daemon import run_ctl
from lib.namespace import OWN
from lib.qmp import QmpError
from lib.wait import until

WEB = b'\x52\x54\0\x12\x34\x99'
DETOURS = ('127.0.0.1', '127.0.0.53', '0.0.0.0', '0.0.0.1', '10.0.2.77', '255.255.255.255')
DETOURS6 = ('::1', '::', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:10.0.2.2', 'fec0::77', 'fe80::1')


class RulesCase(GatewayCase):
    def start(self, options='', *more, mac=None):
        self.network(options, *more)
        self.a = self.join(mac)
        self.qmp = self.keep(self.lan.daemon.qmp())

    def join(self, mac=None):
        station = self.station(mac=mac)
        if not station.router:  # with restrict=on DHCP names none
            station.router = GATEWAY
        station.autoconfigure()
        return station

    def ctl(self, *arguments, status=0):
        result = run_ctl(self.lan.folder, '--name', self.lan.name, *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout.strip() if status == 0 else result.stderr.strip()

    def rule_hits(self):
        return {(rule.get('guest'), rule['rule']): rule['hits']
                for rule in self.qmp.run('query-policy')['rules']}

    def open_tcp(self, station, dst, listener):
        flow = station.tcp(dst, listener.getsockname()[1])
        conn = self.accept(listener)
        self.assert_talk(flow, conn)
        return flow, conn

    def assert_talk(self, flow, conn):
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')
        conn.sendall(b'answer')
        self.assertEqual(flow.recv(6), b'answer')

    def assert_reached(self, station, dst, host):
        self.open_tcp(station, dst, self.host_tcp(host)[0])
        self.open_udp(station, dst, host)

    def open_udp(self, station, dst, host):
        sock, port = self.host_udp(host)
        sport = station.send_udp(dst, port, b'question')
        data, client = sock.recvfrom(64)
        self.assertEqual(data, b'question')
        sock.sendto(b'answer', client)
        self.assertEqual(station.expect_udp(sport).udp.payload, b'answer')
        return sock, sport, client

    def assert_closed(self, station, dst, port=None):
        """A SYN and a datagram: both are dropped by policy."""
        own = station.ip6 if ':' in dst else station.ip
        for proto in (pk.TCP, pk.UDP):
            def send(proto=proto):
                data = (pk.tcp(own, dst, 1234, port or 9, 1, 0, pk.SYN) if proto == pk.TCP else
                        pk.udp(own, dst, 1234, port or 9, b'knock'))
                station.send_ip(dst, proto, data, hop=station.resolve(GATEWAY))
                return station
            self.assert_drops('policy', send)

    def assert_no_ping(self, station, dst):
        def send():
            station.send_ping(dst, hop=station.resolve(GATEWAY))
            return station
        self.assert_drops('policy', send)


class Network(RulesCase):
    def test_the_narrowest_rule_decides_in_whatever_order(self):
        listener, port = self.host_tcp()
        _, other = self.host_tcp()
        self.start(f'deny=10.0.2.2,allow=tcp:10.0.2.2:{port}')
        self.open_tcp(self.a, GATEWAY, listener)
        self.assert_closed(self.a, GATEWAY, other)
        self.assertEqual(self.rule_hits(), {(None, f'allow=tcp:10.0.2.2:{port}'): 1,
                                            (None, 'deny=10.0.2.2'): 2})
        self.assert_reached(self.a, GATEWAY6, '::1')

    def test_ipv6_networks_are_meant_by_their_own_rules(self):
        self.start('deny=[fec0::/16]')
        self.assert_closed(self.a, GATEWAY6)
        self.assert_reached(self.a, GATEWAY, '127.0.0.1')

    def test_protocols_are_told_apart(self):
        sock, port = self.host_udp()
        listener, _ = self.host_tcp()
        self.start('deny=udp:*')
        self.open_tcp(self.a, GATEWAY, listener)

        def send():
            self.a.send_udp(GATEWAY, port, b'knock')
            return self.a
        self.assert_drops('policy', send)
        self.assert_nobody_came(sock)

    def test_pings_are_denied_and_the_gateways_own_are_answered(self):
        self.start('deny=icmp:*')
        self.assert_no_ping(self.a, '192.0.2.99')
        self.a.ping(GATEWAY)
        self.assert_reached(self.a, GATEWAY, '127.0.0.1')

    def test_names_are_looked_up_whatever_is_denied(self):
        self.start('deny=*')
        question = b'\0\7\1\0\0\1\0\0\0\0\0\0\7gateway\7usernet\10internal\0\0\1\0\1'
        self.assertIn(pk.ip4(GATEWAY), self.a.udp_exchange('10.0.2.3', 53, question))

    def test_no_rule_opens_a_detour(self):
        self.start('host-loopback=off,deny=*,allow=0.0.0.0/0,allow=[::/0],allow=127.0.0.1,'
                   'allow=10.0.2.2,allow=[::1]')
        for dst in (GATEWAY, GATEWAY6, *DETOURS, *DETOURS6):
            with self.subTest(dst=dst):
                self.assert_closed(self.a, dst)
                if dst not in (GATEWAY, GATEWAY6):
                    self.assert_no_ping(self.a, dst)

    def test_restrict_is_opened_by_allow(self):
        listener, port = self.host_tcp()
        self.start(f'restrict=on,allow=tcp:10.0.2.2:{port}')
        self.open_tcp(self.a, GATEWAY, listener)
        self.assert_closed(self.a, GATEWAY, port - 1)
        self.assert_closed(self.a, '192.0.2.99')

    def test_forwards_live_whatever_is_denied(self):
        self.start('deny=*,host-addresses=off,host-loopback=off,hostfwd=tcp:127.0.0.1:0-:22,'
                   'hostfwd=udp:127.0.0.1:0-:53')
        self.a.listen(22)
        for entry in self.qmp.run('query-forwards'):
            where = entry['host-address'], entry['host-port']
            if entry['protocol'] == 'tcp':
                conn = self.dial(*where)
                self.assert_talk(self.a.accept(22), conn)
            else:
                client, _ = self.host_udp()
                for _ in range(2):
                    client.sendto(b'question', where)
                    p = self.a.expect_udp(53)
                    self.a.send_udp(p.net.src, p.udp.sport, b'answer', sport=53)
                    self.assertEqual(client.recvfrom(64)[0], b'answer')
        # What the guest itself opens is still denied.
        self.assert_closed(self.a, GATEWAY)

    def test_what_is_wrong_is_said(self):
        for options, words in (
                ('deny=10.0.0.1/8', "deny=10.0.0.1/8: '10.0.0.1/8' has bits set beyond its length"),
                ('allow=10.0.0.0/8', 'allow=10.0.0.0/8: nothing is denied'),
                ('deny=*,allow=*', 'which says the opposite'),
                ('deny=icmp:*:80', 'icmp has no ports'),
                ('host-loopback=80;x', "'x' should be"),
                ('host-addresses=maybe', 'host-addresses')):
            with self.subTest(options=options):
                self.network(options, start=False)
                status, text = self.lan.refused()
                self.assertNotEqual(status, 0)
                self.assertIn(words, text)
                self.assertEqual(len(text.splitlines()), 1, text)


class HostAddresses(RulesCase):
    def test_off_the_host_is_reached_by_the_gateway_alone(self):
        self.start('host-addresses=off')
        self.assert_closed(self.a, OWN)
        self.assert_no_ping(self.a, OWN)
        self.assert_reached(self.a, GATEWAY, '127.0.0.1')
        self.assert_reached(self.a, GATEWAY6, '::1')

    def test_by_default_they_are_reached_and_may_be_closed_live(self):
        self.start()
        flow, conn = self.open_tcp(self.a, OWN, self.host_tcp(OWN)[0])
        self.ctl('policy', 'host-addresses', 'off')
        flow.expect_reset()
        self.assertEqual(conn.recv(1), b'')
        self.assert_closed(self.a, OWN)
        self.ctl('policy', 'host-addresses', 'on')
        self.assert_reached(self.a, OWN, OWN)


class Guests(RulesCase):
    def test_a_guests_rules_come_before_the_networks(self):
        listener, port = self.host_tcp()
        self.start('deny=10.0.2.2', '--guest',
                   f'web,mac=52:54:00:12:34:99,allow=10.0.2.2:{port},deny=[fec0::2]', mac=WEB)
        other = self.join()
        self.open_tcp(self.a, GATEWAY, listener)
        self.assert_closed(self.a, GATEWAY, port - 1)
        self.assert_closed(self.a, GATEWAY6, port)
        self.assert_closed(other, GATEWAY, port)
        self.assert_reached(other, GATEWAY6, '::1')
        self.assertEqual(self.rule_hits(), {
            ('web', f'allow=10.0.2.2:{port}'): 1, ('web', 'deny=[fec0::2]'): 2,
            (None, 'deny=10.0.2.2'): 4})

    def test_who_takes_another_mac_address_has_the_networks_rules(self):
        listener, port = self.host_tcp()
        self.start('deny=10.0.2.2', '--guest',
                   f'web,mac=52:54:00:12:34:99,allow=10.0.2.2:{port}', mac=WEB)
        self.open_tcp(self.a, GATEWAY, listener)
        self.a.guest.close()
        self.assert_closed(self.join(), GATEWAY, port)

    def test_who_takes_the_address_of_a_guest_does_not_go_on_with_what_it_opened(self):
        sock, port = self.host_udp()
        listener, tcp_port = self.host_tcp()
        self.start('restrict=on', '--guest',
                   f'web,mac={pk.mac_text(WEB)},allow=udp:10.0.2.2:{port},'
                   f'allow=tcp:10.0.2.2:{tcp_port}',
                   mac=WEB)
        b = self.join()
        self.a.configure('10.0.2.77')  # beside its own address; nobody else may have it
        flow, conn = self.open_tcp(self.a, GATEWAY, listener)
        sport = self.a.send_udp(GATEWAY, port, b'question')
        self.assertEqual(sock.recvfrom(64)[0], b'question')
        b.configure(self.a.ip)
        b.resolve(GATEWAY)

        def send_udp():
            b.send_udp(GATEWAY, port, b'evil', sport=sport)
            return b
        self.assert_drops('policy', send_udp)
        self.assert_nobody_came(sock)

        def send_tcp():
            b.send_ip(GATEWAY, pk.TCP, pk.tcp(b.ip, GATEWAY, flow.port, tcp_port, flow.seq,
                                              flow.ack, pk.ACK | pk.PSH, b'evil'))
            return b
        self.assert_drops('policy', send_tcp)
        self.assertEqual(conn.recv(64), b'')

    def test_rules_follow_a_guest_that_is_named_and_removed_live(self):
        self.start()
        self.qmp.run('guest-add', name='web', mac='52:54:00:12:34:99')
        web = self.join(WEB)
        flow, conn = self.open_tcp(web, GATEWAY, self.host_tcp()[0])
        self.assertIn('1 connection is denied now', self.ctl('policy', 'add', 'deny=*', 'web'))
        flow.expect_reset()
        conn.close()
        self.assert_closed(web, GATEWAY)
        self.assert_reached(self.a, GATEWAY, '127.0.0.1')
        with self.assertRaises(QmpError) as caught:
            self.qmp.run('policy-add', rule='deny=*', guest='nobody')
        self.assertIn("Guest 'nobody' not found", str(caught.exception))
        self.qmp.run('guest-remove', name='web')
        self.assertEqual(self.rule_hits(), {})
        self.assert_reached(web, GATEWAY, '127.0.0.1')

    def test_they_are_in_force_when_the_gateway_comes_later(self):
        self.start('', '--guest', 'web,mac=52:54:00:12:34:99,deny=*', mac=WEB)
        self.qmp.run('netdev_del', id='nat')
        self.qmp.run('netdev_add', type='user', id='nat')
        self.assertEqual(self.rule_hits(), {('web', 'deny=*'): 0})


class Live(RulesCase):
    def test_what_is_open_is_cut_and_what_is_not_meant_goes_on(self):
        self.start()
        listener, port = self.host_tcp()
        cut, cut_conn = self.open_tcp(self.a, GATEWAY, listener)
        kept, kept_conn = self.open_tcp(self.a, GATEWAY, self.host_tcp()[0])
        self.assertEqual(self.qmp.run('policy-add', rule=f'deny=tcp:10.0.2.2:{port}'), {'cut': 1})
        cut.expect_reset()
        self.assertEqual(cut_conn.recv(1), b'')
        self.assert_talk(kept, kept_conn)

        def send():
            self.a.connect(GATEWAY, port)
            return self.a
        self.assert_drops('policy', send)
        self.qmp.run('policy-remove', rule=f'deny=tcp:10.0.2.2:{port}')
        self.open_tcp(self.a, GATEWAY, listener)

    def test_ipv6_is_cut_too(self):
        self.start()
        flow, conn = self.open_tcp(self.a, GATEWAY6, self.host_tcp('::1')[0])
        self.assertEqual(self.qmp.run('policy-add', rule='deny=[fec0::2]'), {'cut': 1})
        flow.expect_reset()
        self.assertEqual(conn.recv(1), b'')

    def test_a_guest_that_was_not_sent_all_yet_believes_the_reset(self):
        self.start('offload=on')
        listener, port = self.host_tcp()
        flow = self.a.tcp(GATEWAY, port, window=0)
        conn = self.accept(listener)
        conn.sendall(bytes(30000))
        self.a.ping(GATEWAY)  # the bytes wait for the guest's window
        resets = []
        take = flow.take

        def note(segment):
            if segment.flags & pk.RST:
                resets.append(segment.seq)
            take(segment)
        flow.take = note
        self.qmp.run('policy-add', rule='deny=*')
        flow.expect_reset()
        self.assertEqual(resets, [flow.ack])  # RFC 5961 3.2
        with contextlib.suppress(ConnectionResetError):  # unread data is lost
            self.assertEqual(conn.recv(1), b'')

    def test_a_reset_that_libslirp_does_not_believe_hides_nothing(self):
        self.start()
        flow, conn = self.open_tcp(self.a, GATEWAY, self.host_tcp()[0])
        flow.segment(pk.RST, seq=(flow.seq + 700000) % (1 << 32))
        self.a.ping(GATEWAY)  # it has come
        self.qmp.run('policy-add', rule='deny=*')
        conn.sendall(b'on it goes')
        conn.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(conn.recv(1), b'')
        self.a.ping(GATEWAY)
        self.assertEqual(flow.received, b'')

    def test_without_offload_too(self):
        self.start('offload=off')
        flow, conn = self.open_tcp(self.a, GATEWAY, self.host_tcp()[0])
        self.qmp.run('policy-add', rule='deny=*')
        flow.expect_reset()
        self.assertEqual(conn.recv(1), b'')

    def test_datagrams_pass_no_more_either_way_until_they_may_again(self):
        self.start()
        sock, sport, client = self.open_udp(self.a, GATEWAY, '127.0.0.1')
        self.assertEqual(self.qmp.run('policy-add', rule='deny=udp:*'), {'cut': 1})

        def send():
            self.a.send_udp(GATEWAY, sock.getsockname()[1], b'more', sport=sport)
            return self.a
        self.assert_drops('policy', send)
        self.assert_nobody_came(sock)
        sock.sendto(b'unwanted', client)
        self.open_tcp(self.a, GATEWAY, self.host_tcp()[0])  # later than the datagram
        self.assertEqual([p for p in self.a.inbox if p.udp and p.udp.dport == sport], [])
        self.qmp.run('policy-remove', rule='deny=udp:*')
        self.a.send_udp(GATEWAY, sock.getsockname()[1], b'more', sport=sport)
        self.assertEqual(sock.recvfrom(64)[0], b'more')
        sock.sendto(b'wanted', client)
        self.assertEqual(self.a.expect_udp(sport).udp.payload, b'wanted')

    def test_whom_the_guest_may_not_ask_does_not_come_in_by_a_port_opened_for_others(self):
        first, port = self.host_udp()
        other, other_port = self.host_udp()
        self.start(f'deny=udp:10.0.2.2:{other_port}')
        sport = self.a.send_udp(GATEWAY, port, b'question')
        _, client = first.recvfrom(64)
        other.sendto(b'unasked', client)
        other.sendto(b'unasked' * 6000, client)  # in fragments
        first.sendto(b'answer' * 6000, client)
        self.assertEqual(self.a.expect_udp(sport).udp.payload, b'answer' * 6000)
        self.assertEqual(self.a.fragments, {})
        other.sendto(b'unasked' * 6000, client)
        first.sendto(b'answer', client)
        self.assertEqual(self.a.expect_udp(sport).udp.payload, b'answer')

    def test_host_loopback_is_changed(self):
        self.start()
        listener, port = self.host_tcp()
        flow, conn = self.open_tcp(self.a, GATEWAY, listener)
        self.ctl('policy', 'host-loopback', f'{port}..{port};1')
        self.assert_talk(flow, conn)
        self.assert_closed(self.a, GATEWAY, port - 1)
        self.assert_closed(self.a, GATEWAY6, port - 1)
        self.assertEqual(self.qmp.run('query-policy')['host-loopback'], f'{port};1')
        self.ctl('policy', 'host-loopback', 'off')
        flow.expect_reset()
        self.assert_closed(self.a, GATEWAY, port)
        self.ctl('policy', 'host-loopback', 'on')
        self.open_tcp(self.a, GATEWAY, listener)
        self.assertIn("'x' should be", self.ctl('policy', 'host-loopback', '80;x', status=1))
        self.assertEqual(self.qmp.run('query-policy')['host-loopback'], 'on')

    def test_denials_are_told_and_counted(self):
        self.start('deny=192.0.2.0/24', '--guest', 'web,mac=52:54:00:12:34:99', mac=WEB)
        self.assert_closed(self.a, '192.0.2.99', 443)
        event = self.qmp.event('POLICY_DENIED')['data']
        self.assertEqual(event, {
            'guest': 'web', 'mac': '52:54:00:12:34:99', 'port': 'lan.0', 'protocol': 'tcp',
            'destination': '192.0.2.99', 'destination-port': 443, 'rule': 'deny=192.0.2.0/24'}
            | {'port': event['port']})
        self.assertEqual(self.qmp.run('query-policy')['denied'], 2)
        # The datagram came within the same second: the next event counts it.
        def again():
            self.a.send_ping('192.0.2.98')
            self.a.ping(GATEWAY)
            return [e['data'] for e in self.qmp.events if e['event'] == 'POLICY_DENIED'] or \
                self.qmp.run('query-status') and None
        [event] = until(again, 'the next event')[:1]
        self.assertEqual((event['protocol'], event['destination']), ('icmp', '192.0.2.98'))
        self.assertGreaterEqual(event['untold'], 1)
        self.assertNotIn('destination-port', event)

    def test_usernetctl_shows_all_of_it(self):
        self.start('deny=10.0.0.0/8,host-loopback=80;8000..8010', '--guest', 'web,deny=*')
        text = self.ctl('policy')
        for word in ('GUEST', 'web', 'deny=*', 'deny=10.0.0.0/8', 'host-loopback: 80;8000..8010',
                     'host-addresses: yes', 'default: allow'):
            self.assertIn(word, text)
        self.assertIn('should begin with allow= or deny=', self.ctl('policy', 'add', '*', status=1))
        self.assertIn('there is no such rule', self.ctl('policy', 'remove', 'deny=*', status=1))


class Reload(RulesCase):
    def write(self, user, guest):
        with open(self.lan.path('lab.conf'), 'w', encoding='ascii') as file:
            file.write(f'[netdev nat]\ntype = user\n{user}\n[netdev lan]\ntype = stream\n'
                       f'server = on\naddr.type = unix\naddr.path = {self.lan.path("lan.sock")}\n'
                       f'[guest web]\nmac = 52:54:00:12:34:99\n{guest}\n')
        os.chmod(self.lan.path('lab.conf'), 0o644)

    def test_rules_of_the_file_come_and_go_and_those_by_command_stay(self):
        self.lan = self.keep(network.Network('--config', '{dir}/lab.conf', start=False))
        self.write('deny = 192.0.2.0/24; 198.51.100.0/24', 'deny = udp:*')
        self.lan.start()
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.a = self.join(WEB)
        self.qmp.run('policy-add', rule='deny=203.0.113.0/24')
        flow, _ = self.open_tcp(self.a, GATEWAY, self.host_tcp()[0])
        self.write('deny = 192.0.2.0/24; 10.0.2.2\nhost-loopback = 80\nhost-addresses = off',
                   'deny = icmp:*')
        report = self.qmp.run('reload')
        self.assertEqual((report['restart'], report['failed']), ([], []))
        self.assertEqual(sorted((each['what'], each['action']) for each in report['applied']), [
            ('guest web', 'deny=icmp:* added'), ('guest web', 'deny=udp:* removed'),
            ('netdev nat', 'deny=10.0.2.2 added'), ('netdev nat', 'deny=198.51.100.0/24 removed'),
            ('netdev nat', 'host-addresses'), ('netdev nat', 'host-loopback')])
        self.assertEqual(set(self.rule_hits()), {
            ('web', 'deny=icmp:*'), (None, 'deny=192.0.2.0/24'), (None, 'deny=10.0.2.2'),
            (None, 'deny=203.0.113.0/24')})
        flow.expect_reset()
        policy = self.qmp.run('query-policy')
        self.assertEqual((policy['host-loopback'], policy['host-addresses']), ('80', False))
        self.assertEqual(self.qmp.run('reload')['applied'], [])
