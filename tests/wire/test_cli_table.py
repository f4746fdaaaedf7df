# SPDX-License-Identifier: BSD-3-Clause
"""The errors that a user can cause from the command line: each names the cause and the way out. A
new error gets a row here. Errors that need more than words are in test_cli_errors.py."""
import os
import subprocess
import unittest

from lib.daemon import END_SECONDS, Daemon, Folder, program, run_ctl, run_daemon

FAILED, USAGE, UNREACHABLE = 1, 2, 3

# (status, arguments, cause, way out); "{dir}" is a fresh folder.
USERNET = [
    (USAGE, '--frob', 'Unknown option --frob', 'usernet --help shows what there is'),
    (USAGE, 'guest', "unexpected argument 'guest'", 'options begin with --'),
    (USAGE, '--netdev', 'Missing argument for --netdev', 'usernet --help'),
    (USAGE, '--name a/b', "--name 'a/b'", "a letter or digit, then letters, digits, '-', '_', '.'"),
    (USAGE, '--log-level loud', "--log-level 'loud'", 'error, warning, info or debug'),
    (USAGE, '--ready-fd one', "--ready-fd 'one'", 'the number of an open descriptor'),
    (USAGE, '--qmp tcp:1', "--qmp 'tcp:1'", 'write unix:PATH'),
    (USAGE, '--qmp unix:{dir}/q,wait=on', '--qmp', "only ',server=on,wait=off' may follow"),
    (USAGE, '--daemon --exit-with-parent', '--exit-with-parent', 'not with daemon'),
    (FAILED, '--config {dir}/none', "'{dir}/none'", 'No such file or directory'),
    (FAILED, '--pidfile {dir}/none/p', '--pidfile {dir}/none/p', 'No such file or directory'),
    (FAILED, '--log-file {dir}/none/l', '--log-file {dir}/none/l', 'No such file or directory'),
    (FAILED, '--state-dir /proc/x', '--state-dir /proc/x', 'cannot create directory'),
    # guests
    (USAGE, '--guest web,ip=10.9.9.9', 'ip=10.9.9.9', 'in the network 10.0.2.0/24'),
    (USAGE, '--guest web,mac=1', 'mac=1', 'such as 52:54:00:12:34:02'),
    (USAGE, '--guest web,port=nix', 'port=nix', 'there are: lan, lan-dgram, lan-dial'),
    (USAGE, '--guest a --guest a', '--guest a', "Duplicate name 'a'"),
    # netdevs
    (USAGE, '--netdev pigeon,id=a', "value 'pigeon'", 'the netdevs are user, stream, dgram, socket'),
    (USAGE, '--netdev user', "Parameter 'id'", 'is missing'),
    (USAGE, '--netdev user,id=a,gate=1', "'gate' is unexpected", 'user knows id, ipv4,'),
    (USAGE, '--netdev user,id=a,net', "parameter 'net'", "Expected '='"),
    (USAGE, '--netdev user,id=a --netdev user,id=b', 'user,id=b', "one user netdev, and 'a' is one"),
    (USAGE, '--netdev user,id=a,smb=/x', "'smb' is not supported",
     'guestfwd=tcp:10.0.2.4:445-tcp:127.0.0.1:1445'),
    (USAGE, '--netdev user,id=a,net=10.0.2.0/31', 'net=10.0.2.0/31', '/31'),
    (USAGE, '--netdev user,id=a,host=10.9.9.9', 'host: 10.9.9.9', 'which has 10.0.2.1 to 10.0.2.254'),
    (USAGE, '--netdev user,id=a,ipv4=off,ipv6=off', 'IPv4 and IPv6 disabled', 'leave one of them on'),
    (USAGE, '--netdev user,id=a,route=x', 'route=x', 'such as 192.168.7.0/24;10.0.2.20'),
    (USAGE, '--netdev user,id=a,dns-server=x', "'x' is not an address",
     'write ADDRESS[#PORT] or /DOMAIN/ADDRESS[#PORT]'),
    (USAGE, '--netdev user,id=a,allow=x', 'allow=x', 'such as 10.0.0.0/8, 192.0.2.1 or [fd00::/8]'),
    (USAGE, '--netdev user,id=a,host-loopback=x', "'host-loopback'", "'on', 'off' or ports such as"),
    (USAGE, '--netdev user,id=a,mtu=1', "'mtu'", 'a number from 68 to 65535'),
    (USAGE, '--netdev user,id=a,lease-time=x', "'lease-time'", 'a number from 10 to'),
    (USAGE, '--netdev user,id=a,max-guests=0', "'max-guests'", 'a number from 1 to 65536'),
    (USAGE, '--netdev user,id=a,checksum=x', 'checksum=x', "'auto' nor 'verify'"),
    (USAGE, '--netdev user,id=a,restrict=maybe', "'restrict'", "'on' or 'off'"),
    (FAILED, '--netdev user,id=a,tftp={dir}/none', "'{dir}/none'", 'No such file or directory'),
    (USAGE, '--netdev user,id=a,hostfwd=x', "rule 'x'", '(No : separators)'),
    (USAGE, '--netdev user,id=a,guestfwd=x', "rule 'x'", '-unix:/path or -tcp:host:port is needed'),
    (USAGE, '--netdev user,id=a,guestfwd=tcp:10.9.9.9:1-cmd:x', '10.9.9.9',
     'in the network 10.0.2.0/24'),
    (USAGE, '--netdev stream,id=a,server=on,addr.type=unix', "'addr.path'", 'is missing'),
    (USAGE, '--netdev stream,id=a,addr.type=inet,addr.host=no.such.host,addr.port=1',
     "'no.such.host' is not an address", 'names are not looked up'),
    (USAGE, '--netdev stream,id=a,addr.type=inet,addr.host=::1,addr.port=70000',
     "'70000' is not a port", '65535'),
    (USAGE, '--netdev stream,id=a,addr.type=unix,addr.path={dir}/s,mode=0660', "'mode'",
     'it needs a unix socket that usernet creates'),
    (USAGE, '--netdev stream,id=a,server=on,addr.type=unix,addr.path={dir}/s,group=nosuch',
     "'group'", "no group 'nosuch'"),
    (USAGE, '--netdev dgram,id=a', 'dgram requires local=', 'local.type=unix, inet or fd'),
    (USAGE, '--netdev dgram,id=a,local.type=inet,local.host=127.0.0.1,local.port=1,local.to=9,'
            'remote.type=inet,remote.host=127.0.0.1,remote.port=2', "'local.to' is unexpected",
     'for a stream that listens (server=on)'),
    (USAGE, '--netdev socket,id=a', 'exactly one of', 'listen=, connect=, mcast=, udp= or fd='),
    (USAGE, '--', "'--'", 'a command must follow'),
    (USAGE, '--daemon -- true', '--daemon', 'the network ends with it'),
    (USAGE, '--netdev socket,id=a,fd=900', 'file descriptor 900', 'is not open'),
    (USAGE, '--netdev socket,id=a,fd=900 --netdev socket,id=b,fd=900', '--netdev socket,id=b',
     "file descriptor 900 is netdev 'a''s already"),
]

