# SPDX-License-Identifier: BSD-3-Clause
"""The first bytes of TLS connections and HTTP requests, right or wrong."""
import struct


def vector(size, data):
    return len(data).to_bytes(size, 'big') + data


def server_name(*names):
    """The extension; RFC 6066 3."""
    entries = b''.join(b'\0' + vector(2, name) for name in names)
    return struct.pack('>H', 0) + vector(2, vector(2, entries))


def extension(kind, data=b''):
    return struct.pack('>H', kind) + vector(2, data)


def message(*extensions, session=bytes(32)):
    """A ClientHello, without records."""
    body = (b'\3\3' + bytes(range(32)) + vector(1, session) + vector(2, b'\x13\1\x13\2') +
            vector(1, b'\0') + vector(2, b''.join(extensions)))
    return b'\1' + vector(3, body)


def records(data, *sizes, kind=22):
    """Cuts it into records of these sizes; the rest is one more."""
    out = b''
    for size in (*sizes, len(data)):
        if data:
            out += bytes([kind]) + b'\3\1' + vector(2, data[:size])
        data = data[size:]
    return out


def tls(name, *more):
    return records(message(extension(43, b'\2\3\4'), server_name(name.encode()), *more))


def http(host, *lines, target='/'):
    lines = [f'GET {target} HTTP/1.1', *([f'Host: {host}'] if host is not None else []), *lines]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()
