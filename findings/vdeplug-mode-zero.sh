#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A VDE plug opened with mode 0 in struct vde_open_args does not get the default mode: nobody may
# write to its socket, and vde_open() fails.
#
# Software:  libvdeplug2 4.0.1-4, vde2 2.3.2+r586-8+b1 (vde_switch), Debian 12, amd64.
# Setting:   A plain user's program opens plugs on a vde_switch of the same user (umask 022):
#            without arguments, with mode 0, and with mode 0600; port 0 and no group each time. It
#            prints the mode of the plug's socket, which stands in the switch's folder.
# Expected:  The default for mode 0, as without arguments (libvdeplug.h at struct vde_open_args: "if
#            0 standard socket mode applies").
# Seen:      vde_open() fails with EINVAL: the switch may not connect to the plug's socket. Where
#            both run as root the plug opens, and its socket has mode 0000.
# Source:    vdeplug4, include/libvdeplug.h; its plugin for vde:// opens the socket.
# Output:    "no arguments: mode 0700"
#            "mode 0: Invalid argument"
#            "mode 0600: mode 0600"
#
# Exit status: 0 as above, 1 the behaviour has changed, 2 the case could not be run.
# Needs a C compiler (CC, or cc); root becomes user 65534 for it (setpriv).

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

unpack bookworm libvdeplug2=4.0.1-4 libvdeplug-dev=4.0.1-4 vde2=2.3.2+r586-8+b1

cat >"$folder/plug.c" <<'END'
#include <dirent.h>
#include <errno.h>
#include <libvdeplug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The mode of the one socket in FOLDER beside the switch's own. */
static unsigned int mode_of_socket(const char *folder)
{
	unsigned int mode = 07777;
	DIR *entries = opendir(folder);
	struct dirent *entry;

	if (!entries)
		exit(2);
	while ((entry = readdir(entries))) {
		char path[4096];
		struct stat status;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (strcmp(entry->d_name, "ctl") && !lstat(path, &status) &&
		    S_ISSOCK(status.st_mode))
			mode = status.st_mode & 07777;
	}
	closedir(entries);
	return mode;
}

/* Says what became of a plug; true if that is MODE, or a failure with ERROR. */
static int open_plug(const char *words, char *folder, struct vde_open_args *args,
		     unsigned int mode, int error)
{
	VDECONN *plug = vde_open(folder, "finding", args);
	unsigned int seen;

	if (!plug) {
		int seen_error = errno;

		printf("%s: %s\n", words, strerror(seen_error));
		return seen_error == error;
	}
	seen = mode_of_socket(folder);
	vde_close(plug);
	printf("%s: mode %04o\n", words, seen);
	return !error && seen == mode;
}

int main(int argc, char **argv)
{
	struct vde_open_args zero = {.mode = 0}, owner = {.mode = 0600};
	int is_same;

	if (argc != 2)
		return 2;
	umask(022);
	if (!open_plug("no arguments", argv[1], NULL, 0700, 0))
		return 2;
	is_same = open_plug("mode 0", argv[1], &zero, 0, EINVAL);
	is_same &= open_plug("mode 0600", argv[1], &owner, 0600, 0);
	return is_same ? 0 : 1;
}
END
root=$folder/bookworm
libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
loader=$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
${CC:-cc} -Wall -Wextra -I"$root/usr/include" -o "$folder/plug" "$folder/plug.c" \
	-Wl,--allow-shlib-undefined "$root/usr/lib/x86_64-linux-gnu/libvdeplug.so.2" ||
	die "cannot compile"

as_user=()
mkdir "$folder/run"
if [ "$(id -u)" = 0 ]; then
	as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod a+rx "$folder"
	chown 65534:65534 "$folder/run"
fi
mkfifo "$folder/console"
"${as_user[@]}" "$loader" --library-path "$libraries" "$root/usr/bin/vde_switch" \
	--sock "$folder/run/switch" <"$folder/console" >"$folder/said" 2>&1 &
switch=$!
exec 3>"$folder/console"
trap 'kill "$switch"; rm -rf "$folder"' EXIT
for _ in {1..100}; do
	[ ! -S "$folder/run/switch/ctl" ] || break
	sleep 0.1
done
VDEPLUGIN_PATH=$root/usr/lib/x86_64-linux-gnu/vdeplug \
	"${as_user[@]}" "$loader" --library-path "$libraries" "$folder/plug" "$folder/run/switch"
