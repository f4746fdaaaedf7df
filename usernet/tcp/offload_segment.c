/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_segment.h"

#include <glib.h>

#include "tcp/offload.h"

#define FRAME_LIMIT (ETH_HEADER + OFFLOAD_IF_MTU)

G_STATIC_ASSERT(sizeof(struct offload_segment) + FRAME_LIMIT <= OFFLOAD_BLOCK_DATA);

static uint32_t headers(const struct packet *p)
{
	return p->l4 + OFFLOAD_TCP_HEADER;
}

struct offload_segment *offload_segment_new(struct offload_pool *pool, struct offload_guest *guest,
					    uint32_t seq)
{
	struct offload_segment *segment;

	if (!offload_charge(pool, guest, 1))
		return NULL;
	segment = (struct offload_segment *)offload_block_take(pool)->data;
	list_init(&segment->link);
	segment->seq = seq;
	segment->len = 0;
	segment->flags = TCP_FLAG_ACK;
	segment->sum = 0;
	return segment;
}

void offload_segment_free(struct offload_segment *segment, struct offload_pool *pool,
			  struct offload_guest *guest)
{
	list_remove(&segment->link);
	offload_block_give(pool, container_of(segment, struct offload_block, data));
	offload_uncharge(pool, guest, 1);
}

bool offload_segment_takes(const struct packet *p)
{
	const uint8_t ours = TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN;

	return (p->tcp_flags & ours) == p->tcp_flags &&
	       headers(p) + (p->len - p->payload) <= FRAME_LIMIT;
}

bool offload_segment_append(struct offload_segment *segment, const struct packet *p)
{
	uint32_t len = p->len - p->payload, at = headers(p) + segment->len;
	csum_t sum;

	if (packet_seq(p) != offload_segment_end(segment) || at + len > FRAME_LIMIT ||
	    segment->flags & TCP_FLAG_FIN)
		return false;
	sum = offload_payload_sum(p);
	segment->sum += segment->len % 2 ? csum_swap(sum) : sum;
	memcpy(segment->frame + at, p->frame + p->payload, len);
	segment->len += len;
	segment->flags |= p->tcp_flags;
	return true;
}
