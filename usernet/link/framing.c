/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/framing.h"

struct framing framing_init(const uint8_t *data, size_t len)
{
	return (struct framing){.p = data, .end = data + len};
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t framing_split(struct framing *in, struct frame *frames, size_t max)
{
	size_t n = 0;

	while (n < max && !in->bad && in->end - in->p >= FRAME_PREFIX) {
		uint32_t len = load_be32(in->p);

		if (len == 0 || len > FRAME_MAX) {
			in->bad = true;
			in->bad_length = len;
			break;
		}
		if ((size_t)(in->end - in->p) - FRAME_PREFIX < len)
			break;
		if (len < FRAME_MIN)
			in->n_runts++;
		else
			frames[n++] = (struct frame){in->p + FRAME_PREFIX, len};
		in->p += FRAME_PREFIX + len;
	}
	return n;
}
