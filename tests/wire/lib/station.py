# SPDX-License-Identifier: BSD-3-Clause
"""A guest with a small IP stack on any Guest's wire: addresses, ping, UDP and TCP (tcp.py)."""
import ipaddress
import itertools
import select
import struct
import time

from . import packet as pk
from .tcp import Tcp
from .wait import LIMIT, Never

_macs = itertools.count(1)
_xids = itertools.count(0x1000)
_ports = itertools.count(40000)
_idents = itertools.count(1)


class Station:
    """
    Whatever comes while a method waits is handled: ARP, solicitations and pings for us are answered,
    TCP goes to its connection, fragments are put together. The rest is kept in .inbox until an
    expect() takes it.
    """

    def __init__(self, guest, mac=None):
        self.guest = guest
        self.mac = mac or b'\x52\x54\0\x57' + next(_macs).to_bytes(2, 'big')
        self.ip = None
        self.net = None     # guests on the link
        self.router = None  # listeners
        self.lease = None   # the last ACK
        self.routed = set() # addresses behind this station: it answers for them
        self.ip6 = None
        self.net6 = None
        self.router6 = None
        self.neighbours = {}
        self.inbox = []
        self.flows = {}     # (peer, its port, our port) -> Tcp
        self.listening = set()
        self.accepted = []
        self.fragments = {}
        self.pings_answered = 0
        self.tcp_class = Tcp

    def configure(self, ip, net='10.0.2.0/24', router='10.0.2.2'):
        """An address by hand."""
        self.ip, self.net, self.router = ip, ipaddress.ip_network(net), router

    def send(self, frame):
        self.guest.send(frame)

    # --- what comes in ---

    def step(self, limit=0.0):
        """Handles the next frame if one comes within the limit; False: none came."""
        frame = self.guest._receive(limit)  # pylint: disable=protected-access
        if frame is None:
            return False
        p = pk.parse(frame)
        if p.net:
            p = self._whole(p)
        if p and not self._handled(p):
            self.inbox.append(p)
        return True

    def run_until(self, condition, what, limit=LIMIT):
        """Handles frames until condition() is true, and returns its result."""
        end = time.monotonic() + limit
        while True:
            result = condition()
            if result:
                return result
            if not self.step(max(0.0, end - time.monotonic())):
                kept = ', '.join(str(p) for p in self.inbox[-5:])
                raise Never(f'{what} did not come; last seen: {kept or "nothing"}')

    def expect(self, choose, what='a packet', limit=LIMIT):
        """The first packet that choose accepts, of those kept and those to come."""
        looked = 0

        def look():
            nonlocal looked
            while looked < len(self.inbox):
                if choose(self.inbox[looked]):
                    return self.inbox.pop(looked)
                looked += 1
            return None
        return self.run_until(look, what, limit)

    def _whole(self, p):
        """The packet, reassembled if it is a fragment; None while fragments are missing."""
        if p.ip and p.ip.fragment & 0x3fff:
            key = p.ip.src, p.ip.ident
            start, more, data = (p.ip.fragment & 0x1fff) * 8, p.ip.fragment & 0x2000, p.ip.payload
        elif p.ip6 and p.ip6.proto == 44 and len(p.ip6.payload) >= 8:
            (word, ident) = struct.unpack_from('>HI', p.ip6.payload, 2)
            key = p.ip6.src, ident
            start, more, data = word & 0xfff8, word & 1, p.ip6.payload[8:]
        else:
            return p
        parts = self.fragments.setdefault(key, {})
        parts[start] = (p, data, more)
        payload = b''
        while len(payload) in parts:
            _, data, more = parts[len(payload)]
            payload += data
            if not more:
                del self.fragments[key]
                whole = pk.parse_fragments(parts[0][0], payload)
                whole.sizes = [len(part[0].frame) for part in parts.values()]
                return whole
        return None

    def _is_ours(self, ip):
        return ip in (self.ip, self.ip6) or ip in self.routed

    def _handled(self, p):
        if p.arp and p.arp.op == 2 and p.dst == self.mac:
            self.neighbours[p.arp.sender_ip] = p.arp.sender_mac
        elif p.icmp6 and p.icmp6.kind == 136 and p.dst == self.mac and len(p.icmp6.body) >= 28:
            self.neighbours[pk.ip6_text(p.icmp6.body[4:20])] = p.icmp6.body[22:28]
        elif p.arp:
            if p.arp.op == 1 and self.ip and p.arp.target_ip == self.ip:
                self.send(pk.arp(2, self.mac, self.ip, p.arp.sender_mac, p.arp.sender_ip))
                return True
        elif p.icmp6 and p.icmp6.kind == 135 and self.ip6 and p.icmp6.body[4:20] == pk.ip6(self.ip6):
            self.send(pk.neighbour_advert(self.mac, self.ip6, p.src, p.ip6.src))
            return True
        elif p.icmp and p.icmp.kind == 8 and p.ip.dst == self.ip and p.dst == self.mac:
            echo = pk.icmp_echo(p.icmp.ident, p.icmp.seq, p.icmp.payload, reply=True)
            self.send(pk.eth(p.src, self.mac, pk.IPV4, pk.ipv4(self.ip, p.ip.src, pk.ICMP, echo)))
            self.pings_answered += 1
            return True
        elif p.tcp and self._is_ours(p.net.dst) and p.dst == self.mac:
            return self._tcp_in(p)
        return False

    def _tcp_in(self, p):
        key = p.net.src, p.tcp.sport, p.tcp.dport
        flow = self.flows.get(key)
        if not flow and p.tcp.flags & pk.SYN and p.tcp.dport in self.listening:
            flow = self.tcp_class(self, p.net.src, p.tcp.sport, p.tcp.dport, own=p.net.dst)
            flow.hop = p.src
            self.flows[key] = flow
            self.accepted.append(flow)
        if flow:
            flow.take(p.tcp)
            return True
        if not p.tcp.flags & pk.RST and p.tcp.dport not in self.listening:
            self.send_ip(p.net.src, pk.TCP, pk.tcp(
                p.net.dst, p.net.src, p.tcp.dport, p.tcp.sport, p.tcp.ack,
                p.tcp.seq + 1, pk.RST | pk.ACK), src=p.net.dst, hop=p.src)
        return False

    # --- addresses ---

    def dhcp_exchange(self, kind, answer=None, xid=None, options=b'', **more):
        """Sends one message and returns the answer, of any kind or of this one. options: bytes or a
        dict."""
        xid = xid or next(_xids)
        if isinstance(options, dict):
            options = b''.join(pk.dhcp_option(code, data) for code, data in options.items())
        self.send(pk.dhcp_frame(self.mac, kind, xid=xid, options=options, **more))
        p = self.expect(lambda p: p.dhcp and p.dhcp.op == 2 and p.dhcp.xid == xid and
                        p.dhcp.chaddr == self.mac, f'an answer to DHCP message {kind}')
        if answer and p.dhcp.kind != answer:
            raise AssertionError(f'DHCP answer {p.dhcp.kind}, not {answer}')
        return p

    def dhcp(self, options=b''):
        """DISCOVER to ACK; returns the ACK's options."""
        offer = self.dhcp_exchange(pk.DISCOVER, pk.OFFER, options=options).dhcp
        ack = self.dhcp_exchange(pk.REQUEST, pk.DHCP_ACK,
                                 options=pk.dhcp_option(50, pk.ip4(offer.yiaddr)) +
                                 pk.dhcp_option(54, offer.options[54]) + options).dhcp
        router = pk.ip4_text(ack.options[3][:4]) if 3 in ack.options else None
        mask = pk.ip4_text(ack.options[1])
        self.configure(ack.yiaddr, ipaddress.ip_network(f'{ack.yiaddr}/{mask}', strict=False),
                       router)
        self.lease = ack
        return ack.options

    def send_release(self):
        """Releases the lease."""
        server = pk.ip4_text(self.lease.options[54])
        self.send(pk.dhcp_frame(self.mac, pk.RELEASE, src=self.ip, dst=server, ciaddr=self.ip,
                                dst_mac=self.resolve(server),
                                options=pk.dhcp_option(54, pk.ip4(server))))

    def autoconfigure(self, link_local=None):
        """Takes an IPv6 address from the router's advertisement, which is returned."""
        self.send(pk.router_solicit(self.mac, link_local or '::'))
        p = self.expect(lambda p: p.icmp6 and p.icmp6.kind == 134, 'a router advertisement')
        for code, data in pk.nd_options(p.icmp6.body[12:]):
            if code == 3:
                prefix = data[14:30]
                self.net6 = ipaddress.ip_network((prefix, data[0]))
                self.ip6 = str(self.net6[int.from_bytes(self.mac[2:], 'big') | 1 << 40])
            elif code == 1:
                self.neighbours[p.ip6.src] = data[:6]
        self.router6 = p.ip6.src
        return p

    def resolve_later(self, ip):
        """Asks for the MAC of a neighbour; the answer is handled when it comes."""
        if ':' in ip:
            self.send(pk.neighbour_solicit(self.mac, self.ip6, ip))
        else:
            self.send(pk.arp(1, self.mac, self.ip, bytes(6), ip))

    def knows(self, ip):
        return ip in self.neighbours

    def resolve(self, ip):
        """The MAC of a neighbour."""
        if not self.knows(ip):
            self.resolve_later(ip)
            self.run_until(lambda: self.knows(ip), f'the MAC of {ip}')
        return self.neighbours[ip]

    def hop_to(self, ip):
        """The MAC to which packets for ip are sent: the neighbour's or the router's."""
        if ip in self.neighbours:
            return self.neighbours[ip]
        if ':' in ip:
            return self.resolve(ip if ipaddress.ip_address(ip) in self.net6 else self.router6)
        return self.resolve(ip if ipaddress.ip_address(ip) in self.net else self.router)

    # --- IP ---

    def send_ip(self, dst, proto, payload, src=None, hop=None, **more):
        """hop: the MAC to send it to, instead of the table's."""
        six = ':' in dst
        src = src or (self.ip6 if six else self.ip)
        build = pk.ipv6 if six else pk.ipv4
        self.send(pk.eth(hop or self.hop_to(dst), self.mac, pk.IPV6 if six else pk.IPV4,
                         build(src, dst, proto, payload, **more)))

    def send_ping(self, dst, payload=b'hello', **more):
        """Sends an echo request; returns its identifier and sequence number."""
        number = next(_idents)
        ident, seq = number >> 16 & 0xffff, number & 0xffff
        if ':' in dst:
            echo = struct.pack('>HH', ident, seq) + payload
            self.send_ip(dst, pk.ICMPV6, pk.icmpv6(more.get('src') or self.ip6, dst, 128, echo),
                         **more)
        else:
            self.send_ip(dst, pk.ICMP, pk.icmp_echo(ident, seq, payload), **more)
        return ident, seq

    def ping(self, dst, payload=b'hello', limit=LIMIT, **more):
        """Pings and checks the reply."""
        ident, seq = self.send_ping(dst, payload, **more)
        wanted = struct.pack('>HH', ident, seq)

        def is_answer(p):
            if p.icmp6:
                return p.icmp6.kind == 129 and p.icmp6.body == wanted + payload and p.icmp6.good
            return p.icmp and (p.icmp.kind, p.icmp.ident, p.icmp.seq) == (0, ident, seq)
        p = self.expect(lambda p: is_answer(p) and p.net.src == dst, f'an echo of {dst}', limit)
        if p.icmp and (p.icmp.payload != payload or not p.icmp.good):
            raise AssertionError('the echo is not what was sent')
        return p

    def send_udp(self, dst, dport, payload, sport=None, src=None, **more):
        """Sends one datagram, in fragments if it is large; returns its source port."""
        sport = sport or next(_ports)
        own = src or (self.ip6 if ':' in dst else self.ip)
        data = pk.udp(own, dst, sport, dport, payload)
        six = ':' in dst
        if len(data) <= (1460 if six else 1480):
            self.send_ip(dst, pk.UDP, data, src=own, **more)
        else:
            hop = more.get('hop') or self.hop_to(dst)
            cut = pk.ipv6_fragments if six else pk.ipv4_fragments
            for part in cut(own, dst, pk.UDP, data, next(_idents) & 0xffff):
                self.send(pk.eth(hop, self.mac, pk.IPV6 if six else pk.IPV4, part))
        return sport

    def expect_udp(self, port, what=None):
        """The next datagram to this port of ours."""
        p = self.expect(lambda p: p.udp and p.udp.dport == port and self._is_ours(p.net.dst),
                        what or f'a datagram to port {port}')
        if not p.udp.good:
            raise AssertionError('a datagram with a wrong checksum')
        return p

    def udp_exchange(self, dst, dport, payload, **more):
        """Sends a datagram; returns the payload of the answer."""
        p = self.expect_udp(self.send_udp(dst, dport, payload, **more),
                            f'a UDP answer of {dst}:{dport}')
        if (p.net.src, p.udp.sport) != (dst, dport):
            raise AssertionError(f'the answer came from {p.net.src}:{p.udp.sport}')
        return p.udp.payload

    # --- TCP ---

    def connect(self, dst, dport, sport=None, **more):
        """Sends the SYN; returns the connection, which is not open yet."""
        flow = self.tcp_class(self, dst, dport, sport or next(_ports), **more)
        self.flows[dst, dport, flow.port] = flow
        flow.open()
        return flow

    def tcp(self, dst, dport, **more):
        """Opens a connection; ConnectionRefusedError when it is reset."""
        flow = self.connect(dst, dport, **more)
        self.run_until(lambda: flow.opened or flow.was_reset, f'a SYN-ACK of {dst}:{dport}')
        if flow.was_reset:
            raise ConnectionRefusedError(f'{dst}:{dport}')
        return flow

    def listen(self, port):
        self.listening.add(port)

    def accept(self, port):
        """The next connection to a listening port, once it is open."""
        def find():
            for flow in self.accepted:
                if flow.port == port and flow.opened:
                    self.accepted.remove(flow)
                    return flow
            return None
        return self.run_until(find, f'a connection to port {port}')


def run_all(stations, condition, what, limit=LIMIT):
    """Handles the frames of all these stations, as they come, until condition() is true."""
    end = time.monotonic() + limit
    by_socket = {station.guest.socket: station for station in stations}
    while not condition():
        ready, _, _ = select.select(by_socket, [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise Never(f'never within {limit:.0f} s: {what}')
        for sock in ready:
            by_socket[sock].step()
            while by_socket[sock].guest.has_frame():
                by_socket[sock].step()
