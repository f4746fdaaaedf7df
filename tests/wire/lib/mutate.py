# SPDX-License-Identifier: BSD-3-Clause
"""Makes wrong frames from right ones, for code that parses guests' frames."""
import struct

from . import packet as pk

EDGES = (0, 1, 2, 0x7f, 0x80, 0xff)


def mend(frame):
    """The same frame with right checksums, as far as its headers can be parsed."""
    frame = bytearray(frame)

    def put(at, header, start, end):
        if start + 2 <= at + 2 <= end <= len(frame):
            frame[at:at + 2] = b'\0\0'
            frame[at:at + 2] = struct.pack('>H', pk.checksum(header + bytes(frame[start:end])))
    if frame[12:14] == b'\x08\0' and len(frame) >= 34:
        l4 = 14 + (frame[14] & 15) * 4
        put(24, b'', 14, l4)
        end = min(len(frame), 14 + int.from_bytes(frame[16:18], 'big'))
        src, dst, proto = bytes(frame[26:30]), bytes(frame[30:34]), frame[23]
    elif frame[12:14] == b'\x86\xdd' and len(frame) >= 54:
        l4 = 54
        end = min(len(frame), 54 + int.from_bytes(frame[18:20], 'big'))
        src, dst, proto = bytes(frame[22:38]), bytes(frame[38:54]), frame[20]
    else:
        return bytes(frame)
    at = {pk.ICMP: 2, pk.ICMPV6: 2, pk.UDP: 6, pk.TCP: 16}.get(proto)
    if at is not None and end > l4:
        header = b'' if proto == pk.ICMP else pk.pseudo(src, dst, proto, end - l4)
        put(l4 + at, header, l4, end)
    return bytes(frame)


def truncations(frame):
    """Every prefix of the frame; then every prefix with an IP length that fits."""
    for length in range(1, len(frame)):
        yield frame[:length]
    for length in range(34, len(frame)):
        cut = frame[:length]
        if frame[12:14] == b'\x08\0':
            yield mend(cut[:16] + struct.pack('>H', length - 14) + cut[18:])
        elif frame[12:14] == b'\x86\xdd' and length >= 54:
            yield mend(cut[:18] + struct.pack('>H', length - 54) + cut[20:])


def lies(frame, upto=90):
    """Each header byte set to edge values, and one more and less; checksums right."""
    for at in range(14, min(len(frame), upto)):
        for value in {*EDGES, (frame[at] + 1) & 255, (frame[at] - 1) & 255} - {frame[at]}:
            yield mend(frame[:at] + bytes([value]) + frame[at + 1:])


def mutation(random, frame):
    """The frame with a few bytes changed after its ethernet header."""
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        at = random.randrange(14, len(data)) if len(data) > 15 else 14
        choice = random.randrange(6)
        if choice == 0 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif choice == 1 and at < len(data):
            data[at] = random.choice(EDGES)
        elif choice == 2 and at < len(data):
            data[at] = random.randrange(256)
        elif choice == 3:
            del data[at:at + random.randrange(1, 9)]
        elif choice == 4:
            data[at:at] = random.randbytes(random.randrange(1, 9))
        else:
            del data[at:]
    return mend(data) if random.randrange(4) else bytes(data)
