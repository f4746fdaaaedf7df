# SPDX-License-Identifier: BSD-3-Clause
"""What rules cost an allowed TCP flow at MTU 1500: none, a name, a name with +sni, and 10,000 names.
In one network after another, so that they compare; and in one flow, whose rules come and go."""

import json
import os
import socket
import statistics
import sys
import time

from measures.base import Case, Row, free_port
from measures.bulk import DIRECTIONS, MORE_SECONDS
from process import CannotDo, Failed, Program

FLOW = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "flow.py")
NAME = "flow.bench.example"
MANY = 10000
TURNS = 24  # of a flow with rules, and as many without
SLICE, SETTLE = 0.5, 0.2  # seconds
BATCH = 50  # commands

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
        self.send(command, **arguments)
        self.hear(command)

    def run_all(self, command, rules):
        """All are under way at once."""
        for at in range(0, len(rules), BATCH):
            for rule in rules[at:at + BATCH]:
                self.send(command, rule=rule)
            for rule in rules[at:at + BATCH]:
                self.hear(command)

    def send(self, command, **arguments):
        self.sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())

    def hear(self, command):
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


class Turns(Case):
    """One flow, with MANY rules by name and without, in turns: what else the machine does meets both
    alike."""

    def __init__(self, direction, turns):
        self.direction = direction
        self.turns = turns
        self.id = f"policy.{direction}.turns"
        self.rows = tuple(
            Row(f"{self.id}.{kind}.{what}", f"TCP {direction}, one flow, in turns {label}", unit,
                better)
            for kind, label in (("none", "without rules"), ("many", f"with {MANY} rules by name"))
            for what, unit, better in (("gbps", "Gbit/s", "high"), ("cpu", "CPU s/GB", "low")))

    def run(self, bench, peer):
        if not hasattr(peer, "usernetctl"):
            raise CannotDo("has no rules by name")
        port = free_port()
        with bench.network(peer) as network:
            guest = network.guest()
            control = Control(network.folder)
            client = None
            server = Program([sys.executable, FLOW, "serve", self.direction, str(port)],
                             os.path.join(network.folder, "flow.log"), pipes=True)
            rules = [f"allow={NAME}:{port}+private",
                     *(f"allow=api{n}.zone{n % 100}.example.com:443" for n in range(MANY)), "deny=*"]
            try:
                server.line()
                control.run("dns-add", name=NAME, address=network.host)
                control.run_all("policy-add", rules)
                client = guest.start([sys.executable, FLOW, self.direction, network.host,
                                      str(port), "600", NAME])
                time.sleep(1)
                return self.alternate(network, control, server, rules)
            finally:
                server.stop()
                control.close()
                if client:
                    client.stop()

    def alternate(self, network, control, server, rules):
        found = {row.id: [] for row in self.rows}
        for turn in range(2 * self.turns):
            kind = "none" if turn % 2 else "many"
            gbps, cpu = self.slice(network, server)
            found[f"{self.id}.{kind}.gbps"].append(gbps)
            found[f"{self.id}.{kind}.cpu"].append(cpu)
            # What is allowed comes first and goes last, so that the flow lives.
            if kind == "many":
                control.run_all("policy-remove", rules[::-1])
            else:
                control.run_all("policy-add", rules)
        return {row: statistics.median(numbers) for row, numbers in found.items()}

    @staticmethod
    def slice(network, server):
        """Gbit/s, and CPU seconds per GB."""
        def look():
            server.child.stdin.write(b"\n")
            server.child.stdin.flush()
            return json.loads(server.line())["bytes"], network.cpu_seconds(), time.monotonic()

        time.sleep(SETTLE)  # the rules' change has held up the flow
        began = look()
        time.sleep(SLICE)
        size, cpu, seconds = (after - before for before, after in zip(began, look()))
        if not size:
            raise Failed("the flow stands still")
        return size * 8 / 1e9 / seconds, cpu / size * 1e9


def cases(quick):
    return [*(Policy(direction) for direction in DIRECTIONS),
            *(Turns(direction, 2 if quick else TURNS) for direction in DIRECTIONS)]