USERNETCTL = [
    (USAGE, '', 'a command is missing', 'see usernetctl --help'),
    (USAGE, '--frob', 'Unknown option --frob', 'see usernetctl --help'),
    (USAGE, 'frob', "unknown command 'frob'", 'see usernetctl --help'),
    (USAGE, 'status now', 'status', 'write usernetctl status'),
    (USAGE, 'connect web', 'connect', 'write usernetctl connect [--id NETDEV] GUEST PORT'),
    (USAGE, 'guest add', 'guest add', 'write usernetctl guest add NAME'),
    (USAGE, 'dns add x', 'dns add', 'write usernetctl dns add NAME ADDRESS'),
    (USAGE, 'policy host-loopback', 'policy host-loopback', 'on|off|PORTS'),
    (USAGE, 'run', 'run', 'write usernetctl run [--guest NAME] QEMU'),
    (USAGE, 'run true', "'true -version' prints no version", 'expected a qemu-system program'),
    (USAGE, '--network lab run true -m 5', "'true -version' prints no version", 'qemu-system'),
    (USAGE, 'run --guest a.b true', "--guest 'a.b'", '1 to 63 letters, digits and'),
    (USAGE, 'ssh', 'ssh', 'write usernetctl ssh GUEST'),
    (UNREACHABLE, 'qemu-args web', 'cannot reach usernet', 'Start it with: usernet\n'),
    (UNREACHABLE, 'status', 'cannot reach usernet', 'Start it with: usernet\n'),
    (UNREACHABLE, '--name lab status', 'lab/qmp.sock', 'Start it with: usernet --name lab'),
    (UNREACHABLE, '--socket {dir}/none status', '{dir}/none',
     'It prints its control socket when it starts'),
]

