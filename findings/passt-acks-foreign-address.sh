#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# passt's DHCP server acknowledges requests for other addresses, and requests to other servers, with
# the one address it has.
#
# Software:  passt 0.0~git20250503.587980c-2+deb13u1, Debian 13, amd64.
# Setting:   A script is the guest on passt's socket. passt gives out 192.0.2.2 and calls itself
#            192.0.2.1. After an offer the guest sends three DHCPREQUESTs: for 10.9.8.7 after a
#            reboot (option 50), to rebind 10.9.8.7 (ciaddr), and to take 10.9.8.7 from the server
#            10.9.8.1 (options 50 and 54).
# Expected:  DHCPNAK for the first, and no DHCPACK for the second (RFC 2131, section 4.3.2: an
#            address that is incorrect or of another network gets DHCPNAK, and ciaddr is checked);
#            silence for the third (section 3.1, step 4: a server that was not selected takes the
#            request as a refusal).
# Seen:      A DHCPACK for 192.0.2.2 each time. A client that moved here from another network has to
#            notice by itself that it was given another address than it asked for.
# Source:    passt, dhcp.c: dhcp() turns any DHCPREQUEST into a DHCPACK; options 50 and 54 and the
#            field ciaddr are not read. The same in 0.0~git20230309.7c7625d-1 of Debian 12.
# Output:    "10.9.8.7 after a reboot: DHCPACK for 192.0.2.2"
#            "10.9.8.7 rebound: DHCPACK for 192.0.2.2"
#            "10.9.8.7 of 10.9.8.1: DHCPACK for 192.0.2.2"
#
# Exit status: 0 as above, 1 the behaviour has changed, 2 the case could not be run.
# Needs an interface with a default route, whose settings passt reads first.

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

unpack trixie passt=0.0~git20250503.587980c-2+deb13u1

cat >"$folder/guest.py" <<'END'
import socket
import struct
import subprocess
import sys

MAC, OWN, SERVER = b"\x52\x54\0\0\0\x01", "192.0.2.2", "192.0.2.1"
FOREIGN, OTHER_SERVER = socket.inet_aton("10.9.8.7"), socket.inet_aton("10.9.8.1")
DISCOVER, REQUEST = 1, 3
NAMES = {2: "DHCPOFFER", 5: "DHCPACK", 6: "DHCPNAK"}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


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


def receive(wire):
    """The next frame; before each stands its length, 4 bytes in network order."""
    size = struct.unpack("!I", wire.recv(4, socket.MSG_WAITALL))[0]
    return wire.recv(size, socket.MSG_WAITALL)


def ask(wire, kind, transaction, options, client=bytes(4)):
    """Sends a DHCP message; the kind and the address of the answer, or silence."""
    message = struct.pack("!BBBBIHH4s12x16s192x", 1, 1, 6, 0, transaction, 0, 0, client, MAC)
    message += b"\x63\x82\x53\x63" + bytes([53, 1, kind, 55, 3, 1, 3, 6])
    message += b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"
    message = message.ljust(300, b"\0")
    udp = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     client, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    frame = b"\xff" * 6 + MAC + b"\x08\0" + ip + udp
    wire.sendall(struct.pack("!I", len(frame)) + frame)
    try:
        while True:
            frame = receive(wire)
            if frame[12:14] != b"\x08\0" or frame[36:38] != b"\0\x44":
                continue
            answer = frame[42:]
            if struct.unpack("!I", answer[4:8])[0] == transaction:
                name = NAMES.get(options_of(answer)[53][0], "another message")
                return f"{name} for {socket.inet_ntoa(answer[16:20])}"
    except TimeoutError:
        return "silence"


wire, theirs = socket.socketpair()
wire.settimeout(5)
passt = subprocess.Popen(
    sys.argv[1:] + ["--foreground", "--quiet", "--fd", str(theirs.fileno()), "--ipv4-only",
                    "--address", OWN, "--netmask", "255.255.255.0", "--gateway", SERVER,
                    "--no-map-gw"], pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL)
theirs.close()
try:
    if ask(wire, DISCOVER, 1, []) != f"DHCPOFFER for {OWN}":
        print("passt made no offer", file=sys.stderr)
        sys.exit(2)
    answers = (
        ("10.9.8.7 after a reboot", ask(wire, REQUEST, 2, [(50, FOREIGN)])),
        ("10.9.8.7 rebound", ask(wire, REQUEST, 3, [], FOREIGN)),
        ("10.9.8.7 of 10.9.8.1", ask(wire, REQUEST, 4, [(50, FOREIGN), (54, OTHER_SERVER)])),
    )
except (OSError, struct.error) as error:
    print(f"no answer: {error}", file=sys.stderr)
    sys.exit(2)
finally:
    passt.kill()
    passt.wait()
for words, answer in answers:
    print(f"{words}: {answer}")
sys.exit(any(answer != f"DHCPACK for {OWN}" for _, answer in answers))
END
libraries=$folder/trixie/usr/lib/x86_64-linux-gnu
python3 "$folder/guest.py" "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
	"$folder/trixie/usr/bin/passt"
