/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_IN_H
#define USERNET_LINK_DGRAM_IN_H

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
 * Reads the datagrams waiting at @fd; *@frames is borrowed. False when the socket reported an error
 * (errno) instead; errors of earlier sends are reported here too.
 */
bool dgram_in_read(struct dgram_in *in, int fd, const struct dgram_in_frame **frames, size_t *n);

#endif
