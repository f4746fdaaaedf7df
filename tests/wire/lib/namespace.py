# SPDX-License-Identifier: BSD-3-Clause
"""Namespaces that a plain user may have: an own loopback, an own small disk."""
import ctypes
import fcntl
import os
import socket
import struct

NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000  # linux/sched.h CLONE_*
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'{what}: {os.strerror(number)}')


def _write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def enter(kinds):
    """This process and those it starts from now on, still as the user that it is."""
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
