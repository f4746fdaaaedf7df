#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages: mandoc has no complaint, and they name what --help names and nothing else.
usernet-qmp(7) is in tests/wire/test_qmp_page.py."""
import glob
import os
import re
import shutil
import subprocess
import unittest

from paper import help_of, text_of, tree
from lib import manual
from lib.daemon import Daemon, Folder, become_unprivileged

# The netdev's part of --help, and where usernet.conf(5) has its keys.
SHARED = 'Keys of the netdevs for guests'


def items(text):
    """The heads of all items: ".It Fl a , -address Ar ADDR" without ".It "."""
    return re.findall(r'^\.It (.*)$', text, flags=re.M)


def page_options(text):
    """{"--address", "-a"}: what follows an Fl and is no argument."""
    found = set()
    for head in items(text):
        words, flags = head.split(), False
        for word in words:
            if word == 'Fl':
                flags = True
            elif word in ('Ar', 'Cm', 'Ns', 'Oo', 'Op'):
                flags = False
            elif flags and word != ',':
                found.add('-' + word)
    return found


def page_keys(text):
    return set(re.findall(r'Cm ([a-z][\w.-]*) Ns =', '\n'.join(items(text))))


def page_commands(text):
    """The words between Cm and the first argument."""
    found = set()
    for head in items(text):
        words = head.split()
        if words[0] == 'Cm':
            end = next((i for i, word in enumerate(words[1:], 1)
                        if word in ('Ar', 'Oo', 'Op', 'Cm', 'Ns', 'Fl')), len(words))
            found.add(' '.join(words[1:end]))
    return found


def help_options(text):
    found = set()
    for short, long in re.findall(r'^  (?:(-\w), )?(--[\w-]+)', text, flags=re.M):
        found |= {long, short} - {''}
    return found


def help_keys(part):
    """The keys of a netdev's or a guest's part of --help; they begin a line or follow two blanks."""
    lines = re.findall(r'^    (\S.*)$', part, flags=re.M)
    return {key for line in lines for key in re.findall(r'(?:^|  )([a-z][\w.-]*)=', line)}


class Pages(unittest.TestCase):
    def same(self, page, there, named, what):
        self.assertEqual(sorted(there - named), [], f'{page} lacks a paragraph for these {what}')
        self.assertEqual(sorted(named - there), [], f'{page} has {what} that --help has not')

    def test_mandoc_has_no_complaint(self):
        if not shutil.which('mandoc'):
            self.skipTest('mandoc is not installed')
        pages = sorted(glob.glob(tree('tools', 'man', '*.[1-9]')))
        self.assertEqual(len(pages), 5)
        done = subprocess.run(['mandoc', '-T', 'lint', *pages], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        # Pages that need not be installed: our own, and those of other packages.
        lines = [line for line in done.stdout.splitlines()
                 if 'referenced manual not found' not in line
                 and 'outdated mandoc.db' not in line]
        self.assertEqual(lines, [])

    def test_references_lead_to_pages(self):
        ours = {tuple(os.path.basename(path).rsplit('.', 1))
                for path in glob.glob(tree('tools', 'man', '*.[1-9]'))}
        for page in ours:
            for name, number in re.findall(r'^\.Xr (\S+) (\d)', manual.source('.'.join(page)),
                                           flags=re.M):
                if name.startswith('usernet'):
                    self.assertIn((name, number), ours, page)

    def test_options_of_usernet(self):
        self.same('usernet(8)', help_options(help_of('USERNET').split('\nNETDEV has')[0]),
                  page_options(manual.section('usernet.8', 'DESCRIPTION')), 'options')

    def test_keys_of_netdevs(self):
        netdevs = help_of('USERNET').split('\nNETDEV has')[1].split('\nGUEST is')[0]
        parts = re.split(r'^  ([a-z]+): ', netdevs, flags=re.M)
        pages = manual.subsections('usernet.conf.5', 'NETDEVS')
        shared = page_keys(pages[SHARED])
        for kind, part in zip(parts[1::2], parts[2::2]):
            with self.subTest(netdev=kind):
                name = f'The {kind} netdev'
                self.assertIn(name, pages, 'usernet.conf(5) lacks this subsection')
                there, named = help_keys(part), page_keys(pages[name])
                if kind != 'user':
                    there -= shared
                self.same(f'usernet.conf(5), {name},', there, named, 'keys')

    def test_keys_of_guests(self):
        part = help_of('USERNET').split('\nGUEST is')[1].split('\n\n')[0]
        self.same('usernet.conf(5)', help_keys(part),
                  page_keys(manual.section('usernet.conf.5', 'GUESTS')), 'keys of guests')

    def test_settings_of_a_file(self):
        """The keys of [network] are the options that are not for the command line alone."""
        text = manual.section('usernet.conf.5', 'NETWORK')
        named = set(re.findall(r'[a-z][a-z0-9-]+', ' '.join(re.findall(
            r'^(?:\.Cm )(.*)$', text, flags=re.M))))
        table = text_of('usernet', 'ctl', 'options', 'settings.c')
        table = table.split('setting_specs[] = {')[1].split('};')[0]
        self.same('usernet.conf(5), NETWORK,', set(re.findall(r'\.key = "([\w-]+)"', table)), named,
                  'keys')

    def test_reasons_of_drops(self):
        names = text_of('usernet', 'net', 'port.c').split('drop_names[', 1)[1].split('};')[0]
        self.same('usernet(8)', set(re.findall(r'= "([\w-]+)"', names)),
                  set(manual.keys(manual.section('usernet.8', 'DROPPED FRAMES'))), 'reasons')

    def test_limits_with_their_defaults(self):
        source = text_of('usernet', 'base', 'limit.c')
        named = dict(re.findall(r'\[(LIMIT_\w+)\] = \{"([\w-]+)"', source))
        defaults = dict(re.findall(r'\[(LIMIT_\w+)\] = ([^{,]+),', source))
        section = manual.section('usernet.8', 'LIMITS')
        self.same('usernet(8)', set(named.values()), set(manual.keys(section)), 'limits')
        shown = re.findall(r'\d+', ' '.join(re.findall(r'\(([\d,\s]+)\)', section)))
        values = {word.replace('48u << 20', str(48 << 20)) for word in defaults.values()}
        self.assertEqual(set(shown), values)

    def test_options_and_commands_of_usernetctl(self):
        text = help_of('USERNETCTL')
        self.same('usernetctl(1)', help_options(text),
                  page_options(manual.section('usernetctl.1', 'DESCRIPTION')), 'options')
        commands = text.split('\nCommands:\n')[1].split('\n\n')[0]
        self.same('usernetctl(1)', set(re.findall(r'^  ([a-z-]+(?: [a-z-]+(?= |$))*)', commands,
                                                  flags=re.M)),
                  page_commands(manual.section('usernetctl.1', 'COMMANDS')), 'commands')

    def test_options_of_usernet_passt(self):
        text = help_of('USERNET_PASST')
        there = set(re.findall(r'(?<![\w-])(--[a-z][\w-]*|-[A-Za-z0-9])(?=[\s,.=]|$)',
                               text.split('\n\n', 2)[2].split('\nEnvironment')[0]))
        # -F, -i and so on stand in the help for the options that have an effect only.
        named = page_options(manual.section('usernet-passt.1', 'DESCRIPTION'))
        self.same('usernet-passt(1)', {word for word in there if word.startswith('--')},
                  {word for word in named if word.startswith('--')}, 'options')
        self.assertEqual({word for word in there if len(word) == 2} - named, set())

    def test_security_says_what_is_promised_and_what_is_not(self):
        self.assertEqual(list(manual.subsections('usernet.8', 'SECURITY')),
                         ['What it defends against', 'What is promised', 'What is not promised',
                          'The sandbox', 'Outside software', 'Reporting'])

    def test_example_file_and_the_page_s_are_taken(self):
        page = re.search(r'^\.Bd -literal.*?\n(.*?)^\.Ed', manual.section(
            'usernet.conf.5', 'EXAMPLES'), flags=re.M | re.S).group(1)
        for text in (text_of('tools', 'examples', 'usernet.conf'), page):
            with Folder() as folder:
                with open(folder.file('usernet.conf'), 'w', encoding='utf-8') as file:
                    file.write(re.sub(r'(127\.0\.0\.1):\d+-', r'\1:0-', text))
                with Daemon(folder, '--config', folder.file('usernet.conf')) as daemon:
                    with daemon.qmp() as qmp:
                        names = {guest['name'] for guest in qmp.run('query-guests')}
                        self.assertEqual(names, {'web', 'db'})
                        self.assertEqual(len(qmp.run('query-forwards')), 2)


class Readme(unittest.TestCase):
    def test_it_is_short(self):
        self.assertLess(text_of('README').count('\n'), 250)

    def test_it_names_every_page(self):
        for path in glob.glob(tree('tools', 'man', '*.[1-9]')):
            name, number = os.path.basename(path).rsplit('.', 1)
            self.assertTrue(f'{name}({number})' in text_of('README'),
                            f'README does not name {name}({number})')


if __name__ == '__main__':
    become_unprivileged()
    unittest.main()
