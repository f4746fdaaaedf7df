# SPDX-License-Identifier: BSD-3-Clause
"""The API socket of slirp4netns: what its clients send, and the answers of slirp4netns 1.2.0, recorded
from Debian's package."""
import errno
import json
import os
import socket
import time
import unittest

from lib.case import GatewayCase
from lib.daemon import run_ctl
from lib.stranger import ask_stranger
from lib.wait import LIMIT, until


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as sock:
        return sock.getsockname()[1]


def error(text):
    return {'error': {'desc': 'bad request: ' + text}}


def add(**changes):
    arguments = {'proto': 'tcp', 'host_addr': '127.0.0.1', 'host_port': 1, 'guest_addr': '10.0.2.100',
                 'guest_port': 80, **changes}
    return json.dumps({'execute': 'add_hostfwd', 'arguments': {
        key: value for key, value in arguments.items() if value is not None}})


LIST = '{"execute": "list_hostfwd"}'

# Requests that change nothing, with the recorded answers.
REFUSED = [
    (add(proto='sctp'), error('add_hostfwd: bad arguments.proto')),
    (add(host_addr='::1'), error('add_hostfwd: bad arguments.host_addr')),
    (add(host_addr='nonsense'), error('add_hostfwd: bad arguments.host_addr')),
    (add(host_port=0), error('add_hostfwd: bad arguments.host_port')),
    (add(host_port='18090'), error('add_hostfwd: bad arguments.host_port')),
    (add(host_port=None), error('add_hostfwd: bad arguments.host_port')),
    (add(guest_addr='x'), error('add_hostfwd: bad arguments.guest_addr')),
    (add(guest_port=0), error('add_hostfwd: bad arguments.guest_port')),
    ('{"execute":"remove_hostfwd","arguments":{"id":1}}',
     error('remove_hostfwd: bad arguments.id')),
    ('{"execute":"remove_hostfwd","arguments":{"id":"2"}}',
     error('remove_hostfwd: bad arguments.id')),
    ('{"execute":"remove_hostfwd"}', error('remove_hostfwd: bad arguments.id')),
    ('', error('cannot parse JSON')),
    ('{', error('cannot parse JSON')),
    ('[]', error('json_object() failed')),
    ('5', error('json_object() failed')),
    ('"x"', error('json_object() failed')),
    ('{}', error('no execute found')),
    ('{"execute":5}', error('no execute found')),
    ('{"execute":"nope"}', error('unknown execute')),
    (LIST, {'entries': []}),
    ('{"execute":"list_hostfwd","arguments":{"x":1},"id":7}', {'entries': []}),
    ('{"execute":"list_hostfwd"} trailing', {'entries': []}),
    (' ' * 4095, error('cannot parse JSON')),
    (' ' * 4096, error('too large message')),
    ('{"execute":"list_hostfwd"}' + ' ' * 4060, {'entries': []}),
    ('[' * 3000, error('cannot parse JSON')),
]
# Where slirp4netns crashes or cuts numbers to 16 bits, we refuse.
OURS = [
    (add(proto=None), error('add_hostfwd: bad arguments.proto')),
    (add(host_port=-1), error('add_hostfwd: bad arguments.host_port')),
    (add(host_port=70000), error('add_hostfwd: bad arguments.host_port')),
    (add(guest_port=70000), error('add_hostfwd: bad arguments.guest_port')),
    ('{"execute":"add_hostfwd","arguments":7}', error('add_hostfwd: bad arguments.proto')),
    ('{"execute":"list_hostfwd"\0}', error('cannot parse JSON')),
    ('{"execute":"\xff"}', error('cannot parse JSON')),
]


class Slirp4netnsCase(GatewayCase):
    def setUp(self):
        self.network('', '--slirp4netns-api', '{dir}/api.sock')
        self.path = self.lan.path('api.sock')

    def client(self):
        sock = self.keep(socket.socket(socket.AF_UNIX))
        sock.settimeout(LIMIT)
        sock.connect(self.path)
        return sock

    def answer(self, sock):
        data = b''
        while part := sock.recv(65536):
            data += part
        return data

    def raw(self, request, half_close=True):
        sock = self.client()
        try:
            sock.sendall(request.encode('latin-1'))
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self.answer(sock).decode()

    def ask(self, request, **options):
        return json.loads(self.raw(request, **options))

    def shown(self):
        return [rule['rule'] for rule in self.lan.ask('query-forwards')]


