# SPDX-License-Identifier: BSD-3-Clause
"""Builds frames, right or wrong, and parses them. Addresses are text here, bytes on the wire."""
import socket
import struct
from types import SimpleNamespace

BROADCAST = b'\xff' * 6
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86dd
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def mac_text(raw):
    return ':'.join(f'{b:02x}' for b in raw)


def ip4(text):
    return socket.inet_aton(text) if isinstance(text, str) else text


def ip4_text(raw):
    return socket.inet_ntoa(raw)


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text) if isinstance(text, str) else text


def ip6_text(raw):
    return socket.inet_ntop(socket.AF_INET6, raw)


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack('>BBH', 0, proto, length)
    return src + dst + struct.pack('>IHBB', length, 0, 0, proto)


def _sum_into(data, at, header=b''):
    value = checksum(header + data)
    return data[:at] + struct.pack('>H', value) + data[at + 2:]


# --- build ---

def eth(dst, src, ethertype, payload=b''):
    return dst + src + struct.pack('>H', ethertype) + payload


def arp(op, sender_mac, sender_ip, target_mac, target_ip, dst=None):
    """op 1: who has target_ip; 2: sender_ip is at sender_mac."""
    body = (struct.pack('>HHBBH', 1, IPV4, 6, 4, op) + sender_mac + ip4(sender_ip) + target_mac +
            ip4(target_ip))
    return eth(dst or (BROADCAST if op == 1 else target_mac), sender_mac, ARP, body)


def ipv4(src, dst, proto, payload, ttl=64, ident=1, fragment=0, options=b'', total=None):
    """fragment: the word with flags and offset; total: a wrong length."""
    head = 20 + len(options)
    header = struct.pack('>BBHHHBBH', 0x40 | head // 4, 0,
                         head + len(payload) if total is None else total, ident, fragment, ttl,
                         proto, 0) + ip4(src) + ip4(dst) + options
    return _sum_into(header, 10) + payload


def ipv6(src, dst, proto, payload, hops=64):
    return struct.pack('>IHBB', 6 << 28, len(payload), proto, hops) + ip6(src) + ip6(dst) + payload


def _addresses(src, dst):
    six = (':' in src) if isinstance(src, str) else len(src) == 16
    return (ip6(src), ip6(dst)) if six else (ip4(src), ip4(dst))


