# SPDX-License-Identifier: BSD-3-Clause
"""The links: every netdev kind but the gateway, from the command line, in any mix on one
network."""
import os
import socket
import struct
import unittest

from lib import packet as pk
from lib.guest import FRAME_MAX, DgramGuest, StreamGuest, connect_when_there
from lib.network import Network
from lib.wait import Never, until

LAN = 'stream,id=lan,server=on,addr.type=unix,addr.path={dir}/lan.sock'
A, B, C = (pk.mac(f'52:54:00:00:00:0{n}') for n in 'abc')


def frame(dst, src, length=60, fill=1):
    return pk.eth(dst, src, 0x88b5, bytes((fill + i) & 0xff for i in range(length - 14)))


def padded(sent):
    """A frame as a guest receives it: at least 60 bytes, ethernet's minimum without FCS."""
    return sent.ljust(60, b'\0')


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class LinkCase(unittest.TestCase):
    def daemon(self, *options, **more):
        return self.keep(Network(*options, **more))

    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def lan_guest(self, daemon):
        return self.keep(StreamGuest.unix(daemon.path('lan.sock')))

    def assert_linked(self, one, other, one_mac=A, other_mac=B):
        """Frames of every allowed size pass both ways unchanged."""
        known = frame(pk.BROADCAST, one_mac)
        one.send(known)
        other.expect(known)
        for length in (14, 60, 1514, 9014):
            for here, there, src, dst in ((other, one, other_mac, one_mac),
                                          (one, other, one_mac, other_mac)):
                sent = frame(dst, src, length, length)
                here.send(sent)
                there.expect(padded(sent), f'a frame of {length} bytes')


class Stream(LinkCase):
    def test_guests_of_a_unix_server_reach_each_other(self):
        d = self.daemon('--netdev', LAN)
        a, b = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        self.assert_linked(a, b)

    def test_a_unicast_frame_is_seen_by_its_receiver_alone(self):
        d = self.daemon('--netdev', LAN)
        a, b, c = (self.lan_guest(d) for _ in range(3))
        d.wait_for_ports('lan', 3)
        self.assert_linked(a, b)
        sent = frame(B, A, 100, 9)
        a.send(sent)
        b.expect(sent)
        self.assertNotIn(sent, c.fence(a))

    def test_the_largest_frame_passes(self):
        d = self.daemon('--netdev', LAN)
        a, b = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        sent = frame(pk.BROADCAST, A, FRAME_MAX)
        a.send(sent)
        b.expect(sent)

    def test_every_split_of_prefix_and_frame_is_put_together(self):
        d = self.daemon('--netdev', LAN)
        a, b = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        for cut in range(1, 24):
            sent = frame(pk.BROADCAST, A, 20, cut)
            raw = struct.pack('>I', len(sent)) + sent
            a.send_raw(raw[:cut])
            # When a frame of another has passed, the daemon has read the first part.
            a.fence(b)
            a.send_raw(raw[cut:])
            b.expect(padded(sent), f'the frame cut at {cut}')

    def test_an_illegal_length_closes_that_link_alone(self):
        d = self.daemon('--netdev', LAN)
        b, c = self.lan_guest(d), self.lan_guest(d)
        for length in (0, FRAME_MAX + 1, 0x7fffffff, 0xffffffff):
            with self.subTest(length=length):
                a = self.lan_guest(d)
                d.wait_for_ports('lan', 3)
                good = frame(pk.BROADCAST, A, 60, length & 0xff)
                a.send_raw(struct.pack('>I', 60) + good + struct.pack('>I', length))
                b.expect(good)
                a.expect_closed()
                d.wait_for_ports('lan', 2)
                self.assert_linked(b, c, B, C)

    def test_a_runt_is_dropped_and_counted(self):
        d = self.daemon('--netdev', LAN)
        a, b = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        for length in (1, 13):
            a.send(bytes(length))
        self.assertEqual(b.fence(a), [])
        drops = [port['drops'].get('runt', 0) for port in d.ports('lan').values()]
        self.assertEqual(sum(drops), 2)

    def test_a_guest_that_stops_reading_does_not_stop_the_others(self):
        d = self.daemon('--netdev', LAN)
        a, b, c = (self.lan_guest(d) for _ in range(3))
        d.wait_for_ports('lan', 3)
        self.assert_linked(a, b)
        self.assert_linked(a, c, A, C)
        many = b''.join(struct.pack('>I', 1514) + frame(B, A, 1514, n) for n in range(100))
        for _ in range(60):
            a.send_raw(many)
        last = frame(C, A, 60, 77)
        a.send(last)
        c.expect(last)
        # It reads again, and gets frames again once it has caught up.
        news = frame(B, C, 60, 78)

        def caught_up():
            c.send(news)
            try:
                return b.expect(news, limit=0.1)
            except Never:
                return None
        until(caught_up, 'frames for the one that reads again')
        self.assert_linked(c, b, C, B)

    def test_a_guest_that_goes_leaves_the_others_undisturbed(self):
        d = self.daemon('--netdev', LAN)
        a, b, c = (self.lan_guest(d) for _ in range(3))
        d.wait_for_ports('lan', 3)
        a.send_raw(b'\0\0\0')
        a.close()
        d.wait_for_ports('lan', 2)
        self.assert_linked(b, c, B, C)

    def test_abstract_and_tcp_servers_join_one_network(self):
        port = free_port()
        name = f'usernet-wire-{os.getpid()}'
        d = self.daemon(
            '--netdev', f'stream,id=abs,server=on,addr.type=unix,addr.path={name},addr.abstract=on',
            '--netdev', f'stream,id=tcp,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port={port}')
        a = self.keep(StreamGuest.unix(name, abstract=True))
        b = self.keep(StreamGuest.tcp('127.0.0.1', port))
        d.wait_for_ports('abs', 1)
        d.wait_for_ports('tcp', 1)
        self.assert_linked(a, b)

    def test_a_client_starts_before_its_server_and_finds_it_again(self):
        d = self.daemon('--netdev', LAN, '--netdev',
                        'stream,id=far,addr.type=unix,addr.path={dir}/far.sock,reconnect=1')
        b = self.lan_guest(d)
        for _ in range(2):
            listener = StreamGuest.listen_unix(d.path('far.sock'))
            with StreamGuest.accept_from(listener) as a:
                d.wait_for_ports('lan', 1)
                self.assert_linked(a, b)
            listener.close()
            os.unlink(d.path('far.sock'))
            d.wait_for_ports('far', 0)

    def test_two_networks_linked_are_one(self):
        one = self.daemon('--netdev', LAN, '--netdev',
                          'stream,id=up,server=on,addr.type=unix,addr.path={dir}/up.sock')
        two = self.daemon('--netdev', LAN, '--netdev',
                          f'stream,id=down,addr.type=unix,addr.path={one.path("up.sock")}')
        a, b = self.lan_guest(one), self.lan_guest(two)
        one.wait_for_ports('up', 1)
        one.wait_for_ports('lan', 1)
        two.wait_for_ports('lan', 1)
        self.assert_linked(a, b)

    def test_a_connected_descriptor_is_a_guest(self):
        ours, theirs = socket.socketpair()
        d = self.daemon('--netdev', LAN, '--netdev',
                        f'stream,id=fd,addr.type=fd,addr.str={theirs.fileno()}',
                        fds=[theirs.fileno()])
        theirs.close()
        a, b = self.keep(StreamGuest(ours)), self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        self.assert_linked(a, b)


