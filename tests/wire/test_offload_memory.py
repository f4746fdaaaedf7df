# SPDX-License-Identifier: BSD-3-Clause
"""Guests that take all the memory of offload's rings and holds that they can: it is bounded, their
neighbours are served, nothing that was sent is lost, and the memory comes back."""
import random
import socket
import threading
import time

from lib.case import GATEWAY, GatewayCase, recv_exactly
from lib.rough import SureTcp
from lib.wait import LIMIT, until

# tcp/offload.h
PORT_BYTES = 24 << 20
BYTES = 96 << 20
GREEDY_BYTES = BYTES // 4 * 3 # the last quarter is for ports that hold few
FEW_BYTES = 1 << 20
BLOCK = 16 << 10              # offload_pool.h
NEARLY = 16 * BLOCK           # what a flow may want at once and not find

RING_FLOWS = 56       # a ring has OFFLOAD_RING_BLOCKS at most (offload_ring.h)
RING_DATA = 900000    # more than a ring and libslirp's buffer
HOLD_FLOWS = 110      # a hold is of 256 KB at least (offload_flow.h OFFLOAD_INFLATE_SCANT)
HOLD_DATA = 310000    # what a guest may have in flight
MSS = 8000


class Wide(SureTcp):
    SHIFT = 7


class Narrow(SureTcp):
    """Shows a small window, and none later."""
    CAPACITY = 1000


class Memory(GatewayCase):
    def setUp(self):
        self.network('offload=on')
        self.neighbour = self.station()

    def status(self, word):
        return self.lan.ask('query-status')['offload-' + word]

    def assert_bound(self, reached, bound):
        """So much is held, and never more than bound."""
        def look():
            held = self.status('bytes')
            self.assertLessEqual(held, bound)
            return held >= reached
        until(look, f'{reached} bytes held')
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            look()

    def assert_served(self, n=200000):
        """The neighbour's new connection carries data both ways, and in large windows."""
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
        until(lambda: self.status('bytes') == 0 and self.status('flows') == 0, 'memory back')

    # --- rings ---

    def fill_rings(self, station, n=RING_FLOWS):
        """Connections whose guest reads nothing of what the host sends."""
        listener, port = self.host_tcp()
        station.tcp_class = Narrow
        result = []
        for i in range(n):
            flow = station.tcp(GATEWAY, port)
            sock = self.accept(listener)
            flow.capacity = 0
            flow.segment(0x10)
            sock.settimeout(10 * LIMIT)
            data = random.Random(i).randbytes(RING_DATA)
            thread = threading.Thread(target=self.send, args=(sock, data))
            thread.start()
            result.append((flow, data, thread))
        return result

    @staticmethod
    def send(sock, data):
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass # a reset, of those that are not read to their end

    def test_guests_that_do_not_read(self):
        a = self.station()
        flows = self.fill_rings(a)
        self.assert_bound(PORT_BYTES - NEARLY, PORT_BYTES)
        self.assert_served()
        others = [self.station() for _ in range(3)]
        greedy = [flow for other in others for flow in self.fill_rings(other)]
        self.assert_bound(GREEDY_BYTES - NEARLY, GREEDY_BYTES + (len(others) + 2) * FEW_BYTES)
        self.assert_served()
        for flow, _, thread in greedy:
            flow.abort()
            thread.join()
        until(lambda: self.status('bytes') <= PORT_BYTES, 'what was theirs')
        for flow, data, thread in flows:
            flow.capacity = 65535
            flow.segment(0x10)
            flow.begin(b'')
            flow.run(lambda: flow.sent_all() and flow.ended, # pylint: disable=cell-var-from-loop
                     'the rest')
            thread.join()
            self.assertTrue(flow.received == data)
        self.assert_nothing_held()

    # --- holds ---

    def test_a_guest_whose_segments_have_a_gap_in_front(self):
        a = self.station()
        listener, port = self.host_tcp()
        a.tcp_class = Wide
        flows = []
        for i in range(HOLD_FLOWS):
            flow = a.tcp(GATEWAY, port, mss=MSS)
            sock = self.accept(listener)
            flow.send(b'x') # the answer shows the window as it is
            self.assertEqual(recv_exactly(sock, 1), b'x')
            flows.append((flow, sock, random.Random(i).randbytes(HOLD_DATA)))
        self.assertEqual(self.status('flows'), HOLD_FLOWS)
        for flow, _, data in flows:
            flow.begin(data)
            flow.skip()
        self.assert_bound(PORT_BYTES - NEARLY, PORT_BYTES)
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
