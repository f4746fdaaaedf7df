# SPDX-License-Identifier: BSD-3-Clause
"""Shared by all peers."""

import os
import shutil

from guests import tap_guest
from process import CannotDo


class Wanted:
    """The network that a measurement needs."""

    def __init__(self, mtu=1500, guests=1, nat=True, forward=None):
        self.mtu = mtu
        self.guests = guests # how many may plug in
        self.nat = nat
        self.forward = forward # (port on 127.0.0.1, port of the guest at work), TCP


class Network:
    """A peer at work: its programs, and a wire for each guest; the first is of the guest at work,
    who reaches the host's loopback at HOST."""

    host = "10.0.2.2"
    guest_address = "10.0.2.15/16"

    def __init__(self, folder, wanted, tapguest):
        self.folder = folder
        self.mtu = wanted.mtu
        self.tapguest = tapguest
        self.programs = []
        self.wires = []
        self.guests = []

    def guest(self, lose=0):
        guest = tap_guest(self.tapguest, self.folder, self.wires[0], self, lose)
        self.guests.append(guest)
        return guest

    def cpu_seconds(self):
        return sum(program.cpu_seconds() for program in self.programs)

    def resident_mb(self):
        return sum(program.resident_mb() for program in self.programs)

    def held(self):
        """Flows, or as good, open descriptors; None where neither can be seen."""
        counts = [program.descriptors() for program in self.programs]
        return None if None in counts else sum(counts)

    def stop(self):
        for guest in self.guests:
            guest.stop()
        for wire in self.wires:
            wire.close()
        for program in reversed(self.programs):
            program.stop()


class Peer:
    """A program that is compared: NAME in the table, PROGRAMS it needs, their Debian PACKAGES."""

    name = None
    programs = ()
    packages = ()

    def missing(self):
        return [program for program in self.programs if not shutil.which(program)]

    def start(self, folder, wanted, tapguest):
        """A Network, or CannotDo."""
        network = self.network(folder, wanted, tapguest)
        try:
            self.build(network, wanted)
        except BaseException:
            network.stop()
            raise
        return network

    def network(self, folder, wanted, tapguest):
        return Network(folder, wanted, tapguest)

    def build(self, network, wanted):
        """Fills the network with programs and wires."""
        raise NotImplementedError


def one_guest_only(wanted):
    if wanted.guests > 1 or not wanted.nat:
        raise CannotDo("serves one guest")


def paths(folder, count):
    return [os.path.join(folder, f"lan{number}") for number in range(count)]


def stream(name, path):
    """QEMU's and usernet's netdev that listens for a guest."""
    return f"stream,id={name},server=on,addr.type=unix,addr.path={path}"


def user(wanted, more=""):
    """QEMU's and usernet's NAT, in a /16 with room for many guests."""
    words = "user,id=nat,net=10.0.0.0/16,host=10.0.2.2,dns=10.0.2.3,dhcpstart=10.0.2.15" + more
    if wanted.forward:
        words += ",hostfwd=tcp:127.0.0.1:{}-10.0.2.15:{}".format(*wanted.forward)
    return words
