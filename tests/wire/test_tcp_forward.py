# SPDX-License-Identifier: BSD-3-Clause
"""TCP and unix forwards: clients that wait, and the client address that the guest sees."""
import os
import socket
import stat

from lib.case import GATEWAY, GATEWAY6, recv_exactly
from lib.forward import GUEST6, WEB, TcpForwardCase, reset
from lib.namespace import with_addresses
from lib.qmp import QmpError
from lib.wait import LIMIT, until

GROUP = 256  # forward/backlog.h BACKLOG_GROUP
WAIT = 10    # forward/backlog.h BACKLOG_WAIT, seconds


class Names(TcpForwardCase):
    def test_a_rule_by_name_is_bound_before_its_guest_and_leads_there(self):
        self.network('hostfwd=tcp:127.0.0.1:0-web:22', '--guest',
                     'web,mac=52:54:00:12:34:02,ip=10.0.2.77')
        conn = self.dial(*self.forward())
        other = self.station()
        web = self.station(lease=False, mac=WEB)
        web.listen(22)
        web.dhcp()
        self.assertEqual(web.ip, '10.0.2.77')
        self.assert_talk(conn, web.accept(22))
        self.assertEqual(other.accepted, [])

    def test_a_named_guest_without_an_address_has_one_from_the_pool_at_once(self):
        self.network('hostfwd=tcp:127.0.0.1:0-web:22', '--guest', 'web,mac=52:54:00:12:34:02')
        entry = self.lan.ask('query-forwards')[0]
        other = self.station()
        web = self.station(mac=WEB)
        self.assertEqual(web.ip, entry['guest-address'])
        self.assertNotEqual(other.ip, web.ip)
        self.assert_talk(*self.through(web, self.forward()))

    def test_a_name_that_nobody_has_configured_is_whoever_goes_by_it(self):
        self.network('hostfwd=tcp:127.0.0.1:0-db:22')
        conn = self.dial(*self.forward())
        other = self.station()
        db = self.station(lease=False)
        db.listen(22)
        db.dhcp(options=b'\x0c\x02db')
        self.assert_talk(conn, db.accept(22))
        self.assertEqual(other.accepted, [])

    def test_a_rule_by_name_follows_the_guest_to_another_address(self):
        self.network('hostfwd=tcp:127.0.0.1:0-web:22', '--guest', 'web,ip=10.0.2.77')
        qmp = self.keep(self.lan.daemon.qmp())
        where = self.forward()
        old = self.station(lease=False)
        old.configure('10.0.2.55')
        old.ping(GATEWAY)
        qmp.run('guest-remove', name='web')
        waiting = self.dial(*where)
        qmp.run('guest-add', name='web', mac='52:54:00:12:34:02', ip='10.0.2.78')
        web = self.station(lease=False, mac=WEB)
        web.listen(22)
        web.dhcp()
        self.assertEqual(web.ip, '10.0.2.78')
        self.assert_talk(waiting, web.accept(22))
        self.assertEqual(self.lan.ask('query-forwards')[0]['guest-address'], '10.0.2.78')
        self.assertEqual(self.forward(), where)
        self.assert_talk(*self.through(web, where))

    def test_a_guest_with_an_address_by_hand_that_never_spoke_is_asked_for(self):
        self.network('hostfwd=tcp:127.0.0.1:0-10.0.2.44:22')
        station = self.station(lease=False)
        station.configure('10.0.2.44')
        self.assert_talk(*self.through(station, self.forward()))


