/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_FORWARDS_H
#define USERNET_CTL_FORWARDS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "fwd/table.h"

/*
 * The forwards of one `user` netdev: joins the rule table (fwd/), which knows no NAT, to the NAT,
 * which knows no rules, and tells the network's observers what came and went.
 */
struct forwards;
struct netdev;

/* @host: the address of rules that name none; @guest: likewise (the DHCP start address). */
struct forwards *forwards_new(struct netdev *user, struct in_addr host, struct in_addr guest);
/* Closes all; before the netdev goes. NULL is fine. */
void forwards_free(struct forwards *forwards);

/* @rule as hostfwd= has it. The entry is the table's. */
const struct fwd_entry *forwards_add(struct forwards *forwards, const char *rule, GError **error);
/*
 * @rule as hostfwd_remove has it, or as forwards_add() took it, or with the port that was chosen
 * for port 0. ERROR_NOT_FOUND when there is none.
 */
bool forwards_remove(struct forwards *forwards, const char *rule, GError **error);
/* @rule as hostfwd= has it, in the one way it is written with nothing left out; NULL: it is none.
 */
char *forwards_canonical(struct forwards *forwards, const char *rule, GError **error);
/* All that there are, so written: a set of char *, newly allocated. */
GHashTable *forwards_canonicals(struct forwards *forwards);
/* By that text. Nothing when there is none. */
void forwards_drop(struct forwards *forwards, const char *canonical);
struct list *forwards_entries(struct forwards *forwards); // heads fwd_entry::link

/*
 * Leads @fd, a connected stream socket, to a port of @guest, a name or an address, as a client of a
 * forward; it is taken over. One whose guest is not there waits. False: @error says who is not
 * known, or what is wrong with @fd, which stays the caller's.
 */
bool forwards_connect(struct forwards *forwards, const char *guest, uint16_t port, int fd,
		      GError **error);
/* Is the guest there that @entry leads to? Any of them, where its listeners lead to several. */
bool forwards_guest_is_here(const struct forwards *forwards, const struct fwd_entry *entry);
/* Clients of @entry that had to wait for its guest. Only of TCP and unix. */
uint64_t forwards_waited(const struct fwd_entry *entry);
/* The descriptor of a listener; -1: it has none of its own. */
int forwards_fd(const struct fwd_listener *listener);
/* The rule with the port it really listens on. Newly allocated. */
char *forwards_format(const struct fwd_rule *rule, const struct sockaddr_any *bound);

#endif
