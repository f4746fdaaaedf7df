# SPDX-License-Identifier: BSD-3-Clause
"""Shared by all measures. A measure is a list of cases; a case does one piece of work through one
peer, once a round, and returns numbers for its rows of the table."""

import contextlib
import json
import os
import shutil
import socket
import tempfile
from typing import NamedTuple

from peers.base import Wanted
from process import Failed, Program

LOOPBACK = "127.0.0.1"


class Row(NamedTuple):
    id: str # as in limits.py and results.json
    label: str
    unit: str
    better: str # "high", "low", or "" where neither is


class Case:
    """ID tells it in the progress, ROWS it fills; run() gives {row id: number}."""

    id = ""
    rows = ()

    def run(self, bench, peer):
        raise NotImplementedError


class Bench:
    """Shared by the cases: where the tools are, how long to measure."""

    def __init__(self, build, seconds, quick):
        self.tools = os.path.abspath(os.path.join(build, "tests", "bench"))
        self.seconds = seconds
        self.quick = quick
        self.sending = {} # (peer, direction, MTU, flows, buffer): options that served it best

    def tool(self, name):
        return os.path.join(self.tools, name)

    @contextlib.contextmanager
    def network(self, peer, **wanted):
        """A peer at work in a folder of its own, gone afterwards."""
        # Short: unix socket paths are.
        folder = tempfile.mkdtemp(prefix="bench-")
        network = None
        try:
            network = peer.start(folder, Wanted(**wanted), self.tool("tapguest"))
            yield network
        except Failed as failure:
            # A peer that is gone is the better explanation.
            ended = [program.epitaph() for program in network.programs if not program.running()] \
                if network else []
            if ended:
                raise Failed("; ".join(ended)) from failure
            raise
        finally:
            if network:
                network.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def echo_server(self, network):
        """netload's, on the host's loopback: its port."""
        port = free_port()
        server = Program([self.tool("netload"), "serve", LOOPBACK, str(port)],
                         os.path.join(network.folder, "echo.log"), pipes=True)
        try:
            server.line()
            yield port
        finally:
            server.stop()

    def netload(self, words, run, patience=120):
        """A client's result; RUN is a guest's run(), or run_here."""
        return json.loads(run([self.tool("netload"), *map(str, words)], patience))


def free_port():
    """Of TCP and UDP, on the host's loopback."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((LOOPBACK, 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]
    raise Failed("no port is free")
