# SPDX-License-Identifier: BSD-3-Clause
"""Guests that make the daemon buffer as much payload as it may: it stays bounded, other guests are
served, no data is lost, and the memory is released."""
import random
import socket
import threading
import time

from lib.case import GATEWAY, GatewayCase, recv_exactly
from lib.rough import SureTcp
from lib.wait import LIMIT, until

BYTES = 48 << 20                # conntrack/charge.h CHARGE_BYTES_MAX
GREEDY_BYTES = BYTES // 4 * 3   # the last quarter is for ports that hold little
FEW_BYTES = 1 << 20
LEAST = 2048                    # each connection may always have one segment

SILENT_FLOWS = 400
SILENT_DATA = 300000
GAP_FLOWS = 160
GAP_DATA = 310000
MSS = 8000


class Wide(SureTcp):
    SHIFT = 7


class Memory(GatewayCase):
    def setUp(self):
        self.network('offload=on')
        self.neighbour = self.station()

    def status(self, word):
        return self.lan.ask('query-status')['tcp-' + word]

    def assert_bound(self, reached, bound):
        """This much is held, and never more than bound."""
        def look():
            held = self.status('bytes')
            self.assertLessEqual(held, bound)
            return held >= reached
        until(look, f'{reached} bytes held')
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            look()

    def assert_served(self, n=200000):
        """A new connection of another guest carries data both ways, in large windows."""
        listener, port = self.host_tcp()
        self.neighbour.tcp_class = Wide
        flow = self.neighbour.tcp(GATEWAY, port)
        sock = self.accept(listener)
        up, down = random.Random(1).randbytes(n), random.Random(2).randbytes(n)
        received = []
        threads = [threading.Thread(target=sock.sendall, args=(down,)),
                   threading.Thread(target=lambda: received.append(recv_exactly(sock, n)))]
        for thread in threads:
            thread.start()
        flow.begin(up, fin=False)
        flow.run(lambda: flow.sent_all() and len(flow.received) == n, 'the neighbour')
        for thread in threads:
            thread.join()
        self.assertTrue(received[0] == up and flow.received == down)
        self.assertGreater(flow.peer_window, 200000)
        flow.abort()

    def assert_nothing_held(self):
        until(lambda: self.status('bytes') == 0 and self.status('connections') == 0, 'memory back')

    # --- to guests ---

    @staticmethod
    def send(sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass  # a reset

    def test_guests_that_acknowledge_nothing(self):
        a = self.station()
        listener, port = self.host_tcp()
        flows, threads = [], []
        for i in range(SILENT_FLOWS):
            flow = a.tcp(GATEWAY, port)
            sock = self.accept(listener)
            sock.settimeout(10 * LIMIT)
            threads.append(threading.Thread(target=self.send,
                                            args=(sock, random.Random(i).randbytes(SILENT_DATA))))
            flows.append(flow)
        for thread in threads:
            thread.start()
        self.assert_bound(SILENT_FLOWS * LEAST, GREEDY_BYTES + SILENT_FLOWS * LEAST)
        self.assert_served()
        for flow in flows:
            flow.abort()
        for thread in threads:
            thread.join()
        self.assert_nothing_held()

    # --- from guests ---

    def test_a_guest_whose_segments_have_a_gap_in_front(self):
        a = self.station()
        listener, port = self.host_tcp()
        a.tcp_class = Wide
        flows = []
        for i in range(GAP_FLOWS):
            flow = a.tcp(GATEWAY, port, mss=MSS)
            sock = self.accept(listener)
            flow.send(b'x') # the answer shows the current window
            self.assertEqual(recv_exactly(sock, 1), b'x')
            flows.append((flow, sock, random.Random(i).randbytes(GAP_DATA)))
        self.assertEqual(self.status('connections'), GAP_FLOWS)
        for flow, _, data in flows:
            flow.begin(data)
            flow.skip()
        self.assert_bound(GREEDY_BYTES // 2, GREEDY_BYTES + FEW_BYTES)
        self.assert_served()
        for flow, sock, data in flows:
            received = []
            thread = threading.Thread(
                target=lambda: received.append( # pylint: disable=cell-var-from-loop
                    recv_exactly(sock, len(data)))) # pylint: disable=cell-var-from-loop
            thread.start()
            flow.run(flow.sent_all, 'the rest')
            thread.join()
            self.assertTrue(received[0] == data)
            sock.close()
            flow.run(lambda: flow.ended, "the host's end") # pylint: disable=cell-var-from-loop
        self.assert_nothing_held()
