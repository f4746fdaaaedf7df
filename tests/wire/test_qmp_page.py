# SPDX-License-Identifier: BSD-3-Clause
"""usernet-qmp(7) beside the code: it names every command, argument, event and member, and its
examples, run in the page's order, are answered as it says."""
import json
import re
import socket
import unittest

from lib import manual
from lib.case import GATEWAY, GATEWAY6, GatewayCase
from lib.network import Network
from lib.qmp import Qmp
from lib.schema import Schema
from lib.guest import StreamGuest
from lib.station import Station
from lib.wait import until

PAGE = 'usernet-qmp.7'
RUN = '/run/user/1000' # $XDG_RUNTIME_DIR of the examples
WEB = bytes.fromhex('525400a10001')
# The whole answer is in QEMU's form, and the page shows only a part.
EXCERPTS = {'query-qmp-schema'}


def has_word(word, text):
    return re.search(rf'(?<![\w-]){re.escape(word)}(?![\w-])', text) is not None


def members(value):
    """The names of all members in VALUE, at any depth; without the drops, which usernet(8) lists."""
    if isinstance(value, dict):
        return set(value).union(*(members(each) for key, each in value.items() if key != 'drops'))
    return set().union(*map(members, value)) if isinstance(value, list) else set()


def differs(example, answer, place='return'):
    """Where EXAMPLE says what ANSWER has not: a text, or None. Values may differ, kinds not."""
    if isinstance(example, dict) and isinstance(answer, dict):
        for key, value in example.items():
            if key not in answer:
                return f'{place}.{key}: not in the answer {json.dumps(answer)}'
            if wrong := differs(value, answer[key], f'{place}.{key}'):
                return wrong
        return None
    if isinstance(example, list) and isinstance(answer, list):
        for i, each in enumerate(example):
            found = [differs(each, other, f'{place}[{i}]') for other in answer]
            if not found:
                return f'{place}[{i}]: the answer is empty'
            if all(found):
                return found[min(i, len(found) - 1)]
        return None
    same = type(example) is type(answer) # bool is no int
    return None if same else f'{place}: the page has {example!r}, the answer {answer!r}'


class Page(GatewayCase):
    """Without guests: the page and query-qmp-schema."""

    @classmethod
    def setUpClass(cls):
        cls.commands = manual.subsections(PAGE, 'COMMANDS')
        cls.events = manual.subsections(PAGE, 'EVENTS')

    def setUp(self):
        self.network()
        self.qmp = self.keep(self.lan.daemon.qmp())
        self.schema = Schema(self.qmp)

    def test_every_command_has_a_paragraph(self):
        there = {each['name'] for each in self.qmp.run('query-commands')}
        self.assertEqual(there - set(self.commands), set(), f'commands that {PAGE} lacks')
        self.assertEqual(set(self.commands) - there, set(), f'{PAGE} has commands that are not there')

    def test_every_argument_is_listed(self):
        for name, text in self.commands.items():
            arguments = self.schema.types[self.schema.types[name]['arg-type']]
            there = {each['name']: 'default' in each for each in arguments['members']}
            with self.subTest(command=name):
                self.assertEqual(set(manual.keys(text)), set(there))
                for key, optional in there.items():
                    line = re.search(rf'^\.It Cm {re.escape(key)} (.*)$', text, flags=re.M).group(1)
                    self.assertEqual('optional' in line, optional, line)

    def test_every_event_has_a_paragraph(self):
        there = self.schema.events()
        self.assertEqual(there - set(self.events), set(), f'events that {PAGE} lacks')
        self.assertEqual(set(self.events) - there, set(), f'{PAGE} has events that are not there')

    def test_examples_of_events_have_every_member(self):
        for name, text in self.events.items():
            with self.subTest(event=name):
                (_, event), = manual.messages(text)
                self.assertEqual((event['event'], set(event)),
                                 (name, {'event', 'data', 'timestamp'}))
                self.schema.check(event)
                known = self.schema.types[self.schema.types[name]['arg-type']]['members']
                missing = {each['name'] for each in known} - set(event['data'])
                self.assertEqual(missing, set(), f'members that the example in {PAGE} lacks')