class Socket(LinkCase):
    def test_listen_and_connect_over_tcp(self):
        port, far = free_port(), socket.create_server(('127.0.0.1', 0))
        self.addCleanup(far.close)
        d = self.daemon('--netdev', f'socket,id=in,listen=127.0.0.1:{port}', '--netdev',
                        f'socket,id=out,connect=127.0.0.1:{far.getsockname()[1]}')
        a = self.keep(StreamGuest.tcp('127.0.0.1', port))
        b = self.keep(StreamGuest.accept_from(far))
        d.wait_for_ports('in', 1)
        d.wait_for_ports('out', 1)
        self.assert_linked(a, b)

    def test_a_descriptor_is_used_by_its_type(self):
        for kind, guest in ((socket.SOCK_STREAM, StreamGuest), (socket.SOCK_DGRAM, DgramGuest)):
            with self.subTest(kind=kind):
                ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
                d = self.daemon('--netdev', LAN, '--netdev',
                                f'socket,id=fd,fd={theirs.fileno()}', fds=[theirs.fileno()])
                theirs.close()
                a, b = self.keep(guest(ours)), self.lan_guest(d)
                d.wait_for_ports('lan', 1)
                self.assert_linked(a, b)


class Dgram(LinkCase):
    SERVER = 'dgram,id=dg,local.type=unix,local.path={dir}/lan.dgram'

    def guest(self, d, name):
        return self.keep(DgramGuest.unix(d.path(name), d.path('lan.dgram')))

    def test_each_sender_of_a_unix_server_is_a_port(self):
        d = self.daemon('--netdev', self.SERVER, '--netdev', LAN)
        a, b, c = self.guest(d, 'a'), self.guest(d, 'b'), self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        for guest, mac in ((a, A), (b, B)):
            hello = frame(pk.BROADCAST, mac)
            guest.send(hello)
            c.expect(hello)
        self.assertEqual(len(d.ports('dg')), 2)
        self.assert_linked(a, b)
        self.assert_linked(c, b, C, B)

    def test_a_guest_that_was_killed_is_noticed_and_may_come_again(self):
        d = self.daemon('--netdev', self.SERVER, '--netdev', LAN)
        c = self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        for _ in range(2):
            with self.guest(d, 'a') as a:
                self.assert_linked(a, c, A, C)
                self.assertEqual(len(d.ports('dg')), 1)
            d.wait_for_ports('dg', 0)

    def test_a_unix_pair_starts_before_its_remote_and_follows_it(self):
        d = self.daemon('--netdev', LAN, '--netdev',
                        'dgram,id=pair,local.type=unix,local.path={dir}/here,'
                        'remote.type=unix,remote.path={dir}/there')
        b = self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        b.send(frame(pk.BROADCAST, B))
        for _ in range(2):
            with DgramGuest.unix(d.path('there'), d.path('here')) as a:
                self.assert_linked(a, b)

    def test_an_inet_pair_takes_from_its_remote_alone(self):
        here, there = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        d = self.daemon('--netdev', LAN, '--netdev',
                        f'socket,id=udp,udp=127.0.0.1:{there},localaddr=127.0.0.1:{here}')
        a = self.keep(DgramGuest.udp(('127.0.0.1', there), ('127.0.0.1', here)))
        stranger = self.keep(DgramGuest.udp(('127.0.0.1', 0), ('127.0.0.1', here)))
        b = self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        self.assert_linked(a, b)
        wrong = frame(pk.BROADCAST, C)
        stranger.send(wrong)
        self.assertNotIn(wrong, b.fence(a))

    def test_a_multicast_bus_carries_frames_once(self):
        port = free_port(socket.SOCK_DGRAM)
        d = self.daemon('--netdev', LAN, '--netdev',
                        f'socket,id=bus,mcast=230.0.0.9:{port},localaddr=127.0.0.1')
        a = self.keep(DgramGuest.multicast(('230.0.0.9', port)))
        b, c = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        self.assert_linked(a, b)
        sent = frame(pk.BROADCAST, B, 60, 42)
        b.send(sent)
        a.expect(sent)
        self.assertEqual(c.fence(a).count(sent), 1)
        self.assertNotIn(sent, b.fence(a))


