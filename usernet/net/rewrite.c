/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/rewrite.h"

#include "net/port.h"

/* Before each copy: room for a tag, and the prefix. */
#define GAP (VLAN_TAG + FRAME_PREFIX)

bool rewrite_is_needed(const struct port *to, uint16_t vlan, const struct frame *frame)
{
	return (frame_is_unfinished(frame) && !to->takes_offload) ||
	       vlan_change_of(&to->vlans, vlan, frame) != VLAN_KEEP;
}

static uint8_t *reserve(struct rewrite *rewrite, size_t size)
{
	if (rewrite->chunk && rewrite->used + size > CHUNK_SIZE)
		rewrite_end(rewrite);
	if (!rewrite->chunk) {
		rewrite->chunk = chunk_take(rewrite->pool);
		rewrite->used = 0;
	}
	return rewrite->chunk->data + rewrite->used;
}

/* Sets the tag to @vlan; a priority tag becomes it. */
static void push(struct frame *frame, uint16_t vlan)
{
	uint8_t *data = (uint8_t *)frame->data;

	if (!vlan_is_tagged(frame)) {
		memmove(data - VLAN_TAG, data, 2 * MAC_LEN);
		data -= VLAN_TAG;
		memcpy(data + 2 * MAC_LEN, (const uint8_t[]){0x81, 0, 0, 0}, VLAN_TAG);
		frame->data = data;
		frame->len += VLAN_TAG;
	}
	data[14] = (uint8_t)((data[14] & 0xf0) | vlan >> 8);
	data[15] = (uint8_t)vlan;
}

static void pop(struct frame *frame)
{
	uint8_t *data = (uint8_t *)frame->data + VLAN_TAG;

	memmove(data, frame->data, 2 * MAC_LEN);
	frame->data = data;
	frame->len -= VLAN_TAG;
}

static void change(struct frame *frame, enum vlan_change how, uint16_t vlan)
{
	if (how == VLAN_PUSH)
		push(frame, vlan);
	else
		pop(frame);
	frame_set_prefix((uint8_t *)frame->data, frame->len);
}

/* @frame as it is. */
static size_t copy(const struct frame *frame, uint8_t *room, struct frame *out)
{
	memcpy(room + GAP, frame->data, frame->len);
	frame_set_prefix(room + GAP, frame->len);
	*out = *frame;
	out->data = room + GAP;
	return 1;
}

bool rewrite_add(struct rewrite *rewrite, struct port *to, uint16_t vlan, const struct frame *frame)
{
	enum vlan_change how = vlan_change_of(&to->vlans, vlan, frame);
	bool finish = frame_is_unfinished(frame) && !to->takes_offload;
	size_t size = GAP + frame->len, n;
	struct offload_at at;
	struct frame *out;
	uint8_t *room;

	if (how == VLAN_POP && vlan_hides_another(frame)) {
		port_drop(to, DROP_VLAN, 1);
		return true;
	}
	if (!rewrite->frames)
		rewrite->frames = g_new(struct frame, REWRITE_MAX);
	if (rewrite->n + OFFLOAD_PIECES_MAX > REWRITE_MAX)
		return false;
	out = rewrite->frames + rewrite->n;
	if (finish) {
		if ((frame->segment && frame->segment < OFFLOAD_SEGMENT_MIN) ||
		    !offload_locate(frame, &at)) {
			port_drop(to, DROP_MALFORMED, 1);
			return true;
		}
		size = offload_room(frame, &at, GAP);
	}
	room = reserve(rewrite, size);
	n = finish ? offload_finish(frame, &at, room, GAP, out) : copy(frame, room, out);
	rewrite->used += size;
	if (how != VLAN_KEEP) {
		for (size_t i = 0; i < n; i++)
			change(&out[i], how, vlan);
	}
	rewrite->n += n;
	return true;
}

void rewrite_end(struct rewrite *rewrite)
{
	if (rewrite->chunk)
		chunk_retire(rewrite->pool, rewrite->chunk);
	rewrite->chunk = NULL;
}

void rewrite_free(struct rewrite *rewrite)
{
	rewrite_end(rewrite);
	g_clear_pointer(&rewrite->frames, g_free);
}
