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
 * Addresses given to DHCP clients. Memory is used per lease, not per address; every choice is O(1)
 * or O(log n) in the number of leases. The caller passes times in, which are not wall-clock; a
 * journal on disk converts them.
 *
 * A client is known by its client identifier (RFC 2131 4.2), else by its MAC. Three rules adapt
 * that to virtual machines:
 * - An identifier that only repeats the MAC (type 1) counts as none.
 * - A client with an identifier takes over the lease that its MAC has without one, and vice versa:
 *   a machine's firmware and its operating system get one address although they identify
 *   differently.
 * - An identifier in use by another MAC on another port is ignored: cloned images with the same
 *   machine-id get an address each, and nobody takes another's lease by naming it.
 *
 * A client gets: the address it has; else the one it had last, if free; else the one it asks for,
 * if free; else the next never used; else the one that expired longest ago; else that of the guest
 * whose port went longest ago. Declined addresses rest for LEASE_DECLINE_REST. A reservation's
 * address goes to its client only, and its client gets only that.
 *
 * A lease not seen in use ends after LEASE_UNUSED. A port whose share is used up gets the address
 * of one of its own clients that was not heard for LEASE_ABSENT, if there is one.
 */
#define LEASE_OFFER_HOLD   (30 * USEC_PER_SEC)  /* an OFFER holds its address this long */
#define LEASE_DECLINE_REST (600 * USEC_PER_SEC) /* another machine uses it (RFC 2131 4.3.3) */
#define LEASE_MAX          65536                /* leases remembered in all, ended ones included */
/* A port's default share is half the pool, between these bounds. Uplinks have none. */
#define LEASE_SHARE_MIN 16
#define LEASE_SHARE     32
#define LEASE_UNUSED    (300 * USEC_PER_SEC)
#define LEASE_ABSENT    (240 * USEC_PER_SEC)
/* Frames this soon after the lease may belong to getting it. */
#define LEASE_SETTLE        (2 * USEC_PER_SEC)
#define LEASE_CLIENT_ID_MAX 64
#define LEASE_FOREVER       INT64_MAX /* expires of an infinite lease */

enum lease_state {
	LEASE_OFFERED,
	LEASE_BOUND,
	LEASE_EXPIRED, /* ended by time or release: free, but its last client is remembered */
	LEASE_DECLINED,
};

struct lease {
	struct in_addr addr;
	enum lease_state state;
	mac_t mac; /* 0: declined, no client is remembered */
	uint8_t client_id[LEASE_CLIENT_ID_MAX];
	uint8_t client_id_len; /* 0: the client is known by its MAC */
	unsigned port_id;      /* port::id it was last used from */
	usec_t expires;
	char hostname[64];
	bool reserved; /* reserved for mac, in any state */
};

struct lease_client {
	mac_t mac;
	const uint8_t *client_id;
	size_t client_id_len; /* longer than LEASE_CLIENT_ID_MAX: hashed (SHA-256) */
	unsigned port_id;
	bool uplink; /* the port leads to another switch: it has no share */
};

struct lease_pool;

/*
 * Gives addresses from @start to @end inclusive, compared in host order, except those in @skip
 * (zero-terminated, may be NULL).
 */
struct lease_pool *lease_pool_new(struct in_addr start, struct in_addr end,
				  const struct in_addr *skip);
void lease_pool_free(struct lease_pool *pool);
/* What one port may hold; 0: the default. */
void lease_pool_set_share(struct lease_pool *pool, unsigned share);

/*
 * @ended is called when a bound lease ends without a message of its client: by time, or because the
 * client took another address. Not for lease_release() and lease_decline().
 */
void lease_pool_observe(struct lease_pool *pool,
			void (*ended)(void *data, const struct lease *lease), void *data);
/*
 * @changed is called when a lease is bound or renewed, ended by its client, declined, reserved or
 * no longer reserved: for a journal. Not for ends by time.
 */
void lease_pool_watch(struct lease_pool *pool,
		      void (*changed)(void *data, const struct lease *lease), void *data);
/*
 * @in_use tells whether another than @mac uses @addr without a lease, as guests configured by hand
 * do. Such an address rests for LEASE_DECLINE_REST instead of being given.
 */
void lease_pool_set_in_use(struct lease_pool *pool,
			   bool (*in_use)(void *data, struct in_addr addr, mac_t mac), void *data);
