# SPDX-License-Identifier: BSD-3-Clause
"""Files by HTTP at the gateway: which, to whom, in parts, and how many connections."""
import os
import random
import unittest

from lib.case import DNS, GATEWAY, GATEWAY6, GatewayCase, scale
from lib.qmp import QmpError
from lib.wait import until

PER_PORT = 32


class HttpCase(GatewayCase):
    def serve(self, options='', **files):
        self.network(','.join(filter(None, ('http={dir}/files', options))), start=False)
        os.mkdir(self.lan.path('files'))
        for name, content in files.items():
            with open(self.lan.path('files', name), 'wb') as file:
                file.write(content)
        try:
            self.lan.start()
        except RuntimeError as error:
            if 'without libmicrohttpd' in str(error):
                self.skipTest('built without libmicrohttpd')
            raise

    def connect(self, station, to=GATEWAY):
        flow = station.connect(to, 80)
        flow.wait(lambda: flow.opened, 'the answer')
        return flow

    def ask(self, flow, path, *fields, method='GET'):
        """(status, {field: value}, body) of one request on an open connection."""
        flow.send('\r\n'.join((f'{method} {path} HTTP/1.1', 'Host: gateway', *fields, '', '')).encode())
        flow.wait(lambda: b'\r\n\r\n' in flow.received or flow.ended, 'the head')
        head, _, flow.received = flow.received.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        fields = {name.lower(): value for name, value in
                  (line.split(': ', 1) for line in lines[1:])}
        length = 0 if method == 'HEAD' else int(fields['content-length'])
        return int(lines[0].split()[1]), fields, flow.recv(length) if length else b''

    def fetch(self, station, path, *fields, to=GATEWAY, method='GET'):
        flow = self.connect(station, to)
        answer = self.ask(flow, path, *fields, method=method)
        flow.close()
        return answer


class Files(HttpCase):
    def test_file_comes_whole_by_both_families(self):
        data = random.Random(1).randbytes(scale(300000))
        self.serve(big=data, empty=b'')
        station = self.station()
        station.autoconfigure()
        for to in (GATEWAY, GATEWAY6):
            status, fields, body = self.fetch(station, '/big', to=to)
            self.assertEqual((status, fields['content-length'], body == data),
                             (200, str(len(data)), True))
        self.assertEqual(self.fetch(station, '/empty')[::2], (200, b''))

    def test_head_has_the_length_and_no_body(self):
        self.serve(big=bytes(5000))
        status, fields, body = self.fetch(self.station(), '/big', method='HEAD')
        self.assertEqual((status, fields['content-length'], fields['accept-ranges'], body),
                         (200, '5000', 'bytes', b''))

    def test_requests_follow_on_one_connection(self):
        self.serve(one=b'first', two=b'second')
        flow = self.connect(self.station())
        self.assertEqual(self.ask(flow, '/one')[2], b'first')
        self.assertEqual(self.ask(flow, '/none')[0], 404)
        self.assertEqual(self.ask(flow, '/two')[2], b'second')
        self.assertEqual(self.ask(flow, '/two', method='HEAD')[1]['content-length'], '6')
        flow.close()

    def test_range_is_a_part(self):
        data = bytes(range(256)) * 40
        self.serve(file=data)
        station = self.station()
        status, fields, body = self.fetch(station, '/file', 'Range: bytes=100-299')
        self.assertEqual((status, fields['content-range'], body),
                         (206, f'bytes 100-299/{len(data)}', data[100:300]))
        status, fields, body = self.fetch(station, '/file', 'Range: bytes=-7')
        self.assertEqual((status, body), (206, data[-7:]))
        status, fields, body = self.fetch(station, '/file', f'Range: bytes={len(data)}-')
        self.assertEqual((status, fields['content-range'], body), (416, f'bytes */{len(data)}', b''))
        self.assertEqual(self.fetch(station, '/file', 'Range: bytes=0-1,4-5')[::2], (200, data))

    def test_only_files_beneath_are_served(self):
        self.serve(file=b'here')
        with open(self.lan.path('secret'), 'wb') as file:
            file.write(b'secret')
        os.symlink('../secret', self.lan.path('files', 'link'))
        os.mkdir(self.lan.path('files', 'sub'))
        os.mkfifo(self.lan.path('files', 'fifo'))
        station = self.station()
        for path, wanted in (('/../secret', 403), ('/%2e%2e/secret', 403), ('/sub/../../secret', 403),
                             ('/link', 403), ('/sub', 404), ('/', 404), ('/fifo', 404), ('/none', 404),
                             ('/file/', 404), ('/' + 'x' * 2000, 404), ('//file', 200),
                             ('/sub/../file', 200), ('/file?query', 200)):
            with self.subTest(path):
                status, _, body = self.fetch(station, path)
                self.assertEqual(status, wanted)
                self.assertNotIn(b'secret', body)

    def test_only_get_and_head(self):
        self.serve(file=b'here')
        station = self.station()
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'X'):
            flow = self.connect(station)
            status, fields, _ = self.ask(flow, '/file', 'Content-Length: 0', method=method)
            self.assertEqual((status, fields['allow']), (405, 'GET, HEAD'))
            flow.abort()

    def test_file_that_shrinks_ends_the_connection(self):
        self.serve(big=bytes(20 << 20))
        flow = self.connect(self.station())
        flow.window = 2000
        flow.send(b'GET /big HTTP/1.1\r\nHost: x\r\n\r\n')
        flow.wait(lambda: flow.received, 'the head')
        os.truncate(self.lan.path('files', 'big'), 100)
        flow.window = 65535
        flow.wait(lambda: flow.ended or flow.was_reset, 'the end')
        self.assertLess(len(flow.received), 20 << 20)


