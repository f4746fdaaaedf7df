/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_FORWARDS_H
#define USERNET_CTL_FORWARDS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "fwd/table.h"

/*
 * The forwards of one `user` netdev. Connects the rule table (fwd/) to the NAT, which do not know
 * each other, and notifies the network's observers of changes.
 */
struct forwards;
struct netdev;

/* @host: default host address of rules; @guest: default guest address (the DHCP start address). */
struct forwards *forwards_new(struct netdev *user, struct in_addr host, struct in_addr guest);
/* Closes all; call before the netdev is destroyed. NULL is allowed. */
void forwards_free(struct forwards *forwards);

/*
 * @rule as in hostfwd=. The entry is owned by the table; of a rule for both protocols it is that of
 * TCP.
 */
const struct fwd_entry *forwards_add(struct forwards *forwards, const char *rule, GError **error);
/* The same for a rule of the configuration: an address that the host lacks now may come later. */
const struct fwd_entry *forwards_add_early(struct forwards *forwards, const char *rule,
					   GError **error);
/*
 * @rule as in hostfwd_remove, or as given to forwards_add(), or with the actual port instead of
 * port 0. ERROR_NOT_FOUND when there is none.
 */
bool forwards_remove(struct forwards *forwards, const char *rule, GError **error);
/* The canonical form of @rule, a value of hostfwd=, with nothing left out; NULL: invalid. */
char *forwards_canonical(struct forwards *forwards, const char *rule, GError **error);
/* All rules in that form: a set of char *, newly allocated. */
GHashTable *forwards_canonicals(struct forwards *forwards);
/* Removes the rule of that form; does nothing when there is none. */
void forwards_drop(struct forwards *forwards, const char *canonical);
struct list *forwards_entries(struct forwards *forwards); // heads fwd_entry::link

/*
 * Connects @fd, a connected stream socket, to a port of @guest, a name or an address, like a client
 * of a forward; takes ownership of @fd. It waits while the guest is absent. False: @error says that
 * the guest is unknown or @fd is unsuitable; the caller keeps @fd.
 */
bool forwards_connect(struct forwards *forwards, const char *guest, uint16_t port, int fd,
		      GError **error);
/* Is @entry's guest present? If its listeners lead to several guests: any of them. */
bool forwards_guest_is_here(const struct forwards *forwards, const struct fwd_entry *entry);
/* Number of @entry's clients that had to wait for its guest; for UDP, of their datagrams. */
uint64_t forwards_waited(const struct fwd_entry *entry);
/* The descriptor of a listener; -1: none. */
int forwards_fd(const struct fwd_listener *listener);
/* The rule with its actual port. Newly allocated. */
char *forwards_format(const struct fwd_rule *rule, const struct sockaddr_any *bound);

#endif
