# SPDX-License-Identifier: BSD-3-Clause
"""
Guests get no frame shorter than ethernet's 60 bytes, on each kind of wire: some NIC models drop or miscount
those. What is added is zeroes.
"""
import socket

from lib import packet as pk
from lib.case import GATEWAY, LAN, GatewayCase
from lib.guest import DgramGuest, StreamGuest
from lib.station import Station

A, B = pk.mac('52:54:00:00:00:0a'), pk.mac('52:54:00:00:00:0b')
SHORTEST = 60


class Padding(GatewayCase):
    """Each kind: a guest on it, and a neighbour on the stream server "lan"."""

    def free_port(self, kind):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(('127.0.0.1', 0))
            return s.getsockname()[1]

    def assert_padded(self, guest):
        frames = []
        receive = guest._receive

        def record(limit):
            frame = receive(limit)
            if frame is not None and frame[6:12] != A:  # a multicast bus echoes its own
                frames.append(frame)
            return frame
        guest._receive = record
        self.assert_gateway_pads(guest, frames)
        self.assert_neighbours_are_padded(guest)
        self.assertEqual([len(f) for f in frames if len(f) < SHORTEST], [])

    def assert_gateway_pads(self, guest, frames):
        station = Station(guest, A)
        station.dhcp()
        station.ping(GATEWAY, payload=b'x')
        listener, port = self.host_tcp()
        tcp = station.tcp(GATEWAY, port)
        served = self.accept(listener)
        tcp.send(b'a')
        self.assertEqual(served.recv(1), b'a')
        served.sendall(b'b')
        self.assertEqual(tcp.recv(1), b'b')
        udp, port = self.host_udp()
        source = station.send_udp(GATEWAY, port, b'c')
        udp.sendto(b'd', udp.recvfrom(16)[1])
        self.assertEqual(station.expect_udp(source).udp.payload, b'd')
        # ARP, echo, TCP and UDP packets would all be shorter; the padding must not be other frames'
        # bytes.
        ends = [(raw, self.end_of(raw)) for raw in frames]
        self.assertGreaterEqual(len([end for _, end in ends if end < SHORTEST]), 4)
        for raw, end in ends:
            self.assertEqual(raw[end:], bytes(len(raw) - end))

    def end_of(self, raw):
        """The offset at which the packet in this frame ends."""
        kind = int.from_bytes(raw[12:14], 'big')
        if kind == 0x0806:
            return 14 + 28
        if kind == 0x0800:
            return 14 + int.from_bytes(raw[16:18], 'big')
        return len(raw)

    def assert_neighbours_are_padded(self, guest):
        neighbour = self.guest()
        for length in (14, 42, 59, 60, 61):
            here = pk.eth(A, B, 0x88b5, bytes([length]) * (length - 14))
            there = pk.eth(B, A, 0x88b5, bytes([length]) * (length - 14))
            neighbour.send(pk.eth(pk.BROADCAST, B, 0x88b5, b'known'.ljust(46, b'.')))
            neighbour.send(here)
            guest.expect(here.ljust(SHORTEST, b'\0'), f'{length} bytes of the neighbour')
            guest.send(there)
            neighbour.expect(there.ljust(SHORTEST, b'\0'), f'{length} bytes of the guest')

    def test_stream(self):
        self.network()
        self.assert_padded(self.guest())

    def test_dgram(self):
        self.network('', '--netdev', 'dgram,id=dg,local.type=unix,local.path={dir}/lan.dgram')
        self.assert_padded(self.keep(DgramGuest.unix(self.lan.path('a'),
                                                     self.lan.path('lan.dgram'))))

    def test_dgram_over_udp(self):
        here, there = (self.free_port(socket.SOCK_DGRAM) for _ in range(2))
        self.network('', '--netdev', f'dgram,id=dg,local.type=inet,local.host=127.0.0.1,'
                     f'local.port={here},remote.type=inet,remote.host=127.0.0.1,remote.port={there}')
        self.assert_padded(self.keep(DgramGuest.udp(('127.0.0.1', there), ('127.0.0.1', here))))

    def test_socket_over_tcp(self):
        port = self.free_port(socket.SOCK_STREAM)
        self.network('', '--netdev', f'socket,id=in,listen=127.0.0.1:{port}')
        self.assert_padded(self.keep(StreamGuest.tcp('127.0.0.1', port)))

    def test_socket_over_multicast(self):
        port = self.free_port(socket.SOCK_DGRAM)
        self.network('', '--netdev', f'socket,id=bus,mcast=230.0.0.9:{port},localaddr=127.0.0.1')
        self.assert_padded(self.keep(DgramGuest.multicast(('230.0.0.9', port))))

    def test_a_descriptor(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.network('', '--netdev', f'socket,id=fd,fd={theirs.fileno()}', fds=[theirs.fileno()])
        theirs.close()
        self.assert_padded(self.keep(DgramGuest(ours)))
