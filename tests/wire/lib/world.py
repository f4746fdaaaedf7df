# SPDX-License-Identifier: BSD-3-Clause
"""
A world beyond the host, for one test: the host has a router, and the router leads on.

    host 198.51.100.2, 2001:db8:1::2 ── router 198.51.100.1, 2001:db8:1::1
                                          ├─ itself: FAR, FAR6
                                          ├─ NARROW, NARROW6: behind a link of 1300 bytes
                                          ├─ NO_HOST, NO_NET6: rejected as unreachable
                                          ├─ FORBIDDEN, FORBIDDEN6: rejected as prohibited
                                          └─ NO_NET: no route
"""
import contextlib
import ctypes
import functools
import os
import socket
import struct
import subprocess

from .namespace import CAPABILITY_VERSION_3, with_addresses
from .wait import LIMIT, until

ROUTER, ROUTER6 = '198.51.100.1', '2001:db8:1::1'
FAR, FAR6 = '203.0.113.1', '2001:db8:3::1'
NARROW, NARROW6, NARROW_MTU = '192.0.2.200', '2001:db8:9::1', 1300
NO_NET, NO_HOST, NO_NET6 = '192.0.2.1', '192.0.2.70', '2001:db8:7::1'
FORBIDDEN, FORBIDDEN6 = '192.0.2.100', '2001:db8:8::1'

PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2  # linux/prctl.h
CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 12, 13, 21  # linux/capability.h

_libc = ctypes.CDLL(None, use_errno=True)


def keep_capabilities():
    """For a child of a process of this namespace: it may set up links and use raw sockets."""
    low = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW | 1 << CAP_SYS_ADMIN
    _libc.capset(struct.pack('Ii', CAPABILITY_VERSION_3, 0),
                 struct.pack('IIIIII', low, low, low, 0, 0, 0))
    for number in (CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN):
        _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)


def _enter(namespace):
    if _libc.setns(namespace.fileno(), 0) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


def _run(*words):
    subprocess.run(words, check=True, preexec_fn=keep_capabilities, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


class Host:
    """A host of a namespace of its own, which routes and sends every ICMP error; without links."""

    def __init__(self):
        self.process = subprocess.Popen(['unshare', '-n', 'sleep', 'infinity'],
                                        preexec_fn=keep_capabilities)
        self.pid = self.process.pid
        own = os.readlink('/proc/self/ns/net')
        until(lambda: os.readlink(f'/proc/{self.pid}/ns/net') != own, 'a namespace')
        self.run('for f in ipv4/ip_forward ipv6/conf/all/forwarding; '
                 'do echo 1 >/proc/sys/net/$f; done',
                 'for f in ipv4/icmp_ratelimit ipv6/icmp/ratelimit; '
                 'do echo 0 >/proc/sys/net/$f; done',
                 'ip link set lo up')

    def run(self, *lines):
        """Lines of shell."""
        _run('nsenter', '-n', '-t', str(self.pid), 'sh', '-e', '-c', '\n'.join(lines))

    @contextlib.contextmanager
    def inside(self):
        """Sockets made in this context are of this host."""
        with open('/proc/self/ns/net', 'rb') as own, \
                open(f'/proc/{self.pid}/ns/net', 'rb') as there:
            try:
                _enter(there)
                yield
            finally:
                _enter(own)

    def listen(self, address, port):
        """A listening socket of this host."""
        with self.inside():
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            listener = socket.create_server((address, port), family=family)
        listener.settimeout(LIMIT)
        return listener

    def close(self):
        self.process.kill()
        self.process.wait()


class World:
    """Acts on the network namespace of this process."""

    def __init__(self, pings=True):
        self.router = Host()
        _run('ip', 'link', 'add', 'h0', 'type', 'veth', 'peer', 'name', 'w0')
        _run('ip', 'link', 'set', 'w0', 'netns', str(self.router.pid))
        _run('ip', 'addr', 'add', '198.51.100.2/24', 'dev', 'h0')
        _run('ip', 'addr', 'add', '2001:db8:1::2/64', 'dev', 'h0', 'nodad')
        _run('ip', 'link', 'set', 'h0', 'up')
        self._set_up_router()
        _run('ip', 'route', 'add', 'default', 'via', ROUTER)
        _run('ip', '-6', 'route', 'add', 'default', 'via', ROUTER6)
        if pings:
            self._allow_pings()

    @staticmethod
    def add_link():
        """A link of somebody else, as containers have."""
        _run('ip', 'link', 'add', 'c0', 'type', 'veth', 'peer', 'name', 'c1')
        _run('ip', 'addr', 'add', '192.0.2.240/28', 'dev', 'c0')
        _run('ip', 'link', 'set', 'c0', 'up')
        _run('ip', 'link', 'set', 'c1', 'up')

    @staticmethod
    def move(old, new):
        """The host moves from the addresses 198.51.100.OLD and 2001:db8:1::OLD to those of NEW."""
        _run('ip', 'addr', 'del', f'198.51.100.{old}/24', 'dev', 'h0')
        _run('ip', 'addr', 'del', f'2001:db8:1::{old}/64', 'dev', 'h0')
        _run('ip', 'addr', 'add', f'198.51.100.{new}/24', 'dev', 'h0')
        _run('ip', 'addr', 'add', f'2001:db8:1::{new}/64', 'dev', 'h0', 'nodad')
        _run('ip', 'route', 'replace', 'default', 'via', ROUTER)
        _run('ip', '-6', 'route', 'replace', 'default', 'via', ROUTER6)

    @staticmethod
    def _allow_pings():
        """A new network namespace allows nobody to open ping sockets."""
        with open('/proc/sys/net/ipv4/ping_group_range', 'w', encoding='ascii') as file:
            file.write(f'{os.getgid()} {os.getgid()}')

    def _set_up_router(self):
        lines = [
            f'ip addr add {ROUTER}/24 dev w0',
            f'ip addr add {ROUTER6}/64 dev w0 nodad',
            'ip link set w0 up',
            f'ip addr add {FAR}/32 dev lo',
            f'ip addr add {FAR6}/128 dev lo nodad',
            f'ip link add n0 mtu {NARROW_MTU} type veth peer name n1',
            'ip link set n0 up; ip link set n1 up',
            f'ip route add {NARROW} dev n0; ip -6 route add {NARROW6} dev n0',
            f'ip neigh add {NARROW} lladdr 02:00:00:00:00:01 dev n0',
            f'ip neigh add {NARROW6} lladdr 02:00:00:00:00:01 dev n0',
            f'ip route add unreachable {NO_HOST}; ip -6 route add unreachable {NO_NET6}',
            f'ip route add prohibit {FORBIDDEN}; ip -6 route add prohibit {FORBIDDEN6}',
        ]
        self.router.run(*lines)

    def close(self):
        self.router.close()


def in_a_world(method, pings=True):
    """Runs a test method in such a world, in a process of its own."""
    @functools.wraps(method)
    def run(self):
        self.world = self.keep(World(pings))
        method(self)
    return with_addresses()(run)


def without_pings(method):
    """The same, where this user may not open ping sockets."""
    return in_a_world(method, pings=False)
