#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# c-ares 1.34.9 drops every UDP answer, and the query times out, where the socket functions of the
# program connect to another port than c-ares was told.
#
# Software:  c-ares 1.34.9-1~deb13u1 (libcares2), Debian 13, amd64.
# Setting:   A name server listens on a port of 127.0.0.1. A program gives c-ares socket functions
#            (ares_set_socket_functions) whose connect goes to that port, whatever address c-ares
#            names; recvfrom tells the true source. Once c-ares is told "127.0.0.1", once
#            "127.0.0.1:PORT" (ares_set_servers_ports_csv).
# Expected:  Answers in both cases: where a socket leads is the business of the socket functions.
#            1.18.1 of Debian 12 gives both.
# Seen:      Without the port the answer is dropped without a word: "Timeout while contacting DNS
#            servers". With the port the same answer is taken.
# Source:    Changelog of Debian's 1.34.9-1~deb13u1: "GHSA-fqh5-3x7m-wp44: Reject replies from the
#            wrong server"; src/lib/ares_conn.c (ares_conn_read()).
# Output:    "told 127.0.0.1: Timeout while contacting DNS servers"
#            "told 127.0.0.1:PORT: Successful completion"
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

unpack trixie libcares2=1.34.9-1~deb13u1 libc-ares-dev=1.34.9-1~deb13u1

cat >"$folder/ask.c" <<'END'
#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct sockaddr_in server;
static int name_server;

static ares_socket_t open_socket(int family, int type, int protocol, void *data)
{
	(void)data;
	return socket(family, type | SOCK_NONBLOCK, protocol);
}

static int close_socket(ares_socket_t fd, void *data)
{
	(void)data;
	return close(fd);
}

static int connect_elsewhere(ares_socket_t fd, const struct sockaddr *told, ares_socklen_t size,
			     void *data)
{
	(void)told;
	(void)size;
	(void)data;
	return connect(fd, (struct sockaddr *)&server, sizeof(server));
}

static ares_ssize_t receive(ares_socket_t fd, void *bytes, size_t size, int flags,
			    struct sockaddr *source, ares_socklen_t *source_size, void *data)
{
	(void)data;
	return recvfrom(fd, bytes, size, flags, source, source_size);
}

static ares_ssize_t send_pieces(ares_socket_t fd, const struct iovec *pieces, int count, void *data)
{
	(void)data;
	return writev(fd, pieces, count);
}

static const struct ares_socket_functions socket_functions = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_elsewhere,
	.arecvfrom = receive,
	.asendv = send_pieces,
};

/* Answers one query with the address 192.0.2.1. */
static void answer_one(void)
{
	static const unsigned char address[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
	unsigned char message[512];
	struct sockaddr_storage client;
	socklen_t client_size = sizeof(client);
	ssize_t size = recvfrom(name_server, message, sizeof(message) - sizeof(address), 0,
				(struct sockaddr *)&client, &client_size);

	/* A question for "host.test" is 12 + 11 + 4 bytes; what follows (EDNS) is cut off. */
	if (size < 27)
		return;
	message[2] = 0x81; /* answer, recursion desired */
	message[3] = 0x80; /* recursion available */
	memset(message + 6, 0, 6);
	message[7] = 1; /* one record in the answer section */
	memcpy(message + 27, address, sizeof(address));
	sendto(name_server, message, 27 + sizeof(address), 0, (struct sockaddr *)&client,
	       client_size);
}

static void answered(void *data, int status, int timeouts, struct ares_addrinfo *result)
{
	(void)timeouts;
	*(int *)data = status;
	if (result)
		ares_freeaddrinfo(result);
}

/* The status of a lookup by a channel that is told SERVERS. */
static int look_up(const char *servers)
{
	struct ares_options options = {.timeout = 1000, .tries = 1, .flags = ARES_FLAG_NOSEARCH};
	struct ares_addrinfo_hints hints = {.ai_family = AF_INET};
	ares_channel_t *channel;
	int status = -1;

	if (ares_init_options(&channel, &options,
			      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS) ||
	    ares_set_servers_ports_csv(channel, servers))
		exit(2);
	ares_set_socket_functions(channel, &socket_functions, NULL);
	ares_getaddrinfo(channel, "host.test", NULL, &hints, answered, &status);
	while (status == -1) {
		struct timeval wait = {.tv_usec = 100000};
		fd_set readers, writers;
		int count;

		FD_ZERO(&readers);
		FD_ZERO(&writers);
		count = ares_fds(channel, &readers, &writers);
		FD_SET(name_server, &readers);
		if (count <= name_server)
			count = name_server + 1;
		if (select(count, &readers, &writers, NULL, &wait) < 0)
			exit(2);
		if (FD_ISSET(name_server, &readers))
			answer_one();
		ares_process(channel, &readers, &writers);
	}
	ares_destroy(channel);
	return status;
}

int main(void)
{
	socklen_t size = sizeof(server);
	char with_port[32];
	int without, with;

	server.sin_family = AF_INET;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name_server = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(name_server, (struct sockaddr *)&server, size) ||
	    getsockname(name_server, (struct sockaddr *)&server, &size) ||
	    ares_library_init(ARES_LIB_INIT_ALL))
		return 2;
	snprintf(with_port, sizeof(with_port), "127.0.0.1:%d", ntohs(server.sin_port));
	without = look_up("127.0.0.1");
	with = look_up(with_port);
	printf("c-ares %s\n", ares_version(NULL));
	printf("told 127.0.0.1: %s\n", ares_strerror(without));
	printf("told 127.0.0.1:PORT: %s\n", ares_strerror(with));
	if (with != ARES_SUCCESS)
		return 2;
	return without == ARES_ETIMEOUT ? 0 : 1;
}
END
libraries=$folder/trixie/usr/lib/x86_64-linux-gnu
${CC:-cc} -Wall -Wextra -Wno-deprecated-declarations -I"$folder/trixie/usr/include" \
	-I"$folder/trixie/usr/include/x86_64-linux-gnu" -o "$folder/ask" "$folder/ask.c" \
	-Wl,--allow-shlib-undefined "$libraries/libcares.so.2" || die "cannot compile"
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$folder/ask"
