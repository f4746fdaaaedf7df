# SPDX-License-Identifier: BSD-3-Clause
"""Guests on the wire: they send and receive frames."""
import itertools
import os
import select
import socket
import struct
import time

from . import packet
from .wait import LIMIT, Never, until

FRAME_MAX = 65535 + 14 + 8
_fences = itertools.count(1)


class Guest:
    """Sends and receives frames. .seen keeps those that expect() skips."""

    def __init__(self, sock):
        self.socket = sock
        self.seen = []

    def send(self, frame):
        raise NotImplementedError

    def _receive(self, limit):
        """The next frame, None after the time limit; raises EOFError at the end."""
        raise NotImplementedError

    def has_frame(self):
        """True when the next _receive() need not read."""
        return False

    def recv(self, limit=LIMIT):
        frame = self._receive(limit)
        if frame is None:
            raise Never(f'no frame within {limit:.0f} s')
        return frame

    def expect(self, wanted, what='frame', limit=LIMIT):
        """The next frame that matches: equal to these bytes, or accepted by this function."""
        end = time.monotonic() + limit
        choose = wanted if callable(wanted) else lambda frame: frame == wanted
        while True:
            frame = self._receive(max(0.0, end - time.monotonic()))
            if frame is None:
                kept = ', '.join(str(packet.parse(f)) for f in self.seen[-5:])
                raise Never(f'{what} did not come; last seen: {kept or "nothing"}')
            result = choose(frame)
            if result:
                return frame if result is True else result
            self.seen.append(frame)

    def expect_closed(self, limit=LIMIT):
        end = time.monotonic() + limit
        try:
            while self._receive(max(0.0, end - time.monotonic())) is not None:
                pass
        except (EOFError, ConnectionError):
            return
        raise Never('the link was not closed')

    def fence(self, sender, mac=b'\x52\x54\x00\xfe\xce\x00'):
        """
        All that was sent to this guest before: sends a broadcast from another guest, waits for it here, and
        returns the frames that came earlier. What is not among them did not come.
        """
        mark = packet.eth(packet.BROADCAST, mac, 0x88b5, b'fence%d' % next(_fences) + bytes(40))
        sender.send(mark)
        before = self.seen
        self.seen = []
        self.expect(mark, 'the fence')
        result = before + self.seen
        self.seen = []
        return result

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class StreamGuest(Guest):
    """u32 big-endian length and frame, as QEMU's stream and socket netdevs."""

    def __init__(self, sock):
        super().__init__(sock)
        self.pending = b''

    @classmethod
    def unix(cls, path, abstract=False):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect('\0' + path if abstract else path)
        return cls(sock)

    @classmethod
    def tcp(cls, host, port):
        return cls(socket.create_connection((host, port), timeout=LIMIT))

    @classmethod
    def listen_unix(cls, path):
        """What a client netdev connects to: accept_from(it) is the guest."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        return listener

    @classmethod
    def accept_from(cls, listener):
        listener.settimeout(LIMIT)
        sock, _ = listener.accept()
        return cls(sock)

    def send(self, frame):
        self.send_raw(struct.pack('>I', len(frame)) + frame)

    def send_all(self, frames):
        self.send_raw(b''.join(struct.pack('>I', len(frame)) + frame for frame in frames))

    def send_raw(self, data):
        self.socket.settimeout(LIMIT)
        self.socket.sendall(data)

    def has_frame(self):
        return len(self.pending) >= 4 and \
            len(self.pending) >= 4 + int.from_bytes(self.pending[:4], 'big')

    def _receive(self, limit):
        end = time.monotonic() + limit
        while True:
            if len(self.pending) >= 4:
                (length,) = struct.unpack_from('>I', self.pending)
                if not 0 < length <= FRAME_MAX:
                    raise AssertionError(f'the daemon sent a frame of {length} bytes')
                if len(self.pending) >= 4 + length:
                    frame = self.pending[4:4 + length]
                    self.pending = self.pending[4 + length:]
                    return frame
            ready, _, _ = select.select([self.socket], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            data = self.socket.recv(262144)
            if not data:
                raise EOFError('the link was closed')
            self.pending += data


class DgramGuest(Guest):
    """One bare frame per datagram; removes its own socket file."""

    def __init__(self, sock, to=None, own_path=None):
        super().__init__(sock)
        self.to = to
        self.own_path = own_path

    @classmethod
    def unix(cls, own_path, to):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(own_path)
        return cls(sock, to, own_path if not own_path.startswith('\0') else None)

    @classmethod
    def udp(cls, own, to):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(own)
        return cls(sock, to)

    @classmethod
    def multicast(cls, group, interface='127.0.0.1'):
        """Joins as QEMU does: binds to the group and sends from there."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(group)
        here = socket.inet_aton(interface)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(group[0]) + here)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        return cls(sock, group)

    def send(self, frame):
        self.socket.settimeout(LIMIT)
        if self.to is None:
            self.socket.send(frame)
        else:
            self.socket.sendto(frame, self.to)

    def _receive(self, limit):
        ready, _, _ = select.select([self.socket], [], [], limit)
        return self.socket.recv(FRAME_MAX + 1) if ready else None

    def close(self):
        super().close()
        if self.own_path and os.path.exists(self.own_path):
            os.unlink(self.own_path)


def connect_when_there(path):
    """A StreamGuest at a unix server that may not listen yet."""
    def attempt():
        try:
            return StreamGuest.unix(path)
        except OSError:
            return None
    return until(attempt, f'a server at {path}')
