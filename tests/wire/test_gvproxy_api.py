# SPDX-License-Identifier: BSD-3-Clause
"""gvproxy's HTTP API: the requests of its Go client and of curl, recorded, with the answers of gvproxy
0.6.2, built from source. The network has gvproxy's addresses."""
import errno
import json
import os
import socket
import time
import unittest

from lib.case import GatewayCase
from lib.stranger import ask_stranger
from lib.wait import LIMIT, until

FORWARDER = '/services/forwarder/'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as sock:
        return sock.getsockname()[1]


def go(method, path, body=None):
    """As Go's net/http writes it for gvisor-tap-vsock's pkg/client."""
    if body is None:
        return (f'{method} {path} HTTP/1.1\r\nHost: base\r\nUser-Agent: Go-http-client/1.1\r\n'
                'Accept-Encoding: gzip\r\n\r\n')
    return (f'{method} {path} HTTP/1.1\r\nHost: base\r\nUser-Agent: Go-http-client/1.1\r\n'
            f'Content-Length: {len(body)}\r\nContent-Type: application/json\r\n'
            f'Accept-Encoding: gzip\r\n\r\n{body}')


def curl(method, path, body=None):
    """As curl 7.88 writes it for the lines of gvproxy's README."""
    head = f'{method} {path} HTTP/1.1\r\nHost: unix\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n'
    if body is None:
        return head + '\r\n'
    return (f'{head}Content-Length: {len(body)}\r\n'
            f'Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}')


# Bodies that expose refuses; the status is gvproxy's, the text too unless it is None.
REFUSED = [
    ('{"local":":6450","remote":":22"}', 400, None),
    ('{"local":":6450","remote":"192.168.127.2"}', 400,
     'address 192.168.127.2: missing port in address'),
    ('{"local":":6450","remote":"192.168.127.2:x"}', 500, None),
    ('{"local":"nonsense","remote":"192.168.127.2:22"}', 500, None),
    ('{"local":":6451","remote":"192.168.127.2:22","protocol":"sctp"}', 500,
     'unknown protocol sctp'),
    ('{"local":"/tmp/x.sock","remote":"http://192.168.127.2:22","protocol":"unix"}', 500, None),
    ('', 400, 'EOF'),
    ('{', 400, 'unexpected EOF'),
    ('[]', 400, None),
    ('5', 400, None),
    ('x', 400, None),
    ('{"local":5}', 400, None),
]
# What would become another rule than was asked for.
HOSTILE = [
    ('{"local":":8000..8010","remote":"192.168.127.2:22"}', 500),
    ('{"local":":6450","remote":"192.168.127.2:22+masquerade=on"}', 500),
    ('{"local":":6450-10.0.2.9:22","remote":"192.168.127.2:22"}', 500),
    ('{"local":"udp::6450","remote":"192.168.127.2:22"}', 500),
    ('{"local":"[::1","remote":"192.168.127.2:22"}', 500),
    ('{"local":":6450","remote":"no-such-guest.example:22"}', 500),
    ('{"local":"relative","remote":"tcp://192.168.127.2:22","protocol":"unix"}', 500),
    ('{"local":":6450","remote":"192.168.127.2:22","protocol":' + '[' * 40 + ']' * 40 + '}', 400),
    ('{"local":":6450\0","remote":"192.168.127.2:22"}', 413),
]


class GvproxyCase(GatewayCase):
    MORE = ()

    def setUp(self):
        self.network('net=192.168.127.0/24,host=192.168.127.1', '--gvproxy-api', '{dir}/api.sock',
                     *self.MORE)
        self.path = self.lan.path('api.sock')

    def client(self):
        sock = self.keep(socket.socket(socket.AF_UNIX))
        sock.settimeout(LIMIT)
        sock.connect(self.path)
        return sock

    def answer(self, sock):
        """(status, headers, body) of one answer."""
        data = b''
        while b'\r\n\r\n' not in data:
            part = sock.recv(65536)
            if not part:
                raise EOFError(data)
            data += part
        head, _, body = data.partition(b'\r\n\r\n')
        first, *lines = head.decode().split('\r\n')
        headers = dict(line.split(': ', 1) for line in lines)
        while len(body) < int(headers['Content-Length']):
            body += sock.recv(65536)
        return int(first.split()[1]), headers, body.decode()

    def raw(self, request):
        sock = self.client()
        sock.sendall(request.encode())
        try:
            return self.answer(sock)
        finally:
            sock.close()

    def post(self, name, body):
        if not isinstance(body, str):
            body = json.dumps(body)
        status, _, text = self.raw(curl('POST', FORWARDER + name, body))
        return status, text.rstrip('\n')

    def all(self):
        return json.loads(self.raw(curl('GET', FORWARDER + 'all'))[2])

    def shown(self):
        return [rule['rule'] for rule in self.lan.ask('query-forwards')]


