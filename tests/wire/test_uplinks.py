# SPDX-License-Identifier: BSD-3-Clause
"""Networks joined to each other: by VXLAN, by usernetctl pipe, by a forwarded socket; no loops."""
import os
import shutil
import socket
import subprocess
import threading
import unittest

from lib import packet as pk
from lib.case import GATEWAY, LAN
from lib.daemon import program
from lib.guest import StreamGuest
from lib.namespace import with_addresses
from lib.network import Network
from lib.station import Station, run_all
from lib.wait import LIMIT, until
from lib.world import Host, _run as run_here

HERE, THERE, HERE6, THERE6 = '10.9.0.1', '10.9.0.2', 'fd09::1', 'fd09::2'
KERNEL = '10.0.2.77'  # of the kernel's vxlan device on the guests' network


def frame(dst, src, fill=b'', length=60):
    return pk.eth(dst, src, 0x88b5, fill.ljust(length - 14, b'.'))


def mac(n):
    return pk.mac(f'52:54:00:00:01:{n:02x}')


class UplinkCase(unittest.TestCase):
    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def network(self, *options, **more):
        return self.keep(Network(*options, **more))

    def guest(self, network):
        return self.keep(StreamGuest.unix(network.path('lan.sock')))

    def station(self, network, lease=True):
        station = Station(self.guest(network))
        if lease:
            station.dhcp()
        return station

    def ctl(self, network, *arguments, **options):
        """A running usernetctl."""
        child = subprocess.Popen(
            [program('USERNETCTL'), '--name', network.name, *arguments],
            env=network.folder.environment(), **options)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def far_pipe(self, network, *options):
        """The words that run usernetctl pipe at another network, as ssh does."""
        return ('env', f'XDG_RUNTIME_DIR={network.path("run")}', program('USERNETCTL'), '--name',
                network.name, 'pipe', *options)

    def pipes(self, network):
        return [netdev for netdev in network.ask('query-netdevs')
                if netdev['id'].startswith('pipe-')]

    def join(self, one, other, *options):
        """Joins two networks by a pipe."""
        before = len(self.pipes(one)), len(self.pipes(other))
        child = self.ctl(one, 'pipe', *options, '--', *self.far_pipe(other, *options))
        until(lambda: (len(self.pipes(one)), len(self.pipes(other))) ==
              (before[0] + 1, before[1] + 1), 'the pipe')
        return child

    def assert_one_network(self, near, far):
        """Stations of both lease from near's gateway, never the same, and reach each other."""
        stations = [self.station(near), self.station(far), self.station(near), self.station(far)]
        self.assertEqual(len({station.ip for station in stations}), 4)
        self.assertEqual({station.router for station in stations}, {GATEWAY})
        a, b = stations[:2]
        a.resolve_later(b.ip)
        run_all([a, b], lambda: a.knows(b.ip), 'the other station')
        b.ping(GATEWAY)

    def assert_no_loop(self, networks):
        """A broadcast of each network's guest comes to each other guest once, and not back."""
        guests = [self.guest(network) for network in networks]
        for n, sender in enumerate(guests):
            sent = frame(pk.BROADCAST, mac(n), b'once%d' % n)
            others = [guest for guest in guests if guest is not sender]
            sender.send(sent)
            for guest in others:
                guest.expect(sent, 'a broadcast')
            for guest in others:  # whatever loops would come before this
                self.assertNotIn(sent, guest.fence(sender, mac(n)))
            self.assertNotIn(sent, sender.fence(others[0], mac(guests.index(others[0]))))
        # Unicast goes where the guest was heard.
        for n, sender in enumerate(guests):
            m = (n + 1) % len(guests)
            sent = frame(mac(m), mac(n), b'direct')
            sender.send(sent)
            guests[m].expect(sent, 'a unicast frame')


