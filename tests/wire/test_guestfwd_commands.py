# SPDX-License-Identifier: BSD-3-Clause
"""guestfwd: servers on the network that are commands of the host."""
import hashlib
import os
import signal

from lib import packet as pk
from lib.case import GATEWAY, recv_exactly, scale
from lib.guestfwd import DEFAULT, SERVER, SERVER6, GuestfwdCase, children, lives
from lib.wait import LIMIT, until


class Commands(GuestfwdCase):
    def test_each_connection_has_a_command_of_its_own(self):
        self.start(f'tcp:{SERVER}:7-cmd:read x; echo $$ $x; read x; echo $$ $x')
        one, two = self.a.tcp(SERVER, 7), self.a.tcp(SERVER, 7)
        pids = []
        for flow, word in ((one, b'one'), (two, b'two'), (one, b'three'), (two, b'four')):
            flow.send(word + b'\n')
            flow.wait(lambda flow=flow: b'\n' in flow.received, 'a line')
            line, flow.received = flow.received, b''
            self.assertEqual(line.split()[1], word)
            pids.append(line.split()[0])
        self.assertEqual(pids[:2], pids[2:])
        self.assertNotEqual(*pids[:2])
        for flow in (one, two):
            flow.expect_end()
            flow.shutdown()
        self.assert_over()

    def test_without_an_address_the_server_is_x_x_x_4(self):
        self.start('tcp::7-cmd:echo hello', ':10.0.2.5:8-cmd:echo again')
        self.assertEqual(self.read_all(self.a.tcp(DEFAULT, 7)), b'hello\n')
        self.assertEqual(self.read_all(self.a.tcp('10.0.2.5', 8)), b'again\n')
        self.assertEqual(self.entry()['server-address'], DEFAULT)

    def test_ipv6(self):
        self.start(f'tcp:[{SERVER6}]:7-cmd:cat')
        flow = self.a.tcp(SERVER6, 7)
        flow.send(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        flow.close()
        self.assert_over()

    def test_a_guest_may_use_one_port_for_several_servers_at_once(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo one; cat', f'tcp:{SERVER}:8-cmd:echo two; cat',
                   f'tcp:{DEFAULT}:7-cmd:echo three; cat')
        flows = []
        for dst, port in ((SERVER, 7), (SERVER, 8), (DEFAULT, 7)):
            flow = self.a.connect(dst, port)
            if flows:  # retransmitted from the first one's port
                del self.a.flows[dst, port, flow.port]
                flow.port = flows[0].port
                self.a.flows[dst, port, flow.port] = flow
                flow.seq = flow.acked
                flow.open()
            flows.append(flow)
        self.assertEqual([flow.recv(4) for flow in flows], [b'one\n', b'two\n', b'thre'])

    def test_a_command_knows_network_and_guest(self):
        rule = f'tcp:{SERVER}:7-cmd:echo $USERNET_NETWORK $USERNET_GUEST ${{USERNET_GUEST_NAME-none}}'
        self.network(f'guestfwd={rule}', '--guest', 'web,mac=52:54:00:aa:00:01')
        self.a = self.station()
        web = self.station(mac=bytes.fromhex('525400aa0001'))
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 7)), f'test {self.a.ip} none\n'.encode())
        self.assertEqual(self.read_all(web.tcp(SERVER, 7)), f'test {web.ip} web\n'.encode())

    def test_a_command_has_default_signals_and_no_descriptors_of_ours(self):
        self.start(f'tcp:{SERVER}:7-cmd:ls /proc/self/fd | wc -l; grep Sig[BI] /proc/self/status')
        lines = self.read_all(self.a.tcp(SERVER, 7)).split()
        self.assertLessEqual(int(lines[0]), 4)  # 0, 1, 2, and the folder that ls reads
        self.assertEqual(lines[1:], [b'SigBlk:', b'0' * 16, b'SigIgn:', b'0' * 16])

    def assert_echo(self, server, size):
        data = os.urandom(size)
        flow = self.a.tcp(server, 7)
        got, at = hashlib.sha1(), 0
        for start in range(0, size, 65536):
            flow.send(data[start:start + 65536])
            got.update(flow.received)
            at += len(flow.received)
            flow.received = b''
        flow.shutdown()
        rest = self.read_all(flow)
        got.update(rest)
        self.assertEqual(at + len(rest), size)
        self.assertEqual(got.digest(), hashlib.sha1(data).digest())

    def test_ten_megabytes_there_and_back_are_what_was_sent(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat', f'tcp:[{SERVER6}]:7-cmd:cat')
        self.assert_echo(SERVER, scale(10 << 20))
        self.assert_echo(SERVER6, scale(1 << 20))
        self.assert_over()

    def test_the_guest_ends_first_and_hears_the_answer(self):
        self.start(f'tcp:{SERVER}:7-cmd:wc -c; echo bye')
        flow = self.a.tcp(SERVER, 7)
        flow.send(bytes(5000))
        flow.shutdown()
        self.assertEqual(self.read_all(flow), b'5000\nbye\n')
        self.assert_over()

    def test_a_command_ends_first_and_what_it_said_arrives(self):
        self.start(f'tcp:{SERVER}:7-cmd:head -c {scale(3000000)} /dev/zero')
        flow = self.a.tcp(SERVER, 7)
        flow.send(b'nobody reads this')
        self.assertEqual(len(self.read_all(flow)), scale(3000000))
        flow.send(b'nor this')
        flow.shutdown()
        self.assert_over()

    def test_a_command_closes_its_input_and_goes_on_talking(self):
        self.start(f'tcp:{SERVER}:7-cmd:exec <&-; echo ready; sleep 0.2; echo done')
        flow = self.a.tcp(SERVER, 7)
        self.assertEqual(flow.recv(6), b'ready\n')
        for _ in range(20):
            flow.send(bytes(20000))  # nobody listens; it does not end otherwise
        self.assertEqual(self.read_all(flow), b'done\n')

    def test_a_command_that_ends_at_once_or_does_not_exist_is_an_end(self):
        self.start(f'tcp:{SERVER}:7-cmd:true', f'tcp:{SERVER}:8-cmd:/nonexistent/command')
        for port in (7, 8):
            self.assertEqual(self.read_all(self.a.tcp(SERVER, port)), b'')
        until(lambda: '/nonexistent/command' in self.lan.daemon.errors(), "the shell's message")
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 7)), b'')

    def test_a_command_that_never_reads_holds_up_nobody_else(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo $$ >{{dir}}/pid; exec sleep 1000',
                   f'tcp:{SERVER}:8-cmd:cat')
        stuck = self.a.tcp(SERVER, 7)
        pid = self.read_pid()
        sent = 0
        while stuck.peer_window > sent - (stuck.acked - stuck.seq) and sent < 50 << 20:
            window = min(1440, stuck.peer_window - (stuck.seq - stuck.acked))
            if window <= 0:
                break
            stuck.segment(pk.ACK, bytes(window))
            stuck.seq += window
            sent += window
            self.a.ping(GATEWAY)
        self.assertLess(sent, 50 << 20)  # it was stopped, not left running
        before = self.lan.cpu_seconds()
        flow = self.a.tcp(SERVER, 8)
        flow.send(b'hello')
        self.assertEqual(flow.recv(5), b'hello')
        flow.close()
        self.assertLess(self.lan.cpu_seconds() - before, LIMIT / 3)
        stuck.abort()
        until(lambda: not lives(pid), 'the end of the command')
        self.assert_over()

    def test_a_guests_reset_ends_the_command_and_its_group(self):
        self.start(f'tcp:{SERVER}:7-cmd:sleep 1000 & echo $! >{{dir}}/pid; echo $$; sleep 1000')
        flow = self.a.tcp(SERVER, 7)
        leader = int(flow.recv(1) + flow.received or b'0')
        flow.wait(lambda: True, 'nothing')
        member = self.read_pid()
        flow.abort()
        until(lambda: not lives(member), 'the end of the group')
        self.assertTrue(leader)
        self.assert_over()
        until(lambda: children(self.helper()) == [], 'no zombies')

    def test_a_command_that_does_not_heed_sigterm_is_killed(self):
        self.start(f'tcp:{SERVER}:7-cmd:trap "" TERM; echo $$ >{{dir}}/pid; while :; do sleep 1; done')
        flow = self.a.tcp(SERVER, 7)
        pid = self.read_pid()
        flow.abort()
        until(lambda: not lives(pid), 'the end of the command')
        until(lambda: children(self.helper()) == [], 'no zombies')

    def test_a_guest_that_vanished_ends_its_commands(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo $$ >{{dir}}/pid; exec sleep 1000')
        self.a.tcp(SERVER, 7)
        pid = self.read_pid()
        self.a.guest.close()
        until(lambda: not lives(pid), 'the end of the command')
        self.assert_over()

    def assert_many(self, n):
        flows = [self.a.tcp(SERVER, 7) for _ in range(n)]
        for i, flow in enumerate(flows):
            flow.send(b'%03d' % i)
        for i, flow in enumerate(flows):
            self.assertEqual(flow.recv(3), b'%03d' % i)
        self.assertEqual(self.entry()['connections'], n)
        for i, flow in enumerate(flows):
            if i % 3:
                flow.close()
            else:
                flow.abort()
        self.assert_over()
        until(lambda: children(self.helper()) == [], 'no zombies')

    def test_a_hundred_at_once(self):
        self.start(f'tcp:{SERVER}:7-cmd:cat')
        self.assert_many(100)

    def test_no_descriptor_is_left_of_them(self):
        self.network(f'guestfwd=tcp:{SERVER}:7-cmd:cat', files=400)
        self.a = self.station()
        for _ in range(12):  # 3 descriptors each
            self.assert_many(30)

    def test_more_than_a_guest_may_have_are_reset(self):
        self.start(f'tcp:{SERVER}:7-cmd:exec sleep 1000')
        flows = [self.dialled(SERVER, 7) for _ in range(260)]
        self.a.run_until(lambda: sum(f.was_reset for f in flows) == 4, 'four resets')
        self.assertEqual(self.entry()['connections'], 256)
        flows = [flow for flow in flows if not flow.was_reset]
        flows.pop().abort()
        until(lambda: self.entry()['connections'] == 255, 'room')
        self.assertFalse(self.dialled(SERVER, 7).was_reset)


class Helper(GuestfwdCase):
    def test_when_it_is_killed_new_ones_are_refused_and_the_rest_serves(self):
        listener, port = self.host_tcp()
        self.start(f'tcp:{SERVER}:7-cmd:echo $$ >{{dir}}/pid; exec sleep 1000',
                   f'tcp:{SERVER}:8-tcp:127.0.0.1:{port}')
        flow = self.a.tcp(SERVER, 7)
        pid = self.read_pid()
        os.kill(self.helper(), signal.SIGKILL)
        until(lambda: not lives(pid), 'the end of the command')
        self.assertEqual(self.read_all(flow), b'')
        until(lambda: 'the helper that runs commands' in self.lan.daemon.errors(), 'a message')
        self.dialled(SERVER, 7).expect_reset()
        flow = self.a.tcp(SERVER, 8)
        flow.send(b'hello')
        self.assertEqual(recv_exactly(self.accept(listener), 5), b'hello')
        self.a.ping(SERVER)

    def test_commands_end_with_the_daemon(self):
        rule = f'tcp:{SERVER}:7-cmd:sleep 1000 & echo $! >{{dir}}/pid; exec sleep 1000'
        for end in ('kill', 'stop'):
            self.start(rule)
            self.a.tcp(SERVER, 7)
            pid, helper = self.read_pid(), self.helper()
            getattr(self.lan, end)()
            until(lambda pid=pid: not lives(pid), 'the end of the command')
            until(lambda helper=helper: not lives(helper), 'the end of the helper')

    def test_it_outlives_a_signal_for_the_terminals_processes(self):
        self.start(f'tcp:{SERVER}:7-cmd:echo hello')
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(self.helper(), signo)
        self.assertEqual(self.read_all(self.a.tcp(SERVER, 7)), b'hello\n')
        self.assertEqual(os.getsid(self.helper()), self.helper())
