#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SLOF, the firmware of QEMU's pseries machine, asks the DHCP server for its own client architecture
# (option 93) and leaves the option out of its DHCPDISCOVER.
#
# Software:  SLOF of QEMU 7.2.22 (qemu-system-data 1:7.2+dfsg-7+deb12u18), Debian 12, amd64.
# Setting:   A script on -netdev stream is the DHCP server of a pseries guest that boots from the
#            network; it prints option 93 and the parameter request list (option 55) of what comes.
# Expected:  Option 93 in both messages (RFC 4578, section 2.1: it must be in all DHCP packets that
#            a PXE client sends): it describes the client, and servers choose the boot file by it.
# Seen:      The DHCPDISCOVER names 93 in its list of wanted options and has no option 93. The
#            DHCPREQUEST has it: 12 (PowerPC Open Firmware). A server that chooses the boot file by
#            architecture cannot do so in the offer.
# Source:    SLOF, lib/libnet/dhcp.c: dhcp_send_discover() sets the option's bit in request_list
#            only, dhcp_send_request() in flag too.
# Output:    "DHCPDISCOVER: option 93 none, asked for: yes"
#            "DHCPREQUEST: option 93 12, asked for: yes"
#
# Exit status: 0 as above, 1 the behaviour has changed, 2 the case could not be run.

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

unpack bookworm qemu-system-ppc=1:7.2+dfsg-7+deb12u18+b3 qemu-system-data=1:7.2+dfsg-7+deb12u18

cat >"$folder/server.py" <<'END'
import os
import socket
import struct
import subprocess
import sys
import time

SERVER_MAC, SERVER = b"\x52\x54\0\0\0\x02", socket.inet_aton("192.0.2.1")
CLIENT = socket.inet_aton("192.0.2.2")
KINDS = {1: "DHCPDISCOVER", 3: "DHCPREQUEST"}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def receive(wire):
    """The next frame; before each stands its length, 4 bytes in network order."""
    data, size = b"", 4
    while len(data) < size:
        piece = wire.recv(size - len(data))
        if not piece:
            raise OSError("QEMU closed the wire")
        data += piece
        if len(data) == 4:
            size += struct.unpack("!I", data)[0]
    return data[4:]


def options_of(message):
    """The options of a DHCP message, by number."""
    data, options = message[240:], {}
    while data and data[0] != 255:
        if data[0] == 0:
            data = data[1:]
            continue
        options[data[0]] = data[2:2 + data[1]]
        data = data[2 + data[1]:]
    return options


def offer(message):
    """The frame of an offer in answer to a DHCPDISCOVER."""
    reply = struct.pack("!BBBB4sHH4s4s4s4s16s64s128s", 2, 1, 6, 0, message[4:8], 0, 0x8000,
                        bytes(4), CLIENT, SERVER, bytes(4), message[28:44], b"", b"boot.elf")
    reply += b"\x63\x82\x53\x63" + bytes([53, 1, 2, 54, 4]) + SERVER
    reply += b"\x33\4\0\0\x0e\x10\1\4\xff\xff\xff\0\xff"
    reply = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(reply), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     SERVER, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + SERVER_MAC + b"\x08\0" + ip + reply


def boot(qemu):
    """The first DHCPDISCOVER's and DHCPREQUEST's option 93, and whether option 55 names it."""
    seen = {}
    wire, theirs = socket.socketpair()
    process = subprocess.Popen(
        qemu + ["-M", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
                "-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none", "-boot", "n",
                "-netdev", f"stream,id=n,server=off,addr.type=fd,addr.str={theirs.fileno()}",
                "-device", "virtio-net-pci,netdev=n,romfile="], pass_fds=[theirs.fileno()])
    theirs.close()
    end = time.monotonic() + 170
    try:
        while "DHCPREQUEST" not in seen:
            wire.settimeout(max(end - time.monotonic(), 0.001))
            frame = receive(wire)
            if frame[12:14] != b"\x08\0" or frame[36:38] != b"\0\x43":
                continue
            options = options_of(frame[42:])
            kind = KINDS.get(options[53][0])
            value = struct.unpack("!H", options[93])[0] if 93 in options else "none"
            seen.setdefault(kind, (value, 93 in options.get(55, b"")))
            if kind == "DHCPDISCOVER":
                answer = offer(frame[42:])
                wire.sendall(struct.pack("!I", len(answer)) + answer)
    except OSError as error:
        print(f"no DHCP: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        process.kill()
        process.wait()
    return seen


root = sys.argv[1]
libraries = f"{root}/lib/x86_64-linux-gnu:{root}/usr/lib/x86_64-linux-gnu"
os.environ["QEMU_MODULE_DIR"] = f"{root}/usr/lib/x86_64-linux-gnu/qemu"
seen = boot([f"{root}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "--library-path", libraries,
             f"{root}/usr/bin/qemu-system-ppc64", "-L", f"{root}/usr/share/qemu"])
for kind in KINDS.values():
    value, wanted = seen[kind]
    print(f"{kind}: option 93 {value}, asked for: {'yes' if wanted else 'no'}")
sys.exit(seen != {"DHCPDISCOVER": ("none", True), "DHCPREQUEST": (12, True)})
END
python3 "$folder/server.py" "$folder/bookworm"
