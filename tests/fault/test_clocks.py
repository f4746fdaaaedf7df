#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The host's clock jumps by ten years, forth and back; the process is stopped for minutes (its clock
jumps, shim.c). Leases, connections and forwards go on, and leases survive a restart meanwhile."""
import os
import signal
import socket
import sys
import time

import churn  # noqa: F401 pylint: disable=unused-import
from shim import Shim

from lib.case import GATEWAY, LAN, recv_exactly
from lib.daemon import become_unprivileged
from lib.guest import StreamGuest
from lib.network import Network
from lib.station import Station

YEARS = 10 * 365 * 86400
MINUTES = 5 * 60
GUESTS = 4


class Scene:
    def __init__(self):
        self.net = Network('--netdev', 'user,id=nat,lease-time=3600,hostfwd=tcp:127.0.0.1:0-'
                           '10.0.2.15:22', '--netdev', LAN, start=False)
        self.shim = Shim(self.net.path('fault'))
        self.net.environment = self.shim.environment
        self.host = socket.create_server(('127.0.0.1', 0))
        self.guests = []
        self.flow = self.conn = None

    def start(self):
        """Guests join; those that were there before renew what they had."""
        self.net.start()
        before = [(guest.mac, guest.ip) for guest in self.guests] or [(None, None)] * GUESTS
        self.guests = [Station(StreamGuest.unix(self.net.path('lan.sock')), mac)
                       for mac, _ in before]
        for guest, (_, ip) in zip(self.guests, before):
            guest.dhcp()
            assert ip in (None, guest.ip), f'{ip} became {guest.ip}'
        assert len({guest.ip for guest in self.guests}) == GUESTS
        self.flow = self.guests[0].tcp(GATEWAY, self.host.getsockname()[1])
        self.conn = self.host.accept()[0]
        self.conn.settimeout(15)

    def check(self, when):
        """An old connection, a new one, a client of a forward, a lease that is renewed, a query."""
        try:
            self.flow.send(b'up')
            assert recv_exactly(self.conn, 2) == b'up'
            self.conn.sendall(b'down')
            assert self.flow.recv(4) == b'down'
            for guest in self.guests:
                ip = guest.ip
                guest.ping(GATEWAY)
                guest.dhcp()
                assert guest.ip == ip, f'{ip} became {guest.ip}'
            self.guests[1].tcp(GATEWAY, self.host.getsockname()[1]).abort()
            self.host.accept()[0].close()
            [forward] = self.net.ask('query-forwards')
            first = next(guest for guest in self.guests if guest.ip == '10.0.2.15')
            first.listen(22)
            with socket.create_connection(('127.0.0.1', forward['host-port']), timeout=15) as client:
                client.sendall(b'in')
                assert first.accept(22).recv(2) == b'in'
            held = {lease['address'] for lease in self.net.ask('query-leases')
                    if lease['state'] == 'bound'}
            assert held == {guest.ip for guest in self.guests}, f'leases: {held}'
        except BaseException:
            print(f'{when}:\n{self.net.daemon.errors()}', file=sys.stderr)
            raise

    def end(self):
        for guest in self.guests:
            guest.guest.close()
        self.conn.close()
        self.net.stop()

    def close(self):
        self.host.close()
        self.net.close()


def main():
    become_unprivileged()
    scene = Scene()
    try:
        scene.start()
        scene.check('at first')
        for seconds in (YEARS, -YEARS, 0):
            scene.shim.set_clocks(realtime=seconds)
            scene.check(f'the clock is {seconds} s off')
        # Leases on disk have times of the real clock: set back, they are not for ten years.
        scene.shim.set_clocks(realtime=-YEARS)
        scene.end()
        scene.start()
        scene.check('restarted with the clock set back')
        ends = [lease['expires-in'] for lease in scene.net.ask('query-leases')
                if 'expires-in' in lease]
        assert all(end <= 3600 for end in ends), f'leases end after {ends} s'
        scene.shim.set_clocks(realtime=0)
        scene.end()
        scene.start()
        for i in range(1, 4):
            scene.net.daemon.child.send_signal(signal.SIGSTOP)
            scene.flow.segment(0x10, b'')  # an ACK that waits meanwhile
            time.sleep(0.3)
            scene.shim.set_clocks(monotonic=i * MINUTES, realtime=i * MINUTES)
            scene.net.daemon.child.send_signal(signal.SIGCONT)
            scene.check(f'stopped for {i * MINUTES} s')
        scene.end()
    finally:
        if scene.net.daemon and os.environ.get('USERNET_WRAPPER') is None:
            scene.net.kill()
        scene.close()
    print('clocks jumped by 10 years and stood for 5 minutes; nothing was lost')


if __name__ == '__main__':
    main()
