# SPDX-License-Identifier: BSD-3-Clause
"""passt on its socket for QEMU."""

import os

from guests import Wire
from peers.base import Peer, one_guest_only
from process import CannotDo, Program, listening


def has_default_route():
    with open("/proc/net/route", encoding="ascii") as file:
        return any(line.split()[1] == "00000000" for line in file.readlines()[1:])


class Passt(Peer):
    name = "passt"
    programs = ("passt",)
    packages = ("passt",)

    def build(self, network, wanted):
        one_guest_only(wanted)
        if not has_default_route():
            raise CannotDo("does not start on a host without a default route")
        path = os.path.join(network.folder, "passt")
        # In the foreground: it stays the process that was started.
        words = ["passt", "--foreground", "--socket", path, "--ipv4-only",
                 "--address", "10.0.2.15", "--netmask", "255.255.0.0",
                 "--gateway", network.host, "--mtu", str(wanted.mtu)]
        if wanted.forward:
            words += ["--tcp-ports", "127.0.0.1/{}:{}".format(*wanted.forward)]
        program = Program(words, os.path.join(network.folder, "passt.log"))
        network.programs.append(program)
        program.wait_for(lambda: listening(path))
        network.wires = [Wire(path)]