class Doors(HttpCase):
    def test_it_serves_a_restricted_network_at_the_gateway_alone(self):
        self.serve('restrict=on', file=b'here')
        station = self.station()
        self.assertEqual(self.fetch(station, '/file', to=GATEWAY)[2], b'here')
        flows = [station.connect(to, port) for to, port in ((DNS, 80), (GATEWAY, 8080))]
        station.ping(GATEWAY)  # answered after both
        self.assertEqual([flow.opened for flow in flows], [False, False])

    def test_connections_of_a_port_are_bounded(self):
        self.serve(file=b'here')
        hog, other = self.station(), self.station()
        flows = [self.connect(hog) for _ in range(PER_PORT)]
        with self.assertRaises(ConnectionResetError):
            self.ask(self.connect(hog), '/file')
        self.assertEqual(self.fetch(other, '/file')[2], b'here')
        flows[0].close()

        def again():
            flow = hog.connect(GATEWAY, 80)
            flow.wait(lambda: flow.opened or flow.was_reset, 'the answer')
            return not flow.was_reset and flow
        self.assertEqual(self.ask(until(again, 'room for one more'), '/file')[2], b'here')

    def test_nonsense_is_refused_and_others_are_served(self):
        self.serve(file=b'here')
        station = self.station()
        rng = random.Random(7)
        for _ in range(scale(60)):
            flow = self.connect(station)
            try:
                flow.send(rng.choice((b'GET ', b'\x16\x03\x01', b'PRI * HTTP/2.0\r\n\r\nSM', b'')) +
                          rng.randbytes(rng.randrange(1, 400)))
                flow.shutdown()
            except ConnectionResetError:
                pass
            flow.abort()
        self.assertEqual(self.fetch(station, '/file')[2], b'here')

    def test_folder_that_is_missing_is_told(self):
        self.network('http={dir}/nowhere', start=False)
        status, text = self.lan.refused()
        self.assertEqual(status, 1)
        self.assertRegex(text, "http: cannot serve '.*/nowhere'")

    def test_running_network_can_begin_to_serve_only_without_sandbox(self):
        """The sandbox lets no library be loaded; without http= the network goes on."""
        for mode in ('on', 'full', 'off'):
            with self.subTest(mode):
                self.network('', '--sandbox', mode)
                closed = mode != 'off' and self.lan.ask('query-status')['sandbox']['system-calls']
                self.lan.ask('netdev_del', id='nat')
                try:
                    self.lan.ask('netdev_add', type='user', id='nat', http=self.lan.path())
                    self.assertFalse(closed)
                    self.assertEqual(self.fetch(self.station(), '/none')[0], 404)
                    continue
                except QmpError as error:
                    if 'without libmicrohttpd' in str(error):
                        self.skipTest('built without libmicrohttpd')
                    self.assertTrue(closed)
                    self.assertRegex(str(error), 'http: .*give the option at start')
                self.lan.ask('netdev_add', type='user', id='nat')
                self.station().ping(GATEWAY)


if __name__ == '__main__':
    unittest.main()
