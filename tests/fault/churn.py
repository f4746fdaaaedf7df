# SPDX-License-Identifier: BSD-3-Clause
"""DHCP clients that come, renew, leave and come again, many at once over a few links, and what they
know of the server: who holds which address. An address held by two, or a holder refused what it
holds, is an error at once."""

import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
from lib import packet as pk  # noqa: E402 pylint: disable=wrong-import-position

GATEWAY, GATEWAY_MAC = "10.0.2.2", pk.mac("52:55:0a:00:02:02")


class Broken(AssertionError):
    """A lease was lost or doubled."""


class Client:
    def __init__(self, number, link):
        self.link = link
        self.generation = 0
        self.number = number
        self.held = None     # addresses that the server acknowledged and that were not returned
        self.waiting = None  # the xid of each request without a final answer
        self.renewed = False

    @property
    def mac(self):
        return b"\x52\x54\x01" + bytes([self.generation]) + struct.pack(">H", self.number)


class Link:
    """A stream connection that several clients share."""

    def __init__(self, path):
        self.path = path
        self.socket = None
        self.data = b""
        self.out = b""

    def connect(self):
        self.data = self.out = b""
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(self.path)
        except OSError:
            self.socket.close()
            self.socket = None
        return self.socket is not None

    def send(self, frame):
        self.out += struct.pack(">I", len(frame)) + frame

    def flush(self):
        try:
            self.socket.sendall(self.out)
        except OSError:
            pass # killed meanwhile
        self.out = b""

    def frames(self):
        """The frames received, without waiting; None at the end."""
        try:
            part = self.socket.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return None
        if not part:
            return None
        self.data += part
        result = []
        while len(self.data) >= 4:
            (length,) = struct.unpack_from(">I", self.data)
            if len(self.data) < 4 + length:
                break
            result.append(self.data[4:4 + length])
            self.data = self.data[4 + length:]
        return result


