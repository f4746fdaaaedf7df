#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a guest gets of the host's name servers, to the byte: records of every kind, large ones by
TCP, no such name, failure, slow and silent servers, a second server beside a silent one, servers by
domain. The guest is a kernel in a namespace (tests/bench/tapguest.c)."""

import json
import os
import subprocess

from lab import SOURCE, Lab, LabError, expect, expect_stopped_cleanly, free_port
from world import LARGE, ZONE, Misbehaving, dns, dnsmasq, enter_namespace

RESOLVE = os.path.join(SOURCE, "tests", "guest", "resolve.py")


def ask(sock, *questions, server="10.0.2.3", number=15):
    """The results of resolve.py in a guest, one per question."""
    words = [os.environ["TAPGUEST"], "--address", f"10.0.2.{number}/24,fec0::{number}/64",
             "--mac", f"52:54:00:be:4c:{number:02x}", "--gateway", "10.0.2.2", sock,
             "python3", RESOLVE, server]
    result = subprocess.run(words, input=json.dumps(questions), stdout=subprocess.PIPE, text=True,
                            timeout=60, check=False)
    if result.returncode != 0:
        raise LabError(f"resolve.py ended with status {result.returncode}")
    return json.loads(result.stdout)


def start(lab, name, servers):
    sock = lab.path(name + ".sock")
    return sock, lab.usernet(
        "--netdev", "user,id=nat," + ",".join(f"dns-server={server}" for server in servers),
        "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}", name=name)


def every_kind(sock, server, number):
    large = [[part.decode() for part in LARGE]]
    wanted = [
        ({"name": f"a.{ZONE}", "kind": dns.A}, ["192.0.2.7"]),
        ({"name": f"A.World.exAmple", "kind": dns.A}, ["192.0.2.7"]),
        ({"name": f"aaaa.{ZONE}", "kind": dns.AAAA}, ["2001:db8::7"]),
        ({"name": f"both.{ZONE}", "kind": dns.A}, ["192.0.2.8"]),
        ({"name": f"both.{ZONE}", "kind": dns.AAAA}, ["2001:db8::8"]),
        ({"name": ZONE, "kind": dns.MX}, [[10, f"mail.{ZONE}"]]),
        ({"name": f"text.{ZONE}", "kind": dns.TXT}, [["hello", "world"]]),
        ({"name": f"_web._tcp.{ZONE}", "kind": dns.SRV}, [[5, 7, 8080, f"a.{ZONE}"]]),
        ({"name": f"a.{ZONE}", "kind": dns.A, "tcp": True}, ["192.0.2.7"]),
        ({"name": f"large.{ZONE}", "kind": dns.TXT, "tcp": True}, large),
        ({"name": f"a.{ZONE}", "kind": dns.AAAA}, []),
    ]
    results = ask(sock, *[question for question, _ in wanted], server=server, number=number)
    for (question, values), result in zip(wanted, results):
        expect((result.get("rcode"), result.get("values")), (dns.NOERROR, values), str(question))


def sizes(sock):
    """An answer larger than the client accepts is cut, with TC set."""
    for edns, limit in ((None, 512), (512, 512), (1232, 1232), (4096, 4096)):
        cut, missing = ask(sock, {"name": f"large.{ZONE}", "kind": dns.TXT, "edns": edns},
                           {"name": f"nothing.{ZONE}", "kind": dns.A, "edns": edns})
        expect(cut["cut"], True, f"cut for a client that takes {edns}")
        if cut["size"] > limit:
            raise LabError(f"{cut['size']} bytes for a client that takes {edns}")
        expect(missing["rcode"], dns.NXDOMAIN, "a name that is not there")


def troubles(sock):
    failure, slow, silent, good = ask(sock, {"name": "servfail.odd.example"},
                                      {"name": "slow.odd.example"}, {"name": "silent.odd.example"},
                                      {"name": f"a.{ZONE}"})
    expect(failure["rcode"], dns.SERVFAIL, "a server that fails")
    expect(slow["values"], ["192.0.2.99"], "a slow server's answer")
    expect(silent.get("rcode"), dns.SERVFAIL, "a silent server, in the end")
    expect(good["values"], ["192.0.2.7"], "another server meanwhile")
    if good["seconds"] > 1 or silent["seconds"] > 15:
        raise LabError(f"{good['seconds']} s beside a silent server, {silent['seconds']} s by it")


def main():
    enter_namespace()
    with Lab() as lab:
        one, two = free_port(), free_port()
        dnsmasq(lab, "one", "127.0.0.1", one)
        dnsmasq(lab, "two", "127.0.0.1", two)
        odd = Misbehaving("127.0.0.1", 0)
        lab.closing.append(odd)

        sock, daemon = start(lab, "split", [f"127.0.0.1#{one}", f"/odd.example/127.0.0.1#{odd.port}"])
        every_kind(sock, "10.0.2.3", 15)
        every_kind(sock, "fec0::3", 16)
        sizes(sock)
        troubles(sock)
        expect_stopped_cleanly(daemon)
        expect([name for name, _ in odd.seen if not name.endswith("odd.example")], [],
               "names that were not this server's")

        # The first server is silent: the second answers.
        sock, daemon = start(lab, "pair", [f"127.0.0.1#{odd.port}", f"127.0.0.1#{two}"])
        who, = ask(sock, {"name": f"silent.{ZONE}"})
        expect(who["rcode"], dns.NXDOMAIN, "the second server's word")
        if who["seconds"] > 4:
            raise LabError(f"{who['seconds']} s until the second server was asked")
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