class Kernel(UplinkCase):
    """VXLAN with the Linux kernel's device, in a namespace at the other end of a veth."""

    def set_up(self, local=HERE, remote=THERE, more='', mtu=1600):
        there = self.keep(Host())
        run_here('ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
        run_here('ip', 'link', 'set', 'v1', 'netns', str(there.pid))
        for address in (HERE + '/24', HERE6 + '/64'):
            run_here('ip', 'addr', 'add', address, 'dev', 'v0', *(['nodad'] if ':' in address else []))
        run_here('ip', 'link', 'set', 'v0', 'mtu', str(mtu), 'up')
        there.run(f'ip addr add {THERE}/24 dev v1; ip addr add {THERE6}/64 dev v1 nodad',
                  f'ip link set v1 mtu {mtu} up',
                  f'ip link add x0 type vxlan id 4242 local {remote} remote {local} dstport 4789 '
                  f'{more}',
                  f'ip addr add {KERNEL}/24 dev x0; ip link set x0 mtu 1500 up')
        return there

    def assert_interoperates(self, there, lan):
        guest = self.station(lan)
        # Broadcast both ways by ARP, then packets of 1500 bytes both ways.
        guest.ping(KERNEL, b'k' * 1472)
        there.run('ip neigh flush dev x0', f'ping -q -c 1 -W 5 -M do -s 1472 {GATEWAY}')
        done = threading.Thread(target=there.run, args=(
            f'ping -q -c 1 -W 5 -M do -s 1472 {guest.ip}',))
        done.start()
        before = guest.pings_answered
        guest.run_until(lambda: guest.pings_answered > before, 'a ping of the kernel')
        done.join()
        there.run(f'ping -q -c 3 -W 5 -i 0.2 {GATEWAY}')

    @with_addresses()
    def test_ipv4(self):
        there = self.set_up()
        lan = self.network('--netdev', 'user,id=nat', '--netdev', LAN, '--netdev',
                           f'vxlan,id=far,vni=4242,local={HERE},remote={THERE}')
        self.assert_interoperates(there, lan)

    @with_addresses()
    def test_datagrams_larger_than_the_mtu_between_hosts_are_fragmented(self):
        self.set_up(mtu=1500)
        lan = self.network('--netdev', 'user,id=nat', '--netdev', LAN, '--netdev',
                           f'vxlan,id=far,vni=4242,local={HERE},remote={THERE}')
        self.station(lan).ping(KERNEL, b'k' * 1472)

    @with_addresses()
    def test_ipv6_without_udp_checksum(self):
        there = self.set_up(HERE6, THERE6, 'udp6zerocsumtx udp6zerocsumrx')
        lan = self.network('--netdev', 'user,id=nat', '--netdev', LAN, '--netdev',
                           f'vxlan,id=far,vni=4242,remote={THERE6}')
        self.assert_interoperates(there, lan)

    @with_addresses()
    def test_unlisted_host_is_refused_unless_told(self):
        there = self.set_up()
        lan = self.network('--netdev', 'user,id=nat', '--netdev', LAN, '--netdev',
                           'vxlan,id=far,vni=4242,remote=10.9.0.99')
        with self.assertRaises(subprocess.CalledProcessError):
            there.run(f'ping -q -c 1 -W 1 {GATEWAY} 2>/dev/null')
        self.assertEqual(len(lan.ports('far')), 1)
        until(lambda: f'frames from {THERE}:4789 are refused' in lan.daemon.errors(), 'the log')
        lan.ask('netdev_del', id='far')
        lan.ask('netdev_add', type='vxlan', id='open', vni=4242, unlisted=True)
        there.run(f'ping -q -c 1 -W 5 {GATEWAY}')
        self.assertEqual([port['peer'] for port in lan.ports('open').values()],
                         [f'{THERE}:4789'])

    @with_addresses()
    def test_another_network_identifier_does_not_pass(self):
        there = self.set_up()
        lan = self.network('--netdev', 'user,id=nat', '--netdev', LAN, '--netdev',
                           f'vxlan,id=far,vni=4243,remote={THERE}')
        with self.assertRaises(subprocess.CalledProcessError):
            there.run(f'ping -q -c 1 -W 1 {GATEWAY} 2>/dev/null')
        (port,) = lan.ports('far').values()
        self.assertGreater(port['drops']['vlan'], 0)


class Vxlan(UplinkCase):
    def mesh(self, n, more=''):
        hosts = [f'127.0.0.{i + 1}' for i in range(n)]
        return [self.network('--netdev', LAN, '--netdev', f'vxlan,id=far,vni=7,local={host},remote='
                             + ';'.join(other for other in hosts if other != host) + more)
                for host in hosts]

    @with_addresses()
    def test_three_in_a_triangle_do_not_loop(self):
        networks = self.mesh(3)
        self.assert_no_loop(networks)
        for network in networks:
            for port in network.ports('far').values():
                self.assertEqual(set(port['drops']) - {'no-receiver'}, set())

    @with_addresses()
    def test_a_hub_passes_frames_on(self):
        """uplink=off at the hub of a star."""
        self.network('--netdev', 'vxlan,id=far,vni=7,local=127.0.0.1,'
                     'remote=127.0.0.2;127.0.0.3,uplink=off')
        spokes = [self.network('--netdev', LAN, '--netdev',
                               f'vxlan,id=far,vni=7,local=127.0.0.{n},remote=127.0.0.1')
                  for n in (2, 3)]
        self.assert_no_loop(spokes)

    @with_addresses()
    def test_saved_file_has_it_and_no_pipe(self):
        lan = self.network('--netdev', LAN)
        lan.ask('netdev_add', type='vxlan', id='far', vni=7, local='127.0.0.1',
                remote=['127.0.0.2', '127.0.0.3'])
        self.ctl(lan, 'pipe', '--', 'sleep', '1000')
        until(lambda: self.pipes(lan), 'the netdev')
        saved = self.ctl(lan, 'save', lan.path('saved'), stdout=subprocess.DEVNULL)
        self.assertEqual(saved.wait(LIMIT), 0)
        with open(lan.path('saved'), encoding='utf-8') as file:
            text = file.read()
        self.assertNotIn('pipe-', text)
        again = self.network('--config', lan.path('saved'), start=False)
        lan.ask('netdev_del', id='far')
        lan.ask('netdev_del', id='lan')
        again.start()
        self.assertEqual(len(again.ports('far')), 2)

    @with_addresses()
    def test_hostile_datagrams_are_dropped(self):
        lan = self.network('--netdev', LAN, '--netdev',
                           'vxlan,id=far,vni=7,local=127.0.0.1,remote=127.0.0.2')
        guest = self.guest(lan)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(('127.0.0.2', 0))
            good = b'\x08\0\0\0\0\0\x07\0'
            inner = frame(pk.BROADCAST, mac(9), b'inner')
            for bad in (b'', good[:7], good, good + inner[:13], b'\0' + good[1:] + inner,
                        b'\x08\0\0\0\0\0\x08\0' + inner, os.urandom(60000)[:1] + bytes(7) + inner):
                sock.sendto(bad, ('127.0.0.1', 4789))
            sock.sendto(b'\xff\xff\xff\xff\0\0\x07\xff' + inner, ('127.0.0.1', 4789))
            guest.expect(inner, 'a frame whose reserved bits are set')
        self.assertEqual(guest.seen, [])


class TwoGateways(UplinkCase):
    def events(self, network):
        return [(each['port'].split('.')[0].split('-')[0], each['dhcp'])
                for each in network.ask('query-troubles') if each['event'] == 'OTHER_GATEWAY']

    def check(self, near, far):
        """near is older."""
        self.join(near, far)
        until(lambda: self.events(far) == [('pipe', 'there')], 'the younger gateway yields')
        until(lambda: self.events(near) == [('pipe', 'here')], 'the older one tells it')
        self.assertIn('it serves DHCP, this network\'s does not', far.daemon.errors())
        stations = [self.station(network) for network in (near, far, near, far)]
        self.assertEqual(len({station.ip for station in stations}), 4)
        self.assertEqual(far.ask('query-leases'), [])
        self.assertEqual(len(near.ask('query-leases')), 4)
        return stations

    def test_the_older_one_serves_dhcp(self):
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        far = self.network('--netdev', 'user,id=nat,host=10.0.2.4', '--netdev', LAN)
        stations = self.check(near, far)
        self.assertEqual({station.router for station in stations}, {GATEWAY})
        for station in stations:
            station.ping(GATEWAY)
            station.ping('10.0.2.4')

    def test_with_the_same_address_guests_use_their_own_side(self):
        near, far = (self.network('--netdev', 'user,id=nat', '--netdev', LAN) for _ in range(2))
        for station in self.check(near, far):
            station.ping(GATEWAY)
            station.ping(GATEWAY)

    def announce(self, guest):
        """Says that there is an older gateway."""
        guest.send(pk.eth(pk.BROADCAST, mac(7), 0x88b6,
                          b'usernet gateway\1' + bytes(7) + b'\1' + bytes(12) + bytes(10)))

    def test_a_guest_does_not_stop_dhcp(self):
        """Its port is no uplink."""
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        self.announce(self.guest(near))
        until(lambda: self.events(near) == [('lan', 'here')], 'the report')
        self.station(near)

    def test_a_guest_does_not_stop_dhcp_beyond_an_uplink(self):
        """Its own network does not pass the announcement on, nor answer it there."""
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        far = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        self.check(near, far)
        guest, witness = self.guest(far), self.guest(near)
        self.announce(guest)
        witness.fence(guest)
        self.assertEqual(self.events(near), [('pipe', 'here')])
        self.assertEqual(sum(port['drops'].get('rogue-server', 0)
                             for port in far.ports('lan').values()), 1)
        self.station(near)
        self.station(far)


class Pipe(UplinkCase):
    def test_leases_come_from_one_gateway(self):
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        far = self.network('--netdev', LAN)
        child = self.join(near, far)
        self.assert_one_network(near, far)
        child.terminate()
        child.wait(LIMIT)
        until(lambda: not self.pipes(near) and not self.pipes(far), 'the netdevs are removed')

    def test_uplink_has_more_leases_than_a_guest(self):
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        far = self.network('--netdev', LAN)
        self.join(near, far)
        self.assertEqual(len({self.station(far).ip for _ in range(40)}), 40)

    def test_a_forwarded_socket_leads_to_one_gateway(self):
        """What ssh -L of a unix socket does: bytes are copied both ways."""
        near = self.network('--netdev', 'user,id=nat', '--netdev', LAN)
        far = self.network('--netdev', LAN, '--netdev',
                           'stream,id=up,addr.type=unix,addr.path={dir}/forwarded.sock,'
                           'reconnect-ms=50')
        listener = self.keep(StreamGuest.listen_unix(far.path('forwarded.sock')))
        ends = listener.accept()[0], socket.socket(socket.AF_UNIX)
        ends[1].connect(near.path('lan.sock'))

        def copy(source, sink):
            while data := source.recv(65536):
                sink.sendall(data)
        for pair in (ends, ends[::-1]):
            self.keep(pair[0])
            threading.Thread(target=copy, args=pair, daemon=True).start()
        try:
            self.assert_one_network(near, far)
        finally:
            for end in ends:
                end.shutdown(socket.SHUT_RDWR)

    def test_three_in_a_triangle_do_not_loop(self):
        networks = [self.network('--netdev', LAN) for _ in range(3)]
        for n in range(3):
            self.join(networks[n], networks[(n + 1) % 3])
        self.assert_no_loop(networks)

    def test_a_chain_passes_frames_on(self):
        networks = [self.network('--netdev', LAN) for _ in range(3)]
        for n in range(2):
            self.join(networks[n], networks[n + 1], '--transit')
        self.assert_no_loop(networks)

    def test_standard_input_and_output_are_the_frames(self):
        lan = self.network('--netdev', LAN)
        guest = self.guest(lan)
        ours, theirs = socket.socketpair()
        child = self.ctl(lan, 'pipe', stdin=theirs, stdout=theirs)
        theirs.close()
        end = self.keep(StreamGuest(ours))
        until(lambda: self.pipes(lan), 'the netdev')
        for length in (60, 1514, 9014):
            sent = frame(pk.BROADCAST, mac(1), b'in', length)
            end.send(sent)
            guest.expect(sent)
            sent = frame(pk.BROADCAST, mac(2), b'out', length)
            guest.send(sent)
            end.expect(sent)
        # What was sent before the end of input arrives.
        for n in range(100):
            end.send(frame(pk.BROADCAST, mac(1), b'last%d ' % n))
        ours.shutdown(socket.SHUT_WR)
        for n in range(100):
            guest.expect(frame(pk.BROADCAST, mac(1), b'last%d ' % n))
        end.expect_closed()
        self.assertEqual(child.wait(LIMIT), 0)
        until(lambda: not self.pipes(lan), 'the netdev is removed')

    def test_exit_status_is_the_commands(self):
        lan = self.network('--netdev', LAN)
        quiet = {'stderr': subprocess.PIPE, 'text': True}
        for words, status in ((('sh', '-c', 'exit 7'), 7), (('sh', '-c', 'kill -9 $$'), 137),
                              (('/nonexistent/program',), 127)):
            child = self.ctl(lan, 'pipe', '--', *words, **quiet)
            child.communicate(timeout=LIMIT)
            self.assertEqual(child.returncode, status, words)
        child = self.ctl(lan, '--socket', lan.path('none'), 'pipe', '--', 'true', **quiet)
        child.communicate(timeout=LIMIT)
        self.assertEqual(child.returncode, 3)
        until(lambda: not self.pipes(lan), 'the netdevs are removed')

    def test_pipe_ends_with_the_network(self):
        near, far = self.network('--netdev', LAN), self.network('--netdev', LAN)
        child = self.join(near, far)
        far.stop()
        self.assertEqual(child.wait(LIMIT), 0)
        child = self.ctl(near, 'pipe', '--', 'sleep', '1000', stderr=subprocess.PIPE)
        until(lambda: self.pipes(near), 'the netdev')
        near.stop()
        child.communicate(timeout=LIMIT)
        self.assertEqual(child.returncode, 3)


if __name__ == '__main__':
    if shutil.which('ip'):
        unittest.main()
