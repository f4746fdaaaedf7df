# SPDX-License-Identifier: BSD-3-Clause
"""usernetctl run, qemu-args, ssh and ssh-config: what QEMU and ssh are given."""
import json
import os
import shutil
import signal
import socket
import subprocess
import unittest

from lib.daemon import Daemon, Folder, program, run_ctl
from lib.wait import until

# Prints its version, or writes what it was given to "argv" beside it.
FAKE = '''#!/bin/sh
[ "$1" = -version ] && { echo "QEMU emulator version $VERSION"; exit; }
for word; do printf '%s\\n' "$word"; done >"$0.argv"
'''


class RunCase(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def fake(self, name, text=FAKE):
        path = self.folder.file(name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def run_ctl(self, *words, **environment):
        return subprocess.run([program('USERNETCTL'), *words], text=True, check=False,
                              env={**self.folder.environment(), **environment},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)

    def argv(self, path):
        with open(path + '.argv', encoding='utf-8') as file:
            return file.read().split('\n')[:-1]

    def qemu(self, *words, options=(), version='7.2.22 (Debian)', errors=''):
        """What QEMU is given for this command line."""
        path = self.fake('qemu-system-x86_64')
        done = self.run_ctl('run', *options, path, *words, VERSION=version)
        self.assertEqual((done.returncode, done.stderr), (0, errors))
        return self.argv(path)

    def ask(self, *words, name='default'):
        done = run_ctl(self.folder, '--name', name, '--json', *words)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return json.loads(done.stdout)

    def mac(self, guest, name='default'):
        return run_ctl(self.folder, '--name', name, 'mac', guest).stdout.strip()


class Run(RunCase):
    def test_netdev_and_device_suit_the_version(self):
        with Daemon(self.folder) as daemon:
            lan = daemon.run_dir('lan.sock')
            for version, netdev in (
                    ('7.2.22 (Debian)', f'stream,id=usernet,server=on,addr.type=unix,'
                                        f'addr.path={daemon.run_dir("guests", "web.sock")}'),
                    ('8.0.0', f'stream,id=usernet,addr.type=unix,addr.path={lan},reconnect=1'),
                    ('9.1.3', f'stream,id=usernet,addr.type=unix,addr.path={lan},reconnect=1'),
                    ('9.2.0', f'stream,id=usernet,addr.type=unix,addr.path={lan},'
                              f'reconnect-ms=500'),
                    ('11.1.3', f'stream,id=usernet,addr.type=unix,addr.path={lan},'
                               f'reconnect-ms=500')):
                with self.subTest(version=version):
                    self.assertEqual(
                        self.qemu('-m', '512', 'a disk', options=('--guest', 'web'),
                                  version=version),
                        ['-m', '512', 'a disk', '-netdev', netdev, '-device',
                         f'virtio-net-pci,netdev=usernet,mac={self.mac("web")}'])
            guest, = self.ask('guests')
            self.assertEqual((guest['name'], guest['mac'], guest['reserved']),
                             ('web', self.mac('web'), True))

    def test_network_is_started_when_it_is_not_up(self):
        usernet = {'USERNET': program('USERNET')}
        path = self.fake('qemu-system-x86_64')
        done = self.run_ctl('--name', 'lab', 'run', '--', path, '-name', 'db', VERSION='7.2.0',
                            **usernet)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.addCleanup(run_ctl, self.folder, '--name', 'lab', 'quit')
        self.assertIn(f'virtio-net-pci,netdev=usernet,mac={self.mac("db", "lab")}',
                      self.argv(path))
        pid = self.ask('status', name='lab')['pid']
        done = self.run_ctl('--name', 'lab', 'run', path, VERSION='7.2.0', **usernet)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(self.ask('status', name='lab')['pid'], pid)
        self.assertEqual([guest['name'] for guest in self.ask('guests', name='lab')],
                         ['db', 'guest'])
        run_ctl(self.folder, '--name', 'lab', 'quit')
        until(lambda: not os.path.exists(f'/proc/{pid}'), 'the end of the network')

    def test_rules_of_a_user_netdev_become_the_guest_s(self):
        with Daemon(self.folder):
            with socket.create_server(('127.0.0.1', 0)) as free:
                port = free.getsockname()[1]
            for _ in range(2):  # a second time replaces what the first left
                argv = self.qemu('-netdev', f'user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22,'
                                            'guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:80,'
                                            'restrict=on,net=10.0.9.0/24',
                                 '-device', 'e1000,netdev=n', options=('--guest', 'web'),
                                 errors='usernetctl: not moved: net=10.0.9.0/24; keys of the '
                                        'network go to usernet --netdev user,…\n')
            self.assertEqual(argv[2:], ['-device', f'e1000,netdev=n,mac={self.mac("web")}'])
            rules = sorted(row['rule'] for row in self.ask('forwards'))
            self.assertEqual(rules, ['tcp:10.0.2.100:80-tcp:127.0.0.1:80',
                                     f'tcp:127.0.0.1:{port}-web:22'])
            policy = [(row['guest'], row['rule']) for row in self.ask('policy')['rules']]
            self.assertEqual(policy, [('web', 'deny=*')])

    def test_nic_user_and_net_user_are_moved(self):
        with Daemon(self.folder):
            argv = self.qemu('-nic', 'user,model=rtl8139,mac=52:54:00:00:00:09')
            self.assertEqual(argv[2:], ['-net', 'nic,netdev=usernet,macaddr=52:54:00:00:00:09,'
                                                'model=rtl8139'])
            argv = self.qemu('-net', 'nic', '-net', 'user', options=('--guest', 'two'))
            self.assertEqual(argv[:3],
                             ['-net', f'nic,netdev=usernet,macaddr={self.mac("two")}', '-netdev'])
            self.assertEqual([(guest['name'], guest['mac']) for guest in self.ask('guests')],
                             [('guest', '52:54:00:00:00:09'), ('two', self.mac('two'))])

    def test_commands_of_guestfwd_are_allowed_by_a_network_that_is_started(self):
        path = self.fake('qemu-system-x86_64')
        done = self.run_ctl('run', path, '-nic', 'user,guestfwd=tcp:10.0.2.100:80-cmd:cat',
                            VERSION='7.2.0', USERNET=program('USERNET'))
        self.addCleanup(run_ctl, self.folder, 'quit')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual([row['command'] for row in self.ask('forwards')], ['cat'])
        pid = self.ask('status')['pid']
        run_ctl(self.folder, 'quit')
        until(lambda: not os.path.exists(f'/proc/{pid}'), 'the end of the network')

    def test_what_cannot_run_is_refused(self):
        def refused(status, text, *words, **environment):
            done = self.run_ctl(*words, **environment)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)
        path = self.fake('qemu-system-x86_64')
        refused(2, 'prints no version of QEMU', 'run', 'true')
        refused(2, 'No such file or directory', 'run', '/nonexistent')
        refused(2, "--guest 'a b'", 'run', '--guest', 'a b', path, VERSION='7.2.0')
        refused(2, 'write usernetctl run', 'run')
        refused(3, '$USERNET names the usernet', 'run', path, VERSION='7.2.0',
                USERNET='/nonexistent')
        refused(3, 'cannot reach usernet', '--socket', '/nonexistent', 'run', path,
                VERSION='7.2.0')
        with Daemon(self.folder, '--guest', 'web,mac=52:54:00:00:00:01'):
            refused(1, 'has no stream netdev', 'run', path, VERSION='7.1.0')
            refused(1, "'web' has the MAC address 52:54:00:00:00:01", 'run', '--guest', 'web', path,
                    '-nic', 'user,mac=52:54:00:00:00:02', VERSION='7.2.0')
            refused(1, 'forwarding rule', 'run', path, '-nic', 'user,hostfwd=tcp:x', VERSION='7.2.0')
            refused(2, "--format 'x'", 'qemu-args', '--format', 'x', 'web')

    def test_guest_that_is_there_is_not_started_twice(self):
        with Daemon(self.folder) as daemon:
            path = self.fake('qemu-system-x86_64')
            self.qemu()
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(daemon.run_dir('lan.sock'))
                mac = bytes.fromhex(self.mac('guest').replace(':', ''))
                frame = (b'\xff' * 6 + mac + bytes.fromhex('0806 0001 0800 0604 0001') + mac +
                         socket.inet_aton('10.0.2.15') + bytes(6) +
                         socket.inet_aton('10.0.2.2')).ljust(60, b'\0')
                link.sendall(len(frame).to_bytes(4, 'big') + frame)
                until(lambda: self.ask('guests')[0]['here'], 'the guest')
                done = self.run_ctl('run', '--guest', 'guest', path, VERSION='7.2.0')
                self.assertEqual(done.returncode, 1)
                self.assertIn("the guest 'guest' runs already", done.stderr)
                self.assertIn(f'mac={self.mac("guest-2")}', self.qemu()[-1])

    def test_name_is_taken_while_its_qemu_runs(self):
        with Daemon(self.folder):
            sleeper = self.fake('qemu-sleeping', FAKE + 'exec sleep 60\n')
            with subprocess.Popen([program('USERNETCTL'), 'run', sleeper],
                                  env={**self.folder.environment(), 'VERSION': '7.2.0'}) as child:
                until(lambda: os.path.exists(sleeper + '.argv'), 'the first QEMU')
                self.assertIn(f'mac={self.mac("guest-2")}', self.qemu()[-1])
                child.kill()
            self.assertIn(f'mac={self.mac("guest")}', self.qemu()[-1])

    def test_qemu_args_prints_the_same(self):
        with Daemon(self.folder) as daemon:
            netdev = (f'stream,id=usernet,server=on,addr.type=unix,'
                      f'addr.path={daemon.run_dir("guests", "web.sock")}')
            device = f'virtio-net-pci,netdev=usernet,mac={self.mac("web")}'
            qemu = self.fake('qemu-system-x86_64')

            def printed(*words):
                done = self.run_ctl('qemu-args', *words, 'web', qemu, VERSION='7.2.0')
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                return done.stdout
            self.assertEqual(printed(), f'-netdev {netdev} -device {device}\n')
            self.assertEqual(json.loads(printed('--format=json')),
                             ['-netdev', netdev, '-device', device])
            self.assertIn('id=usernet-default,', printed('--name', 'default'))
            self.assertEqual(printed('--format', 'libvirt'), f'''\
<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <qemu:arg value='-netdev'/>
  <qemu:arg value='{netdev}'/>
  <qemu:arg value='-device'/>
  <qemu:arg value='{device}'/>
</qemu:commandline>
''')


class Ssh(RunCase):
    def test_ssh_gets_a_proxy_command_and_the_words_behind_the_guest(self):
        path = self.fake('ssh')
        environment = {'PATH': f'{self.folder.path}:{os.environ["PATH"]}'}
        ctl = program('USERNETCTL')
        for words, given in (
                (('ssh', 'web'), [f'ProxyCommand={ctl} --name default connect %h %p',
                                  'web.usernet']),
                (('--name', 'lab', 'ssh', 'root@web', '-v', '--', 'ls', '-l'),
                 [f'ProxyCommand={ctl} --name lab connect %h %p', 'root@web.lab.usernet', '-v',
                  '--', 'ls', '-l'])):
            done = self.run_ctl(*words, **environment)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertEqual(self.argv(path), ['-o', *given])

    @unittest.skipUnless(shutil.which('ssh'), 'ssh is not installed')
    def test_ssh_takes_the_configuration(self):
        config = self.folder.file('ssh_config')
        with open(config, 'w', encoding='utf-8') as file:
            for name in ('default', 'lab'):
                file.write(run_ctl(self.folder, '--name', name, 'ssh-config').stdout)
        for host, network in (('web.usernet', 'default'), ('web.lab.usernet', 'lab'),
                              ('web', None)):
            text = subprocess.run(['ssh', '-T', '-F', config, '-G', host], text=True, check=True,
                                  stdout=subprocess.PIPE).stdout
            proxy = [line for line in text.splitlines() if line.startswith('proxycommand')]
            expected = [f'proxycommand {program("USERNETCTL")} --name {network} connect %h %p']
            self.assertEqual(proxy, expected if network else [])

    def test_connect_takes_the_host_name_that_ssh_gives(self):
        with Daemon(self.folder, name='lab'):
            for host in ('web', 'web.lab.usernet'):
                done = run_ctl(self.folder, '--name', 'lab', 'connect', host, '22')
                self.assertEqual(done.returncode, 1)
                self.assertIn("'web'", done.stderr)


class WithCommand(RunCase):
    def usernet(self, *words, **more):
        return subprocess.Popen([program('USERNET'), '--name', 'lab', *words], text=True,
                                env=self.folder.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def test_network_ends_with_its_command_and_passes_its_status_on(self):
        for script, status in (('exit 0', 0), ('exit 42', 42), ('kill -9 $$', 128 + 9)):
            child = self.usernet('--', 'sh', '-c', f'"$0" --name lab --json status; {script}',
                                 program('USERNETCTL'))
            out, err = child.communicate(timeout=60)
            self.assertEqual((child.returncode, err), (status, ''))
            pid = json.loads(out)['pid']
            self.assertFalse(os.path.exists(f'/proc/{pid}'))
            self.assertEqual(self.folder.left(), [])

    def test_signals_go_to_the_command(self):
        child = self.usernet('--', 'sh', '-c', 'trap "echo end; exit 7" TERM; echo begin; '
                                               'while :; do sleep 0.05; done')
        self.assertEqual(child.stdout.readline(), 'begin\n')
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=60)
        self.assertEqual((child.returncode, out, err), (7, 'end\n', ''))

    def test_command_ends_with_usernet_when_that_is_killed(self):
        child = self.usernet('--', 'sh', '-c', 'echo $$; exec sleep 100')
        pid = int(child.stdout.readline())
        child.kill()
        child.communicate(timeout=60)
        until(lambda: not os.path.exists(f'/proc/{pid}'), 'the end of the command')
        until(lambda: not run_ctl(self.folder, 'list').stdout.startswith('NAME'),
              'the end of the network')

    def test_what_cannot_run_is_said(self):
        for words, status, text in (
                (('--', '/nonexistent'), 127, "cannot run '/nonexistent': No such file"),
                (('--',), 2, "a command must follow '--'"),
                (('--daemon', '--', 'true'), 2, '--daemon'),
                (('--netdev', 'user', '--', 'true'), 2, 'id')):
            child = self.usernet(*words)
            out, err = child.communicate(timeout=60)
            self.assertEqual((child.returncode, out), (status, ''), err)
            self.assertIn(text, err)


if __name__ == '__main__':
    unittest.main()
