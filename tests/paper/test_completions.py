#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Completion: what usernetctl offers for a line, and that bash, zsh and fish show it."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from paper import TREE, help_of, tree
from lib.daemon import Daemon, Folder, become_unprivileged, program, run_ctl

BASH = '''
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
"$3" "${2%% *}" "" ""
printf '%s\\n' "${COMPREPLY[@]}"
'''

ZSH = '''
_describe() { local name=$argv[-1]; print -rl -- ${(P)name} }
_files() { print -r -- FILES }
service=$2
words=("${(@s: :)3}")
CURRENT=$#words
source $1
'''


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.close)
        # The programs by the names that shells complete.
        cls.bin = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.bin)
        for name in ('usernet', 'usernetctl', 'usernet-passt'):
            os.symlink(program(name.upper().replace('-', '_')), os.path.join(cls.bin, name))
        daemon = Daemon(cls.folder, '--guest', 'web,mac=52:54:00:a1:00:01,ip=10.0.2.20', '--guest',
                        'db', '--netdev',
                        'user,id=nat,deny=10.0.0.0/8,hostfwd=tcp:127.0.0.1:0-web:80', name='lab')
        cls.addClassCleanup(daemon.stop)

    def offered(self, *words):
        """The candidates without descriptions."""
        done = run_ctl(self.folder, 'complete', '--', *words)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return [line.split('\t')[0] for line in done.stdout.splitlines()]

    def shell(self, name, *words):
        if not shutil.which(name):
            self.skipTest(f'{name} is not installed')
        environment = {**self.folder.environment(), 'HOME': self.folder.path, 'LC_ALL': 'C.UTF-8',
                       'PATH': f'{self.bin}:{os.environ["PATH"]}'}
        done = subprocess.run([name, *words], env=environment, cwd=TREE, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return [line for line in done.stdout.splitlines() if line]

    # --- usernetctl complete ---

    def test_commands(self):
        self.assertEqual(self.offered('host'), ['hostfwd'])
        self.assertEqual(self.offered('hostfwd', ''), ['add', 'remove'])
        self.assertIn('status', self.offered(''))
        self.assertEqual(self.offered('nonsense', ''), [])

    def test_options(self):
        self.assertEqual(self.offered('--na'), ['--name'])
        self.assertEqual(self.offered('guests', '--js'), ['--json'])

    def test_every_option_of_the_help_is_offered_and_its_value_is_skipped(self):
        text = help_of('USERNETCTL')
        offered = set(self.offered('-'))
        for short, name, value in re.findall(r'^  (?:(-\w), )?(--[\w-]+)(=?)', text, flags=re.M):
            with self.subTest(option=name):
                self.assertLessEqual({name, short} - {'', '-h'}, offered)
                if value:
                    self.assertEqual(self.offered(name, 'x', 'statu'), ['status'])
                    self.assertEqual(self.offered(f'{name}=x', 'statu'), ['status'])
                else:
                    self.assertEqual(self.offered(name, 'statu'), ['status'])

    def test_networks(self):
        self.assertEqual(self.offered('--name', ''), ['lab'])
        self.assertEqual(self.offered('--name=l'), ['--name=lab'])

    def test_guests(self):
        self.assertEqual(self.offered('--name', 'lab', 'connect', ''),
                         ['web', 'db'] + self.offered('--name', 'lab', 'connect', '52:'))
        self.assertEqual(self.offered('--name=lab', 'connect', 'w'), ['web'])
        self.assertEqual(self.offered('connect', 'w', '--name', 'lab', ''), [])
        self.assertEqual(self.offered('--name', 'lab', 'policy', 'add', 'deny=*', 'd'), ['db'])
        self.assertEqual(self.offered('--name', 'lab', 'guest', 'remove', ''), ['web', 'db'])

    def test_netdevs(self):
        ids = ['nat', 'lan', 'lan-dgram', 'lan-dial']
        self.assertEqual(sorted(self.offered('--name', 'lab', 'netdev', 'del', '')), sorted(ids))
        self.assertIn('lan-dgram', self.offered('--name', 'lab', 'link', 'lan'))
        self.assertIn('nat.1', self.offered('--name', 'lab', 'link', ''))
        self.assertEqual(self.offered('netdev', 'add', 'd'), ['dgram,id='])

    def test_rules(self):
        rule, = self.offered('--name', 'lab', 'hostfwd', 'remove', 'tcp:')
        self.assertRegex(rule, r'^tcp:127\.0\.0\.1:\d+-web:80$')
        self.assertEqual(self.offered('--name', 'lab', 'hostfwd', '--id', 'nat', 'remove', ''),
                         [rule])
        self.assertEqual(self.offered('--name', 'lab', 'policy', 'remove', ''),
                         ['deny=10.0.0.0/8'])
        self.assertEqual(self.offered('link', 'web', ''), ['up', 'down'])
        self.assertEqual(self.offered('policy', 'host-loopback', ''), ['on', 'off'])

    def test_without_a_network_only_words(self):
        self.assertEqual(self.offered('--name', 'none', 'connect', ''), [])
        self.assertEqual(self.offered('--name', 'none', 'dns', 'st'), ['status'])

    # --- shells ---

    def bash(self, line, function='_usernetctl'):
        return self.shell('bash', '-c', BASH, 'bash', tree('tools/completions/usernet.bash'), line,
                          function)

    def test_bash(self):
        self.assertEqual(self.bash('usernetctl --name lab connect w'), ['web'])
        self.assertEqual(self.bash('usernetctl hostfwd '), ['add', 'remove'])
        # Behind the last colon, where bash's word begins.
        self.assertEqual(self.bash('usernetctl --name lab connect 52:54:00:a'), ['a1:00:01'])
        self.assertEqual(self.bash('usernet --name l', '_usernet'), ['lab'])
        self.assertEqual(self.bash('usernet --no-d', '_usernet'), ['--no-default-netdevs'])
        self.assertEqual(self.bash('usernet --netdev u', '_usernet'), ['user,id='])
        self.assertIn('--tcp-ports', self.bash('usernet-passt --tcp', '_usernet'))

    def zsh(self, line):
        return self.shell('zsh', '-f', '-c', ZSH, 'zsh', tree('tools/completions/_usernet'),
                          line.split()[0], line)

    def test_zsh(self):
        self.assertEqual(self.zsh('usernetctl --name lab connect w'),
                         ['web:52:54:00:a1:00:01'])
        self.assertEqual(self.zsh('usernetctl --name lab connect 52:54:00:a'),
                         [r'52\:54\:00\:a1\:00\:01:10.0.2.20'])
        self.assertIn('--no-default-netdevs', self.zsh('usernet --no-d'))
        self.assertEqual(self.zsh('usernet --config x'), ['FILES'])

    def fish(self, line):
        files = ' '.join(f'{tree("tools/completions")}/{name}.fish'
                         for name in ('usernet', 'usernetctl', 'usernet-passt'))
        return self.shell('fish', '--no-config', '-c',
                          f'for file in {files}; source $file; end; complete -C "{line}"')

    def test_fish(self):
        self.assertEqual(self.fish('usernetctl --name lab connect w'), ['web\t52:54:00:a1:00:01'])
        self.assertEqual([line.split('\t')[0] for line in self.fish('usernetctl hostfwd ')],
                         ['add', 'remove'])
        self.assertEqual(self.fish('usernet --name l'), ['lab'])
        self.assertEqual([line.split('\t')[0] for line in self.fish('usernet --no-d')],
                         ['--no-default-netdevs'])
        self.assertEqual(self.fish('usernet --netdev u'), ['user,id='])
        self.assertIn('--tcp-ports', self.fish('usernet-passt --tcp'))


if __name__ == '__main__':
    become_unprivileged()
    unittest.main()
