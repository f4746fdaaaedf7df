#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# isatty(), and stdio at the first output to a character device, ask the kernel by another ioctl
# since glibc 2.42. A seccomp filter that allows TCGETS and kills otherwise ends such programs.
#
# Software:  glibc 2.36 (Debian 12), 2.41 (Debian 13) and 2.43 (Debian unstable), amd64.
# Setting:   One program that calls isatty() on /dev/null, run by strace with each release's libc.
# Expected:  ioctl TCGETS, as for decades, or that the release notes name the new one.
# Seen:      TCGETS2 with 2.43. A daemon with an allowlist of system calls died with SIGSYS, but only
#            where its output was /dev/null or a terminal, and not on Debian 12 and 13.
# Source:    glibc 2.42, NEWS: arbitrary baud rates in <termios.h>. The same in other sandboxes:
#            https://github.com/google/gvisor/pull/12589
# Output:    "2.36 TCGETS"
#            "2.41 TCGETS"
#            "2.43 TCGETS2"
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
command -v strace >/dev/null || die "needs strace"
echo 'int isatty(int); int main(void) { return isatty(0); }' >"$folder/ask.c"
cc -o "$folder/ask" "$folder/ask.c" || die "needs a C compiler"

# Downloads libc6 of a release and unpacks it into a folder.
unpack() {
	local suite=$1 state=$folder/apt-$1 key=/usr/share/keyrings/debian-archive-keyring.gpg
	mkdir -p "$state"/{lists,cache/archives}/partial "$folder/$suite"
	: >"$state/status"
	echo "deb [signed-by=$key] $mirror $suite main" >"$state/sources.list"
	local options=(-qq -o "Dir::Etc::SourceList=$state/sources.list"
		-o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$state/lists"
		-o "Dir::State::Status=$state/status" -o "Dir::Cache=$state/cache"
		-o Debug::NoLocking=true -o APT::Architecture=amd64 -o APT::Sandbox::User=
		-o Acquire::Check-Valid-Until=false)
	apt-get "${options[@]}" update || die "no package lists from '$mirror'"
	(cd "$state" && apt-get "${options[@]}" download libc6 >/dev/null) ||
		die "$mirror does not have libc6 of $suite"
	dpkg-deb -x "$state"/libc6_*.deb "$folder/$suite" || die "cannot unpack libc6"
}

changed=
# check SUITE VERSION IOCTL
check() {
	local libraries=$folder/$1/usr/lib/x86_64-linux-gnu asked version
	[ -e "$libraries/libc.so.6" ] || libraries=$folder/$1/lib/x86_64-linux-gnu
	version=$("$libraries/ld-linux-x86-64.so.2" --version |
		sed -n '1s/.*version \([0-9]*\.[0-9]*\).*/\1/p')
	asked=$(strace -e trace=ioctl "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" \
		"$folder/ask" </dev/null 2>&1 | sed -n 's/^ioctl(0, \(TCGETS2\?\),.*/\1/p')
	echo "$version ${asked:-nothing}"
	[ "$version $asked" = "$2 $3" ] || changed=yes
}

for suite in bookworm trixie unstable; do
	unpack $suite
done
check bookworm 2.36 TCGETS
check trixie 2.41 TCGETS
check unstable 2.43 TCGETS2
[ -z "$changed" ]
