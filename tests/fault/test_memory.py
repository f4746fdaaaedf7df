#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A SYN flood, datagrams to many ports and half frames of many links, with 1.5 GB of address space
(ulimit -v), and then with none left at all: the daemon stays alive, refuses what it has no room for
by name ("budget", "memory"), and answers control and, when there is memory again, everybody."""
import resource
import struct
import sys

import churn  # noqa: F401 pylint: disable=unused-import

from lib import packet as pk
from lib.case import GATEWAY, LAN
from lib.daemon import become_unprivileged
from lib.guest import StreamGuest
from lib.namespace import OWN, enter_own_host
from lib.network import Network
from lib.station import Station

SPACE = 1536 << 20
FLOOD = 40000  # frames of each kind
LEFT = 1 << 20  # of address space, in the second part
BLACKHOLE = '203.0.113.9'


class Memory:
    def __init__(self):
        self.net = Network('--netdev', 'user,id=nat', '--netdev', LAN)
        self.limit(SPACE)
        self.good = Station(StreamGuest.unix(self.net.path('lan.sock')))
        self.good.dhcp()
        self.evil = Station(StreamGuest.unix(self.net.path('lan.sock')))
        self.evil.dhcp()
        self.evil.resolve(GATEWAY)
        self.links = []

    def limit(self, space):
        resource.prlimit(self.net.daemon.pid, resource.RLIMIT_AS, (space, SPACE))

    def space(self):
        with open(f'/proc/{self.net.daemon.pid}/status', encoding='ascii') as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith('VmSize:'))

    def drops(self):
        counts = {}
        for netdev in self.net.ask('query-netdevs'):
            for port in netdev['ports']:
                for reason, n in port['drops'].items():
                    counts[reason] = counts.get(reason, 0) + n
        return counts

    def flood(self, first):
        """first: a source port that no flood has used."""
        me, up = self.evil.ip, self.evil.neighbours[GATEWAY]
        batch = []
        for i in range(FLOOD):
            port, peer = 1024 + (first + i) % 60000, 1 + i % 60000
            batch.append(pk.eth(up, self.evil.mac, pk.IPV4, pk.ipv4(me, BLACKHOLE, pk.TCP, pk.tcp(
                me, BLACKHOLE, port, peer, i, 0, pk.SYN))))
            batch.append(pk.eth(up, self.evil.mac, pk.IPV4, pk.ipv4(me, OWN, pk.UDP, pk.udp(
                me, OWN, port, peer, b'x'))))
            if len(batch) >= 2000:
                self.evil.guest.send_all(batch)
                batch = []
                while self.evil.step():
                    pass
                self.evil.inbox.clear()

    def half_frames(self, n):
        for _ in range(n):
            link = StreamGuest.unix(self.net.path('lan.sock'))
            self.links.append(link)
            link.send_raw(struct.pack('>I', 60000) + bytes(59000))

    def close(self):
        for guest in (self.good.guest, self.evil.guest, *self.links):
            guest.close()
        self.net.close()


def main():
    become_unprivileged()
    enter_own_host()
    memory = Memory()
    try:
        memory.flood(0)
        memory.good.ping(GATEWAY)
        refused = memory.drops().get('budget', 0)
        assert refused, 'nothing was refused'
        space = memory.space()

        memory.limit(space + LEFT)
        memory.flood(FLOOD)
        memory.half_frames(150)
        memory.net.ask('query-status')
        short = memory.drops().get('memory', 0)
        assert short, f'no frame was refused for want of memory: {memory.drops()}'
        assert memory.space() <= space + LEFT
        memory.good.ping(GATEWAY)

        memory.limit(SPACE)
        for link in memory.links:
            link.close()
        memory.net.wait_for_ports('lan', 2)
        newcomer = Station(StreamGuest.unix(memory.net.path('lan.sock')))
        newcomer.dhcp()
        newcomer.ping(GATEWAY)
        newcomer.guest.close()
    except BaseException:
        print(f'running: {memory.net.daemon.running()}\n{memory.net.daemon.errors()[-3000:]}',
              file=sys.stderr)
        raise
    finally:
        memory.close()
    print(f'{2 * FLOOD} frames in {SPACE >> 20} MB: {refused} refused, {space >> 20} MB used; as many '
          f'with {LEFT >> 20} MB left: {short} more refused for want of memory')


if __name__ == '__main__':
    main()
