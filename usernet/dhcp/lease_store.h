/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_LEASE_STORE_H
#define USERNET_DHCP_LEASE_STORE_H

#include <glib.h>

/*
 * Ties the gateway's pool of leases to the journal (journal.h), the network's reservations, the
 * guest table (which learns of ended and restored leases), and a timer.
 */
struct lease_store;
struct lease_pool;
struct network;
struct user_config;

/*
 * Reads config->lease_file into @pool, gives the network's reservations their addresses, and
 * follows both from now on. @config, @network and @pool must outlive it. NULL: the file cannot be
 * used, or a reservation does not fit into the network; the error names which.
 */
struct lease_store *lease_store_new(struct network *network, const struct user_config *config,
				    struct lease_pool *pool, GError **error);
/* Writes the file a last time. Reservations lose addresses that came from the pool. */
void lease_store_free(struct lease_store *lease_store);

/* Invalid lines of the file; leases restored from it. */
unsigned lease_store_bad_lines(const struct lease_store *lease_store);
unsigned lease_store_restored(const struct lease_store *lease_store);

/* The longest lease, whatever the file says: BOOTP clients keep theirs for 7 days. */
#define LEASE_STORE_LONGEST (7 * 86400 * USEC_PER_SEC)
/*
 * A port with more guests than this is not believed when it says that an address is in use: it
 * could say so of all addresses.
 */
#define LEASE_STORE_BELIEVE 16

#endif