class Session(unittest.TestCase):
    """The examples as one session, on a network that has some of everything."""

    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def start(self):
        self.lan = self.keep(Network(
            '--netdev', 'user,id=nat,deny=192.0.2.0/24,hostfwd=tcp:127.0.0.1:8080-web:80,'
            'hostfwd=tcp:127.0.0.1:8081-10.0.2.77:80,guestfwd=tcp:10.0.2.100:13-cmd:date',
            '--netdev', 'stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock',
            '--guest', 'web,ip=10.0.2.20,mac=52:54:00:a1:00:01', '--guest', 'db,ip=10.0.2.21',
            '--config', '{dir}/default.conf', name='default', start=False))
        with open(self.lan.path('default.conf'), 'w', encoding='utf-8') as file:
            file.write('[dns]\nregistry = 10.0.2.20\n')
        self.lan.start()
        self.keep(socket.create_server(('127.0.0.1', 8000)))
        self.web = Station(self.keep(StreamGuest.unix(self.lan.path('lan.sock'))), WEB)
        self.web.dhcp()
        self.web.autoconfigure()
        self.web.connect(GATEWAY, 8000)
        self.web.ping(GATEWAY6)
        self.web.send_udp('192.0.2.1', 53, b'denied')
        self.keep(socket.create_connection(('127.0.0.1', 8081)))
        self.web.ping(GATEWAY)
        until(lambda: self.lan.ask('query-troubles'), 'a trouble')

    def ask(self, request):
        text = json.dumps(request).replace(RUN, self.lan.path('run'))
        command = request.get('execute')
        if command in ('getfd', 'closefd'):
            with self.keep(socket.socketpair()[0]) as passed:
                getfd = {'execute': 'getfd', 'arguments': request['arguments']}
                self.qmp.send_fd(json.dumps(getfd), passed.fileno())
            if command == 'getfd':
                return self.qmp.answer()
            self.qmp.answer()
        elif command == 'capture-start':
            _, theirs = map(self.keep, socket.socketpair())
            getfd = {'execute': 'getfd', 'arguments': {'fdname': request['arguments']['fdname']}}
            self.qmp.send_fd(json.dumps(getfd), theirs.fileno())
            self.qmp.answer()
            theirs.close()
        elif command == 'connect':
            self.web.listen(request['arguments']['port'])
        return self.qmp.ask(text)

    def check(self, request, wanted, text):
        answer = self.ask(request)
        self.assertEqual(set(answer), set(wanted), answer)
        self.assertEqual(answer.get('id'), wanted.get('id'))
        if 'error' in wanted:
            self.assertEqual(answer['error'], wanted['error'])
            return
        self.assertIsNone(differs(wanted['return'], answer['return']))
        if request['execute'] not in EXCERPTS:
            unnamed = {name for name in members(answer['return']) if not has_word(name, text)}
            self.assertEqual(unnamed, set(), f'members of the answer that {PAGE} does not name')

    def test_examples_are_answered_as_the_page_says(self):
        self.start()
        self.qmp = self.keep(Qmp(self.lan.daemon.run_dir('qmp.sock'), False))
        handshake = manual.subsections(PAGE, 'DESCRIPTION')['The handshake']
        (_, greeting), *_ = manual.messages(handshake)
        self.assertIsNone(differs(greeting, self.qmp.greeting, 'greeting'))
        requests = manual.subsections(PAGE, 'DESCRIPTION')['Requests and answers']
        later = manual.messages(requests)
        for name, text in manual.subsections(PAGE, 'COMMANDS').items():
            with self.subTest(command=name):
                (asks, request), (answers, wanted) = manual.messages(text)
                self.assertEqual((asks, answers, request['execute']), ('->', '<-', name))
                self.check(request, wanted, text)
            if name == 'qmp_capabilities':
                for (_, request), (_, wanted) in zip(later[::2], later[1::2]):
                    self.check(request, wanted, requests)
        self.lan.daemon.wait()
