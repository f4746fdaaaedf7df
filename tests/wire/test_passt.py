# SPDX-License-Identifier: BSD-3-Clause
"""usernet-passt, started as libvirt and QEMU start passt."""
import os
import signal
import socket
import subprocess
import time

from lib.case import GATEWAY, GatewayCase, recv_exactly
from lib.daemon import END_SECONDS, Folder, program
from lib.guest import StreamGuest
from lib.qmp import Qmp
from lib.station import Station
from lib.wait import until


def runs(pid):
    """As a living process; a zombie has ended."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


class PasstCase(GatewayCase):
    def setUp(self):
        self.folder = self.keep(Folder())
        self.pid = None

    def door(self, *options, network=None, pass_fds=()):
        """Runs it until it has gone to the background, as its callers wait for it; returns its
        status."""
        environment = {**self.folder.environment(), 'USERNET': program('USERNET')}
        environment.pop('USERNET_NETWORK', None)
        if network:
            environment['USERNET_NETWORK'] = network
        # Its output is a pipe that must close: libvirt reads to the end.
        done = subprocess.run([program('USERNET_PASST'), *options], env=environment,
                              cwd=self.folder.path, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=pass_fds,
                              timeout=END_SECONDS, check=False)
        self.said = done.stdout
        path = self.folder.file('pid')
        if done.returncode == 0 and os.path.exists(path):
            with open(path, encoding='ascii') as file:
                self.pid = int(file.read())
            self.addCleanup(self.end)
        return done.returncode

    def end(self):
        if self.pid and runs(self.pid):
            os.kill(self.pid, signal.SIGTERM)
            self.wait_for_end()

    def wait_for_end(self):
        until(lambda: not runs(self.pid), 'the end of usernet-passt')
        self.pid = None

    def libvirt(self, *more, network=None):
        """libvirt 11.3's command line (qemu_passt.c)."""
        status = self.door('--one-off', '--socket', self.folder.file('s'), '--pid',
                           self.folder.file('pid'), '--log-file', self.folder.file('log'), *more,
                           network=network)
        self.assertEqual(status, 0, self.said)

    def vm(self):
        """QEMU's end of the socket, and a guest on it."""
        wire = self.keep(StreamGuest.unix(self.folder.file('s')))
        return wire, Station(wire)

    def lan_of(self):
        """QMP of the network that was started."""
        return Qmp(self.folder.file('run', 'usernet', f'passt-{self.pid}', 'qmp.sock'))

    def assert_leads(self, port, guest, guest_port):
        guest.listen(guest_port)
        conn = self.dial('127.0.0.1', port)
        flow = guest.accept(guest_port)
        conn.sendall(b'in')
        self.assertEqual(flow.recv(2), b'in')
        flow.send(b'out')
        self.assertEqual(recv_exactly(conn, 3), b'out')


class Libvirt(PasstCase):
    def test_a_guest_has_network_and_forwards_and_all_ends_with_it(self):
        tcp, udp = free_port(), free_port(socket.SOCK_DGRAM)
        self.libvirt('--tcp-ports', f'{tcp}:22', '--udp-ports', f'127.0.0.1/{udp}:53')
        wire, guest = self.vm()
        guest.dhcp()
        guest.ping(GATEWAY)
        self.assert_leads(tcp, guest, 22)
        client = self.host_udp()[0]
        client.sendto(b'question', ('127.0.0.1', udp))
        asked = guest.expect_udp(53)
        self.assertEqual(asked.udp.payload, b'question')
        with self.lan_of() as lan:
            usernet = lan.run('query-status')['pid']
        wire.close()
        self.wait_for_end()
        self.assertFalse(runs(usernet))
        self.assertEqual([name for name in self.folder.left() if name not in ('pid', 'log')], [])

    def test_addresses_of_the_command_line_are_the_guests(self):
        self.libvirt('--address', '192.0.2.9', '--netmask', '26', '--gateway', '192.0.2.1',
                     '--mtu', '1400', '--interface', 'eth0', '--mac-addr', '52:54:00:12:34:56')
        self.assertIn('--interface has no effect', self.said)
        guest = self.vm()[1]
        guest.dhcp()
        self.assertEqual((guest.ip, str(guest.net), guest.router),
                         ('192.0.2.9', '192.0.2.0/26', '192.0.2.1'))

    def test_a_port_that_is_taken_is_told_and_nothing_is_left(self):
        taken = self.host_tcp()[1]
        status = self.door('--one-off', '--socket', self.folder.file('s'), '--pid',
                           self.folder.file('pid'), '--tcp-ports', f'127.0.0.1/{taken}:22')
        self.assertEqual(status, 1)
        self.assertIn(str(taken), self.said)
        self.assertEqual(self.folder.left(), [])

    def test_term_ends_it_under_its_guest(self):
        self.libvirt()
        wire, guest = self.vm()
        guest.dhcp()
        os.kill(self.pid, signal.SIGTERM)
        self.wait_for_end()
        wire.expect_closed()

    def test_it_ends_when_its_usernet_does(self):
        self.libvirt()
        guest = self.vm()[1]
        guest.dhcp()
        with self.lan_of() as lan:
            os.kill(lan.run('query-status')['pid'], signal.SIGKILL)
        self.wait_for_end()

    def test_its_usernet_ends_when_it_is_killed(self):
        self.libvirt()
        with self.lan_of() as lan:
            usernet = lan.run('query-status')['pid']
        os.kill(self.pid, signal.SIGKILL)
        self.wait_for_end()
        until(lambda: not runs(usernet), 'the end of usernet')

    def test_without_one_off_the_next_guest_is_served(self):
        status = self.door('--socket', self.folder.file('s'), '--pid', self.folder.file('pid'))
        self.assertEqual(status, 0, self.said)
        for _ in range(2):
            wire, guest = self.vm()
            guest.dhcp()
            guest.ping(GATEWAY)
            wire.close()
        self.assertTrue(runs(self.pid))

    def test_the_log_begins_anew_when_it_is_full(self):
        self.libvirt('--log-size', '200', '--interface', 'eth0', '--freebind', '--no-ra')
        self.assertLessEqual(os.path.getsize(self.folder.file('log')), 200)
        self.assertGreater(os.path.getsize(self.folder.file('log')), 0)


