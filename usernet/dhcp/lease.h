/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_LEASE_H
#define USERNET_DHCP_LEASE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * Addresses given to DHCP clients. Memory is used per lease, never per address; every choice is
 * O(1) or O(log n) in the number of leases. No wall clock: times are the caller's, so a journal on
 * disk can convert them.
 *
 * A client is known by its client identifier (RFC 2131 4.2), else by its MAC. Three things make
 * that fit virtual machines:
 *   - an identifier that only repeats the MAC (type 1) is the same as none;
 *   - who comes with an identifier takes over the lease its MAC has without one, and the other way
 * round: a machine's firmware and its operating system get one address, though they call themselves
 * differently;
 *   - an identifier that is in use by another MAC on another port is ignored: cloned images, which
 * all have the same machine-id, get an address each, and nobody takes another's lease by naming it.
 *
 * A client gets: the address it has; else the one it had last, when free; else the one it asks for,
 * when free; else the next never used; else the one that expired longest ago; else that of the
 * guest whose port went longest ago. Declined addresses rest for LEASE_DECLINE_REST. With a
 * reservation it gets that, and nobody else does.
 *
 * A lease of which nobody makes use ends after LEASE_UNUSED. A port whose share is used up gets the
 * address of a client of its own that was not heard for LEASE_ABSENT, if there is one.
 */
#define LEASE_OFFER_HOLD   (30 * USEC_PER_SEC)  /* an OFFER keeps its address this long */
#define LEASE_DECLINE_REST (600 * USEC_PER_SEC) /* somebody else uses it (RFC 2131 4.3.3) */
#define LEASE_MAX          65536                /* remembered in all, ended ones included */
/* What one port may hold unless it is configured: half the pool, between these. */
#define LEASE_SHARE_MIN 16
#define LEASE_SHARE     32
#define LEASE_UNUSED    (300 * USEC_PER_SEC)
#define LEASE_ABSENT    (240 * USEC_PER_SEC)
/* What a client sends so soon after its lease may belong to getting it. */
#define LEASE_SETTLE        (2 * USEC_PER_SEC)
#define LEASE_CLIENT_ID_MAX 64
#define LEASE_FOREVER       INT64_MAX /* expires of an infinite lease */

enum lease_state {
	LEASE_OFFERED,
	LEASE_BOUND,
	LEASE_EXPIRED, /* by time or release: free, but still kept for its last client */
	LEASE_DECLINED,
};

struct lease {
	struct in_addr addr;
	enum lease_state state;
	mac_t mac; /* 0: declined, the client is not known any more */
	uint8_t client_id[LEASE_CLIENT_ID_MAX];
	uint8_t client_id_len; /* 0: known by its MAC */
	unsigned port_id;      /* port::id it was last used from */
	usec_t expires;
	char hostname[64];
	bool reserved; /* for mac alone, whatever the state */
};

struct lease_client {
	mac_t mac;
	const uint8_t *client_id;
	size_t client_id_len; /* over LEASE_CLIENT_ID_MAX: hashed down (SHA-256) */
	unsigned port_id;
};

struct lease_pool;

/* From @start to @end, both included, host order compared; @skip (zero-terminated, may be NULL) are
 * never given. */
struct lease_pool *lease_pool_new(struct in_addr start, struct in_addr end,
				  const struct in_addr *skip);
void lease_pool_free(struct lease_pool *pool);
/* What one port may hold; 0: the default. */
void lease_pool_set_share(struct lease_pool *pool, unsigned share);

/*
 * @ended is called for a bound lease that ends without its client having said so: by time, or
 * because the client took another address. Not for lease_release and lease_decline.
 */
void lease_pool_observe(struct lease_pool *pool,
			void (*ended)(void *data, const struct lease *lease), void *data);
/*
 * @changed is called when a lease is bound or renewed, ends by its client's doing, is declined,
 * reserved or free of its reservation: for a journal. What ends by time is not told.
 */
void lease_pool_watch(struct lease_pool *pool,
		      void (*changed)(void *data, const struct lease *lease), void *data);
/*
 * @in_use says whether another than @mac uses @addr without a lease, as a guest configured by hand
 * does. Such an address rests for LEASE_DECLINE_REST instead of being given.
 */
void lease_pool_set_in_use(struct lease_pool *pool,
			   bool (*in_use)(void *data, struct in_addr addr, mac_t mac), void *data);
