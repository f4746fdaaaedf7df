# SPDX-License-Identifier: BSD-3-Clause
"""--sandbox: what the process has given up, and that everything still works in it."""
import ctypes
import json
import os
import socket
import struct

from lib import dns
from lib.case import DNS, GATEWAY, GatewayCase, recv_exactly
from lib.daemon import run_ctl
from lib.guest import StreamGuest
from lib.qmp import QmpError
from lib.station import Station
from lib.wait import LIMIT, until

MODES = ('on', 'full')
# landlock_create_ruleset(2), which then returns the version; containers may lack it
HAS_LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
SERVER = '10.0.2.100'


class SandboxCase(GatewayCase):
    def status(self):
        return self.lan.ask('query-status')['sandbox']

    def is_watched(self):
        """Sanitizers, coverage and valgrind do without most of it."""
        return any('off for ' in why for why in self.status()['missing'])

    def process(self, pid=None):
        with open(f'/proc/{pid or self.lan.daemon.pid}/status', encoding='ascii') as file:
            return dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)


class Rights(SandboxCase):
    def test_rights_are_given_up(self):
        for mode in ((), ('--sandbox', 'on'), ('--sandbox', 'full'), ('--sandbox', 'require')):
            with self.subTest(mode=mode):
                if 'require' in mode and (self.is_watched() or not HAS_LANDLOCK):
                    continue
                self.network('', *mode)
                sandbox, full = self.status(), 'full' in mode
                self.assertEqual(sandbox['mode'], mode[1] if mode else 'on')
                self.assertTrue(sandbox['privileges'])
                now = self.process()
                self.assertEqual(now['NoNewPrivs'], '1')
                self.assertEqual(int(now['CapEff'], 16) | int(now['CapPrm'], 16), 0)
                if self.is_watched():
                    self.assertFalse(sandbox['system-calls'])
                    continue
                self.assertEqual((now['Seccomp'], sandbox['system-calls']), ('2', True))
                self.assertEqual(sandbox['missing'] == [], HAS_LANDLOCK)
                self.assertEqual(sandbox['paths'], HAS_LANDLOCK)
                self.assertEqual(sandbox['namespaces'], full)

    def test_off_keeps_them(self):
        self.network('', '--sandbox', 'off')
        now, ours = self.process(), self.process('self')
        for word in ('NoNewPrivs', 'Seccomp', 'CapEff'):
            self.assertEqual(now[word], ours[word])
        self.assertEqual(self.status(), {'mode': 'off', 'namespaces': False, 'paths': False,
                                         'privileges': False, 'system-calls': False,
                                         'missing': []})

    def test_the_file_may_say_it_and_usernetctl_shows_it(self):
        self.network('', '--config', '{dir}/lab.conf', start=False)
        with open(self.lan.path('lab.conf'), 'w', encoding='ascii') as file:
            file.write('[network]\nsandbox = off\n')
        self.lan.start()
        result = run_ctl(self.lan.folder, '--name', 'test', '--json', 'status')
        self.assertEqual(json.loads(result.stdout)['sandbox']['mode'], 'off')
        result = run_ctl(self.lan.folder, '--name', 'test', 'status')
        self.assertIn('system-calls', result.stdout)

    def test_require_refuses_what_cannot_be(self):
        """valgrind's preloaded library stands for anything that rules the sandbox out."""
        self.network('', '--sandbox', 'require', start=False)
        before = os.environ.get('LD_PRELOAD')
        os.environ['LD_PRELOAD'] = '/nowhere/vgpreload_none.so'
        try:
            status, text = self.lan.refused()
        finally:
            if before is None:
                del os.environ['LD_PRELOAD']
            else:
                os.environ['LD_PRELOAD'] = before
        self.assertEqual(status, 1)
        self.assertIn('--sandbox require: there is no sandbox with ', text)

    def test_a_wrong_word_is_an_error(self):
        self.network('', '--sandbox', 'maybe', start=False)
        self.assertEqual(self.lan.refused()[0], 2)


