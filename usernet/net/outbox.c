/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/outbox.h"

#include <glib.h>
#include <string.h>

#include "net/vswitch.h"

void outbox_init(struct outbox *outbox, struct chunk_pool *pool, struct port *port)
{
	*outbox = (struct outbox){.pool = pool, .port = port};
}

void outbox_fini(struct outbox *outbox)
{
	if (outbox->chunk)
		chunk_retire(outbox->pool, outbox->chunk);
	g_free(outbox->frames);
	*outbox = (struct outbox){0};
}

uint8_t *outbox_reserve(struct outbox *outbox, size_t len)
{
	len = MAX(len, FRAME_PADDED);
	if (!outbox->chunk || outbox->used + FRAME_PREFIX + len > CHUNK_SIZE) {
		if (outbox->n_chunks == OUTBOX_MAX_CHUNKS) {
			port_drop(outbox->port, DROP_QUEUE_FULL, 1);
			return NULL;
		}
		if (outbox->chunk)
			chunk_retire(outbox->pool, outbox->chunk);
		outbox->chunk = chunk_try(outbox->pool);
		if (!outbox->chunk) {
			port_drop(outbox->port, DROP_MEMORY, 1);
			return NULL;
		}
		outbox->n_chunks++;
		outbox->used = 0;
	}
	return outbox->chunk->data + outbox->used + FRAME_PREFIX;
}

/* Zero the padding: stale memory would reach the guest (CVE-2003-0001). */
static size_t pad(uint8_t *data, size_t len)
{
	if (len >= FRAME_PADDED)
		return len;
	memset(data + len, 0, FRAME_PADDED - len);
	return FRAME_PADDED;
}

static void append(struct outbox *outbox, uint8_t *data, size_t len, enum frame_sum sum)
{
	len = pad(data, len);
	if (outbox->src)
		mac_write(data + MAC_LEN, outbox->src);
	frame_set_prefix(data, (uint32_t)len);
	if (outbox->n == outbox->capacity) {
		outbox->capacity = MAX(256, outbox->capacity * 2);
		outbox->frames = g_renew(struct frame, outbox->frames, outbox->capacity);
	}
	outbox->frames[outbox->n++] = (struct frame){data, (uint32_t)len, .sum = sum};
}

void outbox_append(struct outbox *outbox, uint8_t *data, size_t len)
{
	append(outbox, data, len, FRAME_SUM_MADE);
}

void outbox_append_partial(struct outbox *outbox, uint8_t *data, size_t len)
{
	append(outbox, data, len, FRAME_SUM_PARTIAL);
}

void outbox_commit(struct outbox *outbox, size_t len)
{
	outbox_append(outbox, outbox->chunk->data + outbox->used + FRAME_PREFIX, len);
	outbox->used += FRAME_PREFIX + MAX(len, FRAME_PADDED);
}

void outbox_flush(struct outbox *outbox)
{
	if (outbox->n > 0)
		vswitch_input(outbox->port, outbox->frames, outbox->n);
	outbox->n = 0;
	if (outbox->chunk) /* stays readable until the end of the turn */
		chunk_retire(outbox->pool, outbox->chunk);
	outbox->chunk = NULL;
	outbox->n_chunks = 0;
}