class Qemu(PasstCase):
    def test_a_passed_socket_is_the_guests(self):
        """QEMU 11.1's command line (net/passt.c), which makes the pid file first."""
        ours, theirs = socket.socketpair()
        wire = self.keep(StreamGuest(ours))
        with open(self.folder.file('pid'), 'w', encoding='ascii'):
            pass
        os.set_inheritable(theirs.fileno(), True)
        port = free_port()
        status = self.door('--quiet', '--tcp-ports', f'{port}:22', '--pid',
                           self.folder.file('pid'), '--fd', str(theirs.fileno()),
                           pass_fds=(theirs.fileno(),))
        self.assertEqual((status, self.said), (0, ''))
        theirs.close()
        guest = Station(wire)
        guest.dhcp()
        self.assert_leads(port, guest, 22)
        wire.close()
        self.wait_for_end()

    def test_vhost_user_is_refused(self):
        ours, theirs = socket.socketpair()
        self.keep(ours)
        self.keep(theirs)
        status = self.door('--vhost-user', '--quiet', '--pid', self.folder.file('pid'), '--fd',
                           str(theirs.fileno()), pass_fds=(theirs.fileno(),))
        self.assertEqual(status, 1)
        self.assertIn('--vhost-user is refused', self.said)


class Named(PasstCase):
    """On a running network: self.lan, in its own folder's run directory."""

    def setUp(self):
        super().setUp()
        self.network()
        self.folder = self.lan.folder

    def test_the_guest_joins_and_its_forwards_follow_it_and_go_with_it(self):
        first = self.station()
        port = free_port()
        self.libvirt('--tcp-ports', f'{port}:22', network='test')
        wire, guest = self.vm()
        guest.dhcp()
        self.assertNotEqual(guest.ip, first.ip)
        rules = until(lambda: [rule for rule in self.lan.ask('query-forwards')
                               if rule.get('guest-address') == guest.ip], 'the forward to the guest')
        self.assertEqual(len(rules), 1)
        self.assert_leads(port, guest, 22)
        wire.close()
        self.wait_for_end()
        self.assertEqual(self.lan.ask('query-forwards'), [])
        self.assertEqual([netdev['id'] for netdev in self.lan.ask('query-netdevs')],
                         ['nat', 'lan'])
        first.ping(GATEWAY)

    def test_its_forwards_end_when_it_is_killed(self):
        port = free_port()
        self.libvirt('--tcp-ports', f'{port}:22', network='test')
        wire, guest = self.vm()
        guest.dhcp()
        until(lambda: [rule for rule in self.lan.ask('query-forwards')
                       if rule.get('guest-address') == guest.ip], 'the forward to the guest')
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: self.lan.ask('query-forwards') == [], 'the end of the forward')
        wire.close()

    def test_a_guest_that_has_a_name_keeps_it(self):
        port = free_port()
        self.libvirt('--tcp-ports', f'{port}:22', network='test')
        guest = self.vm()[1]
        guest.dhcp(options=b'\x0c\x03web')
        until(lambda: [rule for rule in self.lan.ask('query-forwards')
                       if rule.get('guest-name') == 'web'], 'the forward to the guest')
        self.assert_leads(port, guest, 22)

    def test_what_only_a_new_network_can_have_is_told(self):
        self.libvirt('--address', '192.0.2.9', network='test')
        self.assertIn('its own settings hold', self.said)

    def test_a_network_that_does_not_run_is_told_and_replaced(self):
        self.libvirt(network='nowhere')
        self.assertIn('network nowhere does not run', self.said)
        guest = self.vm()[1]
        guest.dhcp()
        guest.ping(GATEWAY)

    def test_it_ends_with_the_network(self):
        self.libvirt(network='test')
        self.vm()[1].dhcp()
        began = time.monotonic()
        self.lan.stop()
        self.wait_for_end()
        self.assertLess(time.monotonic() - began, END_SECONDS)
