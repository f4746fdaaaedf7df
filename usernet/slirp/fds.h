/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_FDS_H
#define USERNET_SLIRP_FDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"

/*
 * libslirp's sockets in the loop. libslirp works in rounds of poll(2): before each it says what it
 * waits for on every socket, afterwards it asks for the events. Here a round changes only what
 * differs from the one before.
 *
 *     nat_fdset_begin, nat_fdset_wait (for each fd), nat_fdset_end     a fill
 *     … set->ready is called when events came …
 *     nat_fdset_revents (by the number that wait returned)             a poll
 */
struct nat_fds; /* all of a NAT's, by descriptor */

struct nat_fds *nat_fds_new(struct loop *loop);
/* All sets must be empty. */
void nat_fds_free(struct nat_fds *fds);

/* The descriptors of one Slirp. */
struct nat_fdset {
	struct nat_fds *fds;
	void (*ready)(struct nat_fdset *set);
	void (*counted)(struct nat_fdset *set, int n); /* @n: 1 new, -1 removed */
	struct list entries; /* heads nat_fd::link, in order of first use */
	GArray *rounds;      /* uint32_t: events, by number */
	uint32_t round;
	unsigned n;
};

void nat_fdset_init(struct nat_fdset *set, struct nat_fds *fds,
		    void (*ready)(struct nat_fdset *set),
		    void (*counted)(struct nat_fdset *set, int n));
void nat_fdset_fini(struct nat_fdset *set);
/* Removes all descriptors, which may be closed already. */
void nat_fdset_clear(struct nat_fdset *set);

/* @fd belongs to the set and waits for nothing yet. A set that did not release it loses it. */
void nat_fdset_claim(struct nat_fdset *set, int fd);
/* Call it before @fd is closed. Harmless if it is not the set's. */
void nat_fdset_release(struct nat_fdset *set, int fd);

void nat_fdset_begin(struct nat_fdset *set);
/* @events: EPOLLIN … Returns the number for nat_fdset_revents. */
int nat_fdset_wait(struct nat_fdset *set, int fd, uint32_t events);
/* Descriptors not waited for in this round become quiet. */
void nat_fdset_end(struct nat_fdset *set);
uint32_t nat_fdset_revents(const struct nat_fdset *set, int number);
/*
 * After a poll: finds the datagram sockets just read that hold another datagram.
 * nat_fdset_revents() then reports only these. Returns the bytes of these datagrams, 0: none.
 */
size_t nat_fdset_read_on(struct nat_fdset *set);
/* Clears all events; the next round finds them again. */
void nat_fdset_hush(struct nat_fdset *set);

#endif
