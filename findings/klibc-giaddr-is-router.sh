#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# klibc's ipconfig, the DHCP client of Debian's initramfs, routes through the relay agent where the
# lease names no router.
#
# Software:  klibc-utils 2.0.12-1 (ipconfig), Debian 12, amd64.
# Setting:   ipconfig runs on a veth pair in a network namespace. A script at the other end gives it
#            a lease, once with the address of a relay agent, 192.0.2.1, in giaddr, and once with
#            giaddr 0. Neither lease names a router (option 3), as on a network without a way out.
# Expected:  No default route (RFC 1542, section 3.4: a client must not take giaddr of a reply for
#            the address of a router).
# Seen:      With giaddr a default route through 192.0.2.1, and IPV4GATEWAY=192.0.2.1 for the boot
#            scripts; without it none. A guest that has to stay on its network sends to the relay.
# Source:    klibc, usr/kinit/ipconfig/bootp_proto.c: bootp_parse() begins with giaddr as the
#            gateway; option 3 overwrites it.
# Output:    "giaddr 192.0.2.1: IPV4GATEWAY 192.0.2.1, default via 192.0.2.1 dev eth0"
#            "giaddr 0.0.0.0: IPV4GATEWAY 0.0.0.0, no default route"
#
# Exit status: 0 as above, 1 the behaviour has changed, 2 the case could not be run.
# Needs iproute2 and the right to make user namespaces.

set -u
# This machine's own archive, unless MIRROR=URL names another. $(SITE) is apt's.
# shellcheck disable=SC2016
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Component: main' |
	grep -v security | head -n 1)}

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

folder=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$folder"' EXIT

# Downloads PACKAGE=VERSION... of a release and what they need, and unpacks them into a folder.
unpack() {
	local suite=$1 state=$folder/apt-$1 key=/usr/share/keyrings/debian-archive-keyring.gpg
	shift
	mkdir -p "$state"/{lists,cache/archives}/partial "$folder/$suite"
	: >"$state/status"
	echo "deb [signed-by=$key] $mirror $suite main" >"$state/sources.list"
	local options=(-qq -y --no-install-recommends -o "Dir::Etc::SourceList=$state/sources.list"
		-o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$state/lists"
		-o "Dir::State::Status=$state/status" -o "Dir::Cache=$state/cache"
		-o Debug::NoLocking=true -o APT::Architecture=amd64 -o APT::Sandbox::User=)
	apt-get "${options[@]}" update || die "no package lists from '$mirror'"
	apt-get "${options[@]}" --download-only install "$@" >/dev/null ||
		die "$mirror does not have $*; MIRROR=URL names an archive that does"
	local package
	for package in "$state"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$folder/$suite" || die "cannot unpack $package"
	done
}

unpack bookworm klibc-utils=2.0.12-1

cat >"$folder/server.py" <<'END'
import re
import socket
import struct
import subprocess
import sys
import time

SERVER_MAC, SERVER = b"\x52\x54\0\0\0\x02", socket.inet_aton("198.51.100.1")
CLIENT = socket.inet_aton("192.0.2.2")


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def reply_to(request, relay):
    """The frame of the offer or lease that answers a DHCP message, as a relay passes it on."""
    kind = 2 if request[242] == 1 else 5
    reply = struct.pack("!BBBB4sHH4s4s4s4s16s192s", 2, 1, 6, 0, request[4:8], 0, 0x8000, bytes(4),
                        CLIENT, bytes(4), relay, request[28:44], b"") + b"\x63\x82\x53\x63"
    reply += bytes([53, 1, kind, 54, 4]) + SERVER + b"\x33\4\0\0\x0e\x10\1\4\xff\xff\xff\0\xff"
    reply = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(reply), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     SERVER, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + SERVER_MAC + b"\x08\0" + ip + reply


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def configure(root, relay):
    """Lets ipconfig configure eth0; what it tells the boot scripts, and the default route."""
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "link", "set", "wire0", "up")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800)) as wire:
        wire.bind(("wire0", 0x800))
        wire.settimeout(0.5)
        ipconfig = subprocess.Popen(
            ["chroot", root, "/usr/lib/klibc/bin/ipconfig", "-t", "20", "-c", "dhcp", "eth0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 40
        try:
            while ipconfig.poll() is None and time.monotonic() < end:
                try:
                    frame = wire.recv(2048)
                except TimeoutError:
                    continue
                if frame[23] == socket.IPPROTO_UDP and frame[36:38] == b"\0\x43":
                    wire.send(reply_to(frame[42:], relay))
        finally:
            ipconfig.kill()
            ipconfig.wait()
    said = re.search(r"IPV4GATEWAY='(.*)'", open(f"{root}/run/net-eth0.conf").read()).group(1)
    route = run("ip", "route", "show", "default").strip()
    run("ip", "link", "delete", "eth0")
    return f"IPV4GATEWAY {said}, {route or 'no default route'}"


root, changed = sys.argv[1], False
try:
    for relay, expected in (
            ("192.0.2.1", "IPV4GATEWAY 192.0.2.1, default via 192.0.2.1 dev eth0"),
            ("0.0.0.0", "IPV4GATEWAY 0.0.0.0, no default route")):
        seen = configure(root, socket.inet_aton(relay))
        print(f"giaddr {relay}: {seen}", flush=True)
        changed |= seen != expected
except (OSError, subprocess.CalledProcessError) as error:
    print(f"ipconfig took no lease: {error}", file=sys.stderr)
    sys.exit(2)
sys.exit(changed)
END
unshare --map-root-user --net true || die "no user namespaces"
mkdir -p "$folder/bookworm/run"
unshare --map-root-user --net python3 "$folder/server.py" "$folder/bookworm"