/*
 * @heard says whether a frame came from the lease's client after @since. Without it every client is
 * taken for present.
 */
void lease_pool_set_heard(struct lease_pool *pool,
			  bool (*heard)(void *data, const struct lease *lease, usec_t since),
			  void *data);
/* @mac uses @addr: its lease does not end as unused. Harmless when it has none. */
void lease_used(struct lease_pool *pool, struct in_addr addr, mac_t mac);
/* Its clients went with it. They keep their leases, until others need the addresses. */
void lease_port_gone(struct lease_pool *pool, unsigned port_id);
/* @mac, whose port went, is at @port_id now. Harmless when it has no lease. */
void lease_came_back(struct lease_pool *pool, mac_t mac, unsigned port_id);
/* Ends what is over at @now. The verbs below that take @now do it too. */
void lease_sweep(struct lease_pool *pool, usec_t now);
/* When the next lease or offer ends, for a timer; LEASE_FOREVER: none will. */
usec_t lease_next_end(const struct lease_pool *pool);

/* For DISCOVER: holds an address for @client. NULL when there is none or its port's share is used
 * up: lease_pool_why() says which. */
const struct lease *lease_offer(struct lease_pool *pool, const struct lease_client *client,
				struct in_addr wanted, usec_t now);
/* Why the last lease_offer() or lease_bind() was refused, for people. */
const char *lease_pool_why(const struct lease_pool *pool);
/* For REQUEST: binds @addr to @client until @expires, when it may have it. NULL: NAK. @hostname is
 * copied; NULL: kept */
const struct lease *lease_bind(struct lease_pool *pool, const struct lease_client *client,
			       struct in_addr addr, const char *hostname, usec_t expires,
			       usec_t now);
/* What the client holds (offered or bound), or NULL. */
const struct lease *lease_find(struct lease_pool *pool, const struct lease_client *client,
			       usec_t now);
/* The one reserved for @mac, else what it used last; in any state, or NULL. */
const struct lease *lease_by_mac(struct lease_pool *pool, mac_t mac);
/* In any state, or NULL. */
const struct lease *lease_by_addr(struct lease_pool *pool, struct in_addr addr);
/* False, and nothing changes, when @client does not hold @addr. */
bool lease_release(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
bool lease_decline(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
/* In the order of addresses, ended ones too while their client is remembered. @each must not change
 * the pool. */
void lease_foreach(struct lease_pool *pool, void (*each)(void *data, const struct lease *lease),
		   void *data);

/*
 * @mac alone gets @addr from now on, and no other, whatever client identifier it shows and
 * whichever port it is at; @addr need not be in the pool. 0: the address it has or had last, else a
 * free one. NULL: @mac has a reservation already, or @addr is somebody else's, or none is free.
 */
const struct lease *lease_reserve(struct lease_pool *pool, mac_t mac, struct in_addr addr,
				  usec_t now);
/* A lease that is bound stays so, when its address is in the pool. Harmless when there is none. */
void lease_unreserve(struct lease_pool *pool, mac_t mac, usec_t now);
/*
 * A lease of before this process, bound or ended or (mac 0) declined, takes its place: whoever had
 * its address or was its client before gives way. False: the address is not the pool's, or a
 * reservation says otherwise. No observer is told.
 */
bool lease_restore(struct lease_pool *pool, const struct lease *lease);

/*
 * @addr is given to nobody from now on, in the pool or not: it is a server's. Whoever had it by
 * lease loses it. False, and nothing changes: it is reserved.
 */
bool lease_pool_hold(struct lease_pool *pool, struct in_addr addr, usec_t now);
/* It is to be had again. Harmless when it was not held. */
void lease_pool_let(struct lease_pool *pool, struct in_addr addr);
bool lease_pool_holds(const struct lease_pool *pool, struct in_addr addr);

bool lease_pool_has(const struct lease_pool *pool, struct in_addr addr);
unsigned lease_pool_size(const struct lease_pool *pool); /* addresses that can be given */
unsigned lease_pool_share(const struct lease_pool *pool);
unsigned lease_pool_bound(const struct lease_pool *pool);
/* Those that lease_foreach() shows, and some whose client is forgotten. */
unsigned lease_pool_remembered(const struct lease_pool *pool);

#endif
