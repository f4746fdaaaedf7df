# SPDX-License-Identifier: BSD-3-Clause
"""Many links, and links that send frames in small parts: the others and control go on."""
import multiprocessing
import select
import socket
import struct
import time

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase, scale
from lib.guest import FRAME_MAX
from lib.hostile import megabytes
from lib.station import Station
from lib.wait import until

N_LINKS = 1000
MB = 1 << 20


def trickle(sockets, stop):
    """Sends 64 bytes on each of them, again and again: parts of frames that never end."""
    sent = 0
    while not stop.is_set() and sent < 40000:
        for sock in sockets:
            try:
                sock.send(bytes(64), socket.MSG_DONTWAIT)
            except OSError:  # it waits, or was closed
                pass
        sent += 64
        time.sleep(0.01)


class LinkBounds(GatewayCase):
    def p99(self, station, n=200):
        """Seconds for pings one after another."""
        took = []
        for _ in range(n):
            began = time.monotonic()
            station.ping(GATEWAY)
            took.append(time.monotonic() - began)
        return sorted(took)[n * 99 // 100]

    def rate(self, one, other, n=10000):
        """Frames a second from one to the other."""
        frame = pk.eth(other.mac, one.mac, 0x88b5, bytes(1486))
        data = memoryview((struct.pack('>I', len(frame)) + frame) * n)
        source, sink = one.guest.socket, other.guest.socket
        sent = came = 0
        began = time.monotonic()
        while came < len(data):
            readable, writable, _ = select.select([sink], [source] if sent < len(data) else [], [],
                                                  30)
            if writable:
                try:
                    sent += source.send(data[sent:sent + MB], socket.MSG_DONTWAIT)
                except BlockingIOError:
                    pass
            if readable:
                came += len(sink.recv(MB))
        return n / (time.monotonic() - began)

    def links(self, n, length=FRAME_MAX):
        guests = [self.guest() for _ in range(n)]
        for guest in guests:
            guest.send_raw(struct.pack('>I', length) + bytes(12000))
        return guests

    @staticmethod
    def refused(ask):
        return {n['id']: n for n in ask('query-netdevs')}['lan']['links-refused']

    def test_links_that_trickle_half_frames(self):
        self.network()
        one, other = self.station(), self.station()
        alone, rate_alone = self.p99(one), self.rate(one, other)
        before = self.lan.memory()
        guests = self.links(scale(N_LINKS))
        self.lan.wait_for_ports('lan', 2 + len(guests))
        fork = multiprocessing.get_context('fork')  # it inherits the sockets
        stop = fork.Event()
        child = fork.Process(target=trickle, args=([g.socket for g in guests], stop))
        child.start()
        try:
            time.sleep(1)
            began = time.monotonic()
            self.lan.ask('query-status')
            control = time.monotonic() - began
            beside, rate_beside = self.p99(one), self.rate(one, other)
            grown = self.lan.memory() - before
        finally:
            stop.set()
            child.join()
        print(f'{len(guests)} links: p99 of a ping {alone * 1e3:.2f} ms alone, {beside * 1e3:.2f} '
              f'beside; {rate_alone:.0f} and {rate_beside:.0f} frames/s; control {control * 1e3:.1f} '
              f'ms; {grown / MB:.1f} MB more')
        # A loose bound: the child and this test share two cores.
        self.assertLess(beside, max(0.1, 20 * alone))
        self.assertGreater(rate_beside, rate_alone / 8)
        self.assertLess(control, 1)
        self.assertLess(grown, megabytes(64))

    def test_unfinished_frames_are_bounded(self):
        self.network()
        one = self.station()
        before = self.lan.memory()
        # 1000 of 64 KB would be 64 MB; 16 may be held.
        guests = [self.guest() for _ in range(1000)]
        for guest in guests:
            guest.send_raw(struct.pack('>I', FRAME_MAX) + bytes(FRAME_MAX - 1))
        one.ping(GATEWAY)
        until(lambda: self.refused(self.lan.ask) > 700,
              'links with too much of a frame to be refused')
        grown = self.lan.memory() - before
        print(f'{len(guests)} unfinished frames of 64 KB: {grown / MB:.1f} MB')
        self.assertLess(grown, megabytes(40))
        guests[0].expect_closed()
        # The most recent links are still there: the frame of one is completed, and arrives.
        guests[-1].send_raw(b'.')
        one.ping(GATEWAY)

    def test_with_few_descriptors_links_leave_some_to_control_and_to_flows(self):
        for files in (64, 256):
            with self.subTest(files=files):
                self.network(files=files)
                one, other = self.station(), self.station()
                idle = [self.guest() for _ in range(files)]
                one.ping(GATEWAY)
                self.assertLessEqual(len(self.lan.ports('lan')), files // 4)
                with self.lan.daemon.qmp() as qmp, self.lan.daemon.qmp() as second:
                    qmp.run('query-status')
                    second.run('query-status')
                    self.assertGreater(self.refused(qmp.run), 0)
                listener, port = self.host_tcp()
                flow = other.tcp(GATEWAY, port)
                self.accept(listener).sendall(b'x')
                self.assertEqual(flow.recv(1), b'x')
                # Waiting clients are accepted as others leave.
                for guest in idle[:-1]:
                    guest.close()
                last = Station(idle[-1])
                last.dhcp()
                last.ping(GATEWAY)