/*
 * @heard tells whether a frame came from the lease's client after @since. Without it every client
 * counts as present.
 */
void lease_pool_set_heard(struct lease_pool *pool,
			  bool (*heard)(void *data, const struct lease *lease, usec_t since),
			  void *data);
/* @mac uses @addr: its lease does not end as unused. Harmless without a lease. */
void lease_used(struct lease_pool *pool, struct in_addr addr, mac_t mac);
/* The port's clients left. They keep their leases until others need the addresses. */
void lease_port_gone(struct lease_pool *pool, unsigned port_id);
/* @mac, whose port went, is back at @port_id. Harmless without a lease. */
void lease_came_back(struct lease_pool *pool, mac_t mac, unsigned port_id);
/* Ends what has expired at @now. The functions below that take @now do so too. */
void lease_sweep(struct lease_pool *pool, usec_t now);
/* When the next lease or offer ends, for a timer; LEASE_FOREVER: none does. */
usec_t lease_next_end(const struct lease_pool *pool);

/*
 * For DISCOVER: holds an address for @client. NULL: none is free or its port's share is used up;
 * see lease_pool_why().
 */
const struct lease *lease_offer(struct lease_pool *pool, const struct lease_client *client,
				struct in_addr wanted, usec_t now);
/* Why the last lease_offer() or lease_bind() failed, for messages. */
const char *lease_pool_why(const struct lease_pool *pool);
/*
 * For REQUEST: binds @addr to @client until @expires, if it may have it. NULL: NAK. @hostname is
 * copied; NULL: unchanged.
 */
const struct lease *lease_bind(struct lease_pool *pool, const struct lease_client *client,
			       struct in_addr addr, const char *hostname, usec_t expires,
			       usec_t now);
/* The client's lease (offered or bound), or NULL. */
const struct lease *lease_find(struct lease_pool *pool, const struct lease_client *client,
			       usec_t now);
/* The lease reserved for @mac, else the one it used last; in any state; or NULL. */
const struct lease *lease_by_mac(struct lease_pool *pool, mac_t mac);
/* The lease of @addr in any state, or NULL. */
const struct lease *lease_by_addr(struct lease_pool *pool, struct in_addr addr);
/* False, with no change, if @client does not hold @addr. */
bool lease_release(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
bool lease_decline(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now);
/*
 * In the order of addresses, including ended leases whose client is remembered. @each must not
 * change the pool.
 */
void lease_foreach(struct lease_pool *pool, void (*each)(void *data, const struct lease *lease),
		   void *data);

/*
 * Reserves @addr for @mac, whatever client identifier it shows and whichever port it is at; @addr
 * need not be in the pool. 0: the address it has or had last, else a free one. NULL: @mac has a
 * reservation already, @addr is not available, or none is free.
 */
const struct lease *lease_reserve(struct lease_pool *pool, mac_t mac, struct in_addr addr,
				  usec_t now);
/* A bound lease stays if its address is in the pool. Harmless without a reservation. */
void lease_unreserve(struct lease_pool *pool, mac_t mac, usec_t now);
/*
 * Restores a lease of an earlier process: bound, ended or (mac 0) declined. It replaces earlier
 * restored leases of its address or client. False: the address is not in the pool, or conflicts
 * with a reservation. No callback is called.
 */
bool lease_restore(struct lease_pool *pool, const struct lease *lease);

/*
 * Gives @addr, in the pool or not, to nobody from now on: it is a server's. A client that leases it
 * loses it. False, with no change: it is reserved.
 */
bool lease_pool_hold(struct lease_pool *pool, struct in_addr addr, usec_t now);
/* @addr may be given again. Harmless if it was not held. */
void lease_pool_let(struct lease_pool *pool, struct in_addr addr);
bool lease_pool_holds(const struct lease_pool *pool, struct in_addr addr);

bool lease_pool_has(const struct lease_pool *pool, struct in_addr addr);
unsigned lease_pool_size(const struct lease_pool *pool); /* addresses that can be given */
unsigned lease_pool_share(const struct lease_pool *pool);
unsigned lease_pool_bound(const struct lease_pool *pool);
/* The leases that lease_foreach() shows, and some without a remembered client. */
unsigned lease_pool_remembered(const struct lease_pool *pool);

#endif
