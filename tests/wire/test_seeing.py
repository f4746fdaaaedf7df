# SPDX-License-Identifier: BSD-3-Clause
"""usernetctl graph, doctor, top and log."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import unittest

from lib import packet
from lib.case import GATEWAY, LAN, GatewayCase
from lib.daemon import Daemon, Folder, program, run_ctl
from lib.guest import StreamGuest
from lib.wait import LIMIT, until

WEB = bytes.fromhex('525400a10001')
RULES = 'hostfwd=tcp:127.0.0.1:0-web:80,guestfwd=tcp:10.0.2.100:13-cmd:date'
GUESTS = ('--guest', 'web,mac=52:54:00:a1:00:01,ip=10.0.2.20', '--guest', 'db,ip=10.0.2.21')


class Seeing(GatewayCase):
    def ctl(self, *words):
        return run_ctl(self.lan.folder, '--name', self.lan.name, *words)

    def out(self, *words):
        done = self.ctl(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout

    # --- graph ---

    def test_graph_has_guests_forwards_and_the_way_out(self):
        self.network(RULES, *GUESTS)
        self.station(mac=WEB)
        text = self.out('graph')
        for line in (r'"network test" \[label="network test\\n10.0.2.0/24\\nfec0::/64"',
                     r'"guest 52:54:00:a1:00:01" \[label="web\\n52:54:00:a1:00:01\\n10.0.2.20',
                     r'"netdev lan" -> "guest 52:54:00:a1:00:01" \[label="lan.1", dir=none\]',
                     r'"network test" -> "guest 52:[0-9a-f:]+" \[label="not there"',
                     r'"forward tcp:127.0.0.1:\d+-web:80" -> "guest 52:54:00:a1:00:01" \[label=":80"',
                     r'"netdev nat" -> "uplink host" \[label="NAT"\]',
                     r'"netdev nat" -> "forward tcp:10.0.2.100:13-cmd:date" \[label="10.0.2.100:13"'):
            self.assertRegex(text, line)

    def test_graphviz_draws_it(self):
        if not shutil.which('dot'):
            self.skipTest('graphviz is not installed')
        self.network(RULES + ',guestfwd=tcp:10.0.2.101:13-cmd:echo "a\\b"', *GUESTS)
        done = subprocess.run(['dot', '-Tsvg'], input=self.out('graph'), text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('echo &quot;a\\b&quot;', done.stdout)

    # --- doctor ---

    def doctor(self, *words):
        """What it found: [(finding, mend)], and what is well."""
        done = self.ctl('doctor', *words)
        self.assertEqual(done.stderr, '')
        found = re.findall(r'^FOUND  (.*)\n       mend: (.+)$', done.stdout, flags=re.M)
        well = re.findall(r'^ok     (.*)$', done.stdout, flags=re.M)
        self.assertEqual(len(found) * 2 + len(well), done.stdout.count('\n'), done.stdout)
        self.assertEqual(done.returncode, 1 if found else 0)
        return found, well

    def finds(self, wanted, *words):
        findings = [text for text, _ in self.doctor(*words)[0]]
        self.assertTrue(any(re.search(wanted, each) for each in findings), findings)

    def test_doctor_tells_a_well_guest(self):
        server = self.name_server()
        self.network(f'dns-server={server}', *GUESTS)
        self.station(mac=WEB)
        found, well = self.doctor('web')
        self.assertEqual(found, [])
        self.assertRegex(well[0], r'^web is there: 10\.0\.2\.20, at lan\.1, seen \d+ s ago$')

    def name_server(self):
        """A name server that the doctor does not ask: it has a port."""
        _, port = self.host_udp()
        return f'127.0.0.1#{port}'

    def test_doctor_finds_absent_and_unplugged_guests(self):
        self.network('', *GUESTS)
        self.station(mac=WEB)
        self.finds('the guest db is not there', 'db')
        self.out('link', 'web', 'down')
        self.finds('the cable of web is unplugged', 'web')
        self.finds('no guest is called nobody', 'nobody')

    def test_doctor_finds_a_guest_that_gave_up_its_link(self):
        self.network()
        station = self.station()
        address = station.ip
        station.guest.close()
        self.lan.wait_for_ports('lan', 0)
        self.finds(f'which has the lease of {re.escape(address)}, is gone')

    def test_doctor_finds_troubles(self):
        self.network('', '--netdev', LAN.replace('id=lan', 'id=two').replace('lan.sock', 'two.sock'))
        guests = [self.guest(), self.keep(StreamGuest.unix(self.lan.path('two.sock')))]
        frame = packet.eth(packet.BROADCAST, WEB, 0x88b5, bytes(46))
        for guest in guests * 20:
            guest.send(frame)
            time.sleep(0.02)
        until(lambda: self.lan.ask('query-troubles'), 'a trouble')
        (text, mend), = [each for each in self.doctor()[0] if 'MAC' in each[0]]
        self.assertIn('52:54:00:a1:00:01', text)
        self.assertIn('usernetctl mac', mend)

    def test_doctor_finds_another_listener_at_a_forward_s_port(self):
        self.network('hostfwd=tcp:127.0.0.1:0-:80')
        forward, = self.lan.ask('query-forwards')
        self.keep(socket.create_server(('127.0.0.2', forward['host-port'])))
        self.finds(f'another program listens on port {forward["host-port"]}')

    def test_doctor_looks_at_the_host_without_a_network(self):
        with Folder() as folder:
            done = run_ctl(folder, '--name', 'none', 'doctor')
            self.assertEqual((done.returncode, done.stderr), (1, ''))
            self.assertIn('the network none does not run\n       mend: start it: usernet --name '
                          'none', done.stdout)
            for each in ('ping', 'open', 'Landlock', 'QEMU|qemu', 'name server'):
                self.assertRegex(done.stdout, each)

    def test_doctor_finds_a_name_server_that_does_not_answer(self):
        self.network('dns-server=127.0.0.77')
        self.finds(r'the name server 127\.0\.0\.77 does not answer')

    # --- top ---

    def test_top_prints_one_table_into_a_pipe(self):
        self.network('', *GUESTS)
        self.station(mac=WEB).ping(GATEWAY)
        lines = self.out('top').splitlines()
        self.assertRegex(lines[0], r'^network test: 2 ports, \d+ connections, \d+\.\d DNS')
        self.assertEqual(lines[1].split(), ['GUEST', 'IPV4', 'PORT', 'FROM-b/s', 'TO-b/s',
                                            'FRAMES/s', 'DROPS/s', 'CONNS'])
        self.assertTrue(any(line.startswith('web ') and '10.0.2.20' in line and 'lan.1' in line
                            for line in lines[2:]), lines)

    def test_top_shows_the_rate_of_a_guest(self):
        self.network('', *GUESTS)
        web = self.station(mac=WEB)
        child = subprocess.Popen([program('USERNETCTL'), '--name', 'test', 'top'], text=True,
                                 env=self.lan.folder.environment(), stdout=subprocess.PIPE)
        while child.poll() is None:
            web.ping(GATEWAY, payload=bytes(1000))
        line, = [line for line in child.stdout.read().splitlines() if line.startswith('web ')]
        child.stdout.close()
        self.assertNotIn(' 0 ', line[:78][52:61])

    def test_top_on_a_terminal_ends_with_q(self):
        self.network('', *GUESTS)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(self.lan.folder.environment())
            os.execv(program('USERNETCTL'), ['usernetctl', '--name', 'test', 'top'])
        shown = b''
        while b'nat.1' not in shown:
            self.assertTrue(select.select([terminal], [], [], 30)[0])
            shown += os.read(terminal, 65536)
        self.assertIn(b'q quits', shown)
        os.write(terminal, b'q')
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        os.close(terminal)

    # --- log ---

    def test_log_prints_the_file(self):
        with Folder() as folder:
            with Daemon(folder, '--log-file', folder.file('messages'), '--log-level', 'debug',
                        name='lab'):
                done = run_ctl(folder, '--name', 'lab', 'log')
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                with open(folder.file('messages'), encoding='utf-8') as file:
                    self.assertEqual(done.stdout, file.read())

    def follow(self, folder, *words):
        """What it prints so far, and the process."""
        child = subprocess.Popen([program('USERNETCTL'), '--name', 'lab', 'log', *words],
                                 env=folder.environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def read_until(self, child, text):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            line = child.stdout.readline()
            if text in line:
                return
            self.assertNotEqual(line, '', 'the end')
        self.fail(f'no {text!r}')

    def test_log_is_followed_until_interrupted_or_the_network_ends(self):
        with Folder() as folder:
            path = folder.file('messages')
            with Daemon(folder, '--log-file', path, name='lab') as daemon:
                first, second = self.follow(folder, '-f'), self.follow(folder, '--follow')
                with open(path, 'a', encoding='utf-8') as file:
                    file.write('a line from elsewhere\n')
                for child in (first, second):
                    self.read_until(child, 'a line from elsewhere')
                # Another file takes its place.
                os.rename(path, path + '.1')
                with open(path, 'w', encoding='utf-8') as file:
                    file.write('a new file\n')
                self.read_until(first, 'a new file')
                first.send_signal(signal.SIGINT)
                self.assertEqual(first.wait(5), -signal.SIGINT)
                self.assertIsNone(second.poll())
                daemon.stop()
                self.assertEqual(second.wait(5), 0)
                self.assertIn('a new file', second.stdout.read())

    def test_log_is_not_followed_for_nobody(self):
        with Folder() as folder:
            with Daemon(folder, '--log-file', folder.file('messages'), name='lab'):
                child = self.follow(folder, '-f')
                child.stdout.close()
                with open(folder.file('messages'), 'a', encoding='utf-8') as file:
                    file.write('nobody reads this\n')
                self.assertNotEqual(child.wait(5), 0)
                child.stdout = None

    def test_log_says_where_messages_go(self):
        self.network()
        done = self.ctl('log')
        self.assertEqual(done.returncode, 1)
        self.assertIn('journalctl --user -u usernet@test', done.stderr)


if __name__ == '__main__':
    unittest.main()
