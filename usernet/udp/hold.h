/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_HOLD_H
#define USERNET_UDP_HOLD_H

#include "udp/session.h"

/*
 * Holds datagrams for guests not known yet: a few per rule for a moment, so that a client's first
 * datagram is not lost while the guest's MAC address is asked for (libslirp's if.c does the same,
 * for as long).
 */
#define UDP_HOLD_TIME  (1 * USEC_PER_SEC)
#define UDP_HOLD_RULE  4         /* datagrams per rule */
#define UDP_HOLD_BYTES (1 << 20) /* of all rules */

struct udp_hold {
	struct list all; /* heads udp_held::link, the oldest first */
	size_t bytes;
};

/* The held datagrams of a rule. */
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

/* Stores a copy. False: a bound is reached. */
bool udp_hold_add(struct udp_hold *hold, struct udp_hold_list *owner,
		  const struct udp_client *client, const void *data, size_t len, usec_t now);
/* Takes out the rule's oldest; the caller must g_free() it. NULL: none. */
struct udp_held *udp_hold_take(struct udp_hold *hold, struct udp_hold_list *owner);
void udp_hold_clear(struct udp_hold *hold, struct udp_hold_list *owner);
/* Drops the expired and returns how many; *@next: when to call it again, 0: never. */
unsigned udp_hold_expire(struct udp_hold *hold, usec_t now, usec_t *next);

#endif
