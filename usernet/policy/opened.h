/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_OPENED_H
#define USERNET_POLICY_OPENED_H

#include <netinet/in.h>

#include "base/limit.h"
#include "base/loop.h"
#include "net/frame.h"
#include "packet/dns_name.h"

/*
 * Which names stand for an address: for each guest (by MAC), what the name server has answered it.
 * The name is the one asked for, whatever aliases (CNAME) led from it to the address. Rules are not
 * kept here: they are asked with these names when a conn opens, so that changed rules count at
 * once.
 *
 * A name stands for an address until the record's TTL has ended and POLICY_OPEN_GRACE has passed:
 * programs connect a while after they asked, and TTLs may be 0. Cilium does the same with
 * tofqdns-idle-connection-grace-period, and unlike it never keeps an address open because another
 * connection uses it. Conns that are open stay open.
 */
#define POLICY_OPEN_GRACE   (60 * USEC_PER_SEC)
#define POLICY_OPEN_TTL_MAX 86400 /* seconds; RFC 8767 4 */

/*
 * Names with an address: for one address of a guest, of a guest, of a port, of all ports. At a
 * bound the oldest goes; of all ports, the oldest of the port that has most, so that nobody closes
 * what a port with few has open.
 */
#define POLICY_OPEN_PER_ADDRESS 16
#define POLICY_OPEN_PER_GUEST   1024
#define POLICY_OPEN_PER_PORT    limit_get(LIMIT_OPEN_NAMES)
#define POLICY_OPEN_MAX         65536

struct policy_open;

/* A name, shared by the addresses that it stands for; a g_rc_box. */
struct policy_known {
	struct dns_name name;
	char *text; /* GRefString: "api.example.com" */
};

struct policy_open *policy_open_new(void);
void policy_open_free(struct policy_open *open);

/* Borrowed until the next call. */
struct policy_known *policy_open_name(struct policy_open *open, const struct dns_name *name);
/* @addr (IPv4 v4-mapped) is @known's for the guest @mac at the port @port_id; @ttl in seconds. */
void policy_open_add(struct policy_open *open, unsigned port_id, mac_t mac,
		     const struct in6_addr *addr, struct policy_known *known, uint32_t ttl,
		     usec_t now);
/*
 * The same where @name already stands for @addr, is the newest that does, and was told at that
 * port; else false. Rules are not asked, and need not be: a name without a rule opens nothing.
 */
bool policy_open_renew(struct policy_open *open, unsigned port_id, mac_t mac,
		       const struct in6_addr *addr, const struct dns_name *name, uint32_t ttl,
		       usec_t now);
/*
 * The names that stand for @addr, the newest first: @names has room for POLICY_OPEN_PER_ADDRESS.
 * Returns how many; they are borrowed until the next change.
 */
unsigned policy_open_find(const struct policy_open *open, mac_t mac, const struct in6_addr *addr,
			  usec_t now, const struct policy_known **names);
/* Calls @each for what is open to @mac, the oldest first. */
void policy_open_each(const struct policy_open *open, mac_t mac, usec_t now,
		      void (*each)(void *data, const struct in6_addr *addr,
				   const struct policy_known *known, usec_t left),
		      void *data);

/* Those that have ended count until there is need of room. */
unsigned policy_open_count(const struct policy_open *open);
/* Openings that ended early because a bound was reached. */
uint64_t policy_open_displaced(const struct policy_open *open);

#endif
