# SPDX-License-Identifier: BSD-3-Clause
"""Rules by name: a world whose servers answer on every address, and a name server for it."""
import functools
import itertools
import shutil
import struct
import subprocess
import sys
import time

from . import dns, packet as pk
from .case import DNS, GatewayCase
from .daemon import run_ctl
from .namespace import with_addresses
from .world import FAR, FAR6, World, keep_capabilities  # noqa: F401

# More addresses of the far server; the last ones are no business of a guest's.
FAR_2, FAR_3 = '203.0.113.2', '203.0.113.3'
FAR6_2 = '2001:db8:3::2'
PRIVATE, METADATA, PRIVATE6, METADATA6 = '10.9.9.9', '169.254.169.254', 'fd00:9::9', 'fd00:ec2::254'
WEB, TLS, OTHER = 80, 443, 4444

# The one of the running test may be in a folder that only root may enter.
PYTHON = shutil.which('python3', path='/usr/bin:/bin') or sys.executable

# Echoes on every address of the router: TCP and UDP.
SERVER = '''
import os, selectors, socket, sys
sel = selectors.DefaultSelector()
for family, host in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
    for port in map(int, sys.argv[1:]):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(family, kind)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            elif kind == socket.SOCK_DGRAM:
                s.setsockopt(socket.IPPROTO_IP, 8, 1)
            s.bind((host, port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            sel.register(s, selectors.EVENT_READ, kind)
os.write(1, b'r')
while True:
    for key, _ in sel.select():
        s = key.fileobj
        if key.data == socket.SOCK_DGRAM:
            # Answer from the address that was asked.
            data, control, _, peer = s.recvmsg(65536, 256)
            s.sendmsg([b'udp ' + data], [(l, t, d) for l, t, d in control if t == 8], 0, peer)
        elif key.data == socket.SOCK_STREAM:
            sel.register(s.accept()[0], selectors.EVENT_READ, 'conn')
        else:
            try:
                data = s.recv(65536)
            except OSError:
                data = b''
            if data:
                s.sendall(data)
            else:
                sel.unregister(s)
                s.close()
'''


def hints(v4=(), v6=(), target='', priority=1):
    """The data of an HTTPS record with address hints (RFC 9460)."""
    data = struct.pack('>H', priority) + dns.name(target)
    if v4:
        data += struct.pack('>HH', 4, 4 * len(v4)) + b''.join(map(dns.address, v4))
    if v6:
        data += struct.pack('>HH', 6, 16 * len(v6)) + b''.join(map(dns.address, v6))
    return data


HTTPS = 65


def in_a_far_world(method):
    """As in_a_world (world.py), with servers beyond the router."""
    @functools.wraps(method)
    def run(self):
        self.world = self.keep(World())
        self.servers()
        method(self)
    return with_addresses()(run)


class NamesCase(GatewayCase):
    """Tests run in_a_far_world."""

    def servers(self, *ports):
        """Starts the far server on these ports, with all its addresses."""
        addresses = ['echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start']
        addresses += [f'ip addr add {a}/32 dev lo' for a in (FAR_2, FAR_3, PRIVATE, METADATA)]
        addresses += [f'ip addr add {a}/128 dev lo nodad' for a in (FAR6_2, PRIVATE6, METADATA6)]
        enter = ['nsenter', '-n', '-t', str(self.world.router.pid)]
        subprocess.run([*enter, 'sh', '-e', '-c', '\n'.join(addresses)], check=True,
                       preexec_fn=keep_capabilities, stdout=subprocess.DEVNULL)
        child = subprocess.Popen(
            [*enter, PYTHON, '-c', SERVER, *map(str, ports or (WEB, TLS, OTHER, 53, 853))],
            preexec_fn=keep_capabilities, stdout=subprocess.PIPE)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.addCleanup(child.stdout.close)
        self.assertEqual(child.stdout.read(1), b'r')

    def names(self, zone):
        """zone: name -> list of (kind, value) or of records; what it has not, does not exist."""
        self.zone = zone

        def handle(message, ask):
            records = self.zone.get(ask.name)
            if callable(records):
                records = records(ask)
            if records is None:
                return dns.answer(message, rcode=dns.NXDOMAIN)
            found = []
            for owner, kind, data, *ttl in self.expand(ask.name, records):
                if kind in (ask.kind, dns.CNAME):
                    found.append(dns.record(owner, kind, data, ttl=ttl[0] if ttl else 60))
            return dns.answer(message, *found)
        self.upstream = self.keep(dns.Server(handle))
        return f'dns-server=127.0.0.1#{self.upstream.port}'

    def expand(self, name, records, ttl=60):
        for record in records:
            if not isinstance(record, str):
                yield record
            elif record.startswith('->'):
                yield name, dns.CNAME, dns.name(record[2:]), ttl
                yield from self.expand(record[2:], self.zone.get(record[2:], ()))
            else:
                yield name, dns.AAAA if ':' in record else dns.A, dns.address(record), ttl

    def start(self, options, *more, zone=None, mac=None):
        server = self.names(zone or {})
        self.network(','.join([server, *options.split(',')]) if options else server, *more)
        self.a = self.join(mac)
        self.qmp = self.keep(self.lan.daemon.qmp())

    def join(self, mac=None):
        station = self.station(mac=mac)
        if not station.router:
            station.router = '10.0.2.2'
        station.autoconfigure()
        return station

    def lookup(self, name, kind=dns.A, station=None, server=DNS, **more):
        """The answer's rcode and values."""
        station = station or self.a
        message = dns.query(next(_idents) & 0xffff, name, kind, **more)
        parsed = dns.parse(station.udp_exchange(server, 53, message))
        return parsed.rcode, [v for _, k, _, v in parsed.answers if k == kind]

    def asked(self):
        """The names that left the host."""
        return sorted({name for name, _ in self.upstream.seen})

    def talk(self, dst, port, station=None):
        """A connection that passes."""
        flow = (station or self.a).tcp(dst, port)
        flow.send(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        return flow

    def assert_open(self, dst, port, station=None):
        self.talk(dst, port, station).close()

    def assert_refused(self, dst, port, station=None):
        """A connection is refused at once."""
        began = time.monotonic()
        with self.assertRaises(ConnectionRefusedError, msg=f'{dst}:{port}'):
            (station or self.a).tcp(dst, port)
        self.assertLess(time.monotonic() - began, 2)

    def assert_udp_refused(self, dst, port, station=None):
        station = station or self.a
        station.send_udp(dst, port, b'knock')
        station.expect(lambda p: (p.icmp and (p.icmp.kind, p.icmp.code) == (3, 13)) or
                       (p.icmp6 and p.icmp6.kind == 1 and p.icmp6.code == 1),
                       f'{dst} to be prohibited')

    def ctl(self, *arguments, status=0):
        result = run_ctl(self.lan.folder, '--name', self.lan.name, *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout.strip() if status == 0 else result.stderr.strip()


_idents = itertools.count(1)
