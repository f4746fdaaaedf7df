/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_IN_H
#define USERNET_LINK_DGRAM_IN_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/sockaddr.h"
#include "net/frame.h"

/*
 * Receives many datagrams in one system call. Each goes into its own slot, which has room for the
 * largest frame and for the length prefix before it. Slots are reserved address space: only pages
 * that a frame has reached use memory, and a small frame reaches one.
 *
 * Frames stay valid until the next dgram_in_read(), which must be in another turn.
 */
#define DGRAM_IN_MAX 128 /* datagrams per turn */

/* How many datagrams a port reads at once that may read @bytes: DGRAM_IN_MAX, unless it is costly.
 */
static inline size_t dgram_in_max(size_t bytes)
{
	return CLAMP(bytes / 128, 1, DGRAM_IN_MAX);
}

struct dgram_in;

struct dgram_in_frame {
	struct frame frame;              /* with its prefix; shorter than FRAME_MIN: a runt */
	bool truncated;                  /* it was longer than FRAME_MAX: incomplete, do not use */
	const struct sockaddr_any *from; /* len 0: an unnamed sender */
};

/* NULL when the address space is used up; see errno. */
struct dgram_in *dgram_in_new(void);
void dgram_in_free(struct dgram_in *in);
/*
 * Reads at most @max (1 to DGRAM_IN_MAX) datagrams waiting at @fd; *@frames is borrowed. False when
 * the socket reported an error (errno) instead; errors of earlier sends are reported here too.
 */
bool dgram_in_read(struct dgram_in *in, int fd, size_t max, const struct dgram_in_frame **frames,
		   size_t *n);

#endif
