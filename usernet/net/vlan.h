/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_VLAN_H
#define USERNET_NET_VLAN_H

#include <glib.h>
#include <stdbool.h>

#include "net/frame.h"

/*
 * VLANs of a port (IEEE 802.1Q). A port's own VLAN carries its untagged frames; 0 is the untagged
 * network. Other VLANs pass with their tag:
 *
 *     neither key       VLAN 0, and every tag
 *     vlan=N            VLAN N, no tags
 *     trunk=A;B..C      VLAN 0, or vlan=, and the tags listed
 *
 * A tag with VLAN 0 only carries a priority: the frame belongs to the port's own VLAN.
 */
#define VLAN_MAX  4094
#define VLAN_TAG  4 /* bytes of a tag */
#define VLAN_NONE 0xffff

struct vlan_set {
	uint64_t bits[(VLAN_MAX + 64) / 64];
};

struct vlans {
	uint16_t own;
	bool filters;         /* passes only the tags in set */
	struct vlan_set *set; /* NULL: none; owned by the netdev */
};

static inline bool vlan_set_has(const struct vlan_set *set, uint16_t vlan)
{
	return set && vlan <= VLAN_MAX && set->bits[vlan / 64] >> vlan % 64 & 1;
}

/* "10;20..30": adds them. False: not such a list of numbers from 1 to VLAN_MAX. */
bool vlan_set_parse(struct vlan_set *set, const char *text);

/* Has the frame a tag with a VLAN? @frame has FRAME_MIN bytes. */
static inline bool vlan_is_tagged(const struct frame *frame)
{
	return frame->data[12] == 0x81 && frame->data[13] == 0x00 && frame->len >= FRAME_MIN + 4;
}

static inline uint16_t vlan_of_tag(const struct frame *frame)
{
	return (uint16_t)((frame->data[14] & 0xf) << 8 | frame->data[15]);
}

/*
 * Does the frame carry a second tag behind the first? Without the first, the frame would be of
 * another VLAN at the switch behind a port.
 */
static inline bool vlan_hides_another(const struct frame *frame)
{
	struct frame inner = {.data = frame->data + VLAN_TAG, .len = frame->len - VLAN_TAG};

	return vlan_is_tagged(frame) && vlan_is_tagged(&inner) && vlan_of_tag(&inner);
}

/* The VLAN of a frame received at a port with @vlans; VLAN_NONE: it may not pass. */
static inline uint16_t vlan_of(const struct vlans *vlans, const struct frame *frame)
{
	uint16_t vlan;

	if (G_LIKELY(!vlan_is_tagged(frame)))
		return vlans->own;
	vlan = vlan_of_tag(frame);
	if (!vlan || vlan == vlans->own)
		return vlans->own;
	return !vlans->filters || vlan_set_has(vlans->set, vlan) ? vlan : VLAN_NONE;
}

static inline bool vlan_is_member(const struct vlans *vlans, uint16_t vlan)
{
	return vlan == vlans->own || !vlans->filters || vlan_set_has(vlans->set, vlan);
}

/* How a frame must leave at a port with @vlans. */
enum vlan_change { VLAN_KEEP, VLAN_PUSH, VLAN_POP };

static inline enum vlan_change vlan_change_of(const struct vlans *to, uint16_t vlan,
					      const struct frame *frame)
{
	bool tagged = vlan_is_tagged(frame);

	if (vlan == to->own) /* a priority tag stays where tags are expected */
		return tagged && (to->filters || vlan) ? VLAN_POP : VLAN_KEEP;
	return tagged && vlan_of_tag(frame) ? VLAN_KEEP : VLAN_PUSH;
}

#endif