def udp(src, dst, sport, dport, payload):
    """The datagram alone; addresses are for its checksum."""
    a, b = _addresses(src, dst)
    data = struct.pack('>HHHH', sport, dport, 8 + len(payload), 0) + payload
    data = _sum_into(data, 6, pseudo(a, b, UDP, len(data)))
    return data if data[6:8] != b'\0\0' else data[:6] + b'\xff\xff' + data[8:]


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b'', window=65535, options=b'', urgent=0):
    a, b = _addresses(src, dst)
    options += bytes(-len(options) % 4)
    data = struct.pack('>HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                       (20 + len(options)) // 4 << 4, flags, window, 0, urgent) + options + payload
    return _sum_into(data, 16, pseudo(a, b, TCP, len(data)))


def icmp_echo(ident, seq, payload=b'ping', reply=False):
    return _sum_into(struct.pack('>BBHHH', 0 if reply else 8, 0, 0, ident, seq) + payload, 2)


def icmpv6(src, dst, kind, body, code=0):
    data = struct.pack('>BBH', kind, code, 0) + body
    return _sum_into(data, 2, pseudo(ip6(src), ip6(dst), ICMPV6, len(data)))


def neighbour_solicit(src_mac, src, target):
    """A solicitation for target, to its solicited-node group."""
    group = ip6('ff02::1:ff00:0')[:13] + ip6(target)[13:]
    body = bytes(4) + ip6(target) + b'\x01\x01' + src_mac
    return eth(b'\x33\x33' + group[12:], src_mac, IPV6,
               ipv6(src, group, ICMPV6, icmpv6(src, group, 135, body), hops=255))


def neighbour_advert(src_mac, src, dst_mac, dst):
    body = struct.pack('>I', 0x60000000) + ip6(src) + b'\x02\x01' + src_mac
    return eth(dst_mac, src_mac, IPV6, ipv6(src, dst, ICMPV6, icmpv6(src, dst, 136, body),
                                            hops=255))


def router_solicit(src_mac, src='fe80::1'):
    dst = 'ff02::2'
    return eth(b'\x33\x33\0\0\0\x02', src_mac, IPV6,
               ipv6(src, dst, ICMPV6, icmpv6(src, dst, 133, bytes(4)), hops=255))


def router_advert(src_mac, src, prefix='2001:db8::'):
    """To all nodes: src is a router with the best metric, and prefix/64 is on its link."""
    dst = 'ff02::1'
    body = (struct.pack('>BBHII', 64, 8, 1800, 0, 0) + b'\x01\x01' + src_mac +
            struct.pack('>BBBBIII', 3, 4, 64, 0xc0, 7200, 7200, 0) + ip6(prefix))
    return eth(b'\x33\x33\0\0\0\x01', src_mac, IPV6,
               ipv6(src, dst, ICMPV6, icmpv6(src, dst, 134, body), hops=255))


def ipv4_fragments(src, dst, proto, payload, ident, size=1480):
    """The datagram in packets of at most size bytes of payload, which is a multiple of 8."""
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        yield ipv4(src, dst, proto, payload[at:at + size], ident=ident, fragment=more | at // 8)


def ipv6_fragments(src, dst, proto, payload, ident, size=1448):
    """As ipv4_fragments."""
    for at in range(0, len(payload), size):
        more = 1 if at + size < len(payload) else 0
        yield ipv6(src, dst, 44, struct.pack('>BBHI', proto, 0, at | more, ident) +
                   payload[at:at + size])


DISCOVER, OFFER, REQUEST, DECLINE, DHCP_ACK, NAK, RELEASE, INFORM = range(1, 9)


def dhcp_option(code, data):
    return bytes([code, len(data)]) + data


def dhcp(client_mac, kind, xid=1, options=b'', ciaddr='0.0.0.0', yiaddr='0.0.0.0', flags=0, op=1,
         end=b'\xff'):
    """The BOOTP message alone (RFC 2131)."""
    return (struct.pack('>BBBBIHH', op, 1, 6, 0, xid, 0, flags) + ip4(ciaddr) + ip4(yiaddr) +
            bytes(8) + client_mac + bytes(10 + 64 + 128) + b'\x63\x82\x53\x63' +
            dhcp_option(53, bytes([kind])) + options + end)


def dhcp_frame(client_mac, kind, src='0.0.0.0', dst='255.255.255.255', dst_mac=BROADCAST,
               src_mac=None, **more):
    message = dhcp(client_mac, kind, **more)
    return eth(dst_mac, src_mac or client_mac, IPV4,
               ipv4(src, dst, UDP, udp(src, dst, 68, 67, message)))


# --- read ---

class Packet(SimpleNamespace):
    """The result of parse(): dst src type, and those present of arp ip ip6 icmp icmp6 udp tcp
    dhcp."""

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return None

    @property
    def net(self):
        """ip or ip6: both have src, dst, proto and payload."""
        return self.ip or self.ip6

    def __str__(self):
        parts = ['arp', 'ip', 'ip6', 'icmp', 'icmp6', 'udp', 'tcp', 'dhcp']
        inside = ' '.join(p for p in parts if getattr(self, p))
        return f'{mac_text(self.src)}>{mac_text(self.dst)} {self.type:04x} {inside}'.rstrip()


def _parse_dhcp(data):
    options, at = {}, 240
    while at + 1 < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        length = data[at + 1]
        options[data[at]] = options.get(data[at], b'') + data[at + 2:at + 2 + length]
        at += 2 + length
    return SimpleNamespace(op=data[0], xid=struct.unpack_from('>I', data, 4)[0],
                           ciaddr=socket.inet_ntoa(data[12:16]),
                           yiaddr=socket.inet_ntoa(data[16:20]),
                           siaddr=socket.inet_ntoa(data[20:24]), chaddr=data[28:34],
                           options=options, kind=(options.get(53) or b'\0')[0])


def nd_options(data):
    """The (code, content) of each option of a neighbour discovery message (RFC 4861 4.6)."""
    while len(data) >= 8:
        yield data[0], data[2:data[1] * 8]
        data = data[data[1] * 8:] if data[1] else b''


def tcp_mss(options):
    while options and options[0]:
        if options[0] == 2:
            return struct.unpack_from('>H', options, 2)[0]
        options = options[1:] if options[0] == 1 else options[options[1]:]
    return None


def _parse_transport(p, proto, data, src, dst):
    good = checksum(pseudo(src, dst, proto, len(data)) + data) == 0
    if proto == ICMP and len(data) >= 8:
        kind, code, _, ident, seq = struct.unpack_from('>BBHHH', data)
        p.icmp = SimpleNamespace(kind=kind, code=code, ident=ident, seq=seq, payload=data[8:],
                                 good=checksum(data) == 0)
    elif proto == ICMPV6 and len(data) >= 4:
        p.icmp6 = SimpleNamespace(kind=data[0], code=data[1], body=data[4:], good=good)
    elif proto == UDP and len(data) >= 8:
        sport, dport, length, total = struct.unpack_from('>HHHH', data)
        p.udp = SimpleNamespace(sport=sport, dport=dport, payload=data[8:length],
                                good=good or (total == 0 and len(src) == 4))
        if {sport, dport} == {67, 68} and len(p.udp.payload) >= 240:
            p.dhcp = _parse_dhcp(p.udp.payload)
    elif proto == TCP and len(data) >= 20:
        sport, dport, seq, ack, off, flags, window, _, urgent = struct.unpack_from('>HHIIBBHHH',
                                                                                   data)
        head = off >> 4 << 2
        p.tcp = SimpleNamespace(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags,
                                window=window, urgent=urgent, options=data[20:head],
                                payload=data[head:], good=good)


def parse_fragments(first, payload):
    """The packet made of a parsed first fragment and the payload of all."""
    p = Packet(dst=first.dst, src=first.src, type=first.type, frame=first.frame)
    if first.ip:
        p.ip = SimpleNamespace(**{**vars(first.ip), 'payload': payload, 'fragment': 0})
        _parse_transport(p, p.ip.proto, payload, ip4(p.ip.src), ip4(p.ip.dst))
    else:
        p.ip6 = SimpleNamespace(**{**vars(first.ip6), 'payload': payload,
                                   'proto': first.ip6.payload[0]})
        _parse_transport(p, p.ip6.proto, payload, ip6(p.ip6.src), ip6(p.ip6.dst))
    return p


def parse(frame):
    """Parses the frame's layers as far as possible."""
    p = Packet(dst=frame[:6], src=frame[6:12], type=struct.unpack_from('>H', frame, 12)[0],
               frame=frame)
    data = frame[14:]
    if p.type == ARP and len(data) >= 28:
        p.arp = SimpleNamespace(op=struct.unpack_from('>H', data, 6)[0], sender_mac=data[8:14],
                                sender_ip=socket.inet_ntoa(data[14:18]), target_mac=data[18:24],
                                target_ip=socket.inet_ntoa(data[24:28]))
    elif p.type == IPV4 and len(data) >= 20:
        head = (data[0] & 15) * 4
        total, ident, fragment = struct.unpack_from('>HHH', data, 2)
        p.ip = SimpleNamespace(src=socket.inet_ntoa(data[12:16]),
                               dst=socket.inet_ntoa(data[16:20]), proto=data[9], ttl=data[8],
                               ident=ident, fragment=fragment, payload=data[head:total],
                               good=checksum(data[:head]) == 0)
        if not fragment & 0x3fff:
            _parse_transport(p, p.ip.proto, p.ip.payload, data[12:16], data[16:20])
    elif p.type == IPV6 and len(data) >= 40:
        (length,) = struct.unpack_from('>H', data, 4)
        p.ip6 = SimpleNamespace(src=socket.inet_ntop(socket.AF_INET6, data[8:24]),
                                dst=socket.inet_ntop(socket.AF_INET6, data[24:40]),
                                proto=data[6], hops=data[7], payload=data[40:40 + length])
        _parse_transport(p, data[6], p.ip6.payload, data[8:24], data[24:40])
    return p
