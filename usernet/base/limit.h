/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LIMIT_H
#define USERNET_BASE_LIMIT_H

#include <glib.h>
#include <stdbool.h>

/*
 * The limits that --limit NAME=NUMBER changes; query-netdevs and query-network show them. Set them
 * before anything is created; headers of other rooms define their bounds by limit_get().
 */
enum limit {
	/* of one port */
	LIMIT_STATIONS,    /* MAC addresses */
	LIMIT_GUESTS,      /* guests */
	LIMIT_HOLD,        /* seconds: net/guard.h GUARD_HOLD */
	LIMIT_FLOOD_RATE,  /* flooded frames per second */
	LIMIT_FLOOD_BURST, /* flooded frames at once */
	LIMIT_RUN_TIME,    /* microseconds: net/fair.h FAIR_RUN */
	LIMIT_UNANSWERED,  /* connections to a guest that it has not answered */
	LIMIT_UDP_SOCKETS, /* sockets */
	LIMIT_TFTP,        /* transfers */
	LIMIT_DNS_QUERIES, /* lookups of one MAC address */
	LIMIT_DNS_TCP,     /* DNS connections */
	LIMIT_OPEN_NAMES,  /* names opened by rules, for each address: policy/opened.h */
	/* of all ports together */
	LIMIT_PER_PORT,
	LIMIT_CONNS = LIMIT_PER_PORT, /* connections of any protocol */
	LIMIT_OPENING,                /* TCP connections not established yet */
	LIMIT_BYTES,                  /* buffered payload, bytes */
	LIMIT_PROCESSES,              /* guestfwd commands */
	LIMIT_STATIONS_ALL,           /* MAC addresses */
	LIMIT_DNS_TCP_ALL,            /* DNS connections */
	LIMIT_CLIENTS,                /* clients of the control sockets: they are of no port */
	LIMIT_COUNT,
};

extern unsigned limit_values[LIMIT_COUNT];

static inline unsigned limit_get(enum limit limit)
{
	return limit_values[limit];
}

const char *limit_name(enum limit limit);
/* @text: "NAME=NUMBER". Errors say which names and numbers there are. Sets it if @set. */
bool limit_parse(const char *text, bool set, GError **error);

#endif