class Recorded(GvproxyCase):
    def check(self, request, status, body):
        got, headers, text = self.raw(request)
        self.assertEqual((got, text), (status, body))
        if body:
            self.assertEqual(headers['Content-Type'], 'text/plain; charset=utf-8')
        if status != 200:
            self.assertEqual(headers['X-Content-Type-Options'], 'nosniff')

    def test_go_client_gets_the_answers_of_gvproxy(self):
        port, other = free_port(), free_port()
        body = f'{{"local":":{port}","remote":"192.168.127.2:6443","protocol":""}}'
        self.check(go('GET', FORWARDER + 'all'), 200, '[]\n')
        self.check(go('POST', FORWARDER + 'expose', body), 200, '')
        self.check(go('POST', FORWARDER + 'expose', body), 500,
                   f'proxy already running for tcp on :{port}\n')
        self.check(go('POST', FORWARDER + 'expose', f'{{"local":"127.0.0.1:{other}",'
                      '"remote":"192.168.127.2:22","protocol":"tcp"}'), 200, '')
        self.check(go('GET', FORWARDER + 'all'), 200,
                   f'[{{"local":"127.0.0.1:{other}","remote":"192.168.127.2:22","protocol":"tcp"}},'
                   f'{{"local":":{port}","remote":"192.168.127.2:6443","protocol":"tcp"}}]\n')
        gone = f'{{"local":":{port}","protocol":""}}'
        self.check(go('POST', FORWARDER + 'unexpose', gone), 200, '')
        self.check(go('POST', FORWARDER + 'unexpose', gone), 500, 'proxy not found\n')

    def test_curl_gets_the_answers_of_gvproxy(self):
        port = free_port()
        body = f'{{"local":":{port}","remote":"192.168.127.2:6443"}}'
        self.check(curl('POST', FORWARDER + 'expose', body), 200, '')
        self.check(curl('POST', FORWARDER + 'expose', body[:-1] + ',"protocol":"udp"}'), 200, '')
        rows = [{'local': f':{port}', 'remote': '192.168.127.2:6443', 'protocol': protocol}
                for protocol in ('tcp', 'udp')]
        self.assertEqual(self.all(), rows)
        self.check(curl('POST', FORWARDER + 'unexpose', f'{{"local":":{port}","protocol":"udp"}}'),
                   200, '')
        self.assertEqual(self.all(), rows[:1])

    def test_wrong_requests_get_the_status_of_gvproxy(self):
        for body, status, text in REFUSED:
            with self.subTest(body=body):
                got = self.post('expose', body)
                self.assertEqual(got[0], status, got)
                if text is not None:
                    self.assertEqual(got[1], text)
        for path in ('expose', 'unexpose'):
            self.check(curl('GET', FORWARDER + path), 400, 'post only\n')
        for path in (FORWARDER + 'nope', FORWARDER + 'all/', '/', '/services'):
            self.check(curl('GET', path), 404, '404 page not found\n')
        self.assertEqual(self.shown(), [])

    def test_leases_have_the_gateway_and_the_guests(self):
        self.check(curl('GET', '/leases'), 200, '{"192.168.127.1":"52:55:c0:a8:7f:01"}\n')
        station = self.station()
        mac = ':'.join(f'{byte:02x}' for byte in station.mac)
        for path in ('/leases', '/services/dhcp/leases'):
            self.assertEqual(json.loads(self.raw(go('GET', path))[2]),
                             {'192.168.127.1': '52:55:c0:a8:7f:01', station.ip: mac})


