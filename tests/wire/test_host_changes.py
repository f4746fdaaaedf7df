# SPDX-License-Identifier: BSD-3-Clause
"""The host's network changes under guests: what is dead ends, what is new works, soon."""
import socket
import time

from lib import dns
from lib.case import DNS, GATEWAY, GatewayCase
from lib.qmp import QmpError
from lib.wait import LIMIT, until
from lib.world import FAR, FAR6, in_a_world

SOON = 2  # seconds, as promised


def answer_all(asked, query):
    return dns.answer(asked, dns.record(query.name, dns.A, dns.address('192.0.2.9')))


class HostChanges(GatewayCase):
    def open(self, peer):
        """A connection of the guest there, used once; both ends."""
        listener = self.keep(self.world.router.listen(peer, 8000))
        flow = self.a.connect(peer, 8000)
        server = self.accept(listener)
        self.exchange(flow, server)
        return flow, server, listener

    def exchange(self, flow, server):
        flow.send(b'there')
        self.assertEqual(server.recv(16), b'there')
        server.sendall(b'back')
        self.assertEqual(flow.recv(4), b'back')

    def look_up(self, name):
        reply = self.a.udp_exchange(DNS, 53, dns.query(7, name))
        self.assertEqual(dns.parse(reply).answers[0][3], '192.0.2.9')

    def closed(self):
        return [event['data']['closed'] for event in self.qmp.events
                if event['event'] == 'HOST_NETWORK_CHANGED']

    @in_a_world
    def test_flows_of_an_address_that_goes_are_reset_and_all_else_goes_on(self):
        with self.world.router.inside():
            self.keep(dns.Server(answer_all, FAR, 5353))
        local, port = self.host_tcp()
        self.network(f'dns-server={FAR}#5353')
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.a = self.station()
        self.a.autoconfigure()
        stays = self.a.connect(GATEWAY, port)
        stays_at = self.accept(local)
        old, _, listener = self.open(FAR)
        old6, _, _ = self.open(FAR6)
        udp = self.a.send_udp(FAR, 9, b'a mapping')
        self.look_up('one.example.com')
        self.world.move(2, 3)
        began = time.monotonic()
        old.expect_reset()
        old6.expect_reset()
        self.look_up('two.example.com')
        new = self.a.connect(FAR, 8000)
        server = self.accept(listener)
        self.exchange(new, server)
        took = time.monotonic() - began
        self.assertEqual(server.getpeername()[0], '198.51.100.3')
        self.assertLess(took, SOON)
        self.exchange(stays, stays_at)
        # The mapping of a UDP port outlives the change.
        with self.world.router.inside():
            echo = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            echo.bind((FAR, 5000))
        echo.settimeout(LIMIT)
        self.a.send_udp(FAR, 5000, b'again', sport=udp)
        self.assertEqual(echo.recvfrom(16)[0], b'again')
        self.qmp.run('query-status')
        self.assertEqual(sum(self.closed()), 2)
        print(f'all works {took * 1000:.0f} ms after the change')

    @in_a_world
    def test_forward_works_again_when_its_address_returns(self):
        with socket.create_server(('198.51.100.2', 0)) as free:
            port = free.getsockname()[1]
        self.network(f'hostfwd=tcp:198.51.100.2:{port}-:80')
        self.a = self.station()
        self.a.listen(80)

        def client():
            with self.world.router.inside():
                return self.keep(socket.create_connection(('198.51.100.2', port), timeout=LIMIT))
        old = client()
        flow = self.a.accept(80)
        self.exchange(flow, old)
        self.world.move(2, 3)
        flow.expect_reset()
        self.world.move(3, 2)
        new = client()
        self.exchange(self.a.accept(80), new)

    def outsider(self, host, port):
        """A UDP socket of the router's, which answers come to from there only."""
        with self.world.router.inside():
            client = self.keep(socket.socket(
                socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM))
        client.settimeout(LIMIT)
        client.connect((host, port))
        return client

    def exchange_udp(self, client, text):
        client.send(text)
        p = self.a.expect(lambda p: p.udp and p.udp.payload == text)
        self.a.send_udp(p.net.src, p.udp.sport, text, sport=p.udp.dport)
        self.assertEqual(client.recv(16), text)

    @in_a_world
    def test_udp_forward_works_again_when_its_address_returns(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(('198.51.100.2', 0))
            port = free.getsockname()[1]
        self.network(f'hostfwd=udp:198.51.100.2:{port}-:5000')
        self.a = self.station()
        self.a.autoconfigure()
        self.exchange_udp(self.outsider('198.51.100.2', port), b'before')
        self.world.move(2, 3)
        self.a.ping(GATEWAY)
        self.world.move(3, 2)
        self.exchange_udp(self.outsider('198.51.100.2', port), b'after')

    @in_a_world
    def test_forwards_at_an_address_that_comes_later_work_then(self):
        here = [('198.51.100.3', 8080), ('2001:db8:1::3', 8081)]
        self.network(','.join(
            f'hostfwd={proto}:{"[" + host + "]" if ":" in host else host}:{port}-:{port}'
            for host, port in here for proto in ('tcp', 'udp')))
        self.a = self.station()
        self.a.autoconfigure()
        for _, port in here:
            self.a.listen(port)
        self.assertIn('UDP address 198.51.100.3:8080 is not on this host now',
                      self.lan.daemon.errors())
        self.world.move(2, 3)
        for host, port in here:
            with self.world.router.inside():
                new = self.keep(socket.create_connection((host, port), timeout=LIMIT))
            self.exchange(self.a.accept(port), new)
            self.exchange_udp(self.outsider(host, port), b'datagram')

    @in_a_world
    def test_forward_added_at_an_address_that_is_not_here_is_refused(self):
        self.network()
        with self.assertRaisesRegex(QmpError, 'not on this host'):
            self.lan.ask('hostfwd-add', rule='udp:198.51.100.3:8080-:80')

    @in_a_world
    def test_links_of_others_change_nothing(self):
        self.network()
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.a = self.station()
        flow, server, _ = self.open(FAR)
        self.world.add_link()
        until(lambda: self.qmp.run('query-status') and self.closed(), 'an event')
        self.assertEqual(set(self.closed()), {0})
        self.exchange(flow, server)
