/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_wire.h"

#include <glib.h>

#define OPT_END      0 /* RFC 9293 3.2 */
#define OPT_NOP      1
#define OPT_MSS      2
#define OPT_WSCALE   3  /* RFC 7323 2.2 */
#define WSCALE_MAX   14 /* RFC 7323 2.3 */
#define WSCALE_LEN   4  /* with a NOP in front, a whole word */
#define HEADER_MAX   60
#define SMALLEST_MSS 64 /* what a guest may make us cut its segments to */
#define IP4_LEN      2  /* where a field is in its header */
#define IP4_SUM      10
#define IP6_LEN      4
#define TCP_SEQ      4
#define TCP_ACK      8
#define TCP_OFFSET   12
#define TCP_FLAGS    13
#define TCP_WINDOW   14
#define TCP_SUM      16

static csum_t pseudo_sum(const struct packet *p, uint32_t len)
{
	if (p->v6)
		return csum_pseudo6(&p->src, &p->dst, IPPROTO_TCP, len);
	return csum_pseudo4(address_v4(&p->src).s_addr, address_v4(&p->dst).s_addr, IPPROTO_TCP,
			    (uint16_t)len);
}

static void set_ip_len(uint8_t *ip, bool v6, uint32_t tcp_len)
{
	uint16_t check;

	if (v6) {
		packet_put16(ip + IP6_LEN, (uint16_t)tcp_len);
		return;
	}
	packet_put16(ip + IP4_LEN, (uint16_t)(20 + tcp_len));
	memset(ip + IP4_SUM, 0, 2);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + IP4_SUM, &check, 2);
}

void offload_head_init(struct offload_head *head, const struct packet *packet)
{
	uint32_t l4 = packet->l4;

	head->l4 = (uint8_t)l4;
	head->len = (uint8_t)(l4 + OFFLOAD_TCP_HEADER);
	head->v6 = packet->v6;
	memcpy(head->bytes, packet->frame, head->len);
	memset(head->bytes + l4 + TCP_SEQ, 0, OFFLOAD_TCP_HEADER - TCP_SEQ);
	head->bytes[l4 + TCP_OFFSET] = OFFLOAD_TCP_HEADER / 4 << 4;
	head->tcp_sum = csum_add(pseudo_sum(packet, 0), head->bytes + l4, OFFLOAD_TCP_HEADER);
	if (!packet->v6) {
		memset(head->bytes + ETH_HEADER + IP4_LEN, 0, 2);
		memset(head->bytes + ETH_HEADER + IP4_SUM, 0, 2);
		head->ip_sum = csum_add(0, head->bytes + ETH_HEADER, 20);
	}
}

void offload_head_write(const struct offload_head *head, uint8_t *frame,
			const struct offload_tcp *tcp, uint32_t len, csum_t sum)
{
	uint8_t *ip = frame + ETH_HEADER, *p = frame + head->l4;
	uint32_t tcp_len = OFFLOAD_TCP_HEADER + len;
	uint16_t check;

	memcpy(frame, head->bytes, head->len);
	if (head->v6) {
		packet_put16(ip + IP6_LEN, (uint16_t)tcp_len);
	} else {
		packet_put16(ip + IP4_LEN, (uint16_t)(20 + tcp_len));
		check = csum_fold(head->ip_sum + htons((uint16_t)(20 + tcp_len)));
		memcpy(ip + IP4_SUM, &check, 2);
	}
	packet_put32(p + TCP_SEQ, tcp->seq);
	packet_put32(p + TCP_ACK, tcp->ack);
	p[TCP_FLAGS] = tcp->flags;
	packet_put16(p + TCP_WINDOW, tcp->window);
	sum += head->tcp_sum + htonl(tcp->seq) + htonl(tcp->ack) + htons(tcp->flags) +
	       htons(tcp->window) + htons((uint16_t)tcp_len);
	check = csum_fold(sum);
	memcpy(p + TCP_SUM, &check, 2);
}

/* Pseudo-header, header and payload of a right segment add up to zero. */
csum_t offload_payload_sum(const struct packet *p)
{
	csum_t rest = csum_add(pseudo_sum(p, p->len - p->l4), p->frame + p->l4,
			       (size_t)(p->payload - p->l4));

	return csum_fold(rest);
}

