# SPDX-License-Identifier: BSD-3-Clause
"""slirp4netns, which has no socket for QEMU: its own tap in the guest's namespace."""

import json
import os
import select
import socket

from guests import bare_guest
from peers.base import Network, Peer, one_guest_only
from process import START_SECONDS, CannotDo, Failed, Program

CONFIGURE = """set -e
ip link set lo up
ip link set tap0 mtu {mtu} up
ip address add {address} dev tap0
ip route add default via {host}
echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range"""


class TapNetwork(Network):
    """The guest is there before the network."""

    guest_address = "10.0.2.100/24"

    def guest(self, lose=0):
        if lose:
            raise CannotDo("its tap has no wire on which to lose frames")
        return self.guests[0]


class Slirp4netns(Peer):
    name = "slirp4netns"
    programs = ("slirp4netns",)
    packages = ("slirp4netns",)

    def network(self, folder, wanted, tapguest):
        return TapNetwork(folder, wanted, tapguest)

    def build(self, network, wanted):
        one_guest_only(wanted)
        guest = bare_guest(network.folder)
        network.guests.append(guest)
        pid = guest.program.pid
        api = os.path.join(network.folder, "api")
        ready, ready_write = os.pipe()
        words = ["slirp4netns", "--ready-fd", str(ready_write), "--mtu", str(wanted.mtu),
                 "--api-socket", api, "--userns-path", f"/proc/{pid}/ns/user", str(pid), "tap0"]
        try:
            program = Program(words, os.path.join(network.folder, "slirp4netns.log"),
                              pass_fds=(ready_write,))
        finally:
            os.close(ready_write)
        network.programs.append(program)
        try:
            if not select.select([ready], [], [], START_SECONDS)[0] or not os.read(ready, 1):
                raise program.fail("did not start")
        finally:
            os.close(ready)
        guest.run(["sh", "-c", CONFIGURE.format(mtu=wanted.mtu, address=network.guest_address,
                                                host=network.host)], 10)
        if wanted.forward:
            add_forward(api, wanted.forward, network.guest_address.split("/")[0])


def add_forward(api, forward, address):
    """One request a connection."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(api)
        channel.sendall(json.dumps({"execute": "add_hostfwd", "arguments": {
            "proto": "tcp", "host_addr": "127.0.0.1", "host_port": forward[0],
            "guest_addr": address, "guest_port": forward[1]}}).encode())
        channel.shutdown(socket.SHUT_WR)
        answer = channel.recv(4096).decode()
    if "error" in json.loads(answer):
        raise Failed(f"slirp4netns, add_hostfwd: {answer}")
