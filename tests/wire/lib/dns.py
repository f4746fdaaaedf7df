# SPDX-License-Identifier: BSD-3-Clause
"""DNS messages, right or wrong, and a name server that answers as a function tells it."""
import ipaddress
import os
import select
import socket
import struct
import threading
from types import SimpleNamespace

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
QR, AA, TC, RD, RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080


# --- build ---

def name(text):
    """The name on the wire, without compression."""
    labels = [label.encode() for label in text.strip('.').split('.') if label]
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def question(text, kind, cls=1):
    return name(text) + struct.pack('>HH', kind, cls)


def header(ident, flags, *counts):
    return struct.pack('>HHHHHH', ident, flags, *(list(counts) + [0] * 4)[:4])


def query(ident, text, kind=A, edns=None, flags=RD):
    """edns: the size announced by the client."""
    opt = b'' if edns is None else b'\0' + struct.pack('>HHIH', OPT, edns, 0, 0)
    return header(ident, flags, 1, 0, 0, 1 if opt else 0) + question(text, kind) + opt


def record(text, kind, data, ttl=60):
    return name(text) + struct.pack('>HHIH', kind, 1, ttl, len(data)) + data


def address(text):
    return ipaddress.ip_address(text).packed


def text(*strings):
    return b''.join(bytes([len(s)]) + s for s in strings)


def answer(asked, *records, rcode=NOERROR, flags=0, ident=None, asks=None):
    """Answers these bytes of a query; asks: repeat another question."""
    number, = struct.unpack_from('>H', asked)
    asks = asks if asks is not None else question_bytes(asked)
    return header(number if ident is None else ident, QR | RD | RA | flags | rcode, 1,
                  len(records)) + asks + b''.join(records)


# --- read ---

def read_name(message, at):
    """The name as text and what comes after it."""
    labels, after = [], None
    for _ in range(200):
        length = message[at]
        if length >= 0xc0:
            after = after or at + 2
            at = struct.unpack_from('>H', message, at)[0] & 0x3fff
        elif length:
            labels.append(message[at + 1:at + 1 + length].decode('latin-1'))
            at += 1 + length
        else:
            return '.'.join(labels), after or at + 1
    raise AssertionError('a name without an end')


def question_bytes(message):
    _, at = read_name(message, 12)
    return message[12:at + 4]


def _value(message, kind, at, data):
    """The data as a person would write it, where supported."""
    if kind in (A, AAAA):
        return str(ipaddress.ip_address(data))
    if kind in (NS, CNAME, PTR):
        return read_name(message, at)[0]
    if kind == MX:
        return struct.unpack_from('>H', data)[0], read_name(message, at + 2)[0]
    if kind == SRV:
        return (*struct.unpack_from('>HHH', data), read_name(message, at + 6)[0])
    if kind == TXT:
        strings = []
        while data:
            strings.append(data[1:1 + data[0]])
            data = data[1 + data[0]:]
        return tuple(strings)
    return data


def parse(message):
    """ident flags rcode name kind, and answers authority additional: (name, kind, ttl, value) each."""
    ident, flags, *counts = struct.unpack_from('>HHHHHH', message)
    p = SimpleNamespace(ident=ident, flags=flags, rcode=flags & 15, cut=bool(flags & TC),
                        name=None, kind=None)
    at = 12
    for _ in range(counts[0]):
        p.name, at = read_name(message, at)
        p.kind, _ = struct.unpack_from('>HH', message, at)
        at += 4
    for section, count in zip(('answers', 'authority', 'additional'), counts[1:]):
        found = []
        for _ in range(count):
            owner, at = read_name(message, at)
            kind, _, ttl, length = struct.unpack_from('>HHIH', message, at)
            at += 10
            found.append((owner, kind, ttl, _value(message, kind, at, message[at:at + length])))
            at += length
        setattr(p, section, found)
    if at != len(message):
        raise AssertionError(f'{len(message) - at} bytes after the message')
    p.values = [value for _, kind, _, value in p.answers if kind == p.kind]
    return p


def read_tcp(sock):
    """The next message of a connection, None at its end."""
    try:
        length = sock.recv(2, socket.MSG_WAITALL)
        return sock.recv(int.from_bytes(length, 'big'), socket.MSG_WAITALL) or None
    except ConnectionResetError:
        return None


# --- a server ---

class Server:
    """
    UDP and TCP at host:port (0: any). handle(query, ask) is called in a thread of the server with
    each query's bytes; what it returns goes back: bytes, a list of such, or None. ask has .udp, the
    server's socket, and .client, for answers that come otherwise. Counts queries in .seen.
    """

    def __init__(self, handle, host='127.0.0.1', port=0):
        self.handle = handle
        self.seen = []
        self._bind(host, port)
        self.end, self.closing = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _bind(self, host, port):
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        while True:
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.udp.bind((host, port))
            self.host, self.port = self.udp.getsockname()[:2]
            try:
                self.tcp = socket.create_server((host, self.port), family=family)
                return
            except OSError:
                # The port that is free for TCP may be taken for UDP.
                self.udp.close()
                if port:
                    raise

    def _answers(self, message, client):
        parsed = parse(message)
        # Clients may randomize the case of letters; repeat the question as it came.
        parsed.name = parsed.name.lower()
        self.seen.append((parsed.name, parsed.kind))
        result = self.handle(message, SimpleNamespace(udp=self.udp, client=client, **vars(parsed)))
        return [result] if isinstance(result, bytes) else result or []

    def _run(self):
        connections = []
        while True:
            ready, _, _ = select.select([self.udp, self.tcp, self.end, *connections], [], [])
            for sock in ready:
                if sock == self.end:
                    return
                if sock is self.udp:
                    message, client = self.udp.recvfrom(65536)
                    for part in self._answers(message, client):
                        self.udp.sendto(part, client)
                elif sock is self.tcp:
                    connections.append(self.tcp.accept()[0])
                else:
                    message = read_tcp(sock)
                    if message is None:
                        connections.remove(sock)
                        sock.close()
                        continue
                    for part in self._answers(message, None):
                        sock.sendall(struct.pack('>H', len(part)) + part)

    def close(self):
        os.write(self.closing, b'x')
        self.thread.join()
        for sock in (self.udp, self.tcp):
            sock.close()
        os.close(self.end)
        os.close(self.closing)
