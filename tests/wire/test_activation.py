# SPDX-License-Identifier: BSD-3-Clause
"""The service manager opens the sockets, and the first that comes starts the network."""
import json
import os
import shutil
import subprocess
import unittest

from lib.case import GATEWAY
from lib.daemon import Folder, run_ctl, words
from lib.guest import StreamGuest
from lib.station import Station
from lib.wait import until


@unittest.skipUnless(shutil.which('systemd-socket-activate'), 'systemd is not installed')
class Activation(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)
        # As DirectoryMode= of the unit makes them.
        self.run_dir = self.folder.file('run', 'usernet', 'lab')
        os.makedirs(self.run_dir, 0o700)
        os.chmod(os.path.dirname(self.run_dir), 0o700)

    def path(self, name):
        return os.path.join(self.run_dir, name)

    def activate(self, *options):
        names = ('lan.sock', 'qmp.sock')
        listen = [word for name in names for word in ('-l', self.path(name))]
        passed = [word for name in ('XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME')
                  for word in ('-E', f'{name}={self.folder.environment()[name]}')]
        child = subprocess.Popen(
            ['systemd-socket-activate', *listen, *passed, '--', *words('--name', 'lab', *options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        until(lambda: all(os.path.exists(self.path(name)) for name in names), 'the sockets')
        return child

    def ctl(self, *arguments):
        return run_ctl(self.folder, '--name', 'lab', *arguments)

    def served(self):
        guest = StreamGuest.unix(self.path('lan.sock'))
        self.addCleanup(guest.close)
        station = Station(guest)
        station.dhcp()
        station.ping(GATEWAY)

    def test_first_command_starts_the_network(self):
        for mode in ('on', 'full', 'off'):
            with self.subTest(sandbox=mode):
                child = self.activate('--sandbox', mode)
                inodes = {name: os.stat(self.path(name)).st_ino
                          for name in ('lan.sock', 'qmp.sock')}
                status = json.loads(self.ctl('--json', 'status').stdout)
                self.assertEqual(status['pid'], child.pid)
                self.served()
                self.assertEqual(self.ctl('netdev', 'del', 'lan').returncode, 0)
                self.assertEqual(self.ctl(
                    'netdev', 'add', f'stream,id=lan,server=on,addr.type=unix,'
                                     f'addr.path={self.path("lan.sock")}').returncode, 0)
                self.served()
                self.assertEqual(self.ctl('quit').returncode, 0)
                self.assertEqual(child.wait(60), 0)
                # They belong to the manager, which starts us again.
                for name, inode in inodes.items():
                    self.assertEqual(os.stat(self.path(name)).st_ino, inode)
                    os.unlink(self.path(name))

    def test_first_guest_starts_the_network(self):
        child = self.activate()
        self.served()
        child.terminate()
        self.assertEqual(child.wait(60), 0)

    def test_sockets_of_another_process_are_not_taken(self):
        """LISTEN_PID names the process that they are for (sd_listen_fds(3))."""
        child = subprocess.Popen(words('--name', 'lab'), stderr=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL,
                                 env={**self.folder.environment(), 'LISTEN_PID': '1',
                                      'LISTEN_FDS': '2'})
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        until(lambda: self.ctl('status').returncode == 0, 'the network')
        self.served()
        child.terminate()
        self.assertEqual(child.wait(60), 0)
        self.assertFalse(os.path.exists(self.path('qmp.sock')))


if __name__ == '__main__':
    unittest.main()
