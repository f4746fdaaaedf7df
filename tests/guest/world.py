# SPDX-License-Identifier: BSD-3-Clause
"""The host's world of names for a test: a network namespace with nothing but a loopback, so that
name servers may stand at port 53 as resolv.conf wants it; dnsmasq with a known zone, and a
server that misbehaves."""

import os
import shutil
import socket
import sys
import time

from lab import SOURCE, LabError, become_unprivileged

sys.path.insert(0, os.path.join(SOURCE, "tests", "wire"))
from lib import dns, namespace  # noqa: E402 pylint: disable=wrong-import-position

ZONE = "world.example"
# Together some 4 KB: too much for any datagram that a guest says it takes.
LARGE = [("%03d" % i).encode() * 80 for i in range(17)]



def enter_namespace(more=0):
    """Enters user and network namespaces, still as a plain user: later children find a loopback
    with all ports free, the low ones too. MORE: further kinds."""
    become_unprivileged()
    namespace.enter(namespace.NEWNET | more)


def dnsmasq(lab, name, address, port=53):
    """A real name server; the TXT record of who.ZONE is its own name."""
    program = shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not program:
        raise LabError("no dnsmasq (Debian: dnsmasq-base)")
    words = [
        program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        "--pid-file=", "--bind-interfaces", f"--listen-address={address}", f"--port={port}",
        f"--local=/{ZONE}/", "--local-ttl=30", "--edns-packet-max=1232",
        f"--host-record=a.{ZONE},192.0.2.7", f"--host-record=both.{ZONE},192.0.2.8,2001:db8::8",
        f"--host-record=aaaa.{ZONE},2001:db8::7",
        f"--mx-host={ZONE},mail.{ZONE},10", f"--txt-record=text.{ZONE},hello,world",
        f"--srv-host=_web._tcp.{ZONE},a.{ZONE},8080,5,7",
        f"--txt-record=who.{ZONE},{name}",
        "--txt-record=large." + ZONE + "," + ",".join(part.decode() for part in LARGE),
    ]
    process = lab.process(name, words)
    until_port(address, port, process)
    return process


def until_port(address, port, process):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((address, port)).close()
            return
        except OSError as error:
            if time.monotonic() > deadline or not process.running():
                raise LabError(f"{address}:{port}: {error}\n{process.log()}") from error
            time.sleep(0.05)


class Misbehaving(dns.Server):
    """servfail.*: SERVFAIL; slow.*: answered after DELAY; silent.*: never; others: 192.0.2.99."""

    DELAY = 2.5

    def __init__(self, host, port=53):
        super().__init__(self.reply, host, port)
        self.waiting = []

    def reply(self, message, asked):
        word = asked.name.split(".")[0].lower()
        if word == "silent":
            return None
        if word == "servfail":
            return dns.answer(message, rcode=dns.SERVFAIL)
        good = dns.answer(message, dns.record(asked.name, dns.A, dns.address("192.0.2.99")))
        if word == "slow":
            time.sleep(self.DELAY)
        return good