# With a network that runs.
LIVE = [
    (FAILED, 'netdev del x', "Device 'x'", 'not found'),
    (FAILED, 'netdev add pigeon,id=a', "'pigeon'", 'the netdevs are user, stream, dgram, socket'),
    (FAILED, 'hostfwd add x', "rule 'x'", '(No : separators)'),
    (FAILED, 'hostfwd remove tcp::1', 'tcp::1', 'not found'),
    (FAILED, 'connect nobody 22', 'nobody', ''),
    (FAILED, 'policy add x', "'x'", ''),
    (FAILED, 'dns add x y', "'y'", ''),
    (USAGE, 'qemu-args --format x web', "'x'", 'shell, libvirt or json'),
    (USAGE, 'link x sideways', "'sideways'", 'up or down'),
    (USAGE, 'qmp {', 'not a JSON object', 'see usernetctl --help'),
]

PASST = [
    (FAILED, '--frob', 'unknown option --frob', 'see --help'),
    (FAILED, '-m', '-m', 'needs a value'),
    (FAILED, 'x', "'x'", 'options only (see --help)'),
    (FAILED, '-m 5', "--mtu '5'", 'should be 0, or from 68 to 65535'),
    (FAILED, '-a 1.2.3', "--address '1.2.3'", 'should be an IPv4 or IPv6 address'),
    (FAILED, '-n 99', "--netmask '99'", 'or a mask such as 255.255.255.0'),
    (FAILED, '-H a,b', "'a,b'", 'should be a host name'),
    (FAILED, '-4 -6', '--ipv4-only and --ipv6-only', 'leave nothing'),
    (FAILED, '-F 2', "--fd '2'", 'should be 3 or more'),
    (FAILED, '-F 9 -s {dir}/s', '--socket and --fd', 'cannot both be given'),
    (FAILED, '-s {dir}/a -s {dir}/b', '--socket', 'is given twice'),
    (FAILED, '-f -F 99', '--fd 99', 'is not a connected stream socket'),
    (FAILED, '--log-size x', "--log-size 'x'", 'should be a number'),
    (FAILED, '-f -s {dir}/s -t nonsense', "'nonsense'", 'should be PORT or FIRST-LAST'),
    (FAILED, '-f -l {dir}/none/l -s {dir}/s', '--log-file {dir}/none/l', 'No such file'),
    (FAILED, '--vhost-user', '--vhost-user is refused', 'usernet serves stream sockets'),
    (FAILED, '--conf-path x', '--conf-path is refused', 'use usernetctl hostfwd add and remove'),
]


class Table(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)

    def each(self, table, run):
        for status, line, cause, way_out in table:
            with self.subTest(arguments=line):
                words = line.replace('{dir}', self.folder.path).split()
                done = run(words)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(done.stdout, '')
                for part in cause, way_out:
                    self.assertIn(part.replace('{dir}', self.folder.path), done.stderr)

    def test_usernet(self):
        self.each(USERNET, lambda words: run_daemon(self.folder, *words))

    def test_usernetctl(self):
        self.each(USERNETCTL, lambda words: run_ctl(self.folder, *words))

    def test_usernetctl_with_a_network(self):
        with Daemon(self.folder):
            self.each(LIVE, lambda words: run_ctl(self.folder, *words))

    def test_usernet_passt(self):
        environment = {**self.folder.environment(), 'USERNET': program('USERNET')}
        passt = os.environ['USERNET_PASST']
        self.each(PASST, lambda words: subprocess.run(
            [passt, *words], env=environment, text=True, stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=END_SECONDS))
