# SPDX-License-Identifier: BSD-3-Clause
"""What rules cost an allowed TCP flow at MTU 1500: none, a name, a name with +sni, and 10,000 names.
In one network after another, so that they compare."""

import json
import os
import socket
import sys

from measures.base import Case, Row, free_port
from measures.bulk import DIRECTIONS, MORE_SECONDS
from process import CannotDo, Failed, Program

FLOW = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "flow.py")
NAME = "flow.bench.example"
MANY = 10000

# The kind, its label, the marks of the flow's rule (None: no rules), how many other rules there are.
KINDS = (("none", "no rules", None, 0), ("name", "a rule by name", "", 0),
         ("sni", "a rule by name with +sni", "+sni", 0),
         ("many", f"{MANY} rules by name with +sni", "+sni", MANY))


class Control:
    """The daemon's QMP socket."""

    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.path.join(folder, "run", "qmp.sock"))
        self.lines = self.sock.makefile("r", encoding="utf-8")
        self.lines.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            said = json.loads(self.lines.readline())
            if "error" in said:
                raise Failed(f"{command}: {said['error']['desc']}")
            if "return" in said:
                return

    def close(self):
        self.lines.close()
        self.sock.close()


def make_rules(network, port, marks, others):
    control = Control(network.folder)
    try:
        control.run("dns-add", name=NAME, address=network.host)
        if marks is None:
            return
        for rule in ("deny=*", f"allow={NAME}:{port}+private{marks}"):
            control.run("policy-add", rule=rule)
        for number in range(others):
            control.run("policy-add",
                        rule=f"allow=api{number}.zone{number % 100}.example.com:443{marks}")
    finally:
        control.close()


class Policy(Case):
    def __init__(self, direction):
        self.direction = direction
        self.begin = -1
        self.id = f"policy.{direction}"
        self.rows = tuple(Row(f"{self.id}.{kind}.gbps", f"TCP {direction}, {label}", "Gbit/s",
                              "high") for kind, label, _, _ in KINDS)

    def run(self, bench, peer):
        if not hasattr(peer, "usernetctl"):
            raise CannotDo("has no rules by name")
        # Each round begins with another kind: what comes first may find a quieter machine.
        self.begin = (self.begin + 1) % len(KINDS)
        return {f"{self.id}.{kind}.gbps": self.measure(bench, peer, marks, others)
                for kind, _, marks, others in KINDS[self.begin:] + KINDS[:self.begin]}

    def measure(self, bench, peer, marks, others):
        port = free_port()
        with bench.network(peer) as network:
            guest = network.guest()
            make_rules(network, port, marks, others)
            server = Program([sys.executable, FLOW, "serve", self.direction, str(port)],
                             os.path.join(network.folder, "flow.log"), pipes=True)
            try:
                server.line()
                said = guest.run([sys.executable, FLOW, self.direction, network.host, str(port),
                                  str(bench.seconds), NAME], bench.seconds + MORE_SECONDS)
                if self.direction == "up":
                    said = server.line()
            finally:
                server.stop()
        return json.loads(said)["gbps"]


def cases(quick):
    return [Policy(direction) for direction in DIRECTIONS]
