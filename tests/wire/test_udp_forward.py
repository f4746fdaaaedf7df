# SPDX-License-Identifier: BSD-3-Clause
"""UDP forwards: the client that the guest sees, and the client that gets its answers."""
import os
import socket
import time
import unittest

from lib import packet as pk
from lib.case import GATEWAY, GATEWAY6, GatewayCase, scale
from lib.namespace import with_addresses
from lib.qmp import QmpError
from lib.wait import LIMIT, until

GUEST6 = 'fec0::15'
RULE_SESSIONS = 4096  # udp/session.h UDP_SESSIONS_MAX_PER_RULE


class UdpForwardCase(GatewayCase):
    def forwards(self):
        """The addresses of the rules: (host, port) each."""
        return [(entry['host-address'], entry['host-port'])
                for entry in self.lan.ask('query-forwards')]

    def client(self, to, host=None, port=0):
        """A connected socket: it receives only from the address it asks."""
        six = ':' in to[0]
        sock = self.keep(socket.socket(socket.AF_INET6 if six else socket.AF_INET,
                                       socket.SOCK_DGRAM))
        sock.settimeout(LIMIT)
        if host or port:
            sock.bind((host or ('::1' if six else '127.0.0.1'), port))
        sock.connect(to)
        return sock

    def station6(self):
        station = self.station()
        station.autoconfigure()
        station.ip6 = GUEST6
        station.ping(GATEWAY6)
        return station

    def ask(self, client, station, port, question=b'question'):
        """The packet as the guest sees it."""
        client.send(question)
        p = station.expect(lambda p: p.udp and p.udp.dport == port and
                           p.udp.payload == question, 'the question')
        self.assertTrue(p.udp.good)
        return p

    def answer(self, station, p, data=b'answer', **more):
        """To what expect returned."""
        station.send_udp(p.net.src, p.udp.sport, data, sport=p.udp.dport, **more)

    def assert_talk(self, client, station, port, word=b'word'):
        """Asks and gets the answer; returns the client that the guest saw."""
        p = self.ask(client, station, port, b'what is ' + word)
        self.answer(station, p, word + b' is this')
        self.assertEqual(client.recv(65536), word + b' is this')
        return p.net.src, p.udp.sport

    def assert_silence(self, client, station):
        """Nothing that the station has sent came to this client."""
        station.ping(GATEWAY)
        self.assert_nobody_came(client)


