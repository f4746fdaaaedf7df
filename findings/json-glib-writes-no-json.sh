#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# json-glib writes a real number whose text has an exponent and no point, such as 1e30, as text that
# is no JSON. A QMP server that echoes a request's "id" with it sends an answer that clients cannot
# read.
#
# Software:  libjson-glib-1.0-0 1.6.6-1, GLib 2.74.6, Debian 12, amd64.
# Setting:   A program reads an array of one number with json_from_string(), writes it with
#            json_to_string(), and reads what was written.
# Expected:  The same number (RFC 8259 section 6: an exponent ends a number).
# Seen:      ".0" stands behind the exponent, and json-glib itself refuses to read it. Numbers that
#            need no exponent are written well. Whole numbers above 2^63 - 1 become negative.
# Source:    json-glib/json-generator.c, dump_value(): it adds ".0" to a text without a point. The
#            current one first looks for an exponent.
# Output:    "[1.5] -> [1.5], read again"
#            "[1e30] -> [1e+30.0], refused"
#            "[18446744073709551615] -> [-1], read again"
#
# Exit status: 0 as above, 1 the behaviour has changed, 2 the case could not be run.
# Needs a C compiler (CC, or cc).

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

unpack bookworm libjson-glib-1.0-0=1.6.6-1 libjson-glib-dev=1.6.6-1

cat >"$folder/echo.c" <<'END'
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

/* Says what becomes of TEXT; true if it is WRITTEN, and read again or not. */
static int echo(const char *text, const char *written, int is_read)
{
	JsonNode *node = json_from_string(text, NULL), *again;
	char *out;
	int as_before;

	if (!node)
		return 0;
	out = json_to_string(node, FALSE);
	again = json_from_string(out, NULL);
	printf("%s -> %s, %s\n", text, out, again ? "read again" : "refused");
	as_before = !strcmp(out, written) && !again == !is_read;
	if (again)
		json_node_unref(again);
	json_node_unref(node);
	g_free(out);
	return as_before;
}

int main(void)
{
	int as_before = echo("[1.5]", "[1.5]", 1);

	as_before &= echo("[1e30]", "[1e+30.0]", 0);
	as_before &= echo("[18446744073709551615]", "[-1]", 1);
	return as_before ? 0 : 1;
}
END
root=$folder/bookworm
libraries=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
loader=$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
${CC:-cc} -Wall -Wextra -I"$root/usr/include/json-glib-1.0" -I"$root/usr/include/glib-2.0" \
	-I"$root/usr/lib/x86_64-linux-gnu/glib-2.0/include" -o "$folder/echo" "$folder/echo.c" \
	-Wl,--allow-shlib-undefined -L"$root/usr/lib/x86_64-linux-gnu" \
	"$root/usr/lib/x86_64-linux-gnu/libjson-glib-1.0.so.0" \
	"$root/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0" || die "cannot compile"
"$loader" --library-path "$libraries" "$folder/echo"
