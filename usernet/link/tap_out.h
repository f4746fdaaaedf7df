/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_TAP_OUT_H
#define USERNET_LINK_TAP_OUT_H

#include "link/ring.h"
#include "link/tap_merge.h"
#include "net/frame.h"

/*
 * The output of a tap. Frames are noted during the turn and written at its end, one write each;
 * TCP segments that follow each other are joined. A tap takes every frame, unless sndbuf= limits
 * it: then frames wait in a bounded ring.
 */
#define TAP_OUT_HIGH (256 * 1024)      /* bytes held: the port is congested */
#define TAP_OUT_LOW  (64 * 1024)       /* bytes held: no longer congested */
#define TAP_OUT_MAX  (2 * 1024 * 1024) /* bytes held: further frames are dropped */

struct tap_out {
	int fd; /* borrowed */
	bool vnet_hdr;
	struct frame *noted; /* grows geometrically */
	size_t n_noted, cap_noted;
	struct ring held; /* u32 length, header, frame, … */
	struct tap_merge merge;
	/* frames lost since the owner reset the counters */
	uint64_t n_full, n_down, n_error;
};

void tap_out_init(struct tap_out *out, int fd, bool vnet_hdr);
void tap_out_clear(struct tap_out *out);
/* @frames must stay valid until tap_out_flush(). */
void tap_out_note(struct tap_out *out, const struct frame *frames, size_t n);
void tap_out_flush(struct tap_out *out);
/* Writes held frames; call it when the tap has room. */
void tap_out_drain(struct tap_out *out);
static inline size_t tap_out_held(const struct tap_out *out)
{
	return out->held.len;
}

#endif
