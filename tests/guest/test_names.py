#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Three real guests, one named by reservation, one by the host name it gives to DHCP, one not at
all: they find each other by name and address over IPv4 and IPv6, and the host's world by the name
servers of a resolv.conf that changes while they run."""

import os
import time

from lab import Lab, LabError, expect, expect_stopped_cleanly
from world import ZONE, Misbehaving, dnsmasq, enter_namespace

DOMAIN = "usernet.internal"


def expect_in(part, text, what):
    if part not in text:
        raise LabError(f"{what}: no {part!r} in\n{text}")


def expect_fails(guest, command, part=""):
    status, output = guest.try_run(command)
    if status == 0:
        raise LabError(f"{command} did not fail in {guest.name}:\n{output}")
    expect_in(part, output, command)
    return output


def write_resolv_conf(lab, *servers):
    """Replaced by a rename, as programs that write it do."""
    with open(lab.path("resolv.new"), "w", encoding="ascii") as file:
        file.write("# of a test\n" + "".join(f"nameserver {server}\n" for server in servers))
    os.rename(lab.path("resolv.new"), lab.path("resolv.conf"))


def lookup(guest, name, kind="a", server=""):
    return guest.run(f"nslookup -type={kind} {name} {server}")


def neighbours_by_name(web, db, other):
    for guest in (db, other):
        guest.ping("web")
        guest.ping(f"web.{DOMAIN}")
        expect(guest.fetch("http://web/"), "this is web", f"web's page at {guest.name}")
    for guest in (web, other):
        guest.ping("db")
        expect(guest.fetch(f"http://db.{DOMAIN}/"), "this is db", f"db's page at {guest.name}")
    web.ping("gateway")
    expect_in("10.0.2.2", lookup(web, f"gateway.{DOMAIN}"), "the gateway's name")
    expect_fails(web, f"nslookup -type=a nobody.{DOMAIN}", "NXDOMAIN")


def names_of_addresses(web, addresses):
    for name in ("web", "db"):
        expect_in(f"name = {name}.{DOMAIN}", web.run(f"nslookup {addresses[name]}"), "reverse name")
    expect_in(f"name = gateway.{DOMAIN}", web.run("nslookup 10.0.2.2"), "reverse name")
    expect_fails(web, f"nslookup {addresses['other']}", "NXDOMAIN")


def world_by_type(guest, servers=("",)):
    for server in servers:
        for name, kind, wanted in (
                (f"a.{ZONE}", "a", "192.0.2.7"),
                (f"aaaa.{ZONE}", "aaaa", "2001:db8::7"),
                (ZONE, "mx", f"mail exchanger = 10 mail.{ZONE}"),
                (f"text.{ZONE}", "txt", '"hello"'),
                (f"_web._tcp.{ZONE}", "srv", f"5 7 8080 a.{ZONE}")):
            expect_in(wanted, lookup(guest, name, kind, server), f"{kind} of {name}")
        expect_fails(guest, f"nslookup -type=a nothing.{ZONE} {server}", "NXDOMAIN")


def switch_of_servers(lab, guest):
    """The guest's next query goes to the servers that resolv.conf names now."""
    for servers, wanted in ((["127.0.0.2"], "two"), (["127.0.0.1"], "one"),
                            (["127.0.0.9", "127.0.0.2"], "two")):
        write_resolv_conf(lab, *servers)
        deadline = time.monotonic() + 5
        text = ""
        while wanted not in text:
            if time.monotonic() > deadline:
                raise LabError(f"5 s after resolv.conf named {servers}: {text}")
            _, text = guest.try_run(f"nslookup -type=txt who.{ZONE}")
            time.sleep(0.2)


def ipv6(web, db, other):
    addresses = {guest: guest.address6() for guest in (web, db, other)}
    expect(len(set(addresses.values())), 3, "distinct addresses")
    for guest in (web, db, other):
        for peer in (web, db, other):
            if peer is not guest:
                guest.run(f"ping6 -c 1 -W 5 {addresses[peer]}")
        # busybox has no DHCPv6 client, and leaves RDNSS to missing programs.
        guest.run("echo 'search usernet.internal\nnameserver fec0::3' >/etc/resolv.conf")
    for guest in (db, other):
        expect_in(addresses[web], lookup(guest, f"web.{DOMAIN}", "aaaa"), "web's IPv6 address")
        guest.run("ping6 -c 1 -W 5 web")
    expect_in(f"name = web.{DOMAIN}", other.run(f"nslookup {addresses[web]}"), "reverse name")
    expect(other.fetch(f"http://[{addresses[db]}]/"), "this is db", "db's page over IPv6")
    world_by_type(other)


def main():
    enter_namespace()
    with Lab() as lab:
        sock = lab.path("lan.sock")
        dnsmasq(lab, "one", "127.0.0.1")
        dnsmasq(lab, "two", "127.0.0.2")
        lab.closing.append(Misbehaving("127.0.0.3"))
        write_resolv_conf(lab, "127.0.0.1")
        daemon = lab.usernet(
            "--netdev", f"user,id=nat,resolv-conf={lab.path('resolv.conf')}",
            "--netdev", f"stream,id=lan,server=on,addr.type=unix,addr.path={sock}",
            "--guest", "web,mac=52:54:00:12:34:01,ip=10.0.2.20")
        web, db, other = [lab.guest(name, f"stream,id=n0,addr.type=unix,addr.path={sock}",
                                    wait=False) for name in ("web", "db", "other")]
        addresses = {}
        for guest, options in ((web, ""), (db, "-x hostname:db"), (other, "")):
            guest.wait_boot()
            addresses[guest.name] = guest.lease(options)
            guest.serve(f"this is {guest.name}")
        expect(addresses["web"], "10.0.2.20", "the reserved address")
        expect_in("hostname='web'", web.run("cat /run/lease"), "the name that web is told")

        neighbours_by_name(web, db, other)
        names_of_addresses(web, addresses)
        world_by_type(other)
        switch_of_servers(lab, other)
        ipv6(web, db, other)
        expect_stopped_cleanly(daemon)


if __name__ == "__main__":
    main()
