/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/fair.h"

#include <time.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* CPU time takes a system call: it is read only while it decides about a rest. */
static int64_t now_ns(const struct fair *fair)
{
	return read_ns(fair->shared ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC);
}

void fair_init(struct fair *fair, struct loop *loop)
{
	*fair = (struct fair){.loop = loop};
}

void fair_active(struct fair *fair, struct port *port)
{
	if (port->input_turn != loop_turn(fair->loop)) {
		port->input_turn = loop_turn(fair->loop);
		port->input_frames = 0;
		port->input_ns = 0;
		port->refused_ns = 0;
		/* Frames between guests cost the gateway nothing: fair_end() does not see them. */
		if (++port->n_unmeasured > 1)
			port->read_max = MIN(2 * port->read_max, PORT_READ_MAX);
	}
	if (fair->recent[0].port_id != port->id) {
		fair->recent[1] = fair->recent[0];
		fair->recent[0].port_id = port->id;
	}
	fair->recent[0].at = loop_now(fair->loop);
}

static bool others_are_active(const struct fair *fair, const struct port *port)
{
	usec_t since = loop_now(fair->loop) - FAIR_ACTIVE;

	for (unsigned i = 0; i < 2; i++) {
		if (fair->recent[i].at && fair->recent[i].port_id != port->id &&
		    fair->recent[i].at > since)
			return true;
	}
	return false;
}

/* Frames that no guest needs to send, and the switch drops. */
static uint64_t refused(const struct port *port)
{
	uint64_t n = port->count.drops[DROP_MALFORMED];

	for (unsigned why = 0; why <= DROP_FLOOD; why++)
		n += port->count.drops[why];
	return n;
}

void fair_input_begin(struct fair *fair, const struct port *port, size_t n)
{
	fair->input_began = 0;
	if ((!port->has_more && n < FAIR_MANY) || !others_are_active(fair, port))
		return;
	fair->refused = refused(port);
	fair->input_began = read_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The port has spent @ns in a flood: it rests @times as long. */
static void owe(struct port *port, int64_t ns, int64_t times)
{
	port->rest_due += ns * times / 1000;
	/* A timer fires a millisecond late at most. */
	if (port->rest_due >= USEC_PER_MSEC) {
		port_rest(port, port->rest_due);
		port->rest_due = 0;
	}
}

/* Refused frames cost @ns: they rest, and are read in smaller pieces. */
static void refuse(struct port *port, int64_t ns)
{
	port->refused_ns += ns;
	port->n_unmeasured = 0;
	if (port->refused_ns > FAIR_RUN)
		port->read_max = MAX(port->read_max / 2, FAIR_READ);
	owe(port, ns, FAIR_SMALL_REST);
}

void fair_input_end(struct fair *fair, struct port *port, size_t n)
{
	int64_t ns;
	size_t dropped;

	if (!fair->input_began || !n)
		return;
	ns = read_ns(CLOCK_THREAD_CPUTIME_ID) - fair->input_began;
	dropped = (size_t)MIN(refused(port) - fair->refused, n);
	if (dropped)
		refuse(port, ns * (int64_t)dropped / (int64_t)n);
	port->input_ns += ns * (int64_t)(n - dropped) / (int64_t)n;
	port->input_frames += n - dropped;
}

void fair_begin(struct fair *fair, const struct port *port)
{
	fair->shared = others_are_active(fair, port);
	fair->began = now_ns(fair);
}

/* How often the cost is to be rested: 0: it is no flood. */
static int64_t rest_for(const struct port *port, size_t n, size_t bytes, int64_t ns)
{
	if (ns > (int64_t)bytes * FAIR_OPENS)
		return FAIR_OPENS_REST;
	if (ns > (int64_t)bytes * FAIR_SMALL || bytes < n * FAIR_SHORT)
		return FAIR_SMALL_REST;
	return port->dropping ? FAIR_DEAF_REST : 0;
}

static void set_piece(struct port *port, size_t bytes, int64_t ns, int64_t aim)
{
	size_t piece = MIN(bytes, port->read_max);

	if (ns > aim)
		port->read_max = MAX((size_t)((int64_t)piece * aim / ns), FAIR_READ);
	else if (ns < aim / 2)
		port->read_max = MIN(2 * port->read_max, PORT_READ_MAX);
}

void fair_charge(struct fair *fair, struct port *port, size_t n, size_t bytes, int64_t ns)
{
	port->n_unmeasured = 0;
	set_piece(port, bytes, ns, fair->shared ? FAIR_RUN : FAIR_ALONE);
	if (!fair->shared || !port->has_more) {
		port->rest_due = 0;
		return;
	}
	owe(port, ns, rest_for(port, n, bytes, ns));
}

void fair_end(struct fair *fair, struct port *port, size_t n, size_t bytes)
{
	int64_t ns = now_ns(fair) - fair->began;

	if (port->input_frames)
		ns += port->input_ns * (int64_t)MIN(n, port->input_frames) /
		      (int64_t)port->input_frames;
	fair_charge(fair, port, n, bytes, ns);
}
