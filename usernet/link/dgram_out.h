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
 * The output of a datagram port. Frames are queued during the turn and sent with few sendmmsg()
 * calls at its end. Frames that the receiver has no room for are copied into a bounded ring and
 * sent when it has. Short frames are padded (link/pad.h).
 *
 * A unix receiver's queue is short (net.unix.max_dgram_qlen, often 10), and only a socket connected
 * to it can be polled for room (not in unix(7); af_unix.c, unix_dgram_poll). So each receiver gets
 * its own socket, which also keeps a stalled receiver from using up the send buffer of the others:
 *
 *   dgram_out_connect  a socket connected to @to carries the frames: for a server's peers. A
 *                      receiver connected to our named socket accepts frames only from that one:
 *                      then @named carries them
 *   dgram_out_named    @named carries the frames, to @to, or to its connected peer when @to->len is
 *                      0; a second, connected socket is only polled
 */
#define DGRAM_OUT_HIGH (256 * 1024)      /* bytes held: the port is congested */
#define DGRAM_OUT_LOW  (64 * 1024)       /* bytes held: no longer congested */
#define DGRAM_OUT_MAX  (2 * 1024 * 1024) /* bytes held: further frames are dropped */

struct dgram_out {
	struct loop *loop;
	struct sockaddr_any to; /* len 0: @named is connected */
	int named;              /* borrowed */
	int own;                /* connected to the receiver; -1: it does not exist */
	bool prefer_own;        /* dgram_out_connect */
	bool use_named;         /* frames go through @named, @own is only polled */
	bool down;              /* the last frame found no receiver */
	struct frame *noted;
	size_t n_noted, cap_noted;
	struct pad pad;          /* padded copies of queued short frames */
	struct ring held;        /* prefix, frame, … */
	const uint8_t *header;   /* sent before each frame; borrowed, set by the owner */
	size_t header_len;       /* 0: none */
	struct loop_io io;       /* waits for room */
	struct loop_timer retry; /* used when no socket can be polled */
	void (*room)(struct dgram_out *out);
	/* frames lost since the owner reset the counters */
	uint64_t n_full, n_oversize, n_down, n_error;
};

/* @room is called when dgram_out_drain() should send the held frames. */
void dgram_out_connect(struct dgram_out *out, struct loop *loop, int named,
		       const struct sockaddr_any *to, void (*room)(struct dgram_out *out));
void dgram_out_named(struct dgram_out *out, struct loop *loop, int named,
		     const struct sockaddr_any *to, void (*room)(struct dgram_out *out));
/* False when the receiver does not exist; see errno. */
bool dgram_out_reach(struct dgram_out *out);
void dgram_out_clear(struct dgram_out *out);

/* @frames must stay valid until dgram_out_flush(). */
void dgram_out_note(struct dgram_out *out, const struct frame *frames, size_t n);
void dgram_out_flush(struct dgram_out *out);
void dgram_out_drain(struct dgram_out *out);
static inline size_t dgram_out_held(const struct dgram_out *out)
{
	return out->held.len;
}

#endif
