/* SPDX-License-Identifier: BSD-3-Clause */
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netload.h"

#define EVENTS 256
/*
 * Without progress for this long, waiting connections have failed. Longer than the retries of a
 * dropped SYN (1 s, 3 s, RFC 6298).
 */
#define STUCK_SECONDS 15

/* --- durations, for medians --- */

struct durations {
	double *all;
	size_t n, room;
};

static void durations_add(struct durations *durations, double seconds)
{
	if (durations->n == durations->room) {
		durations->room = durations->room ? durations->room * 2 : 4096;
		durations->all = realloc(durations->all, durations->room * sizeof(double));
		if (!durations->all)
			errx(1, "out of memory");
	}
	durations->all[durations->n++] = seconds;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* In microseconds; the durations are sorted. */
static double percentile(const struct durations *durations, double part)
{
	if (!durations->n)
		return 0;
	return durations->all[(size_t)((double)(durations->n - 1) * part)] * 1e6;
}

static void print_result(struct durations *durations, double seconds, unsigned long errors)
{
	if (durations->n)
		qsort(durations->all, durations->n, sizeof(double), compare);
	printf("{\"done\": %zu, \"errors\": %lu, \"seconds\": %.3f, \"per_second\": %.1f, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       durations->n, errors, seconds, (double)durations->n / seconds,
	       percentile(durations, 0.5), percentile(durations, 0.99));
	fflush(stdout);
}

/* --- requests on one connection --- */

int netload_ask(const struct sockaddr_in *server, double seconds)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	struct timeval patience = {.tv_sec = STUCK_SECONDS};
	struct durations durations = {0};
	double started, now;
	char byte = 'x';

	if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof *server) < 0)
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	started = now = netload_now();
	while (now - started < seconds) {
		double asked = now;

		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
			err(1, "no answer");
		now = netload_now();
		durations_add(&durations, now - asked);
	}
	print_result(&durations, now - started, 0);
	free(durations.all);
	close(fd);
	return 0;
}

/* --- many connections --- */

struct caller {
	int fd;
	bool asked;
	double started;
};

struct storm {
	const struct sockaddr_in *server;
	const struct netload_plan *plan;
	int epoll;
	unsigned long begun, errors;
	size_t waiting;       /* those that wait for their connection or answer */
	double started, last; /* seconds; when one was done */
	struct durations durations;
};

static bool wants_more(const struct storm *storm)
{
	const struct netload_plan *plan = storm->plan;

	return (!plan->count || storm->begun < plan->count) &&
	       (!plan->seconds || netload_now() - storm->started < plan->seconds);
}

static void begin(struct storm *storm, struct caller *caller)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = caller};

	caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (caller->fd < 0)
		err(1, "socket %lu", storm->begun);
	caller->asked = false;
	caller->started = netload_now();
	storm->begun++;
	storm->waiting++;
	if (connect(caller->fd, (const struct sockaddr *)storm->server, sizeof *storm->server) <
		    0 &&
	    errno != EINPROGRESS)
		err(1, "connect %lu", storm->begun);
	if (epoll_ctl(storm->epoll, EPOLL_CTL_ADD, caller->fd, &event) < 0)
		err(1, "epoll");
}

/* A connection has finished or failed; the next takes its place. */
static void end(struct storm *storm, struct caller *caller, bool good)
{
	storm->last = netload_now();
	if (good)
		durations_add(&storm->durations, storm->last - caller->started);
	else
		storm->errors++;
	if (good && storm->plan->hold)
		epoll_ctl(storm->epoll, EPOLL_CTL_DEL, caller->fd, NULL);
	else
		close(caller->fd);
	caller->fd = -1;
	storm->waiting--;
	if (wants_more(storm))
		begin(storm, caller);
}

static void advance(struct storm *storm, struct caller *caller)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
	char byte = 'x';

	if (caller->asked) {
		end(storm, caller, recv(caller->fd, &byte, 1, 0) == 1);
	} else if (send(caller->fd, &byte, 1, MSG_NOSIGNAL) == 1) {
		caller->asked = true;
		epoll_ctl(storm->epoll, EPOLL_CTL_MOD, caller->fd, &event);
	} else {
		end(storm, caller, false);
	}
}

static void wait_for_end_of_input(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

int netload_connect(const struct sockaddr_in *server, const struct netload_plan *plan)
{
	struct storm storm = {
		.server = server,
		.plan = plan,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.started = netload_now(),
	};
	struct caller *callers = calloc(plan->at_once, sizeof *callers);
	struct epoll_event events[EVENTS];
	double seconds;

	if (!callers || storm.epoll < 0)
		errx(1, "out of memory");
	for (unsigned long i = 0; i < plan->at_once; i++) {
		if (wants_more(&storm))
			begin(&storm, &callers[i]);
	}
	while (storm.waiting) {
		int n = epoll_wait(storm.epoll, events, EVENTS, STUCK_SECONDS * 1000);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		if (n == 0) {
			storm.errors += storm.waiting;
			break;
		}
		for (int i = 0; i < n; i++)
			advance(&storm, events[i].data.ptr);
	}
	/*
	 * Requests without an answer count as errors; their waiting time is not part of the
	 * rate.
	 */
	seconds = storm.last > storm.started ? storm.last - storm.started : 1;
	print_result(&storm.durations, seconds, storm.errors);
	if (plan->hold)
		wait_for_end_of_input();
	free(storm.durations.all);
	free(callers);
	close(storm.epoll);
	return 0;
}
