# SPDX-License-Identifier: BSD-3-Clause
"""Guests of vfkit, krunkit and libkrun: a datagram socket connected to the server's, which says "VFKT"
first (libkrun src/devices/src/virtio/net/unixgram.rs; older vfkit without the hello)."""
import os
import socket
import unittest

from lib import packet as pk
from lib.case import GATEWAY, GatewayCase
from lib.guest import DgramGuest
from lib.station import Station
from lib.wait import until

HELLO = b'VFKT'


class VfkitGuest(DgramGuest):
    """As libkrun opens it: bound to a name of its own, connected, then the hello."""

    def __init__(self, own, to, hello=True):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(own)
        sock.connect(to)
        if hello:
            sock.send(HELLO)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 7 << 20)
        super().__init__(sock, None, own)


class Vfkit(GatewayCase):
    def setUp(self):
        self.network('', '--netdev', 'dgram,id=dg,local.type=unix,local.path={dir}/lan.dgram')

    def vfkit(self, name='krun-net-1-0.sock', hello=True):
        return self.keep(VfkitGuest(self.lan.path(name), self.lan.path('lan.dgram'), hello))

    def drops(self):
        return [port['drops'] for port in self.lan.ports('dg').values()]

    def test_hello_makes_a_port_that_hears_broadcasts(self):
        guest, other = self.vfkit(), self.station()
        self.lan.wait_for_ports('dg', 1)
        other.send(pk.eth(pk.BROADCAST, other.mac, 0x88b5, b'to all'.ljust(46, b'\0')))
        until(lambda: (guest.recv() or b'')[12:14] == b'\x88\xb5', 'the broadcast')

    def test_hello_is_no_frame_and_no_drop(self):
        guest = self.vfkit()
        self.lan.wait_for_ports('dg', 1)
        guest.send(HELLO)
        Station(guest).dhcp()
        self.assertEqual(self.drops(), [{}])

    def test_other_4_bytes_are_a_runt(self):
        guest = self.vfkit()
        guest.send(b'VFKX')
        Station(guest).dhcp()
        self.assertEqual(self.drops(), [{'runt': 1}])

    def test_guest_with_and_without_hello_is_served(self):
        for number, hello in enumerate((True, False)):
            with self.subTest(hello=hello):
                station = Station(self.vfkit(f'guest{number}', hello))
                station.dhcp()
                station.ping(GATEWAY)
                _, port = self.host_tcp()
                flow = station.tcp(GATEWAY, port)
                flow.send(os.urandom(200000))

    def test_guest_that_was_killed_is_noticed_and_may_come_again(self):
        for _ in range(2):
            with self.vfkit() as guest:
                Station(guest).dhcp()
                self.assertEqual(len(self.lan.ports('dg')), 1)
            self.lan.wait_for_ports('dg', 0)


if __name__ == '__main__':
    unittest.main()
