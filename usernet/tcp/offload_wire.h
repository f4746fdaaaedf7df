/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_WIRE_H
#define USERNET_TCP_OFFLOAD_WIRE_H

#include "base/checksum.h"
#include "net/outbox.h"
#include "packet/packet.h"

/*
 * The bytes of TCP segments that offload makes or changes: headers from a template, options of a
 * SYN. Sums are derived from those of the parts where there is payload, so that nothing damaged
 * ever becomes right.
 */
#define OFFLOAD_TCP_HEADER  20
#define OFFLOAD_HEAD_MAX    (ETH_HEADER + 40 + OFFLOAD_TCP_HEADER)
#define OFFLOAD_DEFAULT_MSS 536 /* RFC 9293 3.7.1, when none is announced */

/* --- sequence numbers (RFC 9293 3.4): modulo 2^32 --- */

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_after(uint32_t a, uint32_t b)
{
	return seq_before(b, a);
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

static inline uint32_t packet_seq(const struct packet *p)
{
	return packet_u32(p->frame + p->l4 + 4);
}

static inline uint32_t packet_ack(const struct packet *p)
{
	return packet_u32(p->frame + p->l4 + 8);
}

static inline uint16_t packet_window(const struct packet *p)
{
	return packet_u16(p->frame + p->l4 + 14);
}

/* --- segments from a template --- */

/* What all segments of one direction begin with: ethernet, IP and TCP header without options. */
struct offload_head {
	uint8_t bytes[OFFLOAD_HEAD_MAX];
	uint8_t len; /* of all */
	uint8_t l4;
	bool v6;
	csum_t ip_sum;  /* of the IPv4 header without its length */
	csum_t tcp_sum; /* of pseudo-header and header, without what differs */
};

/* What differs from one to the next. */
struct offload_tcp {
	uint32_t seq, ack;
	uint16_t window; /* as it stands in the header */
	uint8_t flags;
};

/* From a packet that goes that way. */
void offload_head_init(struct offload_head *head, const struct packet *packet);
/* Writes the headers of a segment whose @len bytes of payload, with this @sum, follow @frame's. */
void offload_head_write(const struct offload_head *head, uint8_t *frame,
			const struct offload_tcp *tcp, uint32_t len, csum_t sum);

/* The sum of @packet's payload as its header claims it, without reading it. */
csum_t offload_payload_sum(const struct packet *packet);
/* Is the TCP checksum right? Reads all of it. */
bool offload_sum_right(const struct packet *packet);
/* Gives the segment at @frame, whose TCP header is at @l4, other numbers; a wrong sum stays so. */
void offload_rewrite(uint8_t *frame, uint16_t l4, const struct offload_tcp *tcp);

/* --- options --- */

struct offload_options {
	uint16_t mss; /* OFFLOAD_DEFAULT_MSS when there is none */
	bool scaled;  /* RFC 7323 2.2 */
	uint8_t shift;
};

void offload_options_read(struct offload_options *options, const struct packet *packet);
/* Puts @packet, a SYN, to @outbox with a window scale option of @shift added. */
void offload_put_scaled_syn(const struct packet *packet, uint8_t shift, struct outbox *outbox);
/* Raises the MSS that @frame's SYN announces to @mss. @packet: its parse. */
void offload_raise_mss(uint8_t *frame, const struct packet *packet, uint16_t mss);

#endif
