/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/pad.h"

#include <glib.h>

#define SLOT_SIZE (FRAME_PREFIX + FRAME_PADDED)

struct frame pad_copy(struct pad *pad, const struct frame *frame)
{
	uint8_t *data;

	g_assert(pad_is_needed(frame) && !pad_is_full(pad));
	if (!pad->slots)
		pad->slots = g_malloc((size_t)PAD_SLOTS * SLOT_SIZE);
	data = pad->slots + (size_t)pad->n++ * SLOT_SIZE + FRAME_PREFIX;
	memcpy(data, frame->data, frame->len);
	memset(data + frame->len, 0, FRAME_PADDED - frame->len);
	frame_set_prefix(data, FRAME_PADDED);
	return (struct frame){data, FRAME_PADDED};
}

void pad_clear(struct pad *pad)
{
	g_clear_pointer(&pad->slots, g_free);
	pad->n = 0;
}
