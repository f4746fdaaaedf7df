# SPDX-License-Identifier: BSD-3-Clause
"""guestfwd: servers on the network that are sockets of the host, their addresses, and rules added
and removed live."""
import hashlib
import os
import socket
import struct
import threading

from lib import packet as pk
from lib.case import DNS, GATEWAY, recv_exactly, scale
from lib.daemon import run_ctl
from lib.guestfwd import DEFAULT, SERVER, SERVER6, GuestfwdCase, helpers, lives
from lib.namespace import with_addresses
from lib.qmp import QmpError
from lib.wait import LIMIT, Never, until

RESET_ON_CLOSE = struct.pack('ii', 1, 0)


def recv_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b''.join(parts)


class Sockets(GuestfwdCase):
    def unix_server(self, path, backlog=512):
        listener = self.keep(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(backlog)
        listener.settimeout(LIMIT)
        return listener

    def assert_talk(self, flow, conn):
        flow.send(b'question')
        self.assertEqual(recv_exactly(conn, 8), b'question')
        conn.sendall(b'answer')
        self.assertEqual(flow.recv(6), b'answer')

    def test_tcp_of_both_families_to_both(self):
        four, port4 = self.host_tcp()
        six, port6 = self.host_tcp('::1')
        self.start(f'tcp:{SERVER}:4-tcp:127.0.0.1:{port4}', f'tcp:{SERVER}:6-tcp:[::1]:{port6}',
                   f'tcp:[{SERVER6}]:4-tcp:localhost:{port4}', f'tcp:[{SERVER6}]:6-tcp:[::1]:{port6}')
        for server in (SERVER, SERVER6):
            for port, listener in ((4, four), (6, six)):
                flow = self.a.tcp(server, port)
                conn = self.accept(listener)
                self.assert_talk(flow, conn)
                flow.shutdown()
                self.assertEqual(conn.recv(1), b'')
                conn.sendall(b'last words')
                conn.close()
                self.assertEqual(self.read_all(flow), b'last words')
        self.assert_over()
        self.assertEqual(helpers(self.lan.daemon.pid), [])  # no helper if nothing is run

    def test_unix(self):
        self.start(f'tcp:{SERVER}:7-unix:{{dir}}/server.sock')
        listener = self.unix_server(self.lan.path('server.sock'))
        flow = self.a.tcp(SERVER, 7)
        conn = self.accept(listener)
        self.assert_talk(flow, conn)
        conn.sendall(b'last words')
        conn.shutdown(socket.SHUT_WR)
        self.assertEqual(self.read_all(flow), b'last words')
        flow.send(b'mine')
        flow.shutdown()
        self.assertEqual(recv_exactly(conn, 4), b'mine')
        self.assertEqual(conn.recv(1), b'')
        self.assert_over()

    def test_a_full_backlog_is_waited_for(self):
        self.start(f'tcp:{SERVER}:7-unix:{{dir}}/server.sock')
        listener = self.unix_server(self.lan.path('server.sock'), backlog=1)
        flows = [self.a.connect(SERVER, 7) for _ in range(8)]
        conns = [self.accept(listener) for _ in flows]
        for n, flow in enumerate(flows):
            self.a.run_until(lambda: flow.opened, 'a SYN-ACK')  # pylint: disable=cell-var-from-loop
            flow.send(b'%d' % n)
        self.assertEqual(sorted(recv_exactly(conn, 1) for conn in conns),
                         [b'%d' % n for n in range(8)])

    def test_a_target_that_refuses_resets_the_guest(self):
        sock, port = self.host_udp()  # holds the number, as UDP
        self.assertTrue(sock)
        self.start(f'tcp:{SERVER}:7-tcp:127.0.0.1:{port}', f'tcp:{SERVER}:8-unix:{{dir}}/none.sock')
        for server_port in (7, 8):
            self.dialled(SERVER, server_port).expect_reset()
        until(lambda: 'none.sock: No such file' in self.lan.daemon.errors(), 'the reason')
        self.assertIn(f'tcp:127.0.0.1:{port}: Connection refused', self.lan.daemon.errors())
        self.assertEqual(self.entry()['refused'], 1)
        self.assert_over()

    def test_resets_are_passed_on_both_ways(self):
        listener, port = self.host_tcp()
        self.start(f'tcp:{SERVER}:7-tcp:127.0.0.1:{port}')
        flow = self.a.tcp(SERVER, 7)
        conn = self.accept(listener)
        self.assert_talk(flow, conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        conn.close()
        flow.expect_reset()
        flow = self.a.tcp(SERVER, 7)
        conn = self.accept(listener)
        self.assert_talk(flow, conn)
        flow.abort()
        with self.assertRaises(ConnectionResetError):
            conn.recv(1)
        self.assert_over()

    def test_a_server_that_does_not_read_slows_the_guest_and_loses_nothing(self):
        listener, port = self.host_tcp()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.start(f'tcp:{SERVER}:7-tcp:127.0.0.1:{port}')
        flow = self.a.tcp(SERVER, 7)
        conn = self.accept(listener)
        data = os.urandom(scale(10 << 20))
        got = []
        reader = threading.Thread(target=lambda: got.append(recv_all(conn)))
        reader.start()
        flow.send(data)
        flow.shutdown()
        reader.join()
        self.assertEqual(hashlib.sha1(got[0]).digest(), hashlib.sha1(data).digest())
        conn.close()
        flow.expect_end()
        self.assert_over()

    def test_restrict_policy_and_host_loopback_do_not_stop_it(self):
        listener, port = self.host_tcp()
        self.start(f'tcp:{SERVER}:7-tcp:127.0.0.1:{port}', user='restrict=on,host-loopback=off')
        flow = self.a.tcp(SERVER, 7)
        self.assert_talk(flow, self.accept(listener))


class Strangers(GuestfwdCase):
    """Only guests reach the server behind a rule."""

    @staticmethod
    def listening():
        """Listening sockets of this user, on any address."""
        found = set()
        for name in ('tcp', 'tcp6'):
            with open(f'/proc/net/{name}', encoding='ascii') as file:
                for line in list(file)[1:]:
                    fields = line.split()
                    if fields[3] == '0A' and int(fields[7]) == os.getuid():  # TCP_LISTEN
                        found.add((name, fields[1]))
        return found

    @with_addresses()
    def test_a_rule_opens_no_door_on_the_host(self):
        self.start(more=('--live-commands',))
        before = self.listening()
        for server in (SERVER, f'[{SERVER6}]'):
            self.lan.ask('guestfwd-add', rule=f'tcp:{server}:7-cmd:echo secret')
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 7)), b'secret\n')
        self.assertEqual(self.read_all(self.a.tcp(SERVER6, 7)), b'secret\n')
        self.assertEqual(self.listening(), before)


