#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# busybox's udhcpc ignores the renewal and rebinding times that a DHCP server sets (options 58, 59).
#
# Software:  busybox 1:1.35.0-4+deb12u1+b1 (udhcpc), Debian 12, amd64.
# Setting:   udhcpc runs on a veth pair in a network namespace; a script at the other end gives it a
#            lease of 60 s with T1 = 6 s and T2 = 50 s, and measures when the renewal comes.
# Expected:  A DHCPREQUEST to the server about 6 s after the lease (RFC 2131, section 4.4.5: servers
#            can set T1 and T2 by options; half the lease is the default of T1).
# Seen:      Nothing for 30 s, half the lease. A server that sets a short T1 on long leases, to give
#            its clients new settings soon, does not reach this one.
# Source:    busybox, networking/udhcp/dhcpc.c: udhcpc_main() reads the lease time only, and
#            bound clients wait for half of what remains of it.
# Output:    "lease 60 s, T1 6 s, T2 50 s: renewal after about 30 s"
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

unpack bookworm busybox=1:1.35.0-4+deb12u1+b1

cat >"$folder/server.py" <<'END'
import socket
import struct
import subprocess
import sys
import time

SERVER_MAC, SERVER = b"\x52\x54\0\0\0\x02", socket.inet_aton("192.0.2.1")
CLIENT = socket.inet_aton("192.0.2.2")
LEASE, T1, T2 = 60, 6, 50
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def answer(request, kind):
    """The frame of the offer or lease that answers a DHCP message."""
    reply = struct.pack("!BBBB4sHH4s4s4s4s16s192s", 2, 1, 6, 0, request[4:8], 0, 0x8000, bytes(4),
                        CLIENT, bytes(4), bytes(4), request[28:44], b"") + b"\x63\x82\x53\x63"
    reply += bytes([53, 1, kind, 54, 4]) + SERVER + b"\1\4\xff\xff\xff\0"
    for code, seconds in ((51, LEASE), (58, T1), (59, T2)):
        reply += struct.pack("!BBI", code, 4, seconds)
    reply += b"\xff"
    reply = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(reply), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     SERVER, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + SERVER_MAC + b"\x08\0" + ip + reply


def run(*words):
    subprocess.run(words, check=True)


def renewal(wire, end):
    """Gives out the lease; the seconds until the client renews it, or None."""
    bound = None
    while time.monotonic() < end:
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            continue
        if frame[12:14] == b"\x08\x06" and frame[38:42] == SERVER and frame[20:22] == b"\0\1":
            wire.send(frame[6:12] + SERVER_MAC + frame[12:20] + b"\0\2" + SERVER_MAC + SERVER +
                      frame[22:32])
        if frame[12:14] != b"\x08\0" or frame[36:38] != b"\0\x43":
            continue
        message = frame[42:]
        if message[242] == REQUEST and message[12:16] == CLIENT:
            return time.monotonic() - bound
        if message[242] == DISCOVER:
            wire.send(answer(message, OFFER))
        elif message[242] == REQUEST and bound is None:
            wire.send(answer(message, ACK))
            bound = time.monotonic()
    return None


folder = sys.argv[1]
with open(f"{folder}/script", "w") as script:
    script.write("#!/bin/sh\n[ \"$1\" != bound ] || ip addr add \"$ip/24\" dev \"$interface\"\n")
run("chmod", "+x", f"{folder}/script")
run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire0")
run("ip", "link", "set", "eth0", "up")
run("ip", "link", "set", "wire0", "up")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
    wire.bind(("wire0", 3))
    wire.settimeout(0.5)
    udhcpc = subprocess.Popen(sys.argv[2:] + ["udhcpc", "-f", "-i", "eth0", "-s",
                                              f"{folder}/script"], stderr=subprocess.DEVNULL)
    try:
        seconds = renewal(wire, time.monotonic() + 70)
    finally:
        udhcpc.kill()
        udhcpc.wait()
if seconds is None:
    print("udhcpc renewed no lease", file=sys.stderr)
    sys.exit(2)
is_half = LEASE / 2 - 2 < seconds < LEASE / 2 + 8
print(f"lease {LEASE} s, T1 {T1} s, T2 {T2} s: renewal after about",
      f"{LEASE // 2 if is_half else round(seconds)} s")
sys.exit(not is_half)
END
unshare --map-root-user --net true || die "no user namespaces"
root=$folder/bookworm
unshare --map-root-user --net python3 "$folder/server.py" "$folder" \
	"$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --library-path "$root/lib/x86_64-linux-gnu" \
	"$root/bin/busybox"
