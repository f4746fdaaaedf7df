#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Guests on the real LAN, by qemu-bridge-helper and by a macvtap: "GUESTS ON THE REAL LAN" of
tools/examples/README as written. Started by root, who is the administrator in namespaces of the test;
the daemon and the guests belong to USERNET_TEST_USER.

    guest ── usernet ── tap ── br0, 198.18.7.1, DHCP server        (the LAN)
    enter ── usernet ── macvtap on eth0 ── veth ── br0
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback

from lab import SOURCE, Lab, LabError, expect
from page import Play, Section, replace
from world import namespace

ROUTER = "198.18.7.1"
SKIPPED = 77


def shell(command):
    subprocess.run(["sh", "-ec", command], check=True,
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})


def enter_namespaces():
    namespace.unshare(namespace.NEWNS | namespace.NEWNET)
    # Changes to /etc/qemu and /usr/lib/qemu are this test's alone.
    shell("mount --make-rprivate /; mount -t sysfs sysfs /sys; ip link set lo up")
    place = tempfile.mkdtemp(prefix="usernet-bridged-")
    shell(f"mount -t tmpfs -o mode=755 tmpfs {place}; cp -a /usr/lib/qemu {place}/lib; mkdir {place}/etc; "
          f"mount --bind {place}/lib /usr/lib/qemu; mkdir -p /etc/qemu; "
          f"mount --bind {place}/etc /etc/qemu")
    return place


def make_lan():
    shell(f"ip link add br0 address 52:54:00:00:00:01 type bridge; ip address add {ROUTER}/24 dev br0; ip link set br0 up; "
          "ip link add eth0 type veth peer name port0; ip link set port0 master br0; "
          "ip link set port0 up; ip link set eth0 up; ip address add 192.0.2.7/32 dev lo")
    return subprocess.Popen([
        shutil.which("dnsmasq", path=os.environ["PATH"] + ":/usr/sbin:/sbin"), "--keep-in-foreground",
        "--conf-file=/dev/null", "--port=0", "--interface=br0", "--bind-interfaces", "--pid-file=",
        "--dhcp-range=198.18.7.20,198.18.7.99,1h", "--dhcp-leasefile=/dev/null", "--user=root"])


def become(user):
    os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid))
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


def ask_administrator():
    """The status of this test, run by root."""
    if "USERNET_ADMINISTRATOR" not in os.environ:
        print("needs root, who is the administrator here")
        return SKIPPED
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rwb") as stream:
        sock.connect(os.environ["USERNET_ADMINISTRATOR"])
        stream.write(json.dumps({name: os.environ[name] for name in ("USERNET", "USERNETCTL")})
                     .encode() + b"\n")
        stream.flush()
        output, _, status = stream.read().decode().rpartition("\n")
    print(output)
    return int(status)


def main():
    if os.geteuid() != 0:
        sys.exit(ask_administrator())
    user = pwd.getpwnam(os.environ.get("USERNET_TEST_USER", "nobody"))
    words = {"YOU": user.pw_name, "LAN-ROUTER": ROUTER}
    section = Section("GUESTS ON THE REAL LAN")
    enter_namespaces()
    server = make_lan()
    try:
        for command in section.once:
            shell(replace(command, words))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                become(user)
                play_page(section, words)
                status = 0
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        expect(os.waitpid(child, 0)[1], 0, "the user's part")
    finally:
        server.kill()


def play_page(section, words):
    with Lab() as lab:
        play = Play(lab, section, words)
        play.run()
        web = play.guests["web"]
        if not web.address().startswith("198.18.7."):
            raise LabError(f"the guest's address {web.address()} is not the LAN's")
        web.serve("on the LAN")
        page = play.on_host(f"curl -sS http://{web.address()}/")
        expect(page, "on the LAN", "the guest's page, from the LAN")
        example = play.on_host(os.path.join(SOURCE, "tools", "examples", "bridged"))
        expect("198.18.7." in example, True, f"the LAN's address in {example!r}")
        play.end()


if __name__ == "__main__":
    main()
