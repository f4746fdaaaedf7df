#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Newer QEMU no longer pads the short frames that reach ne2k_pci over a stream netdev, and the guest
# loses them.
#
# Software:  QEMU 7.2.22 (Debian 12) and 10.0.13 (Debian 13), amd64; the guest is the iPXE boot ROM
#            of each release's ipxe-qemu.
# Setting:   A script at the other end of -netdev stream gives iPXE a lease that names a boot file,
#            and answers its ARP request for the TFTP server: 42 bytes, or padded to 60.
# Expected:  iPXE asks the TFTP server for the file either way, as with -netdev user and tap, which
#            pad to the 60 bytes of IEEE 802.3 (64 less the frame check sequence).
# Seen:      With 7.2.22 it does. With 10.0.13 it does after the padded reply only: the shorter one
#            is no longer padded, and no TFTP request comes.
# Source:    QEMU 8.1, commit 05db4476c5d2 (hw/net/ne2000.c leaves padding to the other end);
#            net/slirp.c and net/tap.c pad, net/stream.c does not. The same with vmnet:
#            https://gitlab.com/qemu-project/qemu/-/issues/2058
# Output:    "7.2.22  ARP reply of 42 bytes: TFTP request"
#            "10.0.13 ARP reply of 42 bytes: no TFTP request"
#            "10.0.13 ARP reply of 60 bytes: TFTP request"
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

# Writes a script that runs the QEMU of a release with its own libraries.
wrap_qemu() {
	local root=$folder/$1 libraries loader
	libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
	for loader in "$root"/{,usr/}lib/x86_64-linux-gnu/ld-linux-x86-64.so.2; do
		[ ! -e "$loader" ] || break
	done
	cat >"$folder/qemu-$1" <<END
#!/bin/sh
export QEMU_MODULE_DIR='$root/usr/lib/x86_64-linux-gnu/qemu'
exec '$loader' --library-path '$libraries' '$root/usr/bin/qemu-system-x86_64' \\
	-L '$root/usr/share/qemu' -L '$root/usr/share/seabios' -L '$root/usr/lib/ipxe/qemu' "\$@"
END
	chmod +x "$folder/qemu-$1"
}

unpack bookworm qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3
unpack trixie qemu-system-x86=1:10.0.13+ds-0+deb13u1
wrap_qemu bookworm
wrap_qemu trixie

cat >"$folder/server.py" <<'END'
import socket
import struct
import subprocess
import sys
import time

SERVER_MAC, SERVER = b"\x52\x54\0\0\0\x02", socket.inet_aton("192.0.2.1")
CLIENT = socket.inet_aton("192.0.2.2")


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


def dhcp_reply(request):
    """The answer to the DHCP message of a frame: an offer or a lease, with a TFTP boot file."""
    message = request[42:]
    options, kind = message[240:], 0
    while options and options[0] != 255:
        if options[0] == 53:
            kind = options[2]
        options = options[2 + options[1]:] if options[0] else options[1:]
    reply = struct.pack("!BBBB4sHH4s4s4s4s16s64s128s", 2, 1, 6, 0, message[4:8], 0,
                        struct.unpack("!H", message[10:12])[0], bytes(4), CLIENT, SERVER, bytes(4),
                        message[28:44], b"", b"boot.ipxe")
    reply += b"\x63\x82\x53\x63" + bytes([53, 1, 2 if kind == 1 else 5, 54, 4]) + SERVER
    reply += b"\x33\4\0\0\x0e\x10\1\4\xff\xff\xff\0\xff"
    reply = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(reply), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     SERVER, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + SERVER_MAC + b"\x08\0" + ip + reply


def asks_for_file(qemu, padding):
    """Boots iPXE; None if it never asked for the server's MAC, else does TFTP follow?"""
    wire, theirs = socket.socketpair()
    process = subprocess.Popen(
        [qemu, "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none", "-boot", "n",
         "-netdev", f"stream,id=n,server=off,addr.type=fd,addr.str={theirs.fileno()}",
         "-device", "ne2k_pci,netdev=n"], pass_fds=[theirs.fileno()])
    theirs.close()
    end, resolved = time.monotonic() + 120, None
    try:
        while True:
            wire.settimeout(max(end - time.monotonic(), 0.001))
            frame = receive(wire)
            answer = b""
            if frame[12:14] == b"\x08\x06" and frame[38:42] == SERVER:
                answer = frame[6:12] + SERVER_MAC + frame[12:20] + b"\0\2" + SERVER_MAC + SERVER
                answer = (answer + frame[22:32]).ljust(padding, b"\0")
                if resolved is None:
                    resolved, end = False, time.monotonic() + 10
            elif frame[12:14] == b"\x08\0" and frame[23] == socket.IPPROTO_UDP:
                if frame[36:38] == b"\0\x43":
                    answer = dhcp_reply(frame)
                elif frame[36:38] == b"\0\x45":
                    return True
            if answer:
                wire.sendall(struct.pack("!I", len(answer)) + answer)
    except (OSError, struct.error):
        return resolved
    finally:
        process.kill()
        process.wait()


folder, changed = sys.argv[1], False
for release, version, padding, expected in (("bookworm", "7.2.22", 42, True),
                                            ("trixie", "10.0.13", 42, False),
                                            ("trixie", "10.0.13", 60, True)):
    asked = asks_for_file(f"{folder}/qemu-{release}", padding)
    if asked is None:
        print(f"{version}: iPXE did not get as far as ARP", file=sys.stderr)
        sys.exit(2)
    print(f"{version:7} ARP reply of {padding} bytes:",
          "TFTP request" if asked else "no TFTP request", flush=True)
    changed |= asked != expected
sys.exit(changed)
END
python3 "$folder/server.py" "$folder"