class Works(SandboxCase):
    """Everything that opens or makes something after the start."""

    def each_mode(self, user, *more, **options):
        for mode in MODES:
            self.network(user, '--sandbox', mode, *more, **options)
            yield mode

    def test_names_come_from_a_resolv_conf_that_is_replaced(self):
        for _ in self.each_mode('resolv-conf={dir}/resolv.conf', start=False):
            path = self.lan.path('resolv.conf')
            for host in ('127.0.0.1', '127.0.0.2'):
                with open(path + '.new', 'w', encoding='ascii') as file:
                    file.write(f'nameserver {host}\n')
                os.rename(path + '.new', path)
                if not self.lan.daemon:
                    self.lan.start()
            until(lambda: '127.0.0.2' in str(self.lan.ask('query-dns')['servers']), 'the change')

    def test_lookups_are_answered(self):
        def handle(query, ask):
            return dns.answer(query, dns.record(ask.name, dns.A, dns.address('192.0.2.1')))
        upstream = self.keep(dns.Server(handle))
        for _ in self.each_mode(f'dns-server=127.0.0.1#{upstream.port}'):
            p = dns.parse(self.station().udp_exchange(DNS, 53, dns.query(7, 'a.example', dns.A)))
            self.assertEqual(p.values, ['192.0.2.1'])

    def test_tftp_serves_new_files(self):
        for _ in self.each_mode('tftp={dir}/files', start=False):
            os.mkdir(self.lan.path('files'))
            self.lan.start()
            with open(self.lan.path('files', 'boot'), 'wb') as file:
                file.write(b'hello')
            a = self.station()
            sport = a.send_udp(GATEWAY, 69, struct.pack('>H', 1) + b'boot\0octet\0')
            self.assertEqual(a.expect_udp(sport).udp.payload, b'\0\3\0\1hello')

    def test_commands_run_with_their_own_rights(self):
        rule = f'guestfwd=tcp:{SERVER}:7-cmd:grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; ' \
               'ls -d /etc'
        for _ in self.each_mode(rule):
            a = self.station()
            flow = a.tcp(SERVER, 7)
            flow.expect_end()
            ours = self.process('self')
            self.assertEqual(flow.received.decode(), f'NoNewPrivs:\t{ours["NoNewPrivs"]}\n'
                                                     f'Seccomp:\t{ours["Seccomp"]}\n/etc\n')

    def test_forwards_and_netdevs_come_and_go(self):
        for _ in self.each_mode(''):
            a = self.station()
            a.listen(7)
            with self.lan.daemon.qmp() as qmp:
                path = self.lan.path('in.sock')
                qmp.run('hostfwd-add', rule=f'unix:[{path}]-{a.ip}:7')
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(LIMIT)
                    client.connect(path)
                    a.accept(7).send(b'hello')
                    self.assertEqual(recv_exactly(client, 5), b'hello')
                qmp.run('hostfwd-remove', rule=f'unix:[{path}]')
                for kind in ('stream', 'dgram'):
                    side = 'addr' if kind == 'stream' else 'local'
                    options = {'type': kind, 'id': 'more',
                               side: {'type': 'unix', 'path': self.lan.path('more.sock')}}
                    if kind == 'stream':
                        options['server'] = True
                    qmp.run('netdev_add', **options)
                    if kind == 'stream':
                        b = Station(self.keep(StreamGuest.unix(self.lan.path('more.sock'))))
                        b.dhcp()
                    qmp.run('netdev_del', id='more')
            self.assertFalse(os.path.exists(path))
            self.assertFalse(os.path.exists(self.lan.path('more.sock')))

    def test_reload_reads_a_replaced_file(self):
        for _ in self.each_mode('', '--config', '{dir}/lab.conf', start=False):
            path = self.lan.path('lab.conf')
            for name in ('one', 'two'):
                with open(path + '.new', 'w', encoding='ascii') as file:
                    file.write(f'[guest {name}]\nmac = 52:54:00:aa:00:01\n')
                os.rename(path + '.new', path)
                if not self.lan.daemon:
                    self.lan.start()
            self.assertEqual(self.lan.ask('reload')['failed'], [])
            self.assertIn('two', str(self.lan.ask('query-guests')))

    def test_leases_are_kept_and_all_is_removed(self):
        for _ in self.each_mode(''):
            mac = bytes.fromhex('525400aa0002')
            first = self.station(mac=mac).ip
            for n in range(3):
                self.station(mac=bytes.fromhex('525400aa1000')[:-1] + bytes([n]))
            self.lan.stop()
            self.assertEqual([name for name in self.lan.folder.left()
                              if not name.endswith(('.out', '.err'))], [])
            self.lan.start()
            self.assertEqual(self.station(mac=mac).ip, first)

    def test_a_busy_port_is_explained(self):
        for _ in self.each_mode(''):
            _, port = self.host_tcp()
            with self.lan.daemon.qmp() as qmp, self.assertRaises(QmpError) as caught:
                qmp.run('hostfwd-add', rule=f'tcp:127.0.0.1:{port}-:22')
            self.assertIn(f'is in use by pid {os.getpid()} ', caught.exception.desc)


class LaterSockets(SandboxCase):
    """Those in directories that were not known at the start are made by a helper."""

    def add(self, path, **more):
        with self.lan.daemon.qmp() as qmp:
            qmp.run('netdev_add', type='stream', id='more', server=True,
                    addr={'type': 'unix', 'path': path}, **more)

    def test_they_are_made_shared_and_removed(self):
        for mode in MODES:
            self.network('', '--sandbox', mode)
            os.mkdir(self.lan.path('other'))
            path = self.lan.path('other', 'a.sock')
            for kept in (False, True):
                self.add(path, mode='0660')
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
                Station(self.keep(StreamGuest.unix(path))).dhcp()
                if not kept:
                    self.lan.ask('netdev_del', id='more')
                    self.assertFalse(os.path.exists(path))
            self.lan.stop()
            self.assertFalse(os.path.exists(path))

    def test_living_sockets_and_files_of_others_stay(self):
        for mode in MODES:
            self.network('', '--sandbox', mode)
            os.mkdir(self.lan.path('other'))
            path, file = self.lan.path('other', 'a.sock'), self.lan.path('other', 'file')
            with socket.socket(socket.AF_UNIX) as living:
                living.bind(path)
                living.listen()
                with open(file, 'wb'):
                    pass
                for taken, why in ((path, 'in use by another process'), (file, 'not a socket')):
                    with self.assertRaises(QmpError) as caught:
                        self.add(taken)
                    self.assertIn(why, caught.exception.desc)
            self.assertTrue(os.path.exists(path) and os.path.exists(file))

    def test_sandbox_path_allows_a_directory(self):
        for mode in MODES:
            self.network('', '--sandbox', mode, '--sandbox-path', '{dir}/other', start=False)
            os.mkdir(self.lan.path('other'))
            self.lan.start()
            listener = self.keep(StreamGuest.listen_unix(self.lan.path('other', 'b.sock')))
            with self.lan.daemon.qmp() as qmp:
                qmp.run('netdev_add', type='stream', id='more', server=False,
                        addr={'type': 'unix', 'path': self.lan.path('other', 'b.sock')})
            Station(self.keep(StreamGuest.accept_from(listener))).dhcp()
