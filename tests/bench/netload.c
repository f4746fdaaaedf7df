/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests, connections and idle flows for a bench: an echo server, and clients of it.
 *
 *     netload serve ADDR PORT              prints "ready"; until it is killed
 *     netload ask ADDR PORT SECONDS        requests of a byte on one connection
 *     netload connect ADDR PORT SECONDS AT-ONCE
 *     netload storm ADDR PORT COUNT AT-ONCE SECONDS   so many, but none is begun after the seconds
 *     netload hold ADDR PORT COUNT         opens so many, says so, holds them until its input ends
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netload.h"

#define EVENTS 256
/* Connections being opened at once while idle ones are made. */
#define HOLD_AT_ONCE 32

double netload_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void accept_all(int epoll, int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			err(1, "accept");
	}
}

/* Requests are a few bytes; a client that does not read its answers is dropped. */
static void echo(int fd)
{
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof bytes, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || send(fd, bytes, (size_t)got, MSG_NOSIGNAL) != got)
		close(fd);
}

static int serve(const struct sockaddr_in *address)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (listener < 0 || bind(listener, (const struct sockaddr *)address, sizeof *address) < 0 ||
	    listen(listener, 4096) < 0)
		err(1, "listen");
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events) < 0)
		err(1, "epoll");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				echo(events[i].data.fd);
		}
	}
}

__attribute__((noreturn)) static void usage(void)
{
	fputs("Usage: netload serve ADDR PORT | ask ADDR PORT SECONDS |\n"
	      "       connect ADDR PORT SECONDS AT-ONCE | storm ADDR PORT COUNT AT-ONCE SECONDS |\n"
	      "       hold ADDR PORT COUNT\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct netload_plan plan = {.at_once = HOLD_AT_ONCE};
	struct rlimit limit;

	if (argc < 4 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
		usage();
	address.sin_port = htons((uint16_t)atoi(argv[3]));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(&address);
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return netload_ask(&address, strtod(argv[4], NULL));
	if (argc == 5 && !strcmp(argv[1], "hold")) {
		plan.count = strtoul(argv[4], NULL, 10);
		plan.hold = 1;
		return netload_connect(&address, &plan);
	}
	if (argc < 6)
		usage();
	plan.at_once = strtoul(argv[5], NULL, 10);
	if (argc == 6 && !strcmp(argv[1], "connect")) {
		plan.seconds = strtod(argv[4], NULL);
	} else if (argc == 7 && !strcmp(argv[1], "storm")) {
		plan.count = strtoul(argv[4], NULL, 10);
		plan.seconds = strtod(argv[6], NULL);
	}
	if (!plan.at_once || plan.seconds <= 0)
		usage();
	return netload_connect(&address, &plan);
}
