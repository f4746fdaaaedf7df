#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# UEFI HTTP boot over IPv4 ignores a DHCP offer that names a boot URL but does not repeat
# the vendor class "HTTPClient" (option 60).
#
# Software:  OVMF 2022.11-6+deb12u2 (EDK II), QEMU 7.2.22, Debian 12, amd64.
# Setting:   A script on -netdev stream is the DHCP server of a guest that may boot by HTTP only. It
#            offers an address, a mask, a router, a name server and a URL in option 67; with and
#            without option 60.
# Expected:  A DHCPREQUEST after either offer: to send option 60 is the client's part (RFC 2132,
#            section 9.13), and the firmware's own PXE client takes offers without it.
# Seen:      Without option 60 no DHCPREQUEST comes within 40 s. With option 60 one follows.
# Source:    EDK II, NetworkPkg/HttpBootDxe/HttpBootDhcp4.c: HttpBootParseDhcp4Packet() takes an
#            offer without the class for one of an address alone, which HttpBootSelectDhcpOffer()
#            never chooses by itself. The UEFI specification's chapter on HTTP boot asks servers
#            for the option.
# Output:    "offer without option 60: no request"
#            "offer with option 60: request"
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

unpack bookworm qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 ovmf=2022.11-6+deb12u2
wrap_qemu bookworm

cat >"$folder/server.py" <<'END'
import shutil
import socket
import struct
import subprocess
import sys
import time

SERVER_MAC, SERVER = b"\x52\x54\0\0\0\x02", socket.inet_aton("192.0.2.1")
CLIENT = socket.inet_aton("192.0.2.2")
DISCOVER, OFFER, REQUEST = 1, 2, 3
CODE, VARIABLES = "usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"


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


def offer(message, with_class):
    """The frame of an offer in answer to a DHCPDISCOVER."""
    options = [(53, bytes([OFFER])), (54, SERVER), (51, struct.pack("!I", 3600)),
               (1, b"\xff\xff\xff\0"), (3, SERVER), (6, SERVER),
               (67, b"http://192.0.2.1/boot.efi")]
    if with_class:
        options.append((60, b"HTTPClient"))
    reply = struct.pack("!BBBB4sHH4s4s4s4s16s192s", 2, 1, 6, 0, message[4:8], 0, 0x8000, bytes(4),
                        CLIENT, SERVER, bytes(4), message[28:44], b"") + b"\x63\x82\x53\x63"
    reply += b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"
    reply = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(reply), 1, 0, 64, socket.IPPROTO_UDP, 0,
                     SERVER, b"\xff" * 4)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + SERVER_MAC + b"\x08\0" + ip + reply


def is_taken(folder, with_class):
    """Boots once; None if no DHCPDISCOVER came, else does a DHCPREQUEST follow the offers?"""
    wire, theirs = socket.socketpair()
    shutil.copy(f"{folder}/bookworm/{VARIABLES}", f"{folder}/variables.fd")
    process = subprocess.Popen(
        [f"{folder}/qemu-bookworm", "-M", "q35", "-accel", "tcg", "-m", "256", "-nodefaults",
         "-display", "none",
         "-drive", f"if=pflash,format=raw,readonly=on,file={folder}/bookworm/{CODE}",
         "-drive", f"if=pflash,format=raw,file={folder}/variables.fd",
         "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
         "-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n",
         "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n",
         "-netdev", f"stream,id=n,server=off,addr.type=fd,addr.str={theirs.fileno()}",
         "-device", "virtio-net-pci,netdev=n,romfile=,bootindex=1"], pass_fds=[theirs.fileno()])
    theirs.close()
    end, taken = time.monotonic() + 300, None
    try:
        while True:
            wire.settimeout(max(end - time.monotonic(), 0.001))
            frame = receive(wire)
            if frame[12:14] != b"\x08\0" or frame[36:38] != b"\0\x43":
                continue
            options = options_of(frame[42:])
            if options.get(53) == bytes([REQUEST]):
                return True
            if options.get(60, b"").startswith(b"HTTPClient"):
                answer = offer(frame[42:], with_class)
                wire.sendall(struct.pack("!I", len(answer)) + answer)
                if taken is None:
                    taken, end = False, time.monotonic() + 40
    except OSError:
        return taken
    finally:
        process.kill()
        process.wait()


folder, changed = sys.argv[1], False
for words, with_class in (("without", False), ("with", True)):
    taken = is_taken(folder, with_class)
    if taken is None:
        print("the firmware sent no DHCPDISCOVER", file=sys.stderr)
        sys.exit(2)
    print(f"offer {words} option 60:", "request" if taken else "no request", flush=True)
    changed |= taken != with_class
sys.exit(changed)
END
python3 "$folder/server.py" "$folder"