class Refused(LinkCase):
    def assert_refused(self, netdev, *parts, before=None, fds=()):
        d = self.keep(Network('--netdev', netdev, start=False, fds=fds))
        if before:
            before(d)
        status, text = d.refused()
        self.assertNotEqual(status, 0)
        for part in parts:
            self.assertIn(part, text)
        self.assertNotIn('CRITICAL', text)

    def test_a_path_that_is_a_file(self):
        def make(d):
            with open(d.path('lan.sock'), 'w', encoding='utf-8') as f:
                f.write('precious')
        self.assert_refused(LAN, 'lan.sock', 'not a socket', before=make)

    def test_a_path_that_is_too_long(self):
        self.assert_refused('stream,id=lan,server=on,addr.type=unix,addr.path=/' + 'x' * 120, '107')

    def test_a_directory_that_is_not_there(self):
        self.assert_refused(LAN.replace('lan.sock', 'no/lan.sock'), 'no directory')

    def test_a_port_in_use_is_named(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            port = s.getsockname()[1]
            self.assert_refused(f'socket,id=in,listen=127.0.0.1:{port}', f'127.0.0.1:{port}',
                                'in use')

    def test_a_descriptor_that_is_not_open(self):
        self.assert_refused('stream,id=fd,addr.type=fd,addr.str=777', '777')

    def test_a_group_that_is_none(self):
        self.assert_refused('socket,id=bus,mcast=127.0.0.1:5000', '127.0.0.1')


class Ends(LinkCase):
    def test_a_stale_socket_is_replaced_and_all_are_gone_at_the_end(self):
        d = self.daemon('--netdev', LAN, '--netdev', Dgram.SERVER)
        d.kill()
        self.assertTrue(os.path.exists(d.path('lan.sock')))
        d.start()
        a, b = self.lan_guest(d), self.lan_guest(d)
        d.wait_for_ports('lan', 2)
        self.assert_linked(a, b)
        d.stop()
        self.assertFalse(os.path.exists(d.path('lan.sock')))
        self.assertFalse(os.path.exists(d.path('lan.dgram')))

    def test_guests_come_again_after_a_restart(self):
        d = self.daemon('--netdev', LAN)
        a = self.lan_guest(d)
        d.wait_for_ports('lan', 1)
        d.kill()
        a.expect_closed()
        d.start()
        a, b = self.keep(connect_when_there(d.path('lan.sock'))), self.lan_guest(d)
        until(lambda: len(d.ports('lan')) == 2, 'both guests')
        self.assert_linked(a, b)
