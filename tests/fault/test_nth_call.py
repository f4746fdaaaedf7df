#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The n-th call of a family fails, for n = 1, 2, 3 and so on, while the daemon starts, a guest joins,
gets a lease, talks, looks names up, and the configuration is reloaded. Nothing crashes, a start that
fails says why with status 1, the next guest and the next query are served, and no descriptor leaks.
Arguments: phases, and "every" for each n up to 300 (else all up to 24, then each seventh).
"""
import os
import select
import signal
import socket
import subprocess
import sys
import time

import churn  # noqa: F401 pylint: disable=unused-import
from shim import ERRORS, Shim, error_name

from lib import dns
from lib.daemon import become_unprivileged, words
from lib.guest import StreamGuest
from lib.network import Network
from lib.qmp import Qmp, QmpError
from lib.station import Station
from lib.wait import Never, until

N_MAX = 300
MANY = 40   # calls that fail in a row, of families that fail for a while
LASTING = ('open', 'alloc', 'watch')
HASTY = 0.1  # how long an action waits for an answer that may have been lost
OFFLOAD = os.environ.get('USERNET_TEST_OFFLOAD', 'on')
GATEWAY, DNS = '10.0.2.2', '10.0.2.3'

CONFIG = '''
[network]
live-commands = on

[netdev nat]
type = user
lease-time = 3600
offload = {offload}
dns-server = 127.0.0.1#{dns}
hostfwd = tcp:127.0.0.1:{tcp}-10.0.2.20:22; udp:127.0.0.1:{udp}-10.0.2.20:53{more}

[netdev lan]
type = stream
server = on
addr.type = unix
addr.path = {folder}/lan.sock

[guest web]
mac = 52:54:00:12:34:99
ip = 10.0.2.20
'''
WEB = b'\x52\x54\0\x12\x34\x99'
NOT_NOW = (OSError, EOFError, Never, QmpError, AssertionError, ValueError)


class Hasty(Station):
    """Does not wait for long."""

    def run_until(self, condition, what, limit=None):
        return super().run_until(condition, what, HASTY)


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


class Lab:
    """The network, its peers on the host, and what may be done with it."""

    def __init__(self):
        self.net = Network(start=False)
        self.shim = Shim(self.net.path('fault'))
        self.net.environment = self.shim.environment
        self.server = dns.Server(lambda message, ask: dns.answer(
            message, dns.record(ask.name, dns.A, dns.address('192.0.2.7'))))
        self.tcp, self.udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.path = self.net.path('lab.conf')
        self.write()
        self.net.options = ['--config', self.path]
        self.names = 0
        self.good = None
        self.toggled = False

    def write(self, more=''):
        with open(self.path, 'w', encoding='ascii') as file:
            file.write(CONFIG.format(folder=self.net.folder.path, offload=OFFLOAD, dns=self.server.port,
                                     tcp=self.tcp, udp=self.udp, more=more))

    def close(self):
        if self.good:
            self.good.guest.close()
        self.server.close()
        self.net.close()

    def guest(self, kind=Hasty, mac=None):
        return kind(StreamGuest.unix(self.net.path('lan.sock')), mac)

    # --- what is done while calls fail ---

    def join(self):
        station = self.guest()
        station.configure('10.0.2.77')
        try:
            station.ping(GATEWAY)
        finally:
            station.guest.close()

    def lease(self):
        station = self.guest(mac=b'\x52\x54\0\x77\0\x01')
        try:
            station.dhcp()
            station.autoconfigure('fe80::77')
            station.send_release()
            station.ping(GATEWAY)
        finally:
            station.guest.close()

    def talk(self):
        """A guest's connection to the host, a client's to the guest, datagrams."""
        station = self.guest(mac=WEB)
        station.configure('10.0.2.20')
        host = socket.create_server(('127.0.0.1', 0))
        host.settimeout(HASTY)
        clients = [host]
        try:
            station.ping(GATEWAY)
            station.listen(22)
            flow = station.tcp(GATEWAY, host.getsockname()[1])
            clients.append(host.accept()[0])
            flow.send(b'x' * 3000)
            clients[-1].sendall(b'y' * 3000)
            flow.recv(3000)
            flow.abort()
            clients.append(socket.create_connection(('127.0.0.1', self.tcp), timeout=HASTY))
            clients[-1].sendall(b'z' * 3000)
            station.accept(22).recv(3000)
            clients.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            clients[-1].sendto(b'question', ('127.0.0.1', self.udp))
            asked = station.expect_udp(53)
            station.send_udp(asked.net.src, asked.udp.sport, b'answer', sport=53)
            clients[-1].settimeout(HASTY)
            clients[-1].recv(100)
        finally:
            for sock in clients:
                sock.close()
            station.guest.close()

    def names_up(self):
        station = self.guest()
        station.configure('10.0.2.78')
        self.names += 1
        try:
            station.udp_exchange(DNS, 53, dns.query(self.names, f'n{self.names}.example.org'))
            flow = station.tcp(DNS, 53)
            asked = dns.query(self.names, 'web')
            flow.send(len(asked).to_bytes(2, 'big') + asked)
            flow.recv(20)
        finally:
            station.guest.close()

    def hasty_qmp(self):
        qmp = Qmp(self.net.daemon.run_dir('qmp.sock'), negotiate=False)
        qmp.socket.settimeout(5 * HASTY)
        return qmp

    def reload(self):
        self.toggled = not self.toggled
        self.write('; tcp:127.0.0.1:0-10.0.2.21:22' if self.toggled else '')
        with self.hasty_qmp() as qmp:
            qmp.run('qmp_capabilities')
            qmp.run('reload')
            qmp.hmp('hostfwd_add nat tcp:127.0.0.1:0-10.0.2.22:22')
            forwards = [f for f in qmp.run('query-forwards')
                        if f.get('guest-address') == '10.0.2.22']
            for forward in forwards:
                qmp.hmp(f'hostfwd_remove nat tcp:127.0.0.1:{forward["host-port"]}')

    # --- what must work ---

    def settle(self):
        """As it was before: what a failed action has left is removed."""
        with self.net.daemon.qmp() as qmp:
            for forward in qmp.run('query-forwards'):
                if forward.get('guest-address') == '10.0.2.22':
                    qmp.hmp(f'hostfwd_remove nat tcp:127.0.0.1:{forward["host-port"]}')

    def check(self):
        """A guest is served, and a query."""
        try:
            if not self.good:
                raise EOFError
            while self.good.step():
                pass
            self.good.inbox.clear()
            self.good.ping(GATEWAY)
        except (EOFError, OSError):
            self.good = self.guest(Station)
            self.good.dhcp()
            self.good.ping(GATEWAY)
        with self.net.daemon.qmp() as qmp:
            qmp.run('query-status')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.net.daemon.pid}/fd'))

    def leave_time(self):
        """Sessions and connections expire."""
        self.shim.control.monotonic += 1000
        self.check()


def numbers(every):
    n = 1
    while n <= N_MAX:
        yield n
        n += 1 if n < 24 or every else 7


class Sweep:
    def __init__(self, lab, every):
        self.lab = lab
        self.every = every
        self.faults = 0

    def run(self, attempt):
        """attempt() arms the shim; its result is the number of calls that failed."""
        for family, errors in ERRORS.items():
            for error in errors:
                for length in (1, MANY) if family in LASTING else (1,):
                    self.run_one(attempt, family, error, length)

    def run_one(self, attempt, family, error, length):
        unhit = 0
        for n in numbers(self.every):
            try:
                failed = attempt(family, error, n, length)
            except BaseException:
                print(f'{attempt.__name__}: {family} call {n} and {length - 1} more: '
                      f'{error_name(error)}', file=sys.stderr)
                raise
            self.faults += failed > 0
            unhit = 0 if failed else unhit + 1
            if unhit == 2:
                return

    # --- start ---

    @staticmethod
    def ends(child):
        try:
            child.wait(1)
            return True
        except subprocess.TimeoutExpired:
            return False

    def start(self, family, error, n, length):
        lab = self.lab
        lab.shim.arm(family, error, n, length)
        ready, theirs = os.pipe()
        with subprocess.Popen(
                words('--name', lab.net.name, '--ready-fd', str(theirs), *lab.net.options),
                cwd=lab.net.folder.path, pass_fds=[theirs], stdin=subprocess.DEVNULL,
                env={**lab.net.folder.environment(), **lab.shim.environment},
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            os.close(theirs)
            select.select([ready], [], [], 30)
            up = os.read(ready, 100)
            os.close(ready)
            failed = lab.shim.disarm()
            if up:
                try:
                    with Qmp(lab.net.folder.file('run', 'usernet', lab.net.name, 'qmp.sock')) as qmp:
                        qmp.run('query-status')
                finally:
                    child.send_signal(signal.SIGTERM)
            elif family == 'write' and not self.ends(child):
                child.send_signal(signal.SIGTERM)  # it could not say that it is ready
                up = True
            said = child.stderr.read()
            status = child.wait(30)
        if status != (0 if up else 1) or (not up and not said.strip() and family != 'write'):
            raise AssertionError(f'status {status}; it said: {said}')
        return failed

    # --- while it runs ---

    @staticmethod
    def works(action):
        """Without faults; an action is in a hurry, so it may need a second try."""
        for attempts_left in range(5, -1, -1):
            try:
                action()
                return
            except NOT_NOW:
                if not attempts_left:
                    raise
                time.sleep(HASTY)

    def phase(self, action):
        lab = self.lab

        def attempt(family, error, n, length):
            lab.shim.arm(family, error, n, length)
            try:
                action()
            except NOT_NOW:
                pass
            failed = lab.shim.disarm()
            try:
                lab.check()
            except BaseException:
                print(f'running: {lab.net.daemon.running()}, status '
                      f'{lab.net.daemon.child.poll()}\n{lab.net.daemon.errors()[-3000:]}',
                      file=sys.stderr)
                raise
            return failed
        attempt.__name__ = action.__name__

        lab.check()
        self.works(action)
        lab.leave_time()
        before = lab.descriptors()
        self.run(attempt)
        lab.settle()
        self.works(action)
        lab.settle()
        lab.leave_time()
        try:
            until(lambda: lab.descriptors() <= before, 'the descriptors are back', 10)
        except Never:
            print(f'{action.__name__}: {before} descriptors before, {lab.descriptors()} after',
                  file=sys.stderr)
            raise


def main():
    become_unprivileged()
    every = 'every' in sys.argv
    lab = Lab()
    phases = {'start': None, 'join': lab.join, 'lease': lab.lease, 'talk': lab.talk,
              'names': lab.names_up, 'reload': lab.reload}
    wanted = [name for name in sys.argv[1:] if name in phases] or phases
    try:
        for name in wanted:
            began = time.monotonic()
            sweep = Sweep(lab, every)
            if name == 'start':
                sweep.run(sweep.start)
            else:
                if not lab.net.daemon:
                    lab.net.start()
                sweep.phase(phases[name])
            print(f'{name}: {sweep.faults} faults, {time.monotonic() - began:.0f} s', flush=True)
        if lab.net.daemon:
            lab.net.stop()
    except BaseException:
        if lab.net.daemon:
            lab.net.kill()
        raise
    finally:
        lab.close()


if __name__ == '__main__':
    main()
