#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# GRUB's HTTP client opens its connections with a SYN that carries no TCP option, so no MSS either.
#
# Software:  GRUB 2.06-13+deb12u2 (grub-pc-bin), QEMU 7.2.22, Debian 12, amd64.
# Setting:   iPXE loads a GRUB image by TFTP from -netdev user; the image reads
#            (http,10.0.2.2)/file, and filter-dump records the wire. The network is restricted: the
#            connection is refused, and only the SYN matters.
# Expected:  An MSS option of 1460 on an Ethernet of MTU 1500 (RFC 9293, section 3.7.1: it
#            should be sent when the receive MSS differs from the default of 536).
# Seen:      A header of 20 bytes. A server has to assume an MSS of 536, and downloads take almost
#            three times the segments; code that reads options has to expect a SYN without any.
# Source:    GRUB, grub-core/net/tcp.c (grub_net_tcp_open() builds a SYN of 5 words).
# Output:    "SYN: header of 20 bytes, window 8192"
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

unpack bookworm qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 grub-pc-bin=2.06-13+deb12u2
wrap_qemu bookworm

root=$folder/bookworm
mkdir "$folder/tftp"
printf 'cat (http,10.0.2.2)/file\n' >"$folder/grub.cfg"
"$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
	--library-path "$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu" \
	"$root/usr/bin/grub-mkimage" -O i386-pc-pxe -d "$root/usr/lib/grub/i386-pc" -p '(pxe)' \
	-c "$folder/grub.cfg" -o "$folder/tftp/core.0" pxe net http cat || die "cannot build the image"

cat >"$folder/watch.py" <<'END'
import os
import socket
import struct
import subprocess
import sys
import time


def first_syn(path):
    """The TCP header of the first SYN in a pcap file that may still grow, or None."""
    data = open(path, "rb").read()[24:] if os.path.exists(path) else b""
    while len(data) >= 16:
        size = struct.unpack("=I", data[8:12])[0]
        frame, data = data[16:16 + size], data[16 + size:]
        tcp = frame[12:14] == b"\x08\0" and frame[23] == socket.IPPROTO_TCP
        if tcp and len(frame) == size and frame[47] == 2:
            return frame[34:]
    return None


folder = sys.argv[1]
qemu = subprocess.Popen(
    [f"{folder}/qemu-bookworm", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none",
     "-boot", "n", "-netdev", f"user,id=n,restrict=on,tftp={folder}/tftp,bootfile=core.0",
     "-device", "virtio-net-pci,netdev=n",
     "-object", f"filter-dump,id=dump,netdev=n,file={folder}/wire.pcap"])
end, syn = time.monotonic() + 120, None
try:
    while syn is None and qemu.poll() is None and time.monotonic() < end:
        time.sleep(0.5)
        syn = first_syn(f"{folder}/wire.pcap")
finally:
    qemu.kill()
    qemu.wait()
if syn is None:
    print("GRUB opened no connection", file=sys.stderr)
    sys.exit(2)
header, window = (syn[12] >> 4) * 4, struct.unpack("!H", syn[14:16])[0]
print(f"SYN: header of {header} bytes, window {window}")
sys.exit(0 if header == 20 else 1)
END
python3 "$folder/watch.py" "$folder"
