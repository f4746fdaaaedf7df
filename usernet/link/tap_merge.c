/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/tap_merge.h"

#include <glib.h>
#include <netinet/in.h>
#include <string.h>

#include "base/checksum.h"

#define TCP_ACK 0x10
#define TCP_PSH 0x08

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Only the usual headers: no tags, no IP options, no extension headers. */
static bool may_begin(const struct frame *f, struct offload_at *at)
{
	if (f->sum == FRAME_SUM_THERE || f->segment || !offload_locate(f, at))
		return false;
	return at->proto == IPPROTO_TCP && at->l3 == ETH_HEADER &&
	       at->l4 == ETH_HEADER + (at->v6 ? 40 : 20) && at->end == f->len &&
	       at->payload < at->end && (f->data[at->l4 + 13] & ~TCP_PSH) == TCP_ACK;
}

static bool is_same(const uint8_t *a, const uint8_t *b, size_t from, size_t to)
{
	return !memcmp(a + from, b + from, to - from);
}

static bool has_same_headers(const struct frame *first, const struct frame *f,
			     const struct offload_at *at)
{
	const uint8_t *a = first->data, *b = f->data;
	size_t ip = at->l3, tcp = at->l4;

	if (!is_same(a, b, 0, ip + 2))
		return false;
	/* IPv4: fragment field, TTL, protocol; addresses. IPv6: flow label; all after the length.
	 */
	if (at->v6 ? !is_same(a, b, ip + 2, ip + 4) || !is_same(a, b, ip + 6, tcp)
		   : !is_same(a, b, ip + 6, ip + 10) || !is_same(a, b, ip + 12, tcp))
		return false;
	return is_same(a, b, tcp, tcp + 4) && is_same(a, b, tcp + 8, tcp + 13) &&
	       (b[tcp + 13] & ~TCP_PSH) == TCP_ACK && is_same(a, b, tcp + 14, tcp + 16) &&
	       is_same(a, b, tcp + 18, at->payload);
}

/* The length that its IP header says must be the frame's. */
static bool is_exact(const struct frame *f, const struct offload_at *at)
{
	const uint8_t *ip = f->data + at->l3;
	uint32_t total =
		at->v6 ? 40 + (uint32_t)(ip[4] << 8 | ip[5]) : (uint32_t)(ip[2] << 8 | ip[3]);

	return total == f->len - at->l3;
}

static bool follows(const struct frame *first, const struct frame *f, const struct offload_at *at,
		    uint32_t seq)
{
	return f->sum != FRAME_SUM_THERE && !f->segment && f->len <= first->len &&
	       f->len > at->payload && is_exact(f, at) && has_same_headers(first, f, at) &&
	       get32(f->data + at->l4 + 4) == seq;
}

/* Writes the headers of a packet with @len bytes of payload. */
static void make_head(struct tap_merge *merge, const struct offload_at *at, uint32_t len, bool push)
{
	uint8_t *ip = merge->head + at->l3, *tcp = merge->head + at->l4;
	uint32_t l4_len = at->payload - at->l4 + len, src, dst;
	csum_t sum;
	uint16_t check;

	if (at->v6) {
		ip[4] = (uint8_t)(l4_len >> 8);
		ip[5] = (uint8_t)l4_len;
		sum = csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, l4_len);
	} else {
		ip[2] = (uint8_t)((l4_len + 20) >> 8);
		ip[3] = (uint8_t)(l4_len + 20);
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
		memcpy(&src, ip + 12, 4);
		memcpy(&dst, ip + 16, 4);
		sum = csum_pseudo4(src, dst, IPPROTO_TCP, (uint16_t)l4_len);
	}
	if (push)
		tcp[13] |= TCP_PSH;
	check = (uint16_t)~csum_fold(sum);
	memcpy(tcp + 16, &check, 2);
}

size_t tap_merge(struct tap_merge *merge, const struct frame *frames, size_t n)
{
	const struct frame *first = &frames[0];
	struct offload_at at;
	uint32_t segment, len, seq;
	size_t used = 1;
	bool push;

	if (n < 2 || !may_begin(first, &at))
		return 1;
	segment = len = first->len - at.payload;
	seq = get32(first->data + at.l4 + 4) + len;
	push = first->data[at.l4 + 13] & TCP_PSH;
	/* A shorter frame and a PSH end the run. */
	while (used < MIN(n, (size_t)TAP_MERGE_MAX) && !push &&
	       frames[used - 1].len == first->len && follows(first, &frames[used], &at, seq)) {
		uint32_t more = frames[used].len - at.payload;

		if ((uint32_t)(at.payload - at.l3) + len + more > 65535)
			break;
		push = frames[used].data[at.l4 + 13] & TCP_PSH;
		len += more;
		seq += more;
		used++;
	}
	if (used == 1)
		return 1;
	memcpy(merge->head, first->data, at.payload);
	make_head(merge, &at, len, push);
	merge->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = at.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = at.payload,
		.gso_size = (uint16_t)segment,
		.csum_start = at.l4,
		.csum_offset = 16,
	};
	merge->iov[0] = (struct iovec){&merge->header, sizeof(merge->header)};
	merge->iov[1] = (struct iovec){merge->head, at.payload};
	for (size_t i = 0; i < used; i++)
		merge->iov[2 + i] = (struct iovec){(uint8_t *)frames[i].data + at.payload,
						   frames[i].len - at.payload};
	merge->n_iov = (unsigned)used + 2;
	return used;
}
