# SPDX-License-Identifier: BSD-3-Clause
"""A guest with an address: DHCP, ARP, ping, UDP and a small TCP over any Guest's wire."""
import itertools

from . import packet as pk

_macs = itertools.count(0x10)
_ports = itertools.count(40000)


class Station:
    def __init__(self, guest, mac=None):
        self.guest = guest
        self.mac = mac or pk.mac('52:54:00:00:00:00')[:4] + next(_macs).to_bytes(2, 'big')
        self.ip = None
        self.router = None
        self.lease = None
        self.neighbours = {}

    def send(self, frame):
        self.guest.send(frame)

    def expect(self, choose, what):
        """The next parsed frame that choose takes; ARP requests for us are answered on the way."""
        def look(frame):
            p = pk.parse(frame)
            if p.arp and p.arp.op == 1 and self.ip and p.arp.target_ip == self.ip:
                self.send(pk.arp(2, self.mac, self.ip, p.arp.sender_mac, p.arp.sender_ip))
            return p if choose(p) else None
        return self.guest.expect(look, what)

    # --- DHCP ---

    def dhcp_exchange(self, kind, answer, xid=7, **more):
        self.send(pk.dhcp_frame(self.mac, kind, xid=xid, **more))
        p = self.expect(lambda p: p.dhcp and p.dhcp.op == 2 and p.dhcp.xid == xid and
                        p.dhcp.chaddr == self.mac, 'a DHCP answer')
        if p.dhcp.kind != answer:
            raise AssertionError(f'DHCP answer {p.dhcp.kind}, not {answer}')
        return p

    def dhcp(self):
        """DISCOVER to ACK; returns the ACK's options."""
        offer = self.dhcp_exchange(pk.DISCOVER, pk.OFFER).dhcp
        ack = self.dhcp_exchange(pk.REQUEST, pk.DHCP_ACK,
                                 options=pk.dhcp_option(50, pk.ip4(offer.yiaddr)) +
                                 pk.dhcp_option(54, offer.options[54])).dhcp
        self.ip = ack.yiaddr
        if 3 in ack.options:
            self.router = '.'.join(str(b) for b in ack.options[3][:4])
        self.lease = ack
        return ack.options

    # --- IPv4 ---

    def resolve(self, ip):
        if ip not in self.neighbours:
            self.send(pk.arp(1, self.mac, self.ip, bytes(6), ip))
            p = self.expect(lambda p: p.arp and p.arp.op == 2 and p.arp.sender_ip == ip,
                            f'an ARP answer of {ip}')
            self.neighbours[ip] = p.arp.sender_mac
        return self.neighbours[ip]

    def send_ip(self, dst, proto, payload, via=None, **more):
        """via: the address whose MAC takes it (the router for what is not on the network)."""
        self.send(pk.eth(self.resolve(via or dst), self.mac, pk.IPV4,
                         pk.ipv4(self.ip, dst, proto, payload, **more)))

    def ping(self, dst, via=None, seq=1):
        self.send_ip(dst, pk.ICMP, pk.icmp_echo(0x77, seq, b'hello'), via)
        return self.expect(lambda p: p.icmp and p.icmp.kind == 0 and p.icmp.seq == seq and
                           p.ip.src == dst, f'an echo of {dst}')

    def udp_exchange(self, dst, dport, payload, via=None):
        sport = next(_ports)
        self.send_ip(dst, pk.UDP, pk.udp(self.ip, dst, sport, dport, payload), via)
        return self.expect(lambda p: p.udp and p.udp.dport == sport and p.ip.src == dst,
                           f'a UDP answer of {dst}:{dport}').udp.payload

    def tcp(self, dst, dport, via=None):
        return Tcp(self, dst, dport, via)


class Tcp:
    """A connection opened by the station: in-order segments, acknowledged at once, nothing resent."""

    def __init__(self, station, dst, dport, via=None):
        self.station, self.dst, self.dport, self.via = station, dst, dport, via
        self.sport = next(_ports)
        self.seq, self.ack = 1000, 0
        self.received = b''
        self.ended = False
        self.segment(pk.SYN, options=b'\x02\x04\x05\xb4')
        p = self.expect(lambda t: t.flags & (pk.SYN | pk.RST))
        if p.tcp.flags & pk.RST:
            raise ConnectionRefusedError(f'{dst}:{dport}')
        self.seq += 1
        self.ack = p.tcp.seq + 1
        self.segment(pk.ACK)

    def segment(self, flags, payload=b'', **more):
        self.station.send_ip(self.dst, pk.TCP,
                             pk.tcp(self.station.ip, self.dst, self.sport, self.dport, self.seq,
                                    self.ack, flags, payload, **more), self.via)

    def expect(self, choose):
        return self.station.expect(
            lambda p: p.tcp and p.tcp.dport == self.sport and p.tcp.sport == self.dport and
            choose(p.tcp), f'a segment of {self.dst}:{self.dport}')

    def send(self, data, size=1400):
        for at in range(0, len(data), size):
            part = data[at:at + size]
            self.segment(pk.ACK | pk.PSH, part)
            self.seq = (self.seq + len(part)) & 0xffffffff
            self.expect_ack(self.seq)

    def take(self, t):
        if t.flags & pk.RST:
            raise ConnectionResetError(f'{self.dst}:{self.dport}')
        if t.seq == self.ack and (t.payload or t.flags & pk.FIN):
            self.received += t.payload
            self.ack = (self.ack + len(t.payload) + bool(t.flags & pk.FIN)) & 0xffffffff
            self.ended = self.ended or bool(t.flags & pk.FIN)
        if t.payload or t.flags & pk.FIN:
            self.segment(pk.ACK)

    def expect_ack(self, upto):
        def look(t):
            self.take(t)
            return t.flags & pk.ACK and (t.ack - upto) & 0xffffffff < 1 << 31
        self.expect(look)

    def recv(self, n):
        """n bytes, or what came until the end."""
        while len(self.received) < n and not self.ended:
            self.take(self.expect(lambda t: True).tcp)
        data, self.received = self.received[:n], self.received[n:]
        return data

    def close(self):
        self.segment(pk.FIN | pk.ACK)
        self.seq += 1
        self.expect_ack(self.seq)
