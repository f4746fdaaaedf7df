#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""200 links come and go ten times a second, each with a frame, for 10 s (or as many as the argument
says); a guest beside them loses nothing, and when it is over no link or descriptor is left."""
import os
import random
import socket
import struct
import sys
import time

import churn  # noqa: F401 pylint: disable=unused-import

from lib import packet as pk
from lib.case import GATEWAY, LAN, recv_exactly
from lib.daemon import become_unprivileged
from lib.guest import StreamGuest
from lib.network import Network
from lib.station import Station
from lib.wait import until

LINKS, A_SECOND = 200, 10
SEED = int(os.environ.get('SEED', '20260303'))


class Flapper:
    def __init__(self, path, number):
        self.path = path
        self.mac = b'\x52\x54\2\0' + struct.pack('>H', number)
        self.socket = None
        self.n = 0

    def flap(self, rng):
        if self.socket:
            self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        try:
            self.socket.connect(self.path)
            frame = pk.dhcp_frame(self.mac, pk.DISCOVER) if rng.random() < 0.2 else \
                pk.arp(1, self.mac, '0.0.0.0', bytes(6), GATEWAY)
            data = struct.pack('>I', len(frame)) + frame
            self.socket.send(data[:rng.choice((3, 20, len(data), len(data)))])
            self.n += 1
        except OSError:  # the listener's queue is full
            self.socket.close()
            self.socket = None


def main():
    become_unprivileged()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = random.Random(SEED)
    worst, checks = 0.0, 0
    with Network('--netdev', 'user,id=nat', '--netdev', LAN) as net, \
            socket.create_server(('127.0.0.1', 0)) as host:
        good = Station(StreamGuest.unix(net.path('lan.sock')))
        good.dhcp()
        flow = good.tcp(GATEWAY, host.getsockname()[1])
        conn = host.accept()[0]
        conn.settimeout(15)
        before = net.ask('query-status')['descriptors']
        flappers = [Flapper(net.path('lan.sock'), i) for i in range(LINKS)]
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            round_began = time.monotonic()
            for i, flapper in enumerate(flappers):
                flapper.flap(rng)
                if i % 50:
                    continue
                sent = time.monotonic()
                good.ping(GATEWAY)
                worst = max(worst, time.monotonic() - sent)
                flow.send(b'up')
                recv_exactly(conn, 2)
                conn.sendall(b'down')
                flow.recv(4)
                checks += 1
            time.sleep(max(0.0, round_began + 1 / A_SECOND - time.monotonic()))
        for flapper in flappers:
            if flapper.socket:
                flapper.socket.close()
        net.wait_for_ports('lan', 1)
        until(lambda: net.ask('query-status')['descriptors'] <= before, 'the descriptors are back')
        good.ping(GATEWAY)
        newcomer = Station(StreamGuest.unix(net.path('lan.sock')))
        newcomer.dhcp()
        newcomer.ping(GATEWAY)
        flaps = sum(flapper.n for flapper in flappers)
        good.guest.close()
        newcomer.guest.close()
        conn.close()
    print(f'{flaps} links came and went in {seconds:.0f} s; {checks} times a guest was served '
          f'beside them, the worst ping took {worst * 1000:.0f} ms')


if __name__ == '__main__':
    main()
