# SPDX-License-Identifier: BSD-3-Clause
"""TCP over a bad wire, to and from the host, with and without offload: every byte arrives."""
import contextlib
import errno
import socket
import struct
import threading
import time

from lib import packet as pk
from lib.case import GATEWAY, GATEWAY6, GatewayCase, scale
from lib.guest import StreamGuest
from lib.rough import RoughWire, SureTcp
from lib.wait import LIMIT, until

SIZE = scale(500000)
GUEST6 = 'fec0::15'
RESET_ON_CLOSE = struct.pack('ii', 1, 0)  # SO_LINGER
HOSTS = (('127.0.0.1', GATEWAY), ('::1', GATEWAY6))


def data_of(seed, n):
    return bytes((i * 31 + (i >> 8) * 7 + seed) & 0xff for i in range(n))


UP, DOWN = data_of(1, SIZE), data_of(2, SIZE)


class Host:
    """The host's end: sends all and a FIN, and reads until the other's FIN, at the same time."""

    def __init__(self, sock, data=DOWN, pause=0.0):
        self.sock, self.data, self.pause = sock, data, pause
        self.received = b''
        self.error = None
        self.threads = [threading.Thread(target=self._guard, args=(work,))
                        for work in (self._read, self._write)]
        for thread in self.threads:
            thread.start()

    def _guard(self, work):
        try:
            work()
        except OSError as error:
            self.error = error

    def _write(self):
        self.sock.sendall(self.data)
        self.sock.shutdown(socket.SHUT_WR)

    def _read(self):
        time.sleep(self.pause)
        while True:
            part = self.sock.recv(65536)
            if not part:
                break
            self.received += part

    def join(self):
        for thread in self.threads:
            thread.join()
        return self.received


class OffloadCase(GatewayCase):
    options = ''
    more = ''

    def setUp(self):
        self.network(','.join(word for word in (self.options, self.more) if word))
        self.a = self.station()
        self.a.autoconfigure()
        self.wire = self.a.guest = RoughWire(self.a.guest, self.id())

    def kind(self, **attributes):
        """The result of a station's connections."""
        self.a.tcp_class = type('Conn', (SureTcp,), attributes)

    def pairs(self):
        """A connection of each family: the guest's end and the host's."""
        for host, to in HOSTS:
            listener, port = self.host_tcp(host)
            flow = self.a.tcp(to, port)
            yield flow, self.accept(listener)

    def assert_exchange(self, flow, sock, pause=0.0):
        host = Host(sock, pause=pause)
        received = flow.exchange(UP, SIZE)
        self.assertEqual(host.join(), UP)
        self.assertEqual(received, DOWN)
        self.wire.trouble()

    def each(self, trouble=None, pause=0.0, **attributes):
        self.kind(**attributes)
        for flow, sock in self.pairs():
            with self.subTest(peer=flow.peer):
                self.wire.trouble(**(trouble or {}))
                self.assert_exchange(flow, sock, pause)
        for word, count in (('loss', self.wire.lost), ('double', self.wire.doubled),
                            ('disorder', self.wire.delayed)):
            self.assertEqual(count > 0, word in (trouble or {}), word)