class InTheNetwork(GvproxyCase):
    MORE = ('--guest', 'web,ip=192.168.127.40')

    def test_rule_leads_to_the_guest_and_shows_among_the_forwards(self):
        port = free_port()
        station = self.station()
        self.assertEqual(self.post('expose', {'local': f'127.0.0.1:{port}',
                                              'remote': f'{station.ip}:80'}), (200, ''))
        self.assertEqual(self.shown(), [f'tcp:127.0.0.1:{port}-{station.ip}:80'])
        station.listen(80)
        client = self.dial('127.0.0.1', port)
        flow = station.accept(80)
        client.sendall(b'hello')
        self.assertEqual(flow.recv(5), b'hello')

    def test_path_and_name_of_a_guest_may_be_exposed(self):
        path = self.lan.path('door-with-dash].sock')
        self.assertEqual(self.post('expose', {'local': path, 'protocol': 'unix',
                                              'remote': 'tcp://192.168.127.15:22'}), (200, ''))
        self.assertTrue(os.path.exists(path))
        port = free_port()
        self.assertEqual(self.post('expose', {'local': f'localhost:{port}', 'remote': 'web:22'}),
                         (200, ''))
        self.assertEqual({(row['local'], row['remote']) for row in self.all()},
                         {(path, 'tcp://192.168.127.15:22'), (f'localhost:{port}', 'web:22')})
        self.assertEqual(self.post('unexpose', {'local': path, 'protocol': 'unix'}), (200, ''))
        self.assertFalse(os.path.exists(path))

    def test_empty_local_address_listens_on_both_families(self):
        port = free_port()
        self.assertEqual(self.post('expose', {'local': f':{port}', 'remote': '192.168.127.15:22'})[0],
                         200)
        for host in ('127.0.0.1', '::1'):
            self.dial(host, port)

    def test_port_0_lets_the_kernel_choose(self):
        self.assertEqual(self.post('expose', {'local': '127.0.0.1:0',
                                              'remote': '192.168.127.15:22'})[0], 200)
        self.assertEqual([row['local'] for row in self.all()], ['127.0.0.1:0'])
        self.assertNotIn(':0-', self.shown()[0])
        self.assertEqual(self.post('unexpose', {'local': '127.0.0.1:0'}), (200, ''))
        self.assertEqual(self.shown(), [])

    def test_rules_of_others_are_shown_and_may_be_removed(self):
        port = free_port()
        self.lan.ask('human-monitor-command',
                     **{'command-line': f'hostfwd_add tcp:127.0.0.1:{port}-:80'})
        self.assertEqual(self.all(), [{'local': f'127.0.0.1:{port}', 'protocol': 'tcp',
                                       'remote': '192.168.127.15:80'}])
        self.assertEqual(self.post('unexpose', {'local': f'127.0.0.1:{port}'}), (200, ''))
        self.assertEqual(self.shown(), [])

    def test_rule_removed_elsewhere_is_forgotten(self):
        port = free_port()
        row = {'local': f'127.0.0.1:{port}', 'remote': '192.168.127.15:22'}
        self.post('expose', row)
        self.lan.ask('human-monitor-command', **{'command-line':
                                                 f'hostfwd_remove tcp:127.0.0.1:{port}'})
        self.assertEqual(self.all(), [])
        self.assertEqual(self.post('unexpose', row), (500, 'proxy not found'))
        self.assertEqual(self.post('expose', row), (200, ''))

    def test_busy_port_is_refused_and_the_answer_names_it(self):
        _, port = self.host_tcp()
        status, text = self.post('expose', {'local': f'127.0.0.1:{port}',
                                            'remote': '192.168.127.15:22'})
        self.assertEqual(status, 500)
        self.assertIn(f'127.0.0.1:{port}', text)

    def test_words_of_our_grammar_do_not_slip_in(self):
        for body, status in HOSTILE:
            with self.subTest(body=body):
                self.assertEqual(self.post('expose', body)[0], status)
        self.assertEqual(self.shown(), [])

    def test_answers_in_the_full_sandbox_and_from_one_connection(self):
        self.network('', '--gvproxy-api', '{dir}/api.sock', '--sandbox', 'full')
        self.path = self.lan.path('api.sock')
        sock = self.client()
        for _ in range(3):
            sock.sendall(go('GET', FORWARDER + 'all').encode())
            self.assertEqual(self.answer(sock)[0], 200)
        with open(f'/proc/{self.lan.daemon.pid}/status', encoding='ascii') as status:
            self.assertIn('\nThreads:\t1\n', status.read())

    def test_socket_is_removed_at_the_end(self):
        sock = self.client()
        sock.sendall(b'POST /services/forwarder/expose HTTP/1.1\r\nHost: x\r\n')
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.lan.stop()
        self.assertFalse(os.path.exists(self.path))


class Bounds(GvproxyCase):
    def test_largest_body_passes_and_a_larger_one_is_refused(self):
        for size, right in ((16384, 400), (16385, 413)):
            self.assertEqual(self.post('expose', '[' + ' ' * (size - 2) + ']')[0], right)

    def test_large_head_is_refused(self):
        sock = self.client()
        sock.sendall(b'GET /leases HTTP/1.1\r\nHost: x\r\nX: ' + b'a' * 20000 + b'\r\n\r\n')
        self.assertIn(sock.recv(12)[9:12], (b'431', b'413'))

    def test_request_in_pieces_is_answered(self):
        sock = self.client()
        for byte in go('POST', FORWARDER + 'unexpose', '{"local":":1"}').encode():
            sock.sendall(bytes([byte]))
        self.assertEqual(self.answer(sock)[::2], (500, 'proxy not found\n'))

    def test_chunked_body_is_read(self):
        sock = self.client()
        sock.sendall(b'POST /services/forwarder/unexpose HTTP/1.1\r\nHost: x\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\ne\r\n{"local":":1"}\r\n0\r\n\r\n')
        self.assertEqual(self.answer(sock)[::2], (500, 'proxy not found\n'))

    def test_clients_beyond_the_limit_wait_for_their_turn(self):
        idle = [self.client() for _ in range(16)]
        late = self.client()
        late.sendall(curl('GET', '/leases').encode())
        late.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            late.recv(1)
        idle[0].close()
        late.settimeout(LIMIT)
        self.assertEqual(self.answer(late)[0], 200)

    def test_idle_clients_cost_no_time(self):
        clients = [self.client() for _ in range(8)]
        clients[0].sendall(b'GET /lea')
        time.sleep(0.3)
        before = self.lan.cpu_seconds()
        time.sleep(1)
        self.assertLess(self.lan.cpu_seconds() - before, 0.1)

    def test_nonsense_does_not_end_the_network(self):
        for text in (b'\0' * 100, b'{"execute":"list_hostfwd"}', b'GET\r\n\r\n', os.urandom(500)):
            sock = self.client()
            sock.sendall(text)
            # libmicrohttpd may keep a half-closed client for its 30 s.
            sock.close()
        self.assertEqual(self.all(), [])

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
