# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's own NAT (-netdev user) and hub, without a machine."""

import os

from guests import Wire
from peers.base import Peer, paths, stream, user
from process import Program, listening


class Qemu(Peer):
    name = "QEMU user"
    programs = ("qemu-system-x86_64",)
    packages = ("qemu-system-x86",)

    def build(self, network, wanted):
        words = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
        names = []
        if wanted.nat:
            words += ["-netdev", user(wanted)]
            names.append("nat")
        places = paths(network.folder, wanted.guests)
        for number, path in enumerate(places):
            words += ["-netdev", stream(f"lan{number}", path)]
            names.append(f"lan{number}")
        for name in names:
            words += ["-netdev", f"hubport,id=hub-{name},hubid=0,netdev={name}"]
        program = Program(words, os.path.join(network.folder, "qemu.log"))
        network.programs.append(program)
        program.wait_for(lambda: all(map(listening, places)))
        network.wires = [Wire(path) for path in places]
