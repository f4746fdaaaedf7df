# SPDX-License-Identifier: BSD-3-Clause
"""Sockets that the service manager keeps over a restart. A stand-in for systemd receives them on its
notify socket and passes them to the next process, as systemd does (sd_pid_notify_with_fds(3))."""
import array
import os
import socket
import subprocess
import unittest

from lib.case import GATEWAY, LAN
from lib.daemon import END_SECONDS, Folder, run_ctl, words
from lib.guest import DgramGuest, StreamGuest
from lib.station import Station
from lib.wait import LIMIT, until

DGRAM = 'dgram,id=dg,local.type=unix,local.path={dir}/lan.dgram'
# $1: number of descriptors, $2: their names; the rest is the command.
ACTIVATE = 'export LISTEN_PID=$$ LISTEN_FDS=$1 LISTEN_FDNAMES=$2; shift 2; exec "$@"'


class Manager:
    """The parts of systemd that a service with FileDescriptorStoreMax= sees."""

    def __init__(self, folder):
        self.folder = folder
        self.store = {}
        self.ready = False
        self.child = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(folder.file('notify'))
        self.socket.settimeout(LIMIT)

    def receive(self):
        text, parts, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
        fds = array.array('i')
        for level, kind, data in parts:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data)
        fields = dict(line.split('=', 1) for line in text.decode().splitlines())
        if 'FDSTORE' in fields:
            self.store[fields['FDNAME']] = fds[0]
        elif 'FDSTOREREMOVE' in fields:
            os.close(self.store.pop(fields['FDNAME']))
        self.ready = self.ready or fields.get('READY') == '1'

    def receive_all(self):
        """What has been sent so far."""
        self.socket.setblocking(False)
        try:
            while True:
                self.receive()
        except BlockingIOError:
            pass
        self.socket.settimeout(LIMIT)

    def start(self, *options, store='64'):
        names, fds = list(self.store), list(self.store.values())

        def place():
            # High first: the places may be in use by others of them.
            high = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
                os.close(fd)
        environment = {**self.folder.environment(), 'NOTIFY_SOCKET': self.folder.file('notify')}
        if store:
            environment['FDSTORE'] = store
        command = words('--name', 'lab', *(o.replace('{dir}', self.folder.path) for o in options))
        if names:
            command = ['sh', '-c', ACTIVATE, 'sh', str(len(names)), ':'.join(names), *command]
        self.ready = False
        self.child = subprocess.Popen(command, env=environment, preexec_fn=place, close_fds=False,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not self.ready:
            self.receive()

    def end(self, how):
        how(self.child)
        status = self.child.wait(END_SECONDS)
        self.receive_all()
        return status

    def close(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.socket.close()
        for fd in self.store.values():
            os.close(fd)


class FdStore(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)
        self.manager = Manager(self.folder)
        self.addCleanup(self.manager.close)

    def path(self, name):
        return self.folder.file(name)

    def qmp_path(self):
        return self.folder.file('run', 'usernet', 'lab', 'qmp.sock')

    def ctl(self, *arguments):
        done = run_ctl(self.folder, '--name', 'lab', *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def names(self):
        return sorted(self.manager.store)

    def options(self, *more, port=None):
        self.port = port or self.free_port()
        return ['--netdev', f'user,id=nat,hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:80', '--netdev',
                LAN, '--netdev', DGRAM, '--slirp4netns-api', '{dir}/api.sock', *more]

    def free_port(self):
        with socket.create_server(('127.0.0.1', 0)) as sock:
            return sock.getsockname()[1]

    def all_names(self):
        return sorted([f'kept-{self.path(name)}' for name in ('lan.sock', 'lan.dgram', 'api.sock')] +
                      [f'kept-{self.qmp_path()}', f'kept-127.0.0.1%3a{self.port}'])

    def station(self, guest):
        self.addCleanup(guest.close)
        return Station(guest)

    def test_listening_sockets_are_kept(self):
        for mode in ('on', 'full', 'off'):
            with self.subTest(sandbox=mode):
                self.manager.start(*self.options('--sandbox', mode))
                self.assertEqual(self.names(), self.all_names())
                self.assertEqual(self.manager.end(lambda child: self.ctl('quit')), 0)
                self.assertEqual(self.names(), [])

    def test_without_a_store_nothing_is_kept(self):
        for store in (None, '0', ''):
            with self.subTest(FDSTORE=store):
                self.manager.start(*self.options(), store=store)
                self.assertEqual(self.names(), [])
                self.assertEqual(self.manager.end(lambda child: child.terminate()), 0)
                self.assertFalse(os.path.exists(self.path('lan.sock')))

    def comes_back(self, how, *more):
        """All doors take clients while nobody runs, and serve them afterwards."""
        self.manager.start(*self.options(*more))
        before = {name: os.stat(self.path(name)).st_ino for name in ('lan.sock', 'lan.dgram')}
        # A guest of libkrun: its socket is connected to ours, and never connects again.
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(self.path('krun'))
        sock.connect(self.path('lan.dgram'))
        connected = self.station(DgramGuest(sock, None, self.path('krun')))
        connected.dhcp()
        self.manager.end(how)

        self.assertEqual(self.names(), self.all_names())
        stream = self.station(StreamGuest.unix(self.path('lan.sock')))
        client = socket.create_connection(('127.0.0.1', self.port), LIMIT)
        self.addCleanup(client.close)
        control = socket.socket(socket.AF_UNIX)
        self.addCleanup(control.close)
        control.connect(self.qmp_path())
        control.settimeout(LIMIT)
        self.manager.start(*self.options(*more, port=self.port))
        self.assertIn(b'"QMP"', control.recv(4096))
        for station in (stream, connected):
            station.listen(80)
        stream.dhcp()
        stream.ping(GATEWAY)
        connected.dhcp()
        connected.ping(GATEWAY)
        holder = next(s for s in (connected, stream) if s.ip == '10.0.2.15')
        flow = holder.accept(80)
        client.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        self.assertEqual(self.names(), self.all_names())
        self.assertEqual({name: os.stat(self.path(name)).st_ino for name in before}, before)

    def test_clients_wait_while_it_restarts_after_a_kill(self):
        self.comes_back(lambda child: child.kill())

    def test_clients_wait_while_it_is_restarted_in_order(self):
        self.comes_back(lambda child: child.terminate())

    def test_clients_wait_in_the_full_sandbox(self):
        self.comes_back(lambda child: child.kill(), '--sandbox', 'full')

    def test_quit_of_a_restarted_network_leaves_nothing(self):
        self.manager.start(*self.options())
        self.manager.end(lambda child: child.kill())
        self.manager.start(*self.options(port=self.port))
        self.assertEqual(self.manager.end(lambda child: self.ctl('quit')), 0)
        self.assertEqual(self.names(), [])
        for name in ('lan.sock', 'lan.dgram', 'api.sock'):
            self.assertFalse(os.path.exists(self.path(name)), name)

    def test_what_is_added_and_removed_live_is_kept_and_forgotten(self):
        self.manager.start(*self.options())
        port = self.free_port()
        name = f'kept-127.0.0.1%3a{port}'
        self.ctl('hostfwd', 'add', f'tcp:127.0.0.1:{port}-:22')
        self.ctl('netdev', 'add', f'stream,id=more,server=on,addr.type=unix,addr.path={self.path("m")}')
        self.manager.receive_all()
        self.assertEqual(set(self.names()) - set(self.all_names()), {name, f'kept-{self.path("m")}'})
        self.ctl('hostfwd', 'remove', f'tcp:127.0.0.1:{port}')
        self.ctl('netdev', 'del', 'more')
        self.manager.receive_all()
        self.assertEqual(self.names(), self.all_names())
        # Taken over from the process before, too.
        self.manager.end(lambda child: child.kill())
        self.manager.start(*self.options(port=self.port))
        self.ctl('netdev', 'del', 'lan')
        self.ctl('hostfwd', 'remove', f'tcp:127.0.0.1:{self.port}')
        self.manager.receive_all()
        self.assertEqual(len(self.names()), 3)
        self.assertFalse(os.path.exists(self.path('lan.sock')))
        self.ctl('netdev', 'add', 'stream,id=lan,server=on,addr.type=unix,addr.path='
                 + self.path('lan.sock'))
        self.station(StreamGuest.unix(self.path('lan.sock'))).dhcp()

    def test_what_the_next_process_does_not_want_is_forgotten(self):
        self.manager.start(*self.options())
        self.manager.end(lambda child: child.kill())
        self.manager.start('--netdev', 'user,id=nat', '--netdev', LAN)
        self.manager.receive_all()
        self.assertEqual(self.names(), sorted([f'kept-{self.path("lan.sock")}',
                                               f'kept-{self.qmp_path()}']))
        self.assertFalse(os.path.exists(self.path('lan.dgram')))
        until(self.is_refused, 'the forward to be closed')

    def is_refused(self):
        """The daemon closes a socket after it has told the manager to forget it."""
        try:
            socket.create_connection(('127.0.0.1', self.port), LIMIT).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_socket_whose_file_is_gone_is_made_anew(self):
        self.manager.start(*self.options())
        self.manager.end(lambda child: child.kill())
        os.unlink(self.path('lan.sock'))
        self.manager.start(*self.options(port=self.port))
        self.station(StreamGuest.unix(self.path('lan.sock'))).dhcp()

    def test_files_that_a_stopped_service_leaves_are_replaced(self):
        """systemctl stop: SIGTERM, and the manager forgets the sockets."""
        self.manager.start(*self.options())
        self.assertEqual(self.manager.end(lambda child: child.terminate()), 0)
        while self.manager.store:
            os.close(self.manager.store.popitem()[1])
        until(lambda: run_ctl(self.folder, '--name', 'lab', 'status').returncode != 0, 'the end')
        self.manager.start(*self.options(port=self.port))
        self.station(StreamGuest.unix(self.path('lan.sock'))).dhcp()


if __name__ == '__main__':
    unittest.main()
