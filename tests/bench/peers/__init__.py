# SPDX-License-Identifier: BSD-3-Clause
"""The programs a bench compares; a new one is a class in a file here and a name in ALL."""

from peers.passt import Passt
from peers.qemu import Qemu
from peers.slirp4netns import Slirp4netns
from peers.usernet import Usernet
from peers.usernet_tap import UsernetTap
from peers.vde import Vde

# By the word that --peer takes; the order of the table.
ALL = {"usernet": Usernet, "passt": Passt, "qemu": Qemu, "slirp4netns": Slirp4netns, "vde": Vde,
       "usernet-tap": UsernetTap}
# Without --peer.
USUAL = [word for word in ALL if word != "usernet-tap"]


BEFORE = "usernet before"


def make(word, build):
    return ALL[word](build) if word.startswith("usernet") else ALL[word]()


def before(build):
    """Another build of usernet, to be compared with."""
    return Usernet(build, BEFORE)
