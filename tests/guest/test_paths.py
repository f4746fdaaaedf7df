#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A guest's mtr, traceroute and ping show the world as the host's do, and one hop more: the gateway.
Prints both, side by side.

    guest ── gateway, host ── router ── second router ── 1300 bytes ── target
"""

import hashlib
import itertools
import re
import shutil
import subprocess

from lab import Lab, LabError, expect, expect_stopped_cleanly
from world import enter_namespace
from lib.world import ROUTER, ROUTER6, Host, World, keep_capabilities

SECOND, SECOND6 = "203.0.113.130", "2001:db8:3:1::2"
TARGET, TARGET6 = "203.0.113.194", "2001:db8:3:2::2"
GATEWAY, GATEWAY6 = "10.0.2.2", "fec0::2"
MTU = 1300

PROGRAMS = ["mtr", "mtr-packet", "traceroute", "ping"]


class LongWorld(World):
    """Beyond the router, another one; beyond that, at the end of a narrow link, the target."""

    def __init__(self):
        super().__init__()
        self.second, self.target = Host(), Host()
        self.join(self.router, self.second, 1500, "203.0.113.129/26", f"{SECOND}/26",
                  "2001:db8:3:1::1/64", f"{SECOND6}/64")
        self.join(self.second, self.target, MTU, "203.0.113.193/26", f"{TARGET}/26",
                  "2001:db8:3:2::1/64", f"{TARGET6}/64")
        self.router.run(f"ip route add {TARGET}/32 via {SECOND}",
                        f"ip -6 route add {TARGET6}/128 via {SECOND6}")
        for host, router, router6 in ((self.second, "203.0.113.129", "2001:db8:3:1::1"),
                                      (self.target, "203.0.113.193", "2001:db8:3:2::1")):
            host.run(f"ip route add default via {router}", f"ip -6 route add default via {router6}")

    @staticmethod
    def join(near, far, mtu, *addresses):
        near.run(f"ip link add far mtu {mtu} type veth peer name near mtu {mtu} netns {far.pid}")
        for host, name, mine in ((near, "far", addresses[0::2]), (far, "near", addresses[1::2])):
            host.run(f"ip link set {name} up",
                     *(f"ip addr add {address} dev {name} {'nodad' if ':' in address else ''}"
                       for address in mine))

    def close(self):
        self.target.close()
        self.second.close()
        super().close()


def on_host(command):
    """The output of a command of the host, which has learnt no path yet."""
    for family in ("-4", "-6"):
        subprocess.run(["ip", family, "route", "flush", "cache"], check=True,
                       preexec_fn=keep_capabilities)
    result = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False,
                            stderr=subprocess.STDOUT, timeout=60, preexec_fn=keep_capabilities)
    return result.stdout


def beside(command, host, guest):
    """Both outputs in two columns."""
    left, right = host.strip().split("\n"), guest.strip().split("\n")
    width = max(len(line) for line in left + ["on the host"])
    print(f"\n$ {command}")
    for pair in itertools.chain([("on the host", "in the guest"), ("-" * width, "-" * width)],
                                itertools.zip_longest(left, right, fillvalue="")):
        print(f"  {pair[0]:{width}}  |  {pair[1]}".rstrip(), flush=True)


def path_of(program):
    path = shutil.which(program)
    if not path:
        raise LabError(f"no {program} (Debian: mtr-tiny traceroute iputils-ping)")
    return path


def both(guest, command):
    """(output on the host, in the guest) of a command. The guest's comes first, so that routers say
    it all to it."""
    for family in ("-4", "-6"):
        subprocess.run(["ip", family, "route", "flush", "cache"], check=True,
                       preexec_fn=keep_capabilities)
    # By its path: busybox's shell has programs of the same names.
    program, words = command.split(" ", 1)
    _, inside = guest.try_run(f"MTR_PACKET={path_of('mtr-packet')} {path_of(program)} {words}")
    outside = on_host(command)
    beside(command, outside, inside)
    return outside, inside


def hops(text):
    """[address] of each hop, "?" where none answered."""
    found = {}
    for number, rest in re.findall(r"^ *(\d+)[. ]\S* +(.*)$", text, re.MULTILINE):
        address = re.search(r"[0-9a-f]*[.:][0-9a-f.:]*[0-9a-f]\b", rest)
        found[int(number)] = address.group(0) if address else "?"
    return [found[number] for number in sorted(found)]


def paths(guest):
    for six in (False, True):
        target = TARGET6 if six else TARGET
        way = [ROUTER6, SECOND6, TARGET6] if six else [ROUTER, SECOND, TARGET]
        family = "-6" if six else "-4"
        for command in (f"mtr {family} --no-dns --report -c 2 {target}",
                        f"traceroute {family} -n -q 1 {target}",
                        f"traceroute {family} -n -q 1 -I {target}",
                        f"traceroute {family} -n -q 1 -T {target}"):
            outside, inside = both(guest, command)
            expect(hops(outside), way, f"the host's {command}")
            expect(hops(inside), [GATEWAY6 if six else GATEWAY] + way, f"the guest's {command}")


def expect_in(part, text, what):
    if part not in text:
        raise LabError(f"{what}: no {part!r} in\n{text}")


def sizes(guest):
    """The narrow link is found from the guest as from the host, and what fits passes."""
    for target, router, headers, family in ((TARGET, SECOND, 28, "-4"), (TARGET6, SECOND6, 48, "-6")):
        for text in both(guest, f"ping {family} -n -c 2 -W 5 {target}"):
            expect_in("2 received, 0% packet loss", text, "ping")
        fits = f"ping {family} -n -c 2 -W 5 -M do -s {MTU - headers} {target}"
        large = f"ping {family} -n -c 2 -W 2 -M do -s {MTU - headers + 1} {target}"
        for text in both(guest, large):
            expect_in(f"From {router} icmp_seq=1", text, large)
            expect_in(f"mtu = {MTU}" if family == "-4" else f"mtu={MTU}", text.replace(": ", " "),
                      large)
            expect_in("0 received", text, large)
        for text in both(guest, fits):
            expect_in("2 received, 0% packet loss", text, fits)


def transfers(lab, guest, world):
    """A megabyte each way through the narrow link."""
    data = bytes(i * 7 & 0xff for i in range(1000 * 1000))
    for address in (TARGET, TARGET6):
        listener = world.target.listen(address, 8080)
        lab.closing.append(listener)
        guest.run(f"(head -c 1000000 /dev/zero | nc {address} 8080 | sha256sum >/tmp/sum; "
                  "echo done >>/tmp/sum) >/dev/null 2>&1 &")
        sock, _ = listener.accept()
        sock.settimeout(60)
        with sock:
            got = 0
            while got < len(data):
                part = sock.recv(65536)
                if not part:
                    break
                got += len(part)
            expect(got, len(data), f"bytes from the guest at {address}")
            sock.sendall(data)
        told = guest.run("while ! grep -q done /tmp/sum 2>/dev/null; do sleep 0.2; done; "
                         "cat /tmp/sum; rm /tmp/sum")
        expect(told.split()[0], hashlib.sha256(data).hexdigest(), f"what came from {address}")


def main():
    enter_namespace()
    with Lab() as lab:
        world = LongWorld()
        lab.closing.append(world)
        sock = lab.path("lan.sock")
        daemon = lab.usernet("--netdev", "user,id=nat",
                             "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}")
        lab.make_image(programs=[path_of(name) for name in PROGRAMS])
        guest = lab.guest("guest", f"stream,id=n0,addr.type=unix,addr.path={sock}")
        guest.lease()
        guest.address6()
        paths(guest)
        sizes(guest)
        transfers(lab, guest, world)
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