class Churn:
    def __init__(self, rng, path, n_links, n_clients):
        self.rng = rng
        self.links = [Link(path) for _ in range(n_links)]
        self.clients = [Client(i, self.links[i % n_links]) for i in range(n_clients)]
        self.by_xid = {}
        self.next_xid = 1
        self.holder = {}     # address -> client
        self.resting = set() # certainly declined
        self.declined = []   # (link, address, xid of the decline): possibly
        self.up = set()      # links that had an ARP answer since they were connected
        self.acks = self.releases = self.declines = 0
        self.declines_max = 10

    # --- what clients do ---

    def ask(self, client, kind, options=b"", ciaddr="0.0.0.0"):
        client.waiting = self.next_xid
        self.by_xid[self.next_xid] = client
        self.next_xid += 1
        renewal = ciaddr != "0.0.0.0"
        client.link.send(pk.dhcp_frame(
            client.mac, kind, xid=client.waiting, options=options, ciaddr=ciaddr,
            **({"src": ciaddr, "dst": GATEWAY, "dst_mac": GATEWAY_MAC} if renewal else {})))

    def give_back(self, client, kind):
        address, xid = client.held, self.next_xid
        self.ask(client, kind, pk.dhcp_option(54, pk.ip4(GATEWAY)) +
                 (pk.dhcp_option(50, pk.ip4(address)) if kind == pk.DECLINE else b""),
                 "0.0.0.0" if kind == pk.DECLINE else address)
        client.waiting = client.held = None
        del self.holder[address]
        if kind == pk.DECLINE:
            self.declines += 1
            self.declined.append((client.link, address, xid))
        else:
            self.releases += 1
        if self.rng.random() < 0.3:
            client.generation = (client.generation + 1) % 256 # another machine replaces it

    def renew(self, client):
        client.renewed = False
        self.ask(client, pk.REQUEST, ciaddr=client.held)

    def act(self, client):
        chance = self.rng.random()
        if not client.held:
            self.ask(client, pk.DISCOVER)
        elif chance < 0.4:
            self.renew(client)
        elif chance < 0.5:
            self.ask(client, pk.REQUEST, pk.dhcp_option(50, pk.ip4(client.held))) # after a reboot
        elif chance < 0.6:
            self.ask(client, pk.DISCOVER)
        elif chance < 0.75:
            self.give_back(client, pk.RELEASE)
        elif chance < 0.77 and self.declines < self.declines_max:
            self.give_back(client, pk.DECLINE)

    # --- answers ---

    def take(self, link, frame):
        p = pk.parse(frame)
        if p.arp and p.arp.op == 2 and p.arp.sender_ip == GATEWAY:
            self.up.add(link)
        if not p.dhcp or p.dhcp.op != 2:
            return
        client = self.by_xid.get(p.dhcp.xid)
        if not client or client.waiting != p.dhcp.xid or client.link is not link:
            return
        if p.dhcp.kind == pk.OFFER:
            self.check(client, p.dhcp.yiaddr, "offered")
            self.ask(client, pk.REQUEST, pk.dhcp_option(50, pk.ip4(p.dhcp.yiaddr)) +
                     pk.dhcp_option(54, pk.ip4(GATEWAY)))
            link.flush()
            return
        client.waiting = None
        if p.dhcp.kind == pk.NAK:
            if client.held:
                raise Broken(f"client {client.number} is refused {client.held}, which it holds")
            return
        self.check(client, p.dhcp.yiaddr, "leased")
        # What this link sent before that request was read, but maybe not what it sent since.
        for entry in [entry for entry in self.declined
                      if entry[0] is link and entry[2] < p.dhcp.xid]:
            self.resting.add(entry[1])
            self.declined.remove(entry)
        self.acks += 1
        client.renewed = True
        client.held = p.dhcp.yiaddr
        self.holder[client.held] = client

    def check(self, client, address, what):
        if self.holder.get(address, client) is not client:
            raise Broken(f"{address} is {what} to client {client.number}, "
                         f"but held by {self.holder[address].number}")
        if client.held and client.held != address:
            raise Broken(f"client {client.number} holds {client.held}, but is {what} {address}")
        if address in self.resting:
            raise Broken(f"{address} was declined, but is {what} to client {client.number}")

    def listen(self, seconds, until=lambda: False):
        """Runs for this long, or until it is true; False: it did not become true."""
        end = time.monotonic() + seconds
        open_links = {link.socket: link for link in self.links if link.socket}
        while not until():
            left = end - time.monotonic()
            if left <= 0 or not open_links:
                return False
            for sock in select.select(list(open_links), [], [], left)[0]:
                frames = open_links[sock].frames()
                if frames is None:
                    del open_links[sock]
                    continue
                for frame in frames:
                    self.take(open_links[sock], frame)
        return True

    # --- all clients ---

    def burst(self, n):
        for client in self.rng.sample(self.clients, n):
            self.act(client)
        self.flush()

    def flush(self):
        for link in self.links:
            link.flush()

    def lose_links(self):
        """The server is gone: handle what it sent, forget the rest."""
        self.listen(5)
        for link in self.links:
            if link.socket:
                link.socket.close()
                link.socket = None
        for client in self.clients:
            client.waiting = None
        self.by_xid.clear()
        self.declined.clear()
        self.up.clear()

    def connect(self, seconds=10):
        end = time.monotonic() + seconds
        for link in self.links:
            while not link.connect():
                if time.monotonic() > end:
                    raise Broken("no link to the server")
                time.sleep(0.005)

    def recover(self, seconds=10):
        """Reconnected: each link carries frames, and every holder renews its lease."""
        self.connect(seconds)
        for link in self.links:
            client = next(c for c in self.clients if c.link is link)
            link.send(pk.arp(1, client.mac, client.held or "0.0.0.0", bytes(6), GATEWAY))
        holders = list(self.holder.values())
        for client in holders:
            self.renew(client)
        self.flush()
        if not self.listen(seconds, lambda: len(self.up) == len(self.links) and
                           all(client.renewed for client in holders)):
            lost = [f"{c.number} ({c.held})" for c in holders if not c.renewed]
            raise Broken(f"{len(self.up)} of {len(self.links)} links answer; "
                         f"not renewed: {', '.join(lost) or 'none'}")

    def expect_known(self, leases):
        """All leases held are among these, from query-leases."""
        known = {(lease["mac"], lease["address"]) for lease in leases if lease["state"] == "bound"}
        lost = [f"{client.number} ({address})" for address, client in self.holder.items()
                if (pk.mac_text(client.mac), address) not in known]
        if lost:
            raise Broken("leases not known any more: " + ", ".join(lost))
