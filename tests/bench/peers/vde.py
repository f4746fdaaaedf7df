# SPDX-License-Identifier: BSD-3-Clause
"""vde_switch between guests, and slirpvde as its way out."""

import os
import socket
import struct

from peers.base import Peer
from process import Program, listening

# Of libvdeplug 2's datasock protocol: a stream socket to ask at, a datagram socket for frames.
MAGIC = 0xfeedface
VERSION = 3
NEW_PORT = 0
DESCRIPTION = 128
PORTS_MORE = 8


class VdeWire:
    """A port of a vde_switch."""

    framed = False

    def __init__(self, control, path):
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(os.path.join(control, "ctl"))
        self.data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.data.bind(path)
        self.control.sendall(struct.pack(f"=IIIH108s{DESCRIPTION}s", MAGIC, VERSION, NEW_PORT,
                                         socket.AF_UNIX, path.encode(), b"bench"))
        answer = self.control.recv(110)
        self.data.connect(answer[2:].split(b"\0")[0])
        self.fds = (self.data.fileno(),)
        self.name = f"fd:{self.fds[0]}"

    def socket(self):
        return self.data

    def close(self):
        self.data.close()
        self.control.close()


class Vde(Peer):
    name = "vde"
    programs = ("vde_switch", "slirpvde")
    packages = ("vde2",)

    def build(self, network, wanted):
        control = os.path.join(network.folder, "vde")
        # It ends with its input, so give it a pipe.
        switch = Program(["vde_switch", "--numports", str(wanted.guests + PORTS_MORE),
                          "--sock", control], os.path.join(network.folder, "vde_switch.log"),
                         pipes=True)
        network.programs.append(switch)
        switch.wait_for(lambda: listening(os.path.join(control, "ctl")))
        if wanted.nat:
            words = ["slirpvde", "--socket", control, "--network", "10.0.2.0"]
            if wanted.forward:
                words += ["-L", "{}:10.0.2.15:{}".format(*wanted.forward)]
            # A peer that hangs up would kill it: it does not ignore SIGPIPE by itself.
            nat = Program(words, os.path.join(network.folder, "slirpvde.log"), pipes=True,
                          ignore_pipe=True)
            network.programs.append(nat)
            nat.wait_for(lambda: any(name != "ctl" for name in os.listdir(control)))
        for number in range(wanted.guests):
            network.wires.append(VdeWire(control, os.path.join(network.folder, f"port{number}")))
