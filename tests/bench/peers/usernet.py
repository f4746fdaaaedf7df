# SPDX-License-Identifier: BSD-3-Clause
"""usernet, the program under test."""

import json
import os

from guests import Wire
from peers.base import Network, Peer, stream, user
from process import Program, listening, run_here


class UsernetNetwork(Network):
    def __init__(self, folder, wanted, tapguest, usernetctl):
        super().__init__(folder, wanted, tapguest)
        self.usernetctl = usernetctl

    def ask(self, *words):
        socket = os.path.join(self.folder, "run", "qmp.sock")
        return json.loads(run_here([self.usernetctl, "--socket", socket, "--json", *words], 30))

    def held(self):
        """Other processes may not see its descriptors."""
        return len(self.ask("connections"))

    def captures(self):
        """How many run."""
        return len(self.ask("qmp", '{"execute":"query-captures"}'))


class Usernet(Peer):
    name = "usernet"

    def __init__(self, build, name="usernet"):
        self.name = name
        self.program = os.path.abspath(os.path.join(build, "usernet", "usernet"))
        self.usernetctl = os.path.abspath(os.path.join(build, "tools", "usernetctl"))

    def network(self, folder, wanted, tapguest):
        return UsernetNetwork(folder, wanted, tapguest, self.usernetctl)

    def missing(self):
        return [program for program in (self.program, self.usernetctl)
                if not os.access(program, os.X_OK)]

    def build(self, network, wanted):
        path = os.path.join(network.folder, "lan")
        words = [self.program, "--name", "bench", "--log-level", "warning",
                 "--run-dir", os.path.join(network.folder, "run"), "--state-dir", "none",
                 "--netdev", stream("lan", path)]
        if wanted.nat:
            words += ["--netdev", user(wanted, f",mtu={wanted.mtu}")]
        program = Program(words, os.path.join(network.folder, "usernet.log"))
        network.programs.append(program)
        program.wait_for(lambda: listening(path))
        network.wires = [Wire(path)] * wanted.guests
