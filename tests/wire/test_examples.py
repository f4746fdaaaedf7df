# SPDX-License-Identifier: BSD-3-Clause
"""The scripts of tools/examples run as they are, by an ordinary user, and leave nothing."""
import os
import shutil
import subprocess
import unittest

from lib.daemon import Folder, program

EXAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'tools', 'examples')


@unittest.skipUnless(os.access('/dev/net/tun', os.R_OK | os.W_OK), '/dev/net/tun may not be opened')
class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.close)
        # A tool's folder may hold more than the tool.
        os.mkdir(self.folder.file('bin'))
        for variable in ('USERNET', 'USERNETCTL'):
            os.symlink(program(variable), self.folder.file('bin', variable.lower()))

    def run_example(self, name, *arguments, before=()):
        for tool in ('ip', 'ping'):
            if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'):
                self.skipTest(f'{tool} is not installed')
        path = f'{self.folder.file("bin")}:{os.environ["PATH"]}:/usr/sbin:/sbin'
        result = subprocess.run(
            [*before, os.path.join(EXAMPLES, name), *arguments], text=True, timeout=60, check=False,
            env={**self.folder.environment(), 'PATH': path}, cwd=self.folder.path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_host_on_segment(self):
        self.assertEqual(self.run_example('host-on-segment'), '200\n')

    def test_two_hosts(self):
        self.assertIn(' 0% packet loss', self.run_example('two-hosts'))

    def test_tap(self):
        out = self.run_example(
            'tap', 'tap7', before=(
                'unshare', '-rn', 'sh', '-c',
                'ip tuntap add dev tap7 mode tap && ip address add 10.0.2.1/24 dev tap7 && '
                'ip link set tap7 up && ip link set lo up && exec "$@"', 'sh'))
        self.assertEqual(out.count(' 0% packet loss'), 2, out)

    @unittest.skipUnless(shutil.which('vde_switch'), 'vde_switch is not installed')
    def test_vde(self):
        if 'ASAN_OPTIONS' in os.environ:
            self.skipTest('libvdeplug opens its plug-ins in a way that AddressSanitizer refuses')
        self.assertIn(' 0% packet loss', self.run_example('vde', self.folder.file('switch')))


if __name__ == '__main__':
    unittest.main()
