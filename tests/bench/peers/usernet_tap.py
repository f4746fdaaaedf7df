# SPDX-License-Identifier: BSD-3-Clause
"""usernet with a tap in the guest's namespace, by `usernetctl enter --pid`, as slirp4netns has it."""

import os
import select

from guests import bare_guest
from peers.base import one_guest_only, user
from peers.slirp4netns import TapNetwork
from peers.usernet import Usernet
from process import START_SECONDS, Program, listening

NAME = "usernet tap"


class UsernetTap(Usernet):
    name = NAME

    def __init__(self, build):
        super().__init__(build, NAME)

    def network(self, folder, wanted, tapguest):
        return TapNetwork(folder, wanted, tapguest)

    def build(self, network, wanted):
        one_guest_only(wanted)
        run_dir = os.path.join(network.folder, "run")
        control = os.path.join(run_dir, "qmp.sock")
        program = Program([self.program, "--name", "bench", "--log-level", "warning",
                           "--run-dir", run_dir, "--state-dir", "none", "--netdev",
                           user(wanted, f",mtu={wanted.mtu}")],
                          os.path.join(network.folder, "usernet.log"))
        network.programs.append(program)
        program.wait_for(lambda: listening(control))
        guest = bare_guest(network.folder)
        network.guests.append(guest)
        ready, ready_write = os.pipe()
        try:
            # Not one of the measured programs: it only keeps the lease.
            enter = Program([self.usernetctl, "--socket", control, "enter", "--pid",
                             str(guest.program.pid), "--ready-fd", str(ready_write)],
                            os.path.join(network.folder, "enter.log"), pass_fds=(ready_write,))
        finally:
            os.close(ready_write)
        network.programs.append(enter)
        try:
            if not select.select([ready], [], [], START_SECONDS)[0] or not os.read(ready, 1):
                raise enter.fail("did not start")
        finally:
            os.close(ready)
