# SPDX-License-Identifier: BSD-3-Clause
"""Reads a pcapng file (draft-ietf-opsawg-pcapng) of one section; an unfinished last block is left."""
import struct

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6


class Interface:
    def __init__(self, options):
        self.name = options.get(2, b'').decode()
        self.description = options.get(3, b'').decode()


class Packet:
    def __init__(self, body):
        self.interface, high, low, kept, self.length = struct.unpack_from('=IIIII', body)
        self.time = (high << 32 | low) / 1e6
        self.data = body[20:20 + kept]
        options = _options(body[20 + (kept + 3 & ~3):])
        self.way = {1: 'in', 2: 'out'}[struct.unpack('=I', options[2])[0]]
        self.comment = options[1].decode() if 1 in options else None


def _options(data):
    found = {}
    while len(data) >= 4:
        code, length = struct.unpack_from('=HH', data)
        if code == 0:
            break
        found[code] = data[4:4 + length]
        data = data[4 + (length + 3 & ~3):]
    return found


class Pcapng:
    """interfaces, packets; lost: isb_ifdrop of all; told: names of those with statistics."""

    def __init__(self, data):
        self.interfaces, self.packets = [], []
        lost, self.told = {}, set()
        while len(data) >= 12:
            kind, length = struct.unpack_from('=II', data)
            if len(data) < length:
                break
            assert length % 4 == 0 and struct.unpack_from('=I', data, length - 4)[0] == length
            body = data[8:length - 4]
            if kind == INTERFACE:
                self.interfaces.append(Interface(_options(body[8:])))
            elif kind == PACKET:
                self.packets.append(Packet(body))
                assert self.packets[-1].interface < len(self.interfaces)
            elif kind == STATISTICS:
                number, = struct.unpack_from('=I', body)
                lost[number], = struct.unpack('=Q', _options(body[12:])[5])
                self.told.add(self.interfaces[number].name)
            else:
                assert kind == SECTION, kind
            data = data[length:]
        self.lost = sum(lost.values())
