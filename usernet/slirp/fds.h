/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_FDS_H
#define USERNET_SLIRP_FDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"

/*
 * libslirp's sockets in the loop. libslirp thinks in rounds of poll(2): before each it says of
 * every socket what it waits for, after it asks what came. Here a round changes only what differs
 * from the one before.
 *
 *     nat_fdset_begin, nat_fdset_wait (for each fd), nat_fdset_end     a fill
 *     … set->ready is called when something came …
 *     nat_fdset_revents (by the number that wait gave)                 a poll
 */
struct nat_fds; /* all of a NAT's, by descriptor */

struct nat_fds *nat_fds_new(struct loop *loop);
/* All sets must be empty. */
void nat_fds_free(struct nat_fds *fds);

/* Those of one Slirp. */
struct nat_fdset {
	struct nat_fds *fds;
	void (*ready)(struct nat_fdset *set);
	void (*counted)(struct nat_fdset *set, int n); /* one more (1) or less (-1) */
	struct list entries; /* heads nat_fd::link, in the order they were first seen */
	GArray *rounds;      /* uint32_t: what came, by number */
	uint32_t round;
	unsigned n;
};

void nat_fdset_init(struct nat_fdset *set, struct nat_fds *fds,
		    void (*ready)(struct nat_fdset *set),
		    void (*counted)(struct nat_fdset *set, int n));
void nat_fdset_fini(struct nat_fdset *set);
/* Lets go of all descriptors, which may be closed already. */
void nat_fdset_clear(struct nat_fdset *set);

/* @fd is the set's, and waits for nothing yet. Taken from another set that did not let it go. */
void nat_fdset_claim(struct nat_fdset *set, int fd);
bool nat_fdset_has(const struct nat_fdset *set, int fd);
/* @fd is the set's, and nothing was waited for there in the last round. */
bool nat_fdset_is_quiet(const struct nat_fdset *set, int fd);
/* @fd is about to be closed. Harmless when it is not the set's. */
void nat_fdset_release(struct nat_fdset *set, int fd);

void nat_fdset_begin(struct nat_fdset *set);
/* @events: EPOLLIN … Returns the number for nat_fdset_revents. */
int nat_fdset_wait(struct nat_fdset *set, int fd, uint32_t events);
/* What was not waited for in this round is quiet. */
void nat_fdset_end(struct nat_fdset *set);
uint32_t nat_fdset_revents(const struct nat_fdset *set, int number);
/*
 * After a poll: which of the datagram sockets that were read have another one waiting? From now on
 * nat_fdset_revents tells of these alone. Returns the length of these datagrams in bytes, 0: none.
 */
size_t nat_fdset_read_on(struct nat_fdset *set);
/* What has something to say waits for the next round, which finds it again. */
void nat_fdset_hush(struct nat_fdset *set);

#endif
