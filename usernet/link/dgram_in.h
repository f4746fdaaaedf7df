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
 * Takes many datagrams in one system call, each into a slot of its own that has room for the
 * largest frame and for the length prefix in front of it. The slots are address space: of each only
 * the pages that a frame reached are memory, and small frames reach one.
 *
 * The frames stay until the next dgram_in_read, which must be in another turn.
 */
#define DGRAM_IN_MAX 128 /* datagrams a turn */

struct dgram_in;

struct dgram_in_frame {
	struct frame frame; /* with its prefix; shorter than FRAME_MIN when a runt */
	bool truncated;     /* it was longer than FRAME_MAX: not whole, not to be used */
	const struct sockaddr_any *from; /* len 0: an unnamed sender */
};

/* NULL when there is no address space (errno). */
struct dgram_in *dgram_in_new(void);
void dgram_in_free(struct dgram_in *in);
/*
 * What waits at @fd, borrowed, *@n of it. False when the socket reported an error (errno) instead;
 * errors of former sends come this way too.
 */
bool dgram_in_read(struct dgram_in *in, int fd, const struct dgram_in_frame **frames, size_t *n);

#endif
