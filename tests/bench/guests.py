# SPDX-License-Identifier: BSD-3-Clause
"""Guests of a bench. A guest is a network namespace with the kernel's own stack: behind tapguest it
sits at the end of a socket as QEMU's would. Idle guests are a socket each, and just say hello."""

import os
import selectors
import socket
import struct
import subprocess
import threading
import time

from process import CannotDo, Failed, Program

# Idle guests join in groups of this size, within this time each.
JOIN_AT_ONCE = 10
JOIN_SECONDS = 60
ASK_AGAIN_SECONDS = 2


class Wire:
    """A guest's attachment: NAME for the C programs, FDS for them to inherit."""

    framed = True # u32 length in front of each frame

    def __init__(self, path):
        self.name = path
        self.fds = ()

    def socket(self):
        """For a guest of Python's."""
        wire = socket.socket(socket.AF_UNIX)
        wire.connect(self.name)
        return wire

    def close(self):
        pass


class Guest:
    """Runs programs inside. PID is of a process in the namespaces."""

    def __init__(self, folder, program):
        self.folder = folder
        self.program = program
        self.number = 0

    def words(self, words):
        return ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self.program.pid), *words]

    def run(self, words, seconds):
        """Its output; SECONDS is how long it may take."""
        try:
            done = subprocess.run(self.words(words), stdin=subprocess.DEVNULL, timeout=seconds,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except subprocess.TimeoutExpired:
            raise Failed(f"{os.path.basename(words[0])} took over {seconds:g} s") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-300:]
            raise Failed(f"{os.path.basename(words[0])} in the guest: {said}")
        return done.stdout

    def start(self, words):
        self.number += 1
        log = os.path.join(self.folder, f"in-guest-{self.number}.log")
        return Program(self.words(words), log, pipes=True)

    def stop(self):
        self.program.stop()


WAIT = ["sh", "-c", "echo ready; exec sleep infinity"]


def tap_guest(tapguest, folder, wire, network, lose=0):
    """A guest of a network at the end of WIRE."""
    words = [tapguest, "--gro", "on", "--mtu", str(network.mtu), "--address", network.guest_address,
             "--gateway", network.host]
    if lose:
        words += ["--lose", str(lose)]
    program = Program([*words, wire.name, *WAIT], os.path.join(folder, "tapguest.log"), pipes=True,
                      pass_fds=wire.fds)
    program.line()
    return Guest(folder, program)


def bare_guest(folder):
    """Namespaces with nothing in them yet."""
    program = Program(["unshare", "-U", "-r", "-n", *WAIT], os.path.join(folder, "guest.log"),
                      pipes=True)
    program.line()
    return Guest(folder, program)


# --- idle guests ---

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class IdleGuest:
    """A MAC and an address that asked for the gateway and pinged it once."""

    def __init__(self, wire, number, host):
        self.framed = wire.framed
        self.wire = wire.socket()
        self.mac = bytes([0x52, 0x54, 0x00, 0x1d, number >> 8, number & 255])
        # 10.0.4.1 and up: apart from the guest at work, in the same /16.
        self.address = bytes([10, 0, 4 + number // 250, 1 + number % 250])
        self.host = socket.inet_aton(host)
        self.gateway = None # its MAC
        self.answered = False
        self.input = b""

    def send(self, frame):
        frame = frame.ljust(60, b"\0")
        self.wire.send((struct.pack("!I", len(frame)) if self.framed else b"") + frame)

    def ask(self):
        self.send(b"\xff" * 6 + self.mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
                  + self.mac + self.address + b"\0" * 6 + self.host)

    def ping(self):
        echo = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 1, 0, self.address, self.host)
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        self.send(self.gateway + self.mac + b"\x08\x00" + header + echo)

    def take(self, frame):
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and \
                frame[38:42] == self.address:
            self.send(frame[6:12] + self.mac + frame[12:20] + b"\0\2" + self.mac + self.address
                      + frame[22:32])
        if frame[:6] != self.mac:
            return
        if frame[12:14] == b"\x08\x06" and not self.gateway:
            self.gateway = frame[6:12]
            self.ping()
        elif frame[12:14] == b"\x08\x00" and frame[23] == 1:
            self.answered = True

    def receive(self):
        data = self.wire.recv(65536)
        if not data:
            return False
        if not self.framed:
            self.take(data)
            return True
        self.input += data
        while len(self.input) >= 4:
            length = struct.unpack("!I", self.input[:4])[0]
            if len(self.input) < 4 + length:
                break
            self.take(self.input[4:4 + length])
            self.input = self.input[4 + length:]
        return True


class IdleGuests:
    """Joins one guest on each wire, and reads what the network floods until closed."""

    def __init__(self, wires, host):
        self.guests = [IdleGuest(wire, number, host) for number, wire in enumerate(wires)]
        self.selector = selectors.DefaultSelector()
        for guest in self.guests:
            guest.wire.setblocking(False)
            self.selector.register(guest.wire, selectors.EVENT_READ, guest)
        self.closing = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        try:
            self.join(host)
        except BaseException:
            self.close()
            raise

    def join(self, host):
        """A few at a time: a hub floods every frame to all."""
        deadline = time.monotonic() + JOIN_SECONDS
        deaf, asked = list(self.guests), {}
        while deaf:
            now = time.monotonic()
            if now > deadline:
                raise CannotDo(f"{len(deaf)} of {len(self.guests)} idle guests got no answer of "
                               f"{host} in {JOIN_SECONDS} s")
            for guest in deaf[:JOIN_AT_ONCE]:
                if now - asked.get(guest, 0) > ASK_AGAIN_SECONDS:
                    asked[guest] = now
                    guest.gateway = None
                    guest.ask()
            time.sleep(0.01)
            deaf = [guest for guest in deaf if not guest.answered]

    def read(self):
        while not self.closing:
            for key, _ in self.selector.select(0.2):
                try:
                    alive = key.data.receive()
                except BlockingIOError:
                    continue
                except OSError:
                    alive = False
                if not alive:
                    self.selector.unregister(key.fileobj)

    def close(self):
        self.closing = True
        self.thread.join()
        for guest in self.guests:
            guest.wire.close()
        self.selector.close()
