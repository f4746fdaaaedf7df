/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_OUT_H
#define USERNET_LINK_DGRAM_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "link/pad.h"
#include "link/ring.h"
#include "net/frame.h"

/*
 * The way out of a datagram port: frames are noted during the turn and leave in few sendmmsg calls
 * at its end. What the receiver has no room for is copied into a bounded ring and tried again when
 * it has. Short frames are padded (link/pad.h).
 *
 * A unix receiver's queue is short (net.unix.max_dgram_qlen, often 10), and only a socket that is
 * connected to it can be polled for room (unix(7) says nothing of it; af_unix.c, unix_dgram_poll).
 * So each receiver gets a socket of its own, which also keeps a receiver that stands still from
 * using up the send buffer of the others:
 *
 *   dgram_out_connect  a socket connected to @to carries the frames: a server's way to each peer.
 *                      A receiver that itself is connected to our named socket takes frames from
 *                      no other: then @named carries them
 *   dgram_out_named    @named carries the frames, to @to, or where it is connected when @to->len is
 * 0; a second one, connected, is only polled
 */
#define DGRAM_OUT_HIGH (256 * 1024)      /* bytes held back: the port is congested */
#define DGRAM_OUT_LOW  (64 * 1024)       /* and no longer */
#define DGRAM_OUT_MAX  (2 * 1024 * 1024) /* frames that would not fit are dropped */

struct dgram_out {
	struct loop *loop;
	struct sockaddr_any to; /* len 0: @named is connected */
	int named;              /* borrowed */
	int own;                /* connected to the receiver, -1 while it is not there */
	bool prefer_own;        /* dgram_out_connect */
	bool use_named;         /* frames go through @named, @own is only polled */
	bool down;              /* the last frame found nobody */
	struct frame *noted;
	size_t n_noted, cap_noted;
	struct pad pad;          /* copies of the short frames that are noted */
	struct ring held;        /* prefix, frame, … */
	struct loop_io io;       /* awaits room */
	struct loop_timer retry; /* where no socket can tell */
	void (*room)(struct dgram_out *out);
	/* frames lost since the user set them back */
	uint64_t n_full, n_oversize, n_down, n_error;
};

/* @room is called when what is held should be tried again with dgram_out_drain. */
void dgram_out_connect(struct dgram_out *out, struct loop *loop, int named,
		       const struct sockaddr_any *to, void (*room)(struct dgram_out *out));
void dgram_out_named(struct dgram_out *out, struct loop *loop, int named,
		     const struct sockaddr_any *to, void (*room)(struct dgram_out *out));
/* False when nobody is at the receiver's address (errno). */
bool dgram_out_reach(struct dgram_out *out);
void dgram_out_clear(struct dgram_out *out);

/* @frames must stay till dgram_out_flush. */
void dgram_out_note(struct dgram_out *out, const struct frame *frames, size_t n);
void dgram_out_flush(struct dgram_out *out);
void dgram_out_drain(struct dgram_out *out);
static inline size_t dgram_out_held(const struct dgram_out *out)
{
	return out->held.len;
}

#endif