class Addresses(GuestfwdCase):
    def test_the_gateway_answers_for_them(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat', f'tcp:[{SERVER6}]:7-cmd:cat')
        self.assertEqual(self.a.resolve(SERVER), self.a.resolve(GATEWAY))
        self.a.ping(SERVER)
        self.a.ping(SERVER6)

    def test_nobody_else_may_use_them(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat', f'tcp:[{SERVER6}]:7-cmd:cat')

        def claim():
            self.a.send(pk.arp(1, self.a.mac, SERVER, bytes(6), SERVER))
            self.a.send(pk.neighbour_advert(self.a.mac, SERVER6, pk.BROADCAST, 'ff02::1'))
            self.a.send_ip(GATEWAY, pk.TCP, pk.tcp(SERVER, GATEWAY, 9, 9, 1, 0, pk.SYN), src=SERVER)
            self.a.send_ip('fec0::2', pk.TCP, pk.tcp(SERVER6, 'fec0::2', 9, 9, 1, 0, pk.SYN),
                           src=SERVER6)
            return self.a
        self.a.resolve('fec0::2')
        self.a.resolve(GATEWAY)
        self.assert_drops('spoofed', claim, 4)

    def test_dhcp_does_not_give_them(self):
        self.start('tcp:10.0.2.16:7-cmd:cat', user='dhcpstart=10.0.2.15,dhcpend=10.0.2.17')
        b = self.station()
        self.assertEqual((self.a.ip, b.ip), ('10.0.2.15', '10.0.2.17'))
        self.assertEqual(self.lan.ask('query-network')['gateway']['pool-size'], 2)
        self.lan.ask('guestfwd-remove', rule='tcp:10.0.2.16:7')
        self.assertEqual(self.station().ip, '10.0.2.16')

    def test_other_ports_of_theirs_lead_nowhere(self):
        listener, port = self.host_tcp('0.0.0.0')
        self.start(f'tcp:{SERVER}:7-cmd:cat')

        def knock():
            self.a.send_ip(SERVER, pk.TCP, pk.tcp(self.a.ip, SERVER, 9, port, 1, 0, pk.SYN))
            self.a.send_udp(SERVER, 7, b'knock')
            return self.a
        self.a.resolve(SERVER)
        self.assert_drops('policy', knock, 2)
        self.assert_nobody_came(listener)


class Live(GuestfwdCase):
    def add(self, rule):
        return self.lan.ask('guestfwd-add', rule=rule)

    def refused(self, rule):
        with self.assertRaises(QmpError) as caught:
            self.add(rule)
        return str(caught.exception)

    def test_a_rule_comes_and_goes_while_another_serves(self):
        listener, port = self.host_tcp()
        self.start(f'tcp:{SERVER}:7-cmd:cat')
        stays = self.a.tcp(SERVER, 7)
        added = self.add(f'tcp::8-tcp:127.0.0.1:{port}')
        self.assertEqual(added['rule'], f'tcp:{DEFAULT}:8-tcp:127.0.0.1:{port}')
        flow = self.a.tcp(DEFAULT, 8)
        conn = self.accept(listener)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(conn, 5), b'hello')
        self.lan.ask('guestfwd-remove', rule='tcp::8')
        flow.expect_reset()
        with self.assertRaises(ConnectionResetError):
            conn.recv(1)
        self.assertEqual(len(self.lan.ask('query-forwards')), 1)
        with self.assertRaises(Never):
            self.a.neighbours.pop(DEFAULT)
            self.a.resolve_later(DEFAULT)
            self.a.run_until(lambda: self.a.knows(DEFAULT), 'nobody', limit=0.3)
        stays.send(b'still there')
        self.assertEqual(stays.recv(11), b'still there')

    def test_a_rule_that_goes_ends_its_commands(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo $$ >{{dir}}/pid; exec sleep 1000')
        flow = self.a.tcp(SERVER, 7)
        pid = self.read_pid()
        self.lan.ask('guestfwd-remove', rule=f'tcp:{SERVER}:7-cmd:whatever')
        flow.expect_reset()
        until(lambda: not lives(pid), 'the end of the command')
        self.assertEqual(self.add(f'tcp:{SERVER}:7-unix:/nowhere')['connections'], 0)
        self.dialled(SERVER, 7).expect_reset()

    def test_commands_are_those_known_at_start(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo known')
        self.assertIn('--live-commands', self.refused(f'tcp:{SERVER}:8-cmd:echo other'))
        self.add(f'tcp:{SERVER}:8-cmd:echo known')
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 8)), b'known\n')

    def test_where_none_was_known_there_is_no_helper(self):
        self.start()
        self.assertEqual(helpers(self.lan.daemon.pid), [])
        self.assertIn('--live-commands', self.refused(f'tcp:{SERVER}:8-cmd:echo other'))

    def test_live_commands_allows_others(self):
        self.start(more=('--live-commands',))
        self.add(f'tcp:{SERVER}:8-cmd:echo other, with a comma')
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 8)), b'other, with a comma\n')

    def test_errors_name_the_rule_and_what_would_be_right(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat')
        head = 'Conflicting/invalid host:port in guest forwarding rule '
        for rule, reason in (
                (f'tcp:{SERVER}:7-unix:/x', "has a rule already, 'tcp:10.0.2.100:7-cmd:cat'"),
                (f'tcp:{GATEWAY}:7-unix:/x', "is the gateway's"),
                (f'tcp:{DNS}:7-unix:/x', "is the name server's"),
                ('tcp:10.0.3.1:7-unix:/x', 'is not a host\'s address in the network 10.0.2.0/24'),
                ('tcp:[fec0::2]:7-unix:/x', "is the gateway's"),
                ('tcp:[fd00::2]:7-unix:/x', "is not a host's address in the network fec0::/64"),
                (f'tcp:{self.a.ip}:7-unix:/x', 'is used by the guest')):
            self.assertTrue(self.refused(rule).count(f"{head}'{rule}': "), self.refused(rule))
            self.assertIn(reason, self.refused(rule))
        self.assertIn('Invalid guest forwarding rule', self.refused('tcp:nowhere'))
        with self.assertRaises(QmpError) as caught:
            self.lan.ask('guestfwd-remove', rule='tcp::99')
        self.assertIn('guest forwarding rule for tcp::99 not found', str(caught.exception))

    def test_the_same_server_twice_is_refused_at_start(self):
        self.network('guestfwd=tcp::7-unix:/x,guestfwd=tcp:10.0.2.4:7-cmd:cat', start=False)
        status, text = self.lan.refused()
        self.assertEqual(status, 2)
        self.assertIn("'tcp::7-unix:/x' is for the same address and port", text)

    def test_usernetctl_shows_adds_and_removes(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat')
        ctl = lambda *words: run_ctl(self.lan.folder, '--name', 'test', *words)
        done = ctl('guestfwd', 'add', 'tcp::8-unix:/x')
        self.assertEqual((done.returncode, done.stdout), (0, f'tcp:{DEFAULT}:8-unix:/x\n'))
        shown = ctl('forwards').stdout
        self.assertRegex(shown, rf'nat +{SERVER} +7 +0 +- +cat')
        self.assertRegex(shown, rf'nat +{DEFAULT} +8 +0 +/x')
        self.assertEqual(ctl('guestfwd', 'remove', 'tcp::8').returncode, 0)
        self.assertNotIn(DEFAULT, ctl('forwards').stdout)

    def test_reload_changes_rules_of_the_file(self):
        self.network(start=False)
        path = self.lan.path('net.conf')

        def write(*rules):
            with open(path, 'w', encoding='ascii') as file:
                file.write('[netdev nat]\ntype = user\nguestfwd = ' + '; '.join(rules) + '\n[netdev lan]\n'
                           'type = stream\nserver = on\naddr.type = unix\naddr.path = '
                           f'{self.lan.path("lan.sock")}\n')
        write('tcp::7-cmd:echo one', 'tcp::8-cmd:echo two')
        self.lan.options = ['--config', path]
        self.lan.start()
        self.a = self.station()
        self.assertEqual(self.read_all(self.a.tcp(DEFAULT, 8)), b'two\n')
        write('tcp::7-cmd:echo one', 'tcp::9-cmd:echo two', 'tcp::10-cmd:echo three')
        done = self.lan.ask('reload')
        self.assertEqual([each['action'] for each in done['applied']],
                         ['guestfwd tcp:10.0.2.4:8-cmd:echo two removed',
                          'guestfwd tcp:10.0.2.4:9-cmd:echo two added'])
        self.assertIn('--live-commands', done['failed'][0]['error'])
        self.assertEqual(self.read_all(self.a.tcp(DEFAULT, 9)), b'two\n')
        self.assertEqual(self.read_all(self.a.tcp(DEFAULT, 7)), b'one\n')