class Ends:
    """How connections pause and end, for both openers."""

    def test_the_host_reads_late(self):
        self.each(pause=1.0, SHIFT=7)

    def test_a_tiny_window(self):
        self.kind(CAPACITY=500)
        small = SIZE // 30
        for flow, sock in self.pairs():
            host = Host(sock, DOWN[:small])
            self.assertEqual(flow.exchange(UP[:small], small), DOWN[:small])
            self.assertEqual(host.join(), UP[:small])

    def test_a_window_that_closes_and_opens(self):
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            host = Host(sock)
            flow.begin(UP)
            flow.run(lambda: len(flow.received) > SIZE // 4, 'the first part')
            received = flow.received
            flow.capacity = 0
            flow.segment(0x10)
            end = time.monotonic() + 1.5
            flow.run(lambda: time.monotonic() > end, 'a while')
            flow.capacity = 1 << 20
            flow.segment(0x10)
            flow.run(lambda: flow.sent_all() and flow.ended, 'the rest')
            self.assertEqual(received, DOWN[:len(received)])
            self.assertEqual(flow.received, DOWN)
            self.assertEqual(host.join(), UP)

    def test_the_guest_ends_first(self):
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            self.wire.trouble(loss=0.01)
            flow.begin(UP)
            host = Host(sock, b'')
            flow.run(lambda: flow.sent_all() and flow.ended, 'both ends')
            self.assertEqual(host.join(), UP)
            self.wire.trouble()

    def test_the_host_ends_first_and_is_still_sent_to(self):
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            self.wire.trouble(loss=0.01)
            host = Host(sock)
            flow.run(lambda: flow.ended, "the host's end")
            self.assertEqual(flow.received, DOWN)
            flow.begin(UP)
            flow.run(flow.sent_all, 'ours')
            self.assertEqual(host.join(), UP)
            self.wire.trouble()

    def test_a_reset_of_the_guests_reaches_the_host(self):
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            flow.begin(UP, fin=False)
            flow.run(lambda: flow.sent_all(), 'all of it')
            host = Host(sock)
            flow.segment(0x14, seq=flow.top)
            received = host.join()
            if host.error is None:  # a FIN: all data came before it
                self.assertEqual(received, UP)
            else:  # the kernel's unsent data is lost with the connection
                self.assertIn(host.error.errno, (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN))
                self.assertTrue(UP.startswith(received))
            until(lambda: self.lan.ask('query-status')['tcp-connections'] == 0, 'the end of it here')

    def test_a_reset_of_the_hosts_reaches_a_guest_that_reads_nothing(self):
        self.kind()
        for flow, sock in self.pairs():
            flow.capacity = 2000
            sock.sendall(DOWN[:50000])
            flow.run(lambda: len(flow.received) >= 2000, 'a little')
            flow.capacity = 0
            flow.segment(0x10)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            sock.close()
            flow.run(lambda: flow.was_reset, 'the reset')
            self.assertTrue(flow.was_reset)

    def test_a_port_lost_and_found(self):
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            host = Host(sock)
            flow.begin(UP)
            flow.run(lambda: len(flow.received) > SIZE // 4, 'the first part')
            self.wire.guest.close()
            self.wire.guest = self.keep(StreamGuest.unix(self.lan.path('lan.sock')))
            self.a.ping(GATEWAY)
            # With offload=off libslirp retransmits to the guest after up to 20 s.
            flow.run(lambda: flow.sent_all() and flow.ended, 'the rest', 4 * LIMIT)
            self.assertEqual(flow.received, DOWN)
            self.assertEqual(host.join(), UP)


class Outward(Ends, OffloadCase):
    def test_a_good_wire(self):
        self.each(SHIFT=7)

    def test_a_guest_that_does_not_scale(self):
        self.each()

    def test_loss(self):
        self.each({'loss': 0.01}, SHIFT=7)

    def test_disorder(self):
        self.each({'disorder': 0.05}, SHIFT=7)

    def test_doubles(self):
        self.each({'double': 0.05}, SHIFT=7)

    def test_all_of_them_without_scaling(self):
        self.each({'loss': 0.01, 'disorder': 0.02, 'double': 0.02})

    def test_a_guest_that_has_forgotten_a_connection_may_open_it_anew(self):
        """The guest has restarted and uses the same port: RFC 9293 3.5.1, figure 9."""
        self.kind(SHIFT=7)
        for flow, sock in self.pairs():
            sock.sendall(b'before')
            flow.run(lambda: len(flow.received) == 6, 'what came before')
            heard = []
            flow.take = heard.append
            isn = (flow.seq + (1 << 29)) % (1 << 32)
            for _ in range(5):
                flow.segment(pk.SYN, seq=isn)
                self.a.run_until(lambda: heard, 'any answer') # pylint: disable=cell-var-from-loop
                last = heard.pop()
                heard.clear()
                if last.flags & pk.SYN:
                    break
                flow.segment(pk.RST, seq=last.ack)
            self.assertEqual((last.flags & (pk.SYN | pk.ACK), last.ack),
                             (pk.SYN | pk.ACK, (isn + 1) % (1 << 32)))
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(sock.recv(1), b'')

    def test_sequence_numbers_wrap(self):
        self.each({'loss': 0.005}, SHIFT=7, SEQ=(1 << 32) - 50000)


class OutwardWithoutOffload(Outward):
    options = 'offload=off'


class Forwarded(Ends, OffloadCase):
    more = f'hostfwd=tcp:127.0.0.1:0-:7000,hostfwd=tcp:[::1]:0-[{GUEST6}]:7001'

    def setUp(self):
        super().setUp()
        self.a.ip6 = GUEST6
        self.a.ping(GATEWAY6)

    def pairs(self):
        for entry in self.lan.ask('query-forwards'):
            port = entry['guest-port']
            self.a.listen(port)
            sock = self.dial(entry['host-address'], entry['host-port'])
            flow = self.a.accept(port)
            self.assertEqual(':' in flow.peer, ':' in entry['host-address'])
            yield flow, sock

    def test_a_good_wire(self):
        self.each(SHIFT=7)

    def test_a_guest_that_does_not_scale(self):
        self.each()

    def test_loss_disorder_and_doubles(self):
        self.each({'loss': 0.005, 'disorder': 0.02, 'double': 0.02}, SHIFT=7)

    def test_sequence_numbers_wrap(self):
        self.each({'loss': 0.005}, SHIFT=7, SEQ=(1 << 32) - 50000)


class ForwardedWithoutOffload(Forwarded):
    options = 'offload=off'
