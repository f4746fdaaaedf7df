#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# libslirp sends a guest larger TCP segments than the MSS option of the guest's SYN allows.
#
# Software:  libslirp 4.8.0-1+deb13u1 in QEMU 10.0.13 (-netdev user), Debian 13, amd64.
# Setting:   A script is the guest, on QEMU's stream netdev; a hub joins it to -netdev user. It
#            opens a connection to a server of the host (through 10.0.2.2) with MSS 536 in its SYN.
# Expected:  No segment carries more than 536 bytes (RFC 9293, section 3.7.1: the sender's limit is
#            the lower of its own and what the other end's MSS option states).
# Seen:      The first segment carries 1440 bytes: if_mtu less 60, whatever the guest states. A
#            guest with a small receive MTU has to take them, or set if_mtu itself.
# Source:    libslirp, src/tcp_input.c: tcp_input() puts the SYN aside while the host connects, and
#            comes back at "cont_conn" without the options (optp is unset): tcp_dooptions() is not
#            called, tcp_mss() not told.
# Output:    "largest segment: 1440 bytes, MSS of the guest: 536"
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

unpack trixie qemu-system-x86=1:10.0.13+ds-0+deb13u1 libslirp0=4.8.0-1+deb13u1
wrap_qemu trixie

cat >"$folder/guest.py" <<'END'
import socket
import struct
import subprocess
import sys
import threading
import time

MSS = 536
GUEST_MAC, GUEST = b"\x52\x54\0\0\0\x01", socket.inet_aton("10.0.2.15")
GATEWAY_MAC, GATEWAY = b"\x52\x55\x0a\0\x02\x02", socket.inet_aton("10.0.2.2")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def segment(port, seq, ack, flags, options=b""):
    tcp = struct.pack("!HHIIBBHHH", 40000, port, seq, ack, (20 + len(options)) << 2, flags, 32000,
                      0, 0) + options
    pseudo = GUEST + GATEWAY + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, socket.IPPROTO_TCP, 0)
    ip += GUEST + GATEWAY
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return GATEWAY_MAC + GUEST_MAC + b"\x08\0" + ip + tcp


def send(wire, frame):
    wire.sendall(struct.pack("!I", len(frame)) + frame)


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


def serve(listener):
    peer, _ = listener.accept()
    peer.sendall(b"x" * 4000)
    time.sleep(5)


def largest_segment(wire, port):
    """Opens the connection; the most bytes that one of the first frames carries."""
    arp = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + GUEST_MAC + GUEST + bytes(6) + GATEWAY
    send(wire, b"\xff" * 6 + GUEST_MAC + b"\x08\x06" + arp.ljust(46, b"\0"))
    send(wire, segment(port, 1000, 0, 2, struct.pack("!BBH", 2, 4, MSS)))
    largest, end = 0, time.monotonic() + 10
    while largest == 0 and time.monotonic() < end:
        frame = receive(wire)
        if frame[12:14] != b"\x08\0" or frame[23] != socket.IPPROTO_TCP:
            continue
        size = struct.unpack("!H", frame[16:18])[0]
        seq, _, offset, flags = struct.unpack("!IIBB", frame[38:48])
        if flags & 2:
            send(wire, segment(port, 1001, seq + 1, 16))
        largest = max(largest, size - 20 - (offset >> 4) * 4)
    return largest


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
wire, theirs = socket.socketpair()
wire.settimeout(20)
qemu = subprocess.Popen(
    [sys.argv[1], "-M", "none", "-nodefaults", "-display", "none", "-netdev", "user,id=user",
     "-netdev", "hubport,id=one,hubid=0,netdev=user",
     "-netdev", f"stream,id=wire,server=off,addr.type=fd,addr.str={theirs.fileno()}",
     "-netdev", "hubport,id=two,hubid=0,netdev=wire"], pass_fds=[theirs.fileno()])
theirs.close()
try:
    largest = largest_segment(wire, listener.getsockname()[1])
except (OSError, struct.error) as error:
    print(f"no answer: {error}", file=sys.stderr)
    sys.exit(2)
finally:
    qemu.kill()
    qemu.wait()
print(f"largest segment: {largest} bytes, MSS of the guest: {MSS}")
sys.exit(2 if largest == 0 else 0 if largest > MSS else 1)
END
python3 "$folder/guest.py" "$folder/qemu-trixie"