bool offload_sum_right(const struct packet *p)
{
	uint32_t len = p->len - p->l4;

	return csum_fold(csum_add(pseudo_sum(p, len), p->frame + p->l4, len)) == 0;
}

/* A field of whole words, replaced. */
static void replace(uint8_t *tcp, unsigned at, const uint8_t *with, unsigned len)
{
	for (unsigned i = 0; i < len; i += 2) {
		uint16_t from, to;

		memcpy(&from, tcp + at + i, 2);
		memcpy(&to, with + i, 2);
		csum_update16(tcp + TCP_SUM, from, to);
	}
	memcpy(tcp + at, with, len);
}

void offload_rewrite(uint8_t *frame, uint16_t l4, const struct offload_tcp *tcp)
{
	uint8_t *p = frame + l4, with[8], word[2] = {p[TCP_OFFSET], tcp->flags};

	packet_put32(with, tcp->seq);
	packet_put32(with + 4, tcp->ack);
	replace(p, TCP_SEQ, with, 8);
	replace(p, TCP_OFFSET, word, 2);
	packet_put16(word, tcp->window);
	replace(p, TCP_WINDOW, word, 2);
}

/* --- options --- */

/* The next option of kind @kind and length @len; NULL: there is none. */
static const uint8_t *find_option(const struct packet *p, uint8_t kind, uint8_t len)
{
	const uint8_t *opt = p->frame + p->l4 + OFFLOAD_TCP_HEADER;
	const uint8_t *end = p->frame + p->payload;

	while (opt < end && *opt != OPT_END) {
		if (*opt == OPT_NOP) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || opt[1] > end - opt)
			break;
		if (opt[0] == kind && opt[1] == len)
			return opt;
		opt += opt[1];
	}
	return NULL;
}

void offload_options_read(struct offload_options *options, const struct packet *packet)
{
	const uint8_t *mss = find_option(packet, OPT_MSS, 4);
	const uint8_t *wscale = find_option(packet, OPT_WSCALE, 3);

	options->mss = mss ? MAX(packet_u16(mss + 2), SMALLEST_MSS) : OFFLOAD_DEFAULT_MSS;
	options->scaled = wscale != NULL;
	options->shift = wscale ? MIN(wscale[2], WSCALE_MAX) : 0;
}

void offload_put_scaled_syn(const struct packet *p, uint8_t shift, struct outbox *outbox)
{
	uint32_t header = (uint32_t)p->payload - p->l4, len = p->payload;
	bool room = header + WSCALE_LEN <= HEADER_MAX;
	uint8_t *frame = outbox_reserve(outbox, len + WSCALE_LEN), *tcp;
	uint16_t check;

	if (!frame)
		return;
	memcpy(frame, p->frame, len);
	if (room) {
		memcpy(frame + len, (const uint8_t[]){OPT_NOP, OPT_WSCALE, 3, shift}, WSCALE_LEN);
		header += WSCALE_LEN;
	}
	tcp = frame + p->l4;
	tcp[TCP_OFFSET] = (uint8_t)(header / 4 << 4);
	set_ip_len(frame + ETH_HEADER, p->v6, header);
	memset(tcp + TCP_SUM, 0, 2);
	check = csum_fold(csum_add(pseudo_sum(p, header), tcp, header));
	memcpy(tcp + TCP_SUM, &check, 2);
	outbox_commit(outbox, p->l4 + header);
}

void offload_raise_mss(uint8_t *frame, const struct packet *packet, uint16_t mss)
{
	const uint8_t *option = find_option(packet, OPT_MSS, 4);
	uint8_t *tcp = frame + packet->l4, words[4];
	unsigned at;

	if (!option || packet_u16(option + 2) >= mss)
		return;
	at = (unsigned)(option + 2 - (packet->frame + packet->l4));
	memcpy(words, tcp + at - at % 2, 2 + at % 2 * 2); /* it may lie across two */
	packet_put16(words + at % 2, mss);
	replace(tcp, at - at % 2, words, 2 + at % 2 * 2);
}