class Recorded(Slirp4netnsCase):
    def test_requests_are_answered_as_by_slirp4netns(self):
        for request, right in REFUSED + OURS:
            with self.subTest(request=request[:80]):
                self.assertEqual(self.ask(request), right)
        self.assertEqual(self.shown(), [])

    def test_rules_are_added_listed_and_removed_with_the_bytes_of_slirp4netns(self):
        first, second, third = free_port(), free_port(), free_port()
        self.assertEqual(self.raw(add(host_addr='0.0.0.0', host_port=first)),
                         '{"return":{"id":1}}')
        self.assertEqual(self.raw(add(proto='udp', host_port=second, host_addr='', guest_addr='',
                                      guest_port=81)), '{"return":{"id":2}}')
        self.assertEqual(self.raw(add(host_port=third + 0.7, guest_addr=None)),
                         '{"return":{"id":3}}')
        self.assertEqual(
            self.raw(LIST),
            f'{{"entries":[{{"id":1,"proto":"tcp","host_addr":"0.0.0.0","host_port":{first},'
            f'"guest_addr":"10.0.2.100","guest_port":80}},'
            f'{{"id":2,"proto":"udp","host_addr":"0.0.0.0","host_port":{second},'
            f'"guest_addr":"10.0.2.15","guest_port":81}},'
            f'{{"id":3,"proto":"tcp","host_addr":"127.0.0.1","host_port":{third},'
            f'"guest_addr":"10.0.2.15","guest_port":80}}]}}')
        self.assertEqual(self.raw('{"execute":"remove_hostfwd","arguments":{"id":2.9}}'),
                         '{"return":{}}')
        self.assertEqual(self.ask('{"execute":"remove_hostfwd","arguments":{"id":2}}'),
                         error('remove_hostfwd: bad arguments.id'))
        self.assertEqual([entry['id'] for entry in self.ask(LIST)['entries']], [1, 3])
        # Numbers are not used again.
        self.assertEqual(self.ask(add(host_port=second)), {'return': {'id': 4}})

    def test_busy_port_is_refused_and_the_answer_names_it(self):
        _, port = self.host_tcp()
        text = self.ask(add(host_port=port))['error']['desc']
        self.assertTrue(text.startswith('bad request: add_hostfwd: slirp_add_hostfwd failed: '))
        self.assertIn(str(port), text)


class InTheNetwork(Slirp4netnsCase):
    def test_rule_leads_to_the_guest_and_shows_among_the_forwards(self):
        port = free_port()
        station = self.station()
        self.assertEqual(self.ask(add(host_port=port, guest_addr=station.ip)),
                         {'return': {'id': 1}})
        self.assertEqual(self.shown(), [f'tcp:127.0.0.1:{port}-{station.ip}:80'])
        shown = run_ctl(self.lan.folder, '--name', 'test', 'forwards')
        self.assertIn(str(port), shown.stdout)
        station.listen(80)
        client = self.dial('127.0.0.1', port)
        flow = station.accept(80)
        client.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')

    def test_rule_removed_elsewhere_is_no_longer_listed(self):
        port = free_port()
        self.ask(add(host_port=port))
        done = run_ctl(self.lan.folder, '--name', 'test', 'hostfwd', 'remove', f'tcp:127.0.0.1:{port}')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ask(LIST), {'entries': []})
        self.assertEqual(self.ask('{"execute":"remove_hostfwd","arguments":{"id":1}}'),
                         error('remove_hostfwd: bad arguments.id'))

    def test_rules_of_others_are_not_listed(self):
        self.lan.ask('human-monitor-command',
                     **{'command-line': f'hostfwd_add tcp:127.0.0.1:{free_port()}-:80'})
        self.assertEqual(len(self.shown()), 1)
        self.assertEqual(self.ask(LIST), {'entries': []})

    def test_socket_is_removed_at_the_end(self):
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.lan.stop()
        self.assertFalse(os.path.exists(self.path))

    def test_answers_in_the_full_sandbox(self):
        self.network('', '--slirp4netns-api', '{dir}/api.sock', '--sandbox', 'full')
        self.path = self.lan.path('api.sock')
        self.assertEqual(self.ask(add(host_port=free_port())), {'return': {'id': 1}})


class Bounds(Slirp4netnsCase):
    def test_request_in_pieces_is_answered_without_a_half_close(self):
        sock = self.client()
        for byte in LIST.encode():
            sock.sendall(bytes([byte]))
        self.assertEqual(json.loads(self.answer(sock)), {'entries': []})

    def test_clients_beyond_the_limit_wait_for_their_turn(self):
        idle = [self.client() for _ in range(16)]
        late = self.client()
        late.sendall(LIST.encode())
        late.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            late.recv(1)
        idle[0].close()
        late.settimeout(LIMIT)
        self.assertEqual(json.loads(self.answer(late)), {'entries': []})

    def test_silent_client_is_closed_after_10_s(self):
        sock = self.client()
        sock.sendall(b'{"execute"')
        sock.settimeout(30)
        began = time.monotonic()
        self.assertEqual(sock.recv(1), b'')
        self.assertGreater(time.monotonic() - began, 8)

    def test_nesting_beyond_32_levels_is_refused(self):
        deep = '{"execute":"list_hostfwd","arguments":%s}'
        self.assertEqual(self.ask(deep % ('[' * 31 + ']' * 31)), {'entries': []})
        self.assertEqual(self.ask(deep % ('[' * 32 + ']' * 32)), error('cannot parse JSON'))

    def test_client_that_leaves_early_harms_nobody(self):
        for request in (b'', b'{', LIST.encode()):
            sock = self.client()
            sock.sendall(request)
            sock.close()
        self.assertEqual(self.ask(LIST), {'entries': []})

    def test_long_list_reaches_a_slow_reader(self):
        for _ in range(40):
            self.ask(add(host_port=free_port()))
        sock = self.client()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.sendall(LIST.encode())
        time.sleep(0.2)
        self.assertEqual(len(json.loads(self.answer(sock))['entries']), 40)

    def test_other_user_is_refused(self):
        os.chmod(self.lan.path(), 0o777)
        os.chmod(self.path, 0o777)
        answer = ask_stranger(self.path)
        if answer is None:
            self.skipTest('only root can be another user')
        self.assertIn(answer, (b'', errno.ECONNRESET))
        until(lambda: 'refused a client of another user' in self.lan.daemon.errors(), 'the message')


if __name__ == '__main__':
    unittest.main()