class Waiting(TcpForwardCase):
    def test_who_has_waited_for_too_long_is_reset(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        before = self.descriptors()
        conns = [self.dial(*self.forward()) for _ in range(3)]
        for conn in conns:
            conn.settimeout(WAIT + LIMIT)
            self.assert_reset(conn)
        until(lambda: self.descriptors() == before, 'the descriptors')
        station = self.station()
        self.assert_talk(*self.through(station, self.forward()))
        self.assertEqual(len(station.flows), 1)

    def test_no_more_wait_than_may(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        where = self.forward()
        conns = [self.dial(*where) for _ in range(GROUP)]
        self.assert_reset(self.keep(socket.create_connection(where)))
        station = self.station(lease=False)
        station.listen(22)
        station.dhcp()
        for _ in conns:
            station.accept(22)

    def test_who_gives_up_does_not_trouble_the_guest(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        gone, stays = self.dial(*self.forward()), self.dial(*self.forward())
        reset(gone)
        station = self.station(lease=False)
        station.listen(22)
        station.dhcp()
        self.assert_talk(stays, station.accept(22))
        self.assertEqual(len(station.flows), 1)

    def test_a_rule_that_goes_refuses_who_waits_and_leaves_who_is_there(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-10.0.2.99:22')
        station = self.station()
        here, away = self.forwards()
        conn, flow = self.through(station, here)
        waiting = self.dial(*away)
        for host, port in (here, away):
            self.lan.ask('hostfwd-remove', rule=f'tcp:{host}:{port}')
        self.assert_reset(waiting)
        self.assert_refused(here)
        self.assert_talk(conn, flow)


class Forms(TcpForwardCase):
    def test_a_range_leads_port_by_port(self):
        first = self.free_ports(4)
        self.network(f'hostfwd=tcp:127.0.0.1:{first}..{first + 3}-:8000')
        station = self.station()
        for i in (3, 0, 2, 1):
            self.assert_talk(*self.through(station, ('127.0.0.1', first + i), 8000 + i))

    def test_a_range_is_bound_whole_or_not_at_all(self):
        first = self.free_ports(4)
        self.network()
        taken = self.keep(self.host_listener(first + 2))
        with self.assertRaises(QmpError) as caught:
            self.lan.ask('hostfwd-add', rule=f'tcp:127.0.0.1:{first}..{first + 3}-:8000')
        self.assertIn(f'127.0.0.1:{first + 2} is in use by pid {os.getpid()}',
                      caught.exception.desc)
        self.assertEqual(self.forwards(), [])
        self.host_listener(first).close()
        taken.close()
        self.lan.ask('hostfwd-add', rule=f'tcp:127.0.0.1:{first}..{first + 3}-:8000')

    def test_both_families_of_localhost(self):
        self.network('hostfwd=tcp:localhost:0-:22')
        station, (_, port) = self.station(), self.forward()
        self.assert_talk(*self.through(station, ('127.0.0.1', port)))
        self.assert_talk(*self.through(station, ('::1', port)))

    def test_from_ipv6_to_an_ipv4_guest(self):
        self.network('hostfwd=tcp:[::1]:0-10.0.2.15:22')
        conn, flow = self.through(self.station(), self.forward())
        self.assertEqual(flow.peer, GATEWAY)
        self.assert_talk(conn, flow)

    def test_from_ipv4_to_an_ipv6_guest(self):
        self.network(f'hostfwd=tcp:127.0.0.1:0-[{GUEST6}]:22')
        conn, flow = self.through(self.station6(), self.forward())
        self.assertEqual(flow.peer, GATEWAY6)
        self.assert_talk(conn, flow)

    def test_hostfwd_addr_is_the_address_of_rules_that_name_none(self):
        self.network('hostfwd-addr=127.0.0.1,hostfwd=tcp::0-:22')
        self.assertEqual(self.forward()[0], '127.0.0.1')

    def test_several_rules_stand_in_one_key_of_the_configuration_file(self):
        first = self.free_ports(2)
        path = f'/tmp/usernet-rules-{os.getpid()}.conf'
        with open(path, 'w', encoding='ascii') as file:
            file.write('[netdev nat]\ntype = user\n'
                       f'hostfwd = tcp:127.0.0.1:{first}-:22; tcp:127.0.0.1:{first + 1}-:23\n'
                       '[netdev lan]\ntype = stream\nserver = on\naddr.type = unix\n'
                       'addr.path = lan.sock\n')
        self.addCleanup(os.unlink, path)
        from lib.network import Network  # pylint: disable=import-outside-toplevel
        self.lan = self.keep(Network('--config', path))
        station = self.station()
        self.assert_talk(*self.through(station, ('127.0.0.1', first), 22))
        self.assert_talk(*self.through(station, ('127.0.0.1', first + 1), 23))

    def test_a_guest_of_a_family_that_is_off_is_refused(self):
        self.network('ipv6=off')
        with self.assertRaises(QmpError) as caught:
            self.lan.ask('hostfwd-add', rule=f'tcp:127.0.0.1:0-[{GUEST6}]:22')
        self.assertIn('IPv6, which is disabled', caught.exception.desc)


class Unix(TcpForwardCase):
    def setUp(self):
        self.network()
        self.path = self.lan.path('ssh.sock')
        self.rule = f'unix:{self.path}-:22'

    def add(self):
        self.lan.ask('hostfwd-add', rule=f'unix:[{self.path}]-:22')

    def test_a_socket_leads_to_the_guest_which_sees_the_gateway(self):
        self.add()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        station = self.station()
        station.listen(22)
        conn = self.dial_unix(self.path)
        flow = station.accept(22)
        self.assertEqual(flow.peer, GATEWAY)
        self.assert_talk(conn, flow)
        conn.shutdown(socket.SHUT_WR)
        flow.expect_end()
        flow.send(b'answer')
        flow.shutdown()
        self.assertEqual(recv_exactly(conn, 6), b'answer')
        self.assertEqual(conn.recv(1), b'')

    def test_the_socket_goes_with_its_rule_and_with_the_network(self):
        self.add()
        self.lan.ask('hostfwd-remove', rule=f'unix:{self.path}')
        self.assertFalse(os.path.exists(self.path))
        self.add()
        self.lan.stop()
        self.assertFalse(os.path.exists(self.path))

    def test_a_stale_socket_is_replaced_and_a_live_one_is_not(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(self.path)
        self.add()
        with self.assertRaises(QmpError):
            self.add()
        station = self.station()
        station.listen(22)
        conn = self.dial_unix(self.path)
        self.assert_talk(conn, station.accept(22))
        self.lan.ask('hostfwd-remove', rule=f'unix:{self.path}')
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(self.path)
            sock.listen()
            with self.assertRaises(QmpError) as caught:
                self.add()
            self.assertIn('in use by another process', caught.exception.desc)


class WhomTheGuestSees(TcpForwardCase):
    def sees(self, station, where, source):
        conn, flow = self.through(station, where, source=source)
        self.assert_talk(conn, flow)
        return (flow.peer, flow.peer_port), conn.getsockname()[:2]

    @with_addresses('192.0.2.7', '10.0.2.200')
    def test_the_clients_own_address_and_port(self):
        self.network('hostfwd=tcp:0.0.0.0:0-:22')
        station, (_, port) = self.station(), self.forward()
        seen, real = self.sees(station, ('192.0.2.7', port), '192.0.2.7')
        self.assertEqual(seen, real)

    @with_addresses('2001:db8::7')
    def test_the_clients_own_ipv6_address_and_port(self):
        self.network(f'hostfwd=tcp:[::]:0-[{GUEST6}]:22')
        station, (_, port) = self.station6(), self.forward()
        seen, real = self.sees(station, ('2001:db8::7', port), '2001:db8::7')
        self.assertEqual(seen, real)

    @with_addresses('192.0.2.7', '10.0.2.200')
    def test_the_gateway_for_who_could_not_be_answered(self):
        self.network('hostfwd=tcp:0.0.0.0:0-:22')
        station, (_, port) = self.station(), self.forward()
        for source in ('127.0.0.1', '10.0.2.200'):
            seen, _ = self.sees(station, (source, port), source)
            self.assertEqual(seen[0], GATEWAY)

    @with_addresses('192.0.2.7')
    def test_the_gateway_where_the_guest_has_a_connection_of_that_name_already(self):
        """The client, also a server for the guest, connects in between."""
        self.network('hostfwd=tcp:0.0.0.0:0-:22')
        station, (_, port) = self.station(), self.forward()
        listener, server_port = self.host_tcp('192.0.2.7')
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own = station.tcp('192.0.2.7', server_port, sport=22)
        served = self.accept(listener)
        listener.close()
        station.listen(22)
        client = self.keep(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(('192.0.2.7', server_port))
        client.settimeout(10)
        client.connect(('192.0.2.7', port))
        flow = station.accept(22)
        self.assertEqual(flow.peer, GATEWAY)
        self.assert_talk(client, flow)
        self.assert_talk(served, own)

    @with_addresses('192.0.2.7')
    def test_masquerade_shows_the_gateway(self):
        self.network('hostfwd=tcp:0.0.0.0:0-:22+masquerade=on')
        station, (_, port) = self.station(), self.forward()
        seen, _ = self.sees(station, ('192.0.2.7', port), '192.0.2.7')
        self.assertEqual(seen[0], GATEWAY)

    @with_addresses('192.0.2.7', '192.0.2.8')
    def test_one_port_of_a_client_by_two_rules_is_two_connections(self):
        self.network('hostfwd=tcp:192.0.2.7:0-:22,hostfwd=tcp:192.0.2.8:0-:22')
        station = self.station()
        station.listen(22)
        flows, conns = [], []
        for where in self.forwards():
            sock = self.keep(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(('192.0.2.7', 45678))
            sock.connect(where)
            sock.settimeout(LIMIT)
            conns.append(sock)
            flows.append(station.accept(22))
        self.assertEqual((flows[0].peer, flows[0].peer_port), ('192.0.2.7', 45678))
        self.assertEqual(flows[1].peer, GATEWAY)
        for conn, flow in zip(conns, flows):
            self.assert_talk(conn, flow)

    @with_addresses('192.0.2.7')
    def test_with_restrict_on_and_the_offload_off_too(self):
        for more in ('restrict=on', 'offload=off'):
            self.network(f'{more},hostfwd=tcp:0.0.0.0:0-:22')
            station, (_, port) = self.station(), self.forward()
            seen, real = self.sees(station, ('192.0.2.7', port), '192.0.2.7')
            self.assertEqual(seen, real)
            self.lan.stop()


class OtherListeners(TcpForwardCase):
    @with_addresses()
    def test_no_other_listener_leads_to_the_guest(self):
        """The daemon has no other listener that leads to the guest."""
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        station, where = self.station(), self.forward()
        conn, flow = self.through(station, where)
        with open('/proc/net/tcp', encoding='ascii') as table:
            rows = [line.split() for line in table][1:]
        ports = {int(row[1].rpartition(':')[2], 16) for row in rows if row[3] == '0A'}
        self.assertIn(where[1], ports)
        for port in ports - {where[1]}:  # the name server's
            with socket.create_connection(('127.0.0.1', port), LIMIT):
                station.ping(GATEWAY)
        self.assertEqual(len(station.flows), 1)
        self.assert_talk(conn, flow)
