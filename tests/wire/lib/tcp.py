# SPDX-License-Identifier: BSD-3-Clause
"""One TCP connection of a Station. Data is acknowledged at once; nothing is retransmitted."""
import random
import struct

from . import packet as pk

WORD = 1 << 32


def before(a, b):
    """a < b in sequence numbers."""
    return (a - b) % WORD >= WORD // 2


class Tcp:
    """
    opened, ended (the peer has sent its FIN) and was_reset say how it stands. take() is called by the
    station with each segment; the other methods are the test's.
    """

    def __init__(self, station, peer, peer_port, port, own=None, mss=1440, window=65535, hop=None):
        self.station, self.peer, self.peer_port, self.port = station, peer, peer_port, port
        self.own = own or (station.ip6 if ':' in peer else station.ip)
        self.mss, self.window, self.hop = mss, window, hop
        self.seq = random.randrange(WORD)  # the next sequence number to send
        self.acked = self.seq              # acknowledged by the peer
        self.ack = 0                       # the next expected from the peer
        self.peer_window = 0
        self.peer_mss = 536
        self.received = b''
        self.held = {}                     # received ahead: by sequence number
        self.opened = self.ended = self.was_reset = False

    def segment(self, flags, payload=b'', seq=None, **more):
        """Sends any segment, without changing the state."""
        self.station.send_ip(
            self.peer, pk.TCP,
            pk.tcp(self.own, self.peer, self.port, self.peer_port,
                   self.seq if seq is None else seq, self.ack, flags, payload,
                   window=more.pop('window', self.window), **more), src=self.own, hop=self.hop)

    def open(self):
        self.segment(pk.SYN, options=struct.pack('>BBH', 2, 4, self.mss))
        self.seq = (self.seq + 1) % WORD

    # --- input ---

    def take(self, t):
        if not t.good:
            raise AssertionError('a segment with a wrong checksum')
        if t.flags & pk.RST:
            self.was_reset = True
            return
        if t.flags & pk.SYN:
            self._take_syn(t)
            return
        if t.flags & pk.ACK:
            if before(self.acked, t.ack):
                self.acked = t.ack
            self.peer_window = t.window
            self.opened = True
        if t.payload or t.flags & pk.FIN:
            self._take_data(t)

    def _take_syn(self, t):
        self.ack = (t.seq + 1) % WORD
        self.peer_window = t.window
        self.peer_mss = pk.tcp_mss(t.options) or 536
        if t.flags & pk.ACK:
            self.acked = t.ack
            self.opened = True
            self.segment(pk.ACK)
        elif self.opened or self.seq != self.acked:
            return  # a repeated SYN; our SYN,ACK is under way
        else:
            self.segment(pk.SYN | pk.ACK, options=struct.pack('>BBH', 2, 4, self.mss))
            self.seq = (self.seq + 1) % WORD

    def _take_data(self, t):
        if len(t.payload) > self.mss:
            raise AssertionError(f'a segment of {len(t.payload)} bytes; the MSS is {self.mss}')
        self.held[t.seq] = (t.payload, t.flags & pk.FIN)
        while not self.ended:
            at = next((s for s in self.held if not before(self.ack, s)), None)
            if at is None:
                break
            data, fin = self.held.pop(at)
            new = data[(self.ack - at) % WORD:]
            self.received += new
            self.ack = (self.ack + len(new)) % WORD
            if fin and (at + len(data)) % WORD == self.ack:
                self.ack = (self.ack + 1) % WORD
                self.ended = True
        self.segment(pk.ACK)

    # --- for tests ---

    def _check(self):
        if self.was_reset:
            raise ConnectionResetError(f'{self.peer}:{self.peer_port}')

    def wait(self, condition, what):
        """Handles frames until condition() is true; ConnectionResetError if a reset comes first."""
        self.station.run_until(lambda: condition() or self.was_reset,
                               f'{what} of {self.peer}:{self.peer_port}')
        if not condition():
            self._check()

    def send(self, data):
        """Sends all of it and waits until it is acknowledged."""
        at = 0
        while at < len(data):
            self._check()
            room = self.peer_window - (self.seq - self.acked) % WORD
            part = data[at:at + max(0, min(room, self.peer_mss, self.mss))]
            if not part:
                acked = self.acked
                self.wait(lambda: self.acked != acked or # pylint: disable=cell-var-from-loop
                          self.peer_window > (self.seq - self.acked) % WORD, 'room')
                continue
            self.segment(pk.ACK | pk.PSH, part)
            self.seq = (self.seq + len(part)) % WORD
            at += len(part)
        self.wait(lambda: self.acked == self.seq, 'the acknowledgement')

    def recv(self, n):
        """n bytes, or fewer at the end."""
        self.wait(lambda: len(self.received) >= n or self.ended, f'{n} bytes')
        data, self.received = self.received[:n], self.received[n:]
        return data

    def expect_end(self):
        self.wait(lambda: self.ended, 'the end')

    def expect_reset(self):
        self.station.run_until(lambda: self.was_reset, f'a reset of {self.peer}:{self.peer_port}')

    def shutdown(self):
        """Sends our FIN; the peer may go on sending."""
        self.segment(pk.FIN | pk.ACK)
        self.seq = (self.seq + 1) % WORD
        self.wait(lambda: self.acked == self.seq, "our FIN's acknowledgement")

    def close(self):
        """Sends our FIN and waits for the peer's."""
        self.shutdown()
        self.expect_end()

    def abort(self):
        self.segment(pk.RST | pk.ACK)
        self.was_reset = True
