# SPDX-License-Identifier: BSD-3-Clause
"""TCP forwards: how connections end, and that many of them leave nothing."""
import os
import select
import socket
import threading

from lib.case import GATEWAY, recv_exactly, scale
from lib.forward import TcpForwardCase, reset
from lib.wait import LIMIT, until


class Ends(TcpForwardCase):
    def setUp(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        self.a = self.station()
        self.idle = self.descriptors()
        self.where = self.forward()

    def test_a_reset_of_the_guest_is_one_for_the_client(self):
        conn, flow = self.through(self.a, self.where)
        self.assert_talk(conn, flow)
        flow.abort()
        self.assert_reset(conn)

    def test_a_reset_that_is_none_changes_nothing(self):
        conn, flow = self.through(self.a, self.where)
        flow.segment(0x14, seq=(flow.seq + 0x40000000) % (1 << 32))  # RST|ACK, far out of the window
        self.assert_talk(conn, flow)
        flow.shutdown()
        self.assertEqual(conn.recv(1), b'')  # an end, and no reset

    def test_a_reset_of_the_client_is_one_for_the_guest(self):
        conn, flow = self.through(self.a, self.where)
        self.assert_talk(conn, flow)
        reset(conn)
        flow.expect_reset()

    def test_a_guest_that_refuses_resets_the_client(self):
        conn = self.dial(*self.where)
        self.a.expect(lambda p: p.tcp and p.tcp.dport == 22)
        self.assert_reset(conn)

    def test_a_guest_that_goes_resets_its_clients(self):
        conn, flow = self.through(self.a, self.where)
        self.assert_talk(conn, flow)
        self.a.guest.close()
        self.assert_reset(conn)

    def test_a_client_that_never_reads_stops_nobody(self):
        lazy, flow = self.through(self.a, self.where)
        data = bytes(1 << 16)
        sent = 0
        while flow.peer_window:  # until the guest may send no more
            part = data[:min(len(data), flow.peer_window, flow.mss)]
            flow.segment(0x18, part)
            flow.seq = (flow.seq + len(part)) % (1 << 32)
            sent += len(part)
            self.a.step(0.2)
            if sent > 64 << 20:
                self.fail('64 MB and no end')
        self.assert_talk(*self.through(self.a, self.where))
        reset(lazy)
        flow.expect_reset()

    def test_a_connection_that_the_client_has_ended_holds_nothing(self):
        """No TIME_WAIT that holds a descriptor."""
        for _ in range(5):
            conn, flow = self.through(self.a, self.where)
            self.assert_talk(conn, flow)
            conn.close()
            flow.expect_end()
            flow.shutdown()
            # In the very turn in which the guest's end was acknowledged.
            self.assertEqual(self.descriptors(), self.idle)

    def test_a_client_that_reads_late_gets_all(self):
        conn, flow = self.through(self.a, self.where)
        conn.shutdown(socket.SHUT_WR)
        flow.expect_end()
        data = os.urandom(60000)
        flow.send(data)
        flow.shutdown()
        self.a.ping(GATEWAY)
        self.assertEqual(recv_exactly(conn, len(data)), data)
        self.assertEqual(conn.recv(1), b'')

    def test_200_clients_at_once(self):
        self.a.listen(22)
        conns = [self.keep(socket.create_connection(self.where, LIMIT)) for _ in range(200)]
        for n, conn in enumerate(conns):
            conn.sendall(b'%03d' % n)
        for _ in conns:
            flow = self.a.accept(22)
            flow.send(flow.recv(3)[::-1])
            flow.shutdown()
        for n, conn in enumerate(conns):
            self.assertEqual(recv_exactly(conn, 3), (b'%03d' % n)[::-1])
            conn.close()
        until(lambda: self.a.step(0.01) or self.descriptors() <= self.idle + 1, 'the descriptors')


class Storm(TcpForwardCase):
    def test_many_connections_one_after_the_other_leave_nothing(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22')
        station, where = self.station(), self.forward()
        idle, n, failed = self.descriptors(), scale(20000), []
        station.listen(22)

        def run():
            try:
                for _ in range(n):
                    with socket.create_connection(where, LIMIT) as sock:
                        if recv_exactly(sock, 2) != b'ok' or sock.recv(1) != b'':
                            failed.append('wrong')
            except OSError as error:
                failed.append(repr(error))
        client = threading.Thread(target=run)
        client.start()
        served = 0
        while served < n and not failed:
            flow = station.accept(22)
            flow.segment(0x19, b'ok')  # FIN|PSH|ACK
            flow.seq = (flow.seq + 3) % (1 << 32)
            station.run_until(lambda: flow.ended, 'the end') # pylint: disable=cell-var-from-loop
            del station.flows[flow.peer, flow.peer_port, flow.port]
            served += 1
        client.join()
        self.assertEqual(failed, [])
        until(lambda: station.step(0.01) or self.descriptors() <= idle + 1, 'the descriptors')
        self.assertEqual([row for row in self.lan.ask('query-connections')
                          if row['state'] == 'ESTABLISHED'], [])

    def test_a_process_without_descriptors_rests_and_then_goes_on(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:22', files=64)
        station, where = self.station(), self.forward()
        station.listen(22)
        conns = [self.keep(socket.create_connection(where, LIMIT)) for _ in range(100)]
        flows = [station.accept(22) for _ in range(16)]
        before = self.lan.cpu_seconds()
        self.assertEqual(select.select([], [], [], 1.0), ([], [], []))
        self.assertLess(self.lan.cpu_seconds() - before, 0.5)
        # Those that leave make room for those that wait.
        for flow in flows:
            flow.abort()
        self.assertEqual(len([station.accept(22) for _ in range(8)]), 8)
        for conn in conns:
            conn.close()
        until(self.answers, 'an answer')

    def answers(self):
        """Valgrind closes what was accepted beyond the limit, where the kernel lets it wait."""
        try:
            return self.lan.ask('query-status')['status'] == 'running'
        except (OSError, EOFError):
            return False
