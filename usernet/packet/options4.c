/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/options4.h"

#include "base/checksum.h"
#include "packet/packet.h"

#define IP4_HEADER 20
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_LSR 131 /* loose and strict source route */
#define OPTION_SSR 137

static uint32_t header_len(const struct frame *frame)
{
	return (frame->data[ETH_HEADER] & 15) * 4u;
}

bool options4_are_there(const struct frame *frame)
{
	return frame->len >= ETH_HEADER + IP4_HEADER && frame_ethertype(frame) == ETHERTYPE_V4 &&
	       frame->data[ETH_HEADER] >> 4 == 4 && header_len(frame) > IP4_HEADER;
}

/* Are the options well-formed and free of source routes? */
static bool are_harmless(const uint8_t *p, uint32_t rem, enum drop_reason *why)
{
	while (rem > 0 && p[0] != OPTION_END) {
		uint32_t len = 1;

		if (p[0] == OPTION_LSR || p[0] == OPTION_SSR) {
			*why = DROP_POLICY;
			return false;
		}
		if (p[0] != OPTION_NOP) {
			if (rem < 2 || p[1] < 2 || p[1] > rem) {
				*why = DROP_MALFORMED;
				return false;
			}
			len = p[1];
		}
		p += len;
		rem -= len;
	}
	return true;
}

bool options4_strip(const struct frame *frame, uint8_t *to, struct frame *out,
		    enum drop_reason *why)
{
	const uint8_t *ip = frame->data + ETH_HEADER;
	uint32_t header = header_len(frame), total = packet_u16(ip + 2);
	uint16_t check;

	if (ETH_HEADER + header > frame->len || ETH_HEADER + total > frame->len) {
		*why = DROP_TRUNCATED;
		return false;
	}
	if (total < header || csum_fold(csum_add(0, ip, header)) != 0) {
		*why = DROP_MALFORMED;
		return false;
	}
	if (!are_harmless(ip + IP4_HEADER, header - IP4_HEADER, why))
		return false;
	memcpy(to, frame->data, ETH_HEADER + IP4_HEADER);
	memcpy(to + ETH_HEADER + IP4_HEADER, ip + header, total - header);
	total -= header - IP4_HEADER;
	ip = to + ETH_HEADER;
	to[ETH_HEADER] = 0x45;
	packet_put16(to + ETH_HEADER + 2, (uint16_t)total);
	memset(to + ETH_HEADER + 10, 0, 2);
	check = csum_fold(csum_add(0, ip, IP4_HEADER));
	memcpy(to + ETH_HEADER + 10, &check, 2);
	*out = (struct frame){to, ETH_HEADER + total};
	return true;
}
