/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_LEASE_H
#define USERNET_SVC_LEASE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * Addresses given to DHCP clients. A client is known by its client identifier (RFC 2131 4.2), else by its
 * MAC. Every choice is O(1) or O(log n) in the pool's size.
 *
 * A client gets: the address it has; else the one it had last, when free; else the one it asks for, when free;
 * else the next never used; else the one that expired longest ago. Declined addresses rest for LEASE_DECLINE_REST.
 */
#define LEASE_OFFER_HOLD (30 * USEC_PER_SEC)     /* an OFFER keeps its address this long */
#define LEASE_DECLINE_REST (600 * USEC_PER_SEC) /* somebody else uses it (RFC 2131 4.3.3) */
#define LEASE_MAX_PER_PORT_MIN 64 /* a port may hold this many, or half the pool if that is more */
#define LEASE_CLIENT_ID_MAX 64

enum lease_state { LEASE_OFFERED, LEASE_BOUND, LEASE_EXPIRED, LEASE_DECLINED };

struct lease {
	struct in_addr addr;
	enum lease_state state;
	mac_t mac;
	uint8_t client_id[LEASE_CLIENT_ID_MAX];
	uint8_t client_id_len; /* 0: known by its MAC */
	unsigned port_id;      /* port::id it was last used from */
	usec_t expires;
	char hostname[64];
	/* … lease.c keeps its own links in a struct around this */
};

struct lease_client {
	mac_t mac;
	const uint8_t *client_id;
	size_t client_id_len; /* over LEASE_CLIENT_ID_MAX: hashed down */
	unsigned port_id;
};

struct lease_pool;

/* From @start to @end, both included, host order compared; @skip (zero-terminated) are never given. */
struct lease_pool *lease_pool_new(struct in_addr start, struct in_addr end,
				  const struct in_addr *skip);
void lease_pool_free(struct lease_pool *pool);

/* For DISCOVER: holds an address for @client. NULL when there is none or its port's share is used up. */
const struct lease *lease_offer(struct lease_pool *pool, const struct lease_client *client,
				struct in_addr wanted, usec_t now);
/* For REQUEST: binds @addr to @client until @expires, when it may have it. NULL: NAK. */
const struct lease *lease_bind(struct lease_pool *pool, const struct lease_client *client,
			       struct in_addr addr, const char *hostname, usec_t expires, usec_t now);
/* The client's lease, or NULL. */
const struct lease *lease_find(struct lease_pool *pool, const struct lease_client *client,
			       usec_t now);
const struct lease *lease_by_addr(struct lease_pool *pool, struct in_addr addr);
bool lease_release(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
bool lease_decline(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
/* Takes an address out of dynamic use for a forward rule or reservation; idempotent. False: not in the pool. */
void lease_foreach(struct lease_pool *pool, void (*each)(void *data, const struct lease *lease),
		   void *data);
unsigned lease_pool_size(const struct lease_pool *pool);
unsigned lease_pool_bound(const struct lease_pool *pool);

#endif
