/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_LEASE_STORE_H
#define USERNET_DHCP_LEASE_STORE_H

#include <glib.h>

/*
 * What stands around the gateway's pool of leases: the file they outlive the process in
 * (lease_journal.h), the reservations of the network, the guest table, which learns of leases that
 * end and of those of before, and the timer for all that.
 */
struct lease_store;
struct lease_pool;
struct network;
struct user_config;

/*
 * Reads config->lease_file into @pool, settles the addresses of the network's reservations, and
 * follows both from now on. @config, @network and @pool must outlive it. NULL: the file is not ours
 * to use, or a reservation does not fit into the network; the error names which.
 */
struct lease_store *lease_store_new(struct network *network, const struct user_config *config,
				    struct lease_pool *pool, GError **error);
/* Writes the file a last time. Reservations lose the addresses that came from the pool. */
void lease_store_free(struct lease_store *lease_store);

/* Lines of the file that could not be read; leases that could be and are in the pool now. */
unsigned lease_store_bad_lines(const struct lease_store *lease_store);
unsigned lease_store_restored(const struct lease_store *lease_store);

/* A lease is at most for this long, whatever the file says: BOOTP clients keep theirs for 7 days.
 */
#define LEASE_STORE_LONGEST (7 * 86400 * USEC_PER_SEC)
/* A port with more guests than this is not believed that an address is in use: it could say so of
 * all of them. */
#define LEASE_STORE_BELIEVE 16

#endif
