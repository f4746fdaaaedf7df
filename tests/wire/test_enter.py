# SPDX-License-Identifier: BSD-3-Clause
"""usernetctl enter: programs of this machine on the network, over a tap in their own namespace."""
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

from lib import packet as pk
from lib.case import GATEWAY
from lib.daemon import Daemon, Folder, program
from lib.guest import StreamGuest
from lib.station import Station
from lib.wait import until

SERVE = """
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'x' * 100000
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Handler)
print('ready', flush=True)
server.serve_forever()
"""

FETCH = """
import socket, sys, threading, urllib.request
results = []
def fetch():
    results.append(len(urllib.request.urlopen(sys.argv[1], timeout=30).read()))
threads = [threading.Thread(target=fetch) for _ in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results.count(100000))
"""

# Sends argv[3] MB to the host, then reads the same from it; prints the digest of what it read.
BULK = """
import hashlib, socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
block = bytes(range(256)) * 4096
for _ in range(int(sys.argv[3])): sock.sendall(block)
sock.shutdown(socket.SHUT_WR)
digest = hashlib.sha1()
while data := sock.recv(1 << 20): digest.update(data)
print(digest.hexdigest())
"""
# When the file argv[1] is there, each of many sockets sends to the gateway.
MANY = """
import os, socket, sys, time
socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(600)]
for sock in socks:
    sock.connect(('10.0.2.2', 9))
    sock.setblocking(False)
socks[0].send(b'x')
time.sleep(0.2)
print('ready', flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
for sock in socks[1:]: sock.send(b'x')
print('sent', flush=True)
time.sleep(1000)
"""
MEGABYTES = 20


def bulk_digest():
    return hashlib.sha1(bytes(range(256)) * 4096 * MEGABYTES).hexdigest()


def has_tun():
    return os.access('/dev/net/tun', os.R_OK | os.W_OK)


