/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_HOLD_H
#define USERNET_UDP_HOLD_H

#include "udp/session.h"

/*
 * Datagrams whose guest is not known yet: a few for each rule wait a moment, so that the first
 * question of a client is not lost while the guest's MAC address is asked for (as libslirp's if.c
 * does, for as long).
 */
#define UDP_HOLD_TIME  (1 * USEC_PER_SEC)
#define UDP_HOLD_RULE  4         /* datagrams of a rule */
#define UDP_HOLD_BYTES (1 << 20) /* of all */

struct udp_hold {
	struct list all; /* heads udp_held::link, the oldest first */
	size_t bytes;
};

/* A rule's. */
struct udp_hold_list {
	struct list held; /* heads udp_held::owner_link */
	unsigned n;
};

struct udp_held {
	struct udp_hold_list *owner;
	struct udp_client client;
	usec_t until;
	struct list link;       // udp_hold::all
	struct list owner_link; // udp_hold_list::held
	size_t len;
	uint8_t data[];
};

void udp_hold_init(struct udp_hold *hold);
void udp_hold_list_init(struct udp_hold_list *owner);

/* Keeps a copy. False: a bound is reached. */
bool udp_hold_add(struct udp_hold *hold, struct udp_hold_list *owner,
		  const struct udp_client *client, const void *data, size_t len, usec_t now);
/* The rule's oldest, now the caller's to g_free(); NULL: none. */
struct udp_held *udp_hold_take(struct udp_hold *hold, struct udp_hold_list *owner);
void udp_hold_clear(struct udp_hold *hold, struct udp_hold_list *owner);
/* Drops those that waited for too long and returns how many; *@next: when to ask again, 0: never.
 */
unsigned udp_hold_expire(struct udp_hold *hold, usec_t now, usec_t *next);

#endif
