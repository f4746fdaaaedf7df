# SPDX-License-Identifier: BSD-3-Clause
"""The name server is the guests' alone: another user of the host finds no door to it, and a guest
that does not take its answers holds little."""
import os
import re
import socket
import struct
import time

from lib import dns
from lib import packet as pk
from lib.case import DNS, GatewayCase, scale
from lib.hostile import megabytes
from lib.stranger import ask_stranger
from lib.wait import until

LISTENS = '0A'                  # include/net/tcp_states.h, TCP_LISTEN
PER_PORT = 16                   # base/limit.c LIMIT_DNS_TCP
UNREAD = 256 * 1024             # dns/tcp.h DNS_TCP_UNREAD
QUERIES = 16                    # on each connection; their answers are longer than UNREAD
NOBODY = '0' * 8 + ':0000', '0' * 32 + ':0000'


def framed(message):
    return struct.pack('>H', len(message)) + message


class Strangers(GatewayCase):
    def sockets(self, table):
        """The rows of /proc/net/TABLE that are the daemon's. It must run without a sandbox."""
        inodes = set()
        for fd in os.listdir(f'/proc/{self.lan.daemon.pid}/fd'):
            try:
                name = os.readlink(f'/proc/{self.lan.daemon.pid}/fd/{fd}')
            except FileNotFoundError:
                continue
            if match := re.fullmatch(r'socket:\[(\d+)\]', name):
                inodes.add(match.group(1))
        with open(f'/proc/net/{table}', encoding='ascii') as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return [row for row in rows if row[6 if table == 'unix' else 9] in inodes]

    def test_another_user_finds_no_door_to_guests_names(self):
        silent = self.keep(dns.Server(lambda query, ask: None))
        self.network(f'dns-server=127.0.0.1#{silent.port}', '--sandbox', 'off')
        guest = self.station()
        self.assertEqual(dns.parse(guest.udp_exchange(DNS, 53, dns.query(1, 'gateway'))).rcode, 0)
        flow = guest.tcp(DNS, 53)
        flow.send(framed(dns.query(2, 'www.example.org')))
        until(lambda: silent.seen, 'a lookup under way')

        for table in ('tcp', 'tcp6'):
            self.assertEqual([row for row in self.sockets(table) if row[3] == LISTENS], [])
        asking = self.sockets('udp') + self.sockets('udp6')
        self.assertTrue(asking)
        for row in asking:
            # Connected to its server: the kernel drops what others send.
            self.assertNotIn(row[2], NOBODY)
            port = int(row[1].split(':')[1], 16)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.settimeout(0.3)
                stranger.sendto(dns.query(3, 'gateway'), ('127.0.0.1', port))
                with self.assertRaises((TimeoutError, ConnectionRefusedError)):
                    stranger.connect(('127.0.0.1', port))
                    stranger.send(dns.query(3, 'gateway'))
                    stranger.recv(512)
        named = {row[7] for row in self.sockets('unix') if len(row) > 7}
        self.assertEqual({os.path.basename(path) for path in named}, {'lan.sock', 'qmp.sock'})
        for path in named:
            answer = ask_stranger(path)
            if answer is not None:
                self.assertIsInstance(answer, int)
        counters = self.lan.ask('query-dns')['counters']
        self.assertEqual((counters['queries-udp'], counters['queries-tcp']), (1, 1))


class Unread(GatewayCase):
    def test_answers_that_a_guest_does_not_take_are_bounded(self):
        text = [dns.text(*[b'x' * 250] * 4)] * 55  # 55 KB

        def handle(query, ask):
            if ask.name.startswith('small'):
                return dns.answer(query, dns.record(ask.name, dns.A, dns.address('192.0.2.1')))
            if ask.client:
                return dns.answer(query, flags=dns.TC)
            return dns.answer(query, *(dns.record(ask.name, dns.TXT, each) for each in text))
        server = self.keep(dns.Server(handle))
        self.network(f'dns-server=127.0.0.1#{server.port}')
        evil, good = self.station(), self.station()
        idle, most, bytes_most = self.lan.memory(), 0, 0
        for n in range(2 * PER_PORT):
            flow = evil.tcp(DNS, 53)
            block = b''.join(framed(dns.query(i + 1, f'x{n}-{i}.example.org', dns.TXT))
                             for i in range(QUERIES))
            flow.segment(pk.ACK | pk.PSH, block, window=0)
            time.sleep(0.02)
            counters = self.lan.ask('query-dns')['counters']
            bytes_most = max(bytes_most, counters['tcp-bytes'])
            most = max(most, self.lan.memory() - idle)

        def told():
            nonlocal bytes_most
            counters = self.lan.ask('query-dns')['counters']
            bytes_most = max(bytes_most, counters['tcp-bytes'])
            return counters['outstanding'] == 0
        until(told, 'all answers')
        most = max(most, self.lan.memory() - idle)
        counters = self.lan.ask('query-dns')['counters']
        print(f"{most / (1 << 20):.1f} MB more, {bytes_most} bytes not taken at most, "
              f"{counters['tcp-displaced']} connections closed")
        self.assertLessEqual(bytes_most, PER_PORT * UNREAD)
        self.assertGreater(counters['tcp-displaced'], PER_PORT)
        if scale(2) == 2:  # valgrind takes memory of its own
            self.assertLess(most, megabytes(24))
        answer = dns.parse(good.udp_exchange(DNS, 53, dns.query(9, 'small.example.org')))
        self.assertEqual(answer.values, ['192.0.2.1'])
