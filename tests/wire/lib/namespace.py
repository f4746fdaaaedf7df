# SPDX-License-Identifier: BSD-3-Clause
"""Namespaces for a plain user: a host of its own, a small disk of its own."""
import ctypes
import fcntl
import functools
import os
import socket
import struct
import subprocess
import traceback

NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000  # linux/sched.h CLONE_*
CAPABILITY_VERSION_3, PR_SET_DUMPABLE = 0x20080522, 4  # linux/capability.h, prctl.h
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
SIOCSIFADDR = 0x8916
RTM_NEWROUTE, NLM_F_REQUEST, NLM_F_CREATE, NLM_F_ACK = 24, 1, 0x400, 4  # linux/(rt)netlink.h
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST, RTA_OIF = 254, 4, 1, 4

# An address of the test host other than loopback (RFC 2544, for tests).
OWN = '198.18.0.1'

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'{what}: {os.strerror(number)}')


def _write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def unshare(kinds):
    """Without a user namespace: for root."""
    _check(_libc.unshare(kinds), 'unshare')


def enter(kinds):
    """Moves this process and its future children there, still as the same user."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(NEWUSER | kinds), 'unshare')
    _write('/proc/self/setgroups', 'deny')
    _write('/proc/self/uid_map', f'{uid} {uid} 1')
    _write('/proc/self/gid_map', f'{gid} {gid} 1')
    if kinds & NEWNET:
        with socket.socket() as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', IFF_UP))
        _write('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0')


def mount_disk(path, size):
    """A file system of its own for this folder; after enter(NEWNS)."""
    _check(_libc.mount(b'disk', path.encode(), b'tmpfs', 0, f'size={size},mode=0700'.encode()),
           'mount')


def add_address(text, number):
    """One more address of the loopback interface; after enter(NEWNET). number: a new one each time."""
    if ':' in text:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFADDR, socket.inet_pton(socket.AF_INET6, text) +
                        struct.pack('Ii', 128, socket.if_nametoindex('lo')))  # linux/ipv6.h
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFADDR, struct.pack('16sHH4s8x', f'lo:{number}'.encode(),
                                                   socket.AF_INET, 0, socket.inet_aton(text)))


def _add_default_route(device):
    """A foreign address is routed there, and nobody answers."""
    route = struct.pack('BBBBBBBBI', socket.AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0,
                        RTN_UNICAST, 0) + struct.pack('HHI', 8, RTA_OIF,
                                                      socket.if_nametoindex(device))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(struct.pack('IHHII', 16 + len(route), RTM_NEWROUTE,
                              NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, 1, 0) + route)
        error = struct.unpack_from('i', sock.recv(4096), 16)[0]
    if error:
        raise OSError(-error, f'a default route: {os.strerror(-error)}')


def run_as_admin(command):
    """A shell command that may change the network; between enter(NEWNET) and the loss of the right."""
    def keep():
        rights = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW
        _check(_libc.capset(struct.pack('Ii', CAPABILITY_VERSION_3, 0),
                            struct.pack('IIIIII', rights, rights, rights, 0, 0, 0)), 'capset')
        for which in (CAP_NET_ADMIN, CAP_NET_RAW):
            _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, which, 0, 0), 'prctl')
    subprocess.run(['sh', '-ec', command], check=True, preexec_fn=keep,
                   env={**os.environ, 'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'})


def enter_own_host(prepare=lambda: None, ports=1024):
    """
    A host of one's own, with OWN and no way out: tests that run at once on one machine send their
    strays to one another's ports else, and find what the machine happens to have. prepare(): runs
    while this process may still change the network. ports: the lowest that it may listen on.
    """
    enter(NEWNET)
    add_address(OWN, 0)
    _add_default_route('lo')
    prepare()
    _write('/proc/sys/net/ipv4/ip_unprivileged_port_start', str(ports))
    _write('/proc/sys/net/ipv4/ping_group_range', f'{os.getgid()} {os.getgid()}')
    # Be a plain user again whose processes others of this user may inspect, as the daemon does.
    _check(_libc.capset(struct.pack('Ii', CAPABILITY_VERSION_3, 0), bytes(24)), 'capset')
    _check(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 'prctl')


def with_addresses(*addresses):
    """
    Runs a test method in a process and network namespace of its own, whose host has these addresses
    beside those of loopback.
    """
    def decorate(method):
        @functools.wraps(method)
        def run(self):
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                text = ''
                try:
                    enter(NEWNET)
                    for number, address in enumerate(addresses):
                        add_address(address, number)
                    method(self)
                except BaseException:  # pylint: disable=broad-except
                    text = traceback.format_exc()
                finally:
                    self.doCleanups()
                    os.write(write, text.encode()[-4096:])
                    os._exit(0)
            os.close(write)
            with os.fdopen(read) as pipe:
                text = pipe.read()
            os.waitpid(child, 0)
            if text:
                self.fail(text)
        return run
    return decorate
