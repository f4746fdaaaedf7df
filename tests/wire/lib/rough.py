# SPDX-License-Identifier: BSD-3-Clause
"""A wire that loses, duplicates and reorders frames, and a TCP that works across it."""
import random
import struct
import time

from . import packet as pk
from .tcp import WORD, Tcp, before
from .wait import LIMIT, Never

RESEND = 0.3  # seconds without progress


class RoughWire:
    """
    Replaces a Guest. Trouble begins with trouble(), and is the same for the same seed. Each kind of it
    comes within the first 13 frames, so that no short exchange is spared by chance.
    """

    def __init__(self, guest, seed):
        self.guest = guest
        self.random = random.Random(seed)
        self.loss = self.double = self.disorder = 0.0
        self.late = []  # frames overtaken by others
        self.come = []  # received already
        self.lost = self.doubled = self.delayed = 0  # frames
        self.n = 0      # frames since trouble()

    def trouble(self, loss=0.0, double=0.0, disorder=0.0):
        self.loss, self.double, self.disorder = loss, double, disorder
        self.n = 0

    def _strikes(self, chance, number):
        return self.random.random() < chance or (chance > 0 and self.n == number)

    def _fate(self):
        """Sets how often a frame arrives, and whether others overtake it."""
        self.n += 1
        if self._strikes(self.loss, 5):
            self.lost += 1
            return 0, False
        double = self._strikes(self.double, 9)
        late = self._strikes(self.disorder, 13)
        self.doubled += double
        self.delayed += late
        return 1 + double, late

    def send(self, frame):
        copies, late = self._fate()
        if late and copies:
            self.late.append(frame)
            return
        for _ in range(copies):
            self.guest.send(frame)
        if self.late and self.random.random() < 0.5:
            self.guest.send(self.late.pop(0))

    def _receive(self, limit):
        if self.come:
            return self.come.pop(0)
        end = time.monotonic() + limit
        while True:
            frame = self.guest._receive(  # pylint: disable=protected-access
                max(0.0, end - time.monotonic()))
            if frame is None:
                if self.late:
                    self.guest.send(self.late.pop(0))
                return None
            copies, late = self._fate()
            if not copies:
                continue
            self.come += [frame] * (copies - 1)
            if late:
                other = self.guest._receive(0.0)  # pylint: disable=protected-access
                if other is not None:
                    self.come.append(frame)
                    return other
            return frame

    def has_frame(self):
        return bool(self.come) or self.guest.has_frame()


class SureTcp(Tcp):
    """Retransmits losses; scales windows when SHIFT is set; may begin at SEQ."""
    SHIFT = None
    SEQ = None
    CAPACITY = None

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        if self.SEQ is not None:
            self.seq = self.acked = self.SEQ
        self.top = self.seq       # the end of the highest byte sent
        self.capacity = self.CAPACITY or (1 << 20 if self.SHIFT is not None else 65535)
        self.peer_shift = 0
        self.peer_scaled = False
        self.stream = b''
        self.start = None         # sequence number of the stream's first byte
        self.fin = False
        self.duplicates = 0
        self.progress = time.monotonic()

    # --- output ---

    def segment(self, flags, payload=b'', seq=None, **more):
        scaled = self.SHIFT is not None and self.peer_scaled and not flags & pk.SYN
        more.setdefault('window', min(65535, self.capacity >> self.SHIFT if scaled
                                      else self.capacity))
        if seq is None and self.opened and not payload and not flags & (pk.SYN | pk.FIN):
            seq = self.top
        super().segment(flags, payload, seq, **more)
        if not flags & (pk.SYN | pk.RST):
            end = (self.seq if seq is None else seq) + len(payload) + (1 if flags & pk.FIN else 0)
            if before(self.top, end % WORD):
                self.top = end % WORD

    def _options(self):
        options = struct.pack('>BBH', 2, 4, self.mss)
        return options + (bytes([1, 3, 3, self.SHIFT]) if self.SHIFT is not None else b'')

    def open(self):
        self.segment(pk.SYN, options=self._options())
        self.seq = (self.seq + 1) % WORD
        self.top = self.seq

    # --- input ---

    def take(self, t):
        acked = self.acked
        if t.flags & pk.SYN:
            at = t.options.find(b'\x03\x03')
            self.peer_scaled = at >= 0
            self.peer_shift = t.options[at + 2] if at >= 0 and self.SHIFT is not None else 0
        super().take(t)
        self.peer_window = t.window << (0 if t.flags & pk.SYN else self.peer_shift)
        if self.acked != acked:
            self.progress = time.monotonic()
            self.duplicates = 0
            if before(self.seq, self.acked):
                self.seq = self.acked
        elif not t.payload and self.acked != self.top:
            self.duplicates += 1
            if self.duplicates == 3:
                self._send_at(self.acked)

    def _take_syn(self, t):
        if not t.flags & pk.ACK and not (self.opened or self.seq != self.acked):
            self.ack = (t.seq + 1) % WORD
            self.peer_mss = pk.tcp_mss(t.options) or 536
            self.segment(pk.SYN | pk.ACK, options=self._options())
            self.seq = self.top = (self.seq + 1) % WORD
            return
        super()._take_syn(t)
        if before(self.top, self.seq):
            self.top = self.seq

    # --- for tests ---

    def begin(self, data, fin=True):
        """Sets the data to be sent, followed by a FIN."""
        self.stream, self.start, self.fin = data, self.seq, fin
        self.progress = time.monotonic()

    def _send_at(self, seq):
        """Sends a segment from seq on; returns the sequence numbers it used."""
        at = (seq - self.start) % WORD if self.start is not None else 0
        if self.start is None or at > len(self.stream):
            return 0
        room = self.peer_window - (seq - self.acked) % WORD
        part = self.stream[at:at + max(0, min(room, self.peer_mss, self.mss))]
        fin = self.fin and at + len(part) == len(self.stream)
        if not part and not fin:
            return 0
        self.segment(pk.ACK | (pk.FIN if fin else pk.PSH), part, seq=seq)
        return len(part) + fin

    def skip(self):
        """Sends all that the window allows except the first segment, as if that were lost."""
        self.seq = (self.seq + min(self.peer_mss, self.mss)) % WORD
        while took := self._send_at(self.seq):
            self.seq = (self.seq + took) % WORD

    def sent_all(self):
        return self.start is not None and \
            self.acked == (self.start + len(self.stream) + self.fin) % WORD

    def run(self, condition, what, limit=LIMIT):
        """Sends, receives and retransmits until condition() is true or the peer resets."""
        end = time.monotonic() + limit
        while not condition() and not self.was_reset:
            if time.monotonic() > end:
                raise Never(f'{what}: has {len(self.received)}, of {len(self.stream)} are '
                            f'{(self.acked - (self.start or self.acked)) % WORD} acknowledged')
            for _ in range(64):
                took = 0 if self.sent_all() else self._send_at(self.seq)
                self.seq = (self.seq + took) % WORD
                if not took:
                    break
            self.station.step(0.02)
            while self.station.step(0.0):
                pass
            if time.monotonic() - self.progress > RESEND:
                self.progress = time.monotonic()
                if self.start is not None and not self.sent_all():
                    self.seq = self.acked
                elif self.opened:
                    self.segment(pk.ACK)  # the last window update may have been lost

    def exchange(self, data, n):
        """Sends data and a FIN, and returns the n bytes and the FIN that come meanwhile."""
        self.begin(data)
        def done():
            return self.sent_all() and self.ended and len(self.received) >= n
        self.run(done, 'exchange')
        if not done(): # a peer that has forgotten the connection rightly resets late segments
            self._check()
        return self.received
