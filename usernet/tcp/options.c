/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/options.h"

#include <glib.h>

#include "base/reader.h"

#define TCP_HEADER 20

enum { KIND_END, KIND_NOP, KIND_MSS, KIND_SHIFT, KIND_MAY_SACK, KIND_SACK, KIND_STAMPS = 8 };

static void read_sacks(struct tcp_options *options, struct reader *body)
{
	uint32_t from, to;

	while (options->n_sacks < TCP_OPTION_SACKS_MAX && read_u32(body, &from) &&
	       read_u32(body, &to)) {
		options->sacks[options->n_sacks].from = from;
		options->sacks[options->n_sacks++].to = to;
	}
}

static void read_option(struct tcp_options *options, uint8_t kind, struct reader *body)
{
	switch (kind) {
	case KIND_MSS:
		options->has_mss = body->rem == 2 && read_u16(body, &options->mss);
		break;
	case KIND_SHIFT:
		options->has_shift = body->rem == 1 && read_u8(body, &options->shift);
		options->shift = MIN(options->shift, TCP_OPTION_SHIFT_MAX);
		break;
	case KIND_MAY_SACK:
		options->may_sack = body->rem == 0;
		break;
	case KIND_SACK:
		read_sacks(options, body);
		break;
	case KIND_STAMPS:
		options->has_stamps = body->rem == 8 && read_u32(body, &options->stamp) &&
				      read_u32(body, &options->echo);
		break;
	default:
		break;
	}
}

void tcp_options_read(struct tcp_options *options, const struct packet *packet)
{
	const uint8_t *tcp = packet->frame + packet->l4;
	struct reader reader =
		reader_init(tcp + TCP_HEADER, (size_t)(packet->payload - packet->l4) - TCP_HEADER);
	struct reader body;
	uint8_t kind, len;

	*options = (struct tcp_options){0};
	/* The usual segment has only timestamps, laid out as in RFC 7323 appendix A. */
	if (reader.rem == TCP_OPTION_STAMPS_LEN && packet_u32(reader.p) == 0x0101080a) {
		options->has_stamps = true;
		options->stamp = packet_u32(reader.p + 4);
		options->echo = packet_u32(reader.p + 8);
		return;
	}
	while (read_u8(&reader, &kind) && kind != KIND_END) {
		if (kind == KIND_NOP)
			continue;
		if (!read_u8(&reader, &len) || len < 2 || !read_sub(&reader, len - 2u, &body))
			return;
		read_option(options, kind, &body);
	}
}

static uint8_t *put_stamps(uint8_t *p, const struct tcp_options *options)
{
	if (options->may_sack)
		p = packet_put16(p, KIND_MAY_SACK << 8 | 2);
	else
		p = packet_put16(p, KIND_NOP << 8 | KIND_NOP);
	p = packet_put16(p, KIND_STAMPS << 8 | 10);
	return packet_put32(packet_put32(p, options->stamp), options->echo);
}

size_t tcp_options_write(uint8_t *out, const struct tcp_options *options)
{
	uint8_t *p = out;

	if (options->has_mss) {
		p = packet_put16(p, KIND_MSS << 8 | 4);
		p = packet_put16(p, options->mss);
	}
	if (options->has_stamps)
		p = put_stamps(p, options);
	else if (options->may_sack)
		p = packet_put32(p, KIND_NOP << 24 | KIND_NOP << 16 | KIND_MAY_SACK << 8 | 2);
	if (options->has_shift)
		p = packet_put32(
			p, (uint32_t)(KIND_NOP << 24 | KIND_SHIFT << 16 | 3 << 8 | options->shift));
	if (options->n_sacks) {
		p = packet_put16(p, KIND_NOP << 8 | KIND_NOP);
		p = packet_put16(p, (uint16_t)(KIND_SACK << 8 | (2 + 8 * options->n_sacks)));
		for (unsigned i = 0; i < options->n_sacks; i++) {
			p = packet_put32(p, options->sacks[i].from);
			p = packet_put32(p, options->sacks[i].to);
		}
	}
	return (size_t)(p - out);
}