@unittest.skipUnless(has_tun(), '/dev/net/tun may not be opened')
class EnterCase(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def network(self, *options):
        daemon = Daemon(self.folder, *(options or ('--netdev', 'user,id=nat')))
        self.addCleanup(daemon.stop)
        return daemon

    def start(self, *arguments, **options):
        child = subprocess.Popen(
            [program('USERNETCTL'), 'enter', *arguments], env=self.folder.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def enter(self, *arguments, **options):
        child = self.start(*arguments, **options)
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err

    def output(self, *arguments):
        status, out, err = self.enter(*arguments)
        self.assertEqual((status, err), (0, ''), out)
        return out

    def taps(self, daemon):
        return [netdev['id'] for netdev in daemon.qmp().run('query-netdevs')
                if netdev['type'] == 'tap']

    def assert_nothing_left(self, daemon, space):
        """No tap, and no process in the network namespace @space."""
        until(lambda: not self.taps(daemon), 'the tap is removed')
        until(lambda: space not in spaces(), f'{space} ends')


def spaces():
    found = set()
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            found.add(os.readlink(f'/proc/{pid}/ns/net'))
        except OSError:
            pass
    return found


class Command(EnterCase):
    def test_command_has_address_names_and_routes(self):
        self.network('--netdev', 'user,id=nat,route=192.0.2.0/24;10.0.2.9')
        text = self.output('--', 'cat', '/etc/resolv.conf', '/proc/net/route',
                           '/proc/net/if_inet6')
        self.assertIn('nameserver 10.0.2.3', text)
        self.assertIn('search usernet.internal', text)
        self.assertRegex(text, r'tap0\s+00000000\s+0202000A')
        self.assertRegex(text, r'tap0\s+000200C0\s+0902000A')
        self.assertRegex(text, r'(?m)^fec0\w+ \w+ 40 40 \w+\s+tap0$')

    def test_exit_status_is_the_commands(self):
        self.network()
        self.assertEqual(self.enter('--', 'sh', '-c', 'exit 7')[0], 7)
        self.assertEqual(self.enter('--', 'sh', '-c', 'kill -9 $$')[0], 128 + 9)
        status, _, err = self.enter('--', '/nonexistent/program')
        self.assertEqual(status, 127)
        self.assertIn('/nonexistent/program', err)

    def test_user_stays_and_may_open_raw_sockets(self):
        self.network()
        code = ('import os, socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); '
                'print(os.getuid())')
        self.assertEqual(self.output('--', sys.executable, '-c', code), f'{os.getuid()}\n')
        self.assertEqual(self.output('--root', '--', 'id', '-u'), '0\n')

    def test_nothing_is_left_when_the_command_ends(self):
        daemon = self.network()
        out = self.output('--', 'sh', '-c',
                          'readlink /proc/self/ns/net; sleep 1000 >/dev/null 2>&1 &')
        self.assert_nothing_left(daemon, out.strip())
        states = [lease['state'] for lease in daemon.qmp().run('query-leases')]
        self.assertNotIn('bound', states)

    def end_by(self, signo):
        daemon = self.network()
        child = self.start('--', 'sh', '-c', 'readlink /proc/self/ns/net; exec sleep 1000')
        space = child.stdout.readline().strip()
        child.send_signal(signo)
        self.assert_nothing_left(daemon, space)
        return child.wait(30)

    def test_nothing_is_left_when_it_is_killed(self):
        self.end_by(signal.SIGKILL)

    def test_signal_is_passed_to_the_command(self):
        self.assertEqual(self.end_by(signal.SIGTERM), 128 + signal.SIGTERM)

    def test_command_ends_when_the_network_quits(self):
        daemon = self.network()
        child = self.start('--', 'sh', '-c', 'echo ready; exec sleep 1000')
        child.stdout.readline()
        daemon.stop()
        self.assertEqual(child.wait(30), 125)

    def test_address_may_be_given(self):
        self.network('--netdev', 'stream,id=lan,server=on,addr.type=unix,addr.path=lan.sock')
        text = self.output('--address', '192.168.9.7/24', '--ifname', 'lan0', '--',
                           'cat', '/proc/net/route')
        self.assertRegex(text, r'lan0\s+0009A8C0\s+00000000')
        status, _, err = self.enter('--address', '192.168.9.7', '--', 'true')
        self.assertEqual(status, 2)
        self.assertIn('--address', err)

    def test_network_without_addresses_is_told(self):
        self.network('--netdev', 'user,id=nat,dhcp=off,ipv6=off')
        status, _, err = self.enter('--', 'true')
        self.assertEqual(status, 0)
        self.assertIn('--address', err)


class Fair(EnterCase):
    def rests(self, daemon):
        return [port['rests'] for netdev in daemon.qmp().run('query-netdevs')
                if netdev['type'] == 'tap' for port in netdev['ports']]

    def test_tap_that_floods_beside_others_rests(self):
        daemon = self.network()
        guest = StreamGuest.unix(daemon.run_dir('lan.sock'))
        self.addCleanup(guest.close)
        station = Station(guest)
        station.dhcp()
        station.ping(GATEWAY)
        child = self.start('--', sys.executable, '-c', MANY, self.folder.file('go'))
        self.assertEqual(child.stdout.readline(), 'ready\n')
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            with open(self.folder.file('go'), 'w', encoding='ascii'):
                pass
            self.assertEqual(child.stdout.readline(), 'sent\n')
            station.send_ping(GATEWAY)
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        until(lambda: self.rests(daemon)[0], 'a rest')


class Renewal(EnterCase):
    """The lease is of two seconds, from a guest that is the network's DHCP server."""

    def answer(self, server, query):
        kind = {pk.DISCOVER: pk.OFFER, pk.REQUEST: pk.DHCP_ACK}[query.kind]
        options = (pk.dhcp_option(54, pk.ip4(server.ip)) +
                   pk.dhcp_option(1, pk.ip4('255.255.255.0')) +
                   pk.dhcp_option(51, (2).to_bytes(4, 'big')))
        message = pk.dhcp(query.chaddr, kind, xid=query.xid, yiaddr='192.168.9.7', op=2,
                          options=options)
        self.assertEqual(query.op, 1)
        server.send(pk.eth(pk.BROADCAST, server.mac, pk.IPV4, pk.ipv4(
            server.ip, '255.255.255.255', pk.UDP,
            pk.udp(server.ip, '255.255.255.255', 67, 68, message))))

    def test_lease_is_renewed_though_children_end_all_the_time(self):
        daemon = self.network('--netdev',
                              'stream,id=lan,server=on,addr.type=unix,addr.path=lan.sock')
        guest = StreamGuest.unix(self.folder.file('lan.sock'))
        self.addCleanup(guest.close)
        server = Station(guest)
        server.configure('192.168.9.1', '192.168.9.0/24', None)
        self.start('--', 'sh', '-c', 'while :; do (sleep 0.4 &); sleep 0.2; done')
        for _ in range(2):
            self.answer(server, server.expect(lambda p: p.dhcp, 'a question').dhcp)
        renewal = server.expect(lambda p: p.dhcp, 'a renewal').dhcp
        self.assertEqual((renewal.kind, renewal.ciaddr), (pk.REQUEST, '192.168.9.7'))
        self.assertTrue(self.taps(daemon))


class Two(EnterCase):
    def test_ten_fetches_at_once_by_name(self):
        daemon = self.network()
        server = self.start('--hostname', 'web', '--', sys.executable, '-c', SERVE)
        self.assertEqual(server.stdout.readline(), 'ready\n')
        out = self.output('--hostname', 'client', '--', sys.executable, '-c', FETCH,
                          'http://web:8000/')
        self.assertEqual(out, '10\n')
        names = {guest.get('name') for guest in daemon.qmp().run('query-guests')}
        self.assertIn('web', names)
        server.terminate()
        self.assertEqual(server.wait(30), 128 + signal.SIGTERM)
        until(lambda: not self.taps(daemon), 'the taps are removed')


class Bulk(EnterCase):
    def serve(self):
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)
        digests = []

        def run():
            sock, _ = listener.accept()
            digest = hashlib.sha1()
            with sock:
                while data := sock.recv(1 << 20):
                    digest.update(data)
                digests.append(digest.hexdigest())
                block = bytes(range(256)) * 4096
                for _ in range(MEGABYTES):
                    sock.sendall(block)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return listener.getsockname()[1], thread, digests

    def through(self, user, host='10.0.2.2'):
        self.network('--netdev', f'user,id=nat,{user}')
        port, thread, digests = self.serve()
        out = self.output('--', sys.executable, '-c', BULK, host, str(port), str(MEGABYTES))
        thread.join(30)
        self.assertEqual(digests, [bulk_digest()])
        self.assertEqual(out.strip(), bulk_digest())

    def test_bytes_arrive_both_ways(self):
        self.through('mtu=1500')

    def test_bytes_arrive_with_a_large_mtu(self):
        self.through('mtu=65520')

    def test_libslirp_is_given_finished_segments(self):
        self.through('mtu=1500,offload=off')

    def test_checksums_can_be_verified(self):
        self.through('mtu=1500,checksum=verify')


class Pid(EnterCase):
    """A namespace that exists, as of a rootless container."""

    def container(self):
        child = subprocess.Popen(['unshare', '-rn', 'sh', '-c', 'echo ready; exec sleep 1000'],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        child.stdout.readline()
        return child

    def test_command_runs_there(self):
        daemon = self.network()
        container = self.container()
        space = os.readlink(f'/proc/{container.pid}/ns/net')
        out = self.output('--pid', str(container.pid), '--', 'sh', '-c',
                          'readlink /proc/self/ns/net; cat /proc/net/route')
        self.assertEqual(out.splitlines()[0], space)
        self.assertRegex(out, r'tap0\s+00000000\s+0202000A')
        until(lambda: not self.taps(daemon), 'the tap is removed')

    def test_it_stays_until_the_process_ends(self):
        daemon = self.network()
        container = self.container()
        ready, theirs = os.pipe()
        child = self.start('--pid', str(container.pid), '--ready-fd', str(theirs),
                           pass_fds=(theirs,))
        os.close(theirs)
        self.assertEqual(os.read(ready, 1), b'1')
        os.close(ready)
        with open(f'/proc/{container.pid}/net/route', encoding='ascii') as file:
            self.assertRegex(file.read(), r'tap0\s+00000000')
        container.kill()
        self.assertEqual(child.wait(30), 0)
        until(lambda: not self.taps(daemon), 'the tap is removed')

    def test_process_without_a_namespace_is_refused(self):
        self.network()
        status, _, err = self.enter('--pid', str(os.getpid()), '--', 'true')
        self.assertEqual(status, 125)
        self.assertIn('no network namespace of its own', err)


class Session(EnterCase):
    def test_netdev_of_a_session_ends_with_it(self):
        daemon = self.network()
        qmp = daemon.qmp()
        qmp.run('netdev_add', type='stream', id='s', server=True, **{'with-client': True},
                addr={'type': 'unix', 'path': self.folder.file('s.sock')})
        other = daemon.qmp()
        self.assertIn('s', [netdev['id'] for netdev in other.run('query-netdevs')])
        qmp.close()
        until(lambda: 's' not in [netdev['id'] for netdev in other.run('query-netdevs')],
              'the netdev is removed')
