#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tcpdump reads no packet of a file that Wireshark's mergecap made of two captures, if these were
# taken with different snap lengths.
#
# Software:  tcpdump 4.99.3-1, libpcap0.8 1.10.3-1, mergecap 4.0.17-0+deb12u3 (wireshark-common),
#            Debian 12, amd64.
# Setting:   Two pcap files hold one Ethernet frame of 60 bytes each; one has the snap length 262144
#            (tcpdump's default), the other 96. mergecap merges them, by default into a pcapng file,
#            and tcpdump reads the result.
# Expected:  Two packets: tcpdump(1) says at -r that it reads pcapng, and in pcapng the snap length
#            is that of one interface of several (draft-ietf-opsawg-pcapng, Interface Description
#            Block). Both frames are whole.
# Seen:      An error and no packet. With -F pcap mergecap makes a file that tcpdump reads to its
#            end.
# Source:    libpcap, sf-pcapng.c, refuses an interface unlike the first; its maintainers call it a
#            limit of the API: https://github.com/the-tcpdump-group/libpcap/issues/1078
# Output:    "pcapng: 0 packets, an interface has a snapshot length 96 different from the snapshot
#            length of the first interface"
#            "pcap: 2 packets"
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

unpack bookworm tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 wireshark-common=4.0.17-0+deb12u3

cat >"$folder/merge.py" <<'END'
import os
import re
import struct
import subprocess
import sys

FRAME = (b"\xff" * 6 + b"\x52\x54\0\0\0\1" + b"\x88\xb5").ljust(60, b"\0")
ETHERNET = 1
REFUSAL = ("an interface has a snapshot length 96 different from the snapshot length of the first "
           "interface")


def write(path, snap_length, second):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, snap_length, ETHERNET))
        file.write(struct.pack("=IIII", second, 0, len(FRAME), len(FRAME)) + FRAME)


def merge(folder, form):
    """Merges the two captures; what tcpdump makes of the result."""
    merged = f"{folder}/merged.{form}"
    subprocess.run([*run, f"{root}/usr/bin/mergecap", *(["-F", form] if form == "pcap" else []),
                    "-w", merged, f"{folder}/whole.pcap", f"{folder}/short.pcap"], check=True)
    # Without -Z root, root's tcpdump becomes a user that the system may not have.
    result = subprocess.run([*run, f"{root}/usr/bin/tcpdump", "-Z", "root", "-n", "-t", "-r",
                             merged], capture_output=True, text=True)
    count = len(re.findall(r"^\S", result.stdout, re.M))
    said = re.findall(r"tcpdump: (?:pcap_loop: )?(.*)", result.stderr)
    return ", ".join([f"{count} packets", *said])


folder = sys.argv[1]
root = f"{folder}/bookworm"
run = [f"{root}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "--library-path",
       f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu"]
os.environ["WIRESHARK_CONFIG_DIR"] = folder
write(f"{folder}/whole.pcap", 262144, 1)
write(f"{folder}/short.pcap", 96, 2)
try:
    seen = {form: merge(folder, form) for form in ("pcapng", "pcap")}
except subprocess.CalledProcessError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
for form, words in seen.items():
    print(f"{form}: {words}")
if seen["pcap"] != "2 packets":
    sys.exit(2)
sys.exit(seen["pcapng"] != f"0 packets, {REFUSAL}")
END
python3 "$folder/merge.py" "$folder"