class Clients(UdpForwardCase):
    def test_many_at_once_are_each_answered_at_their_own_address(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53')
        a, where = self.station(), self.forwards()[0]
        clients = [self.client(where) for _ in range(scale(300))]
        seen = {}
        for n, client in enumerate(clients):
            client.send(b'%d' % n)
            if n % 30 == 29:  # no more than the station's own socket holds
                while len(seen) <= n:
                    p = a.expect_udp(53)
                    seen[int(p.udp.payload)] = p
        while len(seen) < len(clients):
            p = a.expect_udp(53)
            seen[int(p.udp.payload)] = p
        self.assertEqual(len({p.udp.sport for p in seen.values()}), len(clients))
        for n in sorted(seen, reverse=True):
            self.answer(a, seen[n], b'%d again' % n)
        for n, client in enumerate(clients):
            self.assertEqual(client.recv(64), b'%d again' % n)

    def test_the_same_port_of_two_loopback_addresses_is_two_clients(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53')
        a, where = self.station(), self.forwards()[0]
        one = self.client(where, '127.0.0.1')
        two = self.client(where, '127.0.0.2', one.getsockname()[1])
        first, second = self.ask(one, a, 53, b'one'), self.ask(two, a, 53, b'two')
        self.assertEqual((first.net.src, second.net.src), (GATEWAY, GATEWAY))
        self.assertNotEqual(first.udp.sport, second.udp.sport)
        self.answer(a, second, b'to two')
        self.answer(a, first, b'to one')
        self.assertEqual(one.recv(64), b'to one')
        self.assertEqual(two.recv(64), b'to two')

    def test_an_answer_comes_from_the_address_that_was_asked(self):
        self.network('hostfwd=udp::0-:53')
        a, (_, port) = self.station(), self.forwards()[0]
        for address in ('127.0.0.1', '127.0.0.2', '127.77.1.2'):
            self.assert_talk(self.client((address, port)), a, 53, address.encode())

    def test_one_socket_that_asks_at_two_addresses_is_answered_from_each(self):
        self.network('hostfwd=udp::0-:53')
        a, (_, port) = self.station(), self.forwards()[0]
        client, _ = self.host_udp()
        asked = {}
        for address in ('127.0.0.1', '127.0.0.2'):
            client.sendto(address.encode(), (address, port))
            asked[address] = a.expect_udp(53)
        for address, p in asked.items():
            self.answer(a, p, address.encode())
            self.assertEqual(client.recvfrom(64), (address.encode(), (address, port)))

    def test_one_socket_that_asks_two_rules_is_answered_by_each(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53,hostfwd=udp:127.0.0.1:0-:53')
        a, (first, second) = self.station(), self.forwards()
        client, _ = self.host_udp()
        asked = {}
        for where in (first, second):
            client.sendto(b'%d' % where[1], where)
            asked[where] = a.expect_udp(53)
        for where, p in asked.items():
            self.answer(a, p)
            self.assertEqual(client.recvfrom(64), (b'answer', where))

    @with_addresses('198.51.100.1', '198.51.100.2', '2001:db8::1', '2001:db8::2')
    def test_the_guest_sees_a_clients_own_address_and_answers_the_one_it_asked(self):
        self.network(f'hostfwd=udp::5300-:53,hostfwd=udp:[::]:5300-[{GUEST6}]:53,'
                     'hostfwd=udp::5301-:53+masquerade=on,'
                     f'hostfwd=udp:[::]:5301-[{GUEST6}]:53+masquerade=on')
        a = self.station6()
        for host, asked, gateway in (('198.51.100.1', '198.51.100.2', GATEWAY),
                                     ('198.51.100.2', '198.51.100.2', GATEWAY),
                                     ('2001:db8::1', '2001:db8::2', GATEWAY6),
                                     ('2001:db8::2', '2001:db8::2', GATEWAY6)):
            client = self.client((asked, 5300), host)
            seen = self.assert_talk(client, a, 53)
            self.assertEqual(seen, (host, client.getsockname()[1]))
            self.assertEqual(self.assert_talk(self.client((asked, 5301), host), a, 53)[0],
                             gateway)

    @with_addresses('10.0.2.77')
    def test_a_client_with_an_address_of_the_guests_network_is_seen_as_the_gateway(self):
        self.network('hostfwd=udp::5300-:53')
        a = self.station()
        seen = self.assert_talk(self.client(('10.0.2.77', 5300), '10.0.2.77'), a, 53)
        self.assertEqual(seen[0], GATEWAY)

    def test_masquerade_and_families_that_differ(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53+masquerade=on,hostfwd=udp:[::1]:0-:53,'
                     f'hostfwd=udp:127.0.0.1:0-[{GUEST6}]:53')
        a = self.station6()
        for where, gateway in zip(self.forwards(), (GATEWAY, GATEWAY, GATEWAY6)):
            clients = [self.client(where) for _ in range(3)]
            ports = {self.assert_talk(client, a, 53) for client in clients}
            self.assertEqual({address for address, _ in ports}, {gateway})
            self.assertEqual(len(ports), 3)

    def test_both_families_by_one_rule(self):
        self.network('hostfwd=udp:localhost:0-:53')
        a, (_, port) = self.station(), self.forwards()[0]
        self.assert_talk(self.client(('127.0.0.1', port)), a, 53)
        self.assert_talk(self.client(('::1', port)), a, 53)

    def test_a_range_leads_each_port_to_its_own(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(('127.0.0.1', 0))
            first = min(probe.getsockname()[1], 65500)
        self.network(f'hostfwd=udp:127.0.0.1:{first}..{first + 9}-:7000')
        a = self.station()
        for n in range(10):
            self.assert_talk(self.client(('127.0.0.1', first + n)), a, 7000 + n, b'%d' % n)

    def test_restricted_guests_answer_and_do_not_begin(self):
        self.network('restrict=on,hostfwd=udp:127.0.0.1:0-:53')
        a = self.station()
        self.assert_talk(self.client(self.forwards()[0]), a, 53)
        stranger, port = self.host_udp()

        def send():
            a.send_udp(GATEWAY, port, b'unasked', sport=53)
            return a
        self.assert_drops('policy', send)
        self.assert_nobody_came(stranger)


class Answers(UdpForwardCase):
    def setUp(self):
        self.network('host-loopback=off,hostfwd=udp:127.0.0.1:0-:53')
        self.a, self.b = self.station(), self.station()
        self.one = self.client(self.forwards()[0])
        self.p = self.ask(self.one, self.a, 53)

    def test_any_number_of_them_pass(self):
        for n in range(20):
            self.answer(self.a, self.p, b'%d' % n)
        self.assertEqual([self.one.recv(64) for n in range(20)], [b'%d' % n for n in range(20)])

    def test_an_empty_one_passes(self):
        self.one.send(b'')
        self.assertEqual(self.a.expect_udp(53).udp.payload, b'')
        self.answer(self.a, self.p, b'')
        self.assertEqual(self.one.recv(64), b'')

    def test_another_guest_cannot_give_it(self):
        def own_address():
            self.answer(self.b, self.p, b'from me')
            return self.b

        def other_address():
            self.answer(self.b, self.p, b'from me', src=self.a.ip)
            return self.b
        self.b.resolve(GATEWAY)
        self.assert_drops('policy', own_address)
        self.assert_drops('spoofed', other_address)
        self.assert_silence(self.one, self.b)
        self.answer(self.a, self.p, b'from the right one')
        self.assertEqual(self.one.recv(64), b'from the right one')

    def test_another_port_is_no_answer(self):
        def own_port():
            self.a.send_udp(GATEWAY, self.p.udp.sport, b'wrong', sport=54)
            return self.a

        def its_port():
            self.a.send_udp(GATEWAY, self.p.udp.sport ^ 1, b'wrong', sport=53)
            return self.a
        for send in (own_port, its_port):
            self.assert_drops('policy', send)
        self.assert_silence(self.one, self.a)

    def test_one_with_a_wrong_checksum_is_not_made_right(self):
        data = bytearray(pk.udp(self.a.ip, GATEWAY, 53, self.p.udp.sport, b'answer'))
        data[-1] ^= 1

        def send():
            self.a.send_ip(GATEWAY, pk.UDP, bytes(data))
            return self.a
        self.assert_drops('malformed', send)
        self.assert_silence(self.one, self.a)
        data[6:8] = b'\0\0'  # none is none
        self.a.send_ip(GATEWAY, pk.UDP, bytes(data))
        self.assertEqual(self.one.recv(64), b'answes')

    def test_one_to_a_client_that_went_does_no_harm(self):
        gone = self.client(self.forwards()[0])
        p = self.ask(gone, self.a, 53, b'and I go')
        gone.close()
        for _ in range(5):
            self.answer(self.a, p)
        self.assert_talk(self.one, self.a, 53)
        self.assert_talk(self.client(self.forwards()[0]), self.a, 53)

    def test_sessions_end_with_the_guest(self):
        self.a.guest.close()
        self.lan.wait_for_ports('lan', 1)
        c = self.station(lease=False, mac=self.a.mac)
        c.dhcp()
        self.assertEqual(c.ip, self.a.ip)

        def send():
            self.answer(c, self.p, b'late')
            return c
        c.resolve(GATEWAY)
        self.assert_drops('policy', send)
        self.assert_silence(self.one, c)
        self.assert_talk(self.one, c, 53)

    def test_the_next_machine_at_the_address_is_not_asked_in_its_place(self):
        self.a.send_release()
        until(lambda: not [guest for guest in self.lan.ask('query-guests')
                           if guest.get('ipv4') == self.p.net.dst], 'the release')
        self.b.configure(self.p.net.dst)
        self.b.ping(GATEWAY)

        def send():
            self.answer(self.b, self.p, b'from the next')
            return self.b
        self.assert_drops('spoofed', send)
        self.assert_silence(self.one, self.b)
        self.assert_talk(self.one, self.b, 53)


class Bounds(UdpForwardCase):
    def test_the_longest_idle_client_of_a_full_rule_gives_way(self):
        self.network('host-loopback=off,hostfwd=udp:127.0.0.1:0-:53,hostfwd=udp:127.0.0.1:0-:53')
        a, (where, other) = self.station(), self.forwards()
        neighbour = self.client(other)
        of_neighbour = self.ask(neighbour, a, 53)
        longest, busy = self.client(where), self.client(where)
        first, second = self.ask(longest, a, 53, b'longest'), self.ask(busy, a, 53, b'busy')
        ports = set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_address:
            any_address.bind(('', 0))
            port = any_address.getsockname()[1]
        # With it there are as many as a rule may have, and one more.
        for n in range(RULE_SESSIONS - 1):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind((f'127.1.{n >> 8}.{n & 255}', port))
                client.sendto(b'%d' % n, where)
                p = a.expect_udp(53)
            self.assertEqual(p.udp.payload, b'%d' % n)
            ports.add(p.udp.sport)
            if n == 100:
                self.answer(a, second, b'in use')
                self.assertEqual(busy.recv(64), b'in use')
        self.assertEqual(len(ports), RULE_SESSIONS - 1)

        def send():
            self.answer(a, first)
            return a
        self.assert_drops('policy', send)
        self.assert_silence(longest, a)
        self.answer(a, second)
        self.assertEqual(busy.recv(64), b'answer')
        self.answer(a, of_neighbour)
        self.assertEqual(neighbour.recv(64), b'answer')
        self.assert_talk(longest, a, 53)

    def test_large_datagrams_pass_both_ways(self):
        self.network(f'hostfwd=udp:127.0.0.1:0-:53,hostfwd=udp:[::1]:0-[{GUEST6}]:53')
        a = self.station6()
        for where, room, most in zip(self.forwards(), (1472, 1452), (65507, 65535 - 40 - 8)):
            for size in (room, room + 1, 9000, 60000, most):
                data = os.urandom(size)
                client = self.client(where)
                p = self.ask(client, a, 53, data)
                self.assertEqual(len(getattr(p, 'sizes', None) or [0]) > 1, size > room)
                self.answer(a, p, data[::-1])
                self.assertEqual(client.recv(65536), data[::-1])

    def test_what_a_guest_does_not_take_waits_in_the_kernel(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53,hostfwd=udp:127.0.0.1:0-10.0.2.16:53')
        a, b = self.station(), self.station()
        slow, fast = self.forwards()
        client, other = self.client(slow), self.client(fast)
        p = self.ask(client, a, 53)
        data = bytes(1400)
        for _ in range(scale(20000)):  # a is not reading
            client.send(data)
        self.assert_talk(other, b, 53)
        while a.step(0.3):
            pass
        a.inbox.clear()
        self.answer(a, p)
        self.assertEqual(client.recv(64), b'answer')
        self.assert_talk(client, a, 53)


class Waiting(UdpForwardCase):
    def test_the_first_questions_wait_for_a_guest_that_has_not_spoken(self):
        self.network('hostfwd=udp:127.0.0.1:0-10.0.2.99:53')
        a = self.station(lease=False)
        a.configure('10.0.2.99')  # nobody knows
        client = self.client(self.forwards()[0])
        questions = [b'%d' % n for n in range(3)]

        def ask():
            for question in questions:
                client.send(question)
            # The gateway's request comes first; step() answers it.
            end = time.monotonic() + 2
            while time.monotonic() < end and a.step(0.1):
                pass
            return [p.udp.payload for p in a.inbox if p.udp][:3]
        # In time at the first attempt, unless the machine is too slow.
        self.assertEqual(until(ask, 'the questions'), questions)

    def test_a_few_wait_and_not_for_long(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53')
        client = self.client(self.forwards()[0])
        watcher = self.guest()  # gives the network a port

        def dropped():
            return self.dropped('no-receiver')
        before = dropped()
        for n in range(20):
            client.send(b'%d' % n)
        until(lambda: dropped() - before == 20, 'all to be dropped')
        requests = [p for p in map(pk.parse, self.frames(watcher)) if p.arp]
        self.assertLess(len(requests), 6)  # one a second
        a = self.station()
        self.assert_talk(client, a, 53)
        self.assertEqual([p for p in a.inbox if p.udp and p.udp.dport == 53], [])

    @staticmethod
    def frames(guest):
        found = []
        while True:
            frame = guest._receive(0.1)  # pylint: disable=protected-access
            if not frame:
                return found
            found.append(frame)


class Names(UdpForwardCase):
    def named(self, name):
        """A guest with this name."""
        station = self.station(lease=False)
        station.dhcp(pk.dhcp_option(12, name.encode()))
        return station

    def test_a_guest_of_the_configuration_before_and_after_it_comes(self):
        self.network('hostfwd=udp:127.0.0.1:0-web:53', '--guest',
                     'web,mac=52:54:00:12:34:02,ip=10.0.2.20')
        early = self.client(self.forwards()[0])
        self.station()  # another one comes first
        early.send(b'early')
        a = self.station(lease=False, mac=pk.mac('52:54:00:12:34:02'))
        a.dhcp()
        self.assertEqual(a.ip, '10.0.2.20')
        # In time only on a fast machine.
        self.assert_talk(early, a, 53)
        self.assert_talk(self.client(self.forwards()[0]), a, 53)

    def test_a_guest_that_says_its_name_is_followed(self):
        self.network('hostfwd=udp:127.0.0.1:0-db:53')
        where = self.forwards()[0]
        client, other = self.client(where), self.station()
        a = self.named('db')
        self.assert_talk(client, a, 53)
        # It leaves, and comes back elsewhere.
        a.guest.close()
        self.lan.wait_for_ports('lan', 1)
        b = self.named('db')
        self.assertNotEqual(b.ip, a.ip)
        self.assert_talk(client, b, 53)
        self.assertEqual(other.inbox, [])

    def test_a_name_that_nobody_has_leads_nowhere(self):
        self.network('hostfwd=udp:127.0.0.1:0-nobody:53')
        a, client = self.station(), self.client(self.forwards()[0])
        before = self.dropped('no-receiver')
        for _ in range(10):
            client.send(b'anybody?')
        until(lambda: self.dropped('no-receiver') == before + 10, 'them to be dropped')
        self.assertFalse([p for p in a.inbox if p.udp and p.udp.dport == 53])


class Limited(UdpForwardCase):
    def test_no_descriptor_is_left_behind(self):
        self.network(files=64)
        a, qmp = self.station(), self.keep(self.lan.daemon.qmp())
        for _ in range(100):
            port = qmp.run('hostfwd-add', rule='udp:127.0.0.1:0-:53')['host-port']
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b'question', ('127.0.0.1', port))
                a.expect_udp(53)
            qmp.run('hostfwd-remove', rule=f'udp:127.0.0.1:{port}')

    def test_without_descriptors_a_rule_is_refused_and_others_serve(self):
        self.network('hostfwd=udp:127.0.0.1:0-:53', files=256)
        a, qmp = self.station(), self.keep(self.lan.daemon.qmp())
        with self.assertRaises(QmpError) as caught:
            for _ in range(256):
                qmp.run('hostfwd-add', rule='udp:127.0.0.1:0-:53')
        self.assertIn('raise the limit of open files', caught.exception.desc)
        self.assert_talk(self.client(self.forwards()[0]), a, 53)

    @unittest.skipIf(os.path.exists('/proc/sys/net/ipv4/ip_unprivileged_port_start') and
                     open('/proc/sys/net/ipv4/ip_unprivileged_port_start',
                          encoding='ascii').read().strip() == '0', 'no port is privileged here')
    def test_a_privileged_port_says_what_it_needs(self):
        self.network()
        with self.assertRaises(QmpError) as caught:
            self.lan.ask('hostfwd-add', rule='udp:127.0.0.1:1-:53')
        self.assertEqual(
            caught.exception.desc,
            "Could not set up host forwarding rule 'udp:127.0.0.1:1-:53': no right to bind UDP "
            'address 127.0.0.1:1: a port below sysctl net.ipv4.ip_unprivileged_port_start needs '
            'CAP_NET_BIND_SERVICE, or that sysctl lowered to 1')


class Live(UdpForwardCase):
    def setUp(self):
        self.network()
        self.a = self.station()
        self.qmp = self.keep(self.lan.daemon.qmp())

    def add(self, rule):
        entry = self.qmp.run('hostfwd-add', rule=rule)
        return entry['host-address'], entry['host-port']

    def test_rules_go_while_others_serve(self):
        keeper = self.client(self.add('udp:127.0.0.1:0-:53'))
        p = self.ask(keeper, self.a, 53)
        for n in range(20):
            where = self.add('udp:127.0.0.1:0-:54')
            client = self.client(where)
            self.assert_talk(client, self.a, 54)
            q = self.ask(client, self.a, 54)
            self.answer(self.a, p, b'%d' % n)
            self.qmp.run('hostfwd-remove', rule=f'udp:127.0.0.1:{where[1]}')
            self.answer(self.a, q, b'late')
            self.answer(self.a, p, b'%d again' % n)
            self.assertEqual(keeper.recv(64), b'%d' % n)
            self.assertEqual(keeper.recv(64), b'%d again' % n)
            with self.assertRaises(ConnectionRefusedError):
                client.send(b'anybody?')
                client.recv(64)
        self.assertEqual(len(self.forwards()), 1)
        # Connections went with their rules; later datagrams of the guest are its own.
        self.assertEqual([row['guest-port'] for row in self.qmp.run('query-connections')
                          if row['opened-by'] == 'forward'], [53])

    def test_a_port_in_use_names_who_has_it(self):
        _, port = self.host_udp()
        with self.assertRaises(QmpError) as caught:
            self.add(f'udp:127.0.0.1:{port}-:53')
        self.assertEqual(
            caught.exception.desc,
            f"Could not set up host forwarding rule 'udp:127.0.0.1:{port}-:53': "
            f'UDP address 127.0.0.1:{port} is in use by pid {os.getpid()} (python3)')
        self.assertEqual(self.forwards(), [])

    def test_a_range_takes_all_its_ports_or_none(self):
        _, port = self.host_udp()
        first = port - 3
        with self.assertRaises(QmpError) as caught:
            self.add(f'udp:127.0.0.1:{first}..{port}-:53')
        self.assertIn('127.0.0.1:', caught.exception.desc)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(('127.0.0.1', first))

    def test_a_guest_that_never_answers_leaves_others_alone(self):
        b = self.station()
        where, other = self.add('udp:127.0.0.1:0-:53'), self.add(f'udp:127.0.0.1:0-{b.ip}:53')
        for n in range(50):
            self.client(where).send(b'%d' % n)
            self.assert_talk(self.client(other), b, 53)
