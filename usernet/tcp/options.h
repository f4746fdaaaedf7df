/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OPTIONS_H
#define USERNET_TCP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/packet.h"

/* TCP options: MSS (RFC 9293 3.7.1), window scale and timestamps (RFC 7323), SACK (RFC 2018). */
#define TCP_OPTION_SACKS_MAX  4  /* blocks in one segment, RFC 2018 section 3 */
#define TCP_OPTION_STAMPS_LEN 12 /* timestamps, padded to words (RFC 7323 appendix A) */
#define TCP_OPTION_SHIFT_MAX  14 /* RFC 7323 2.3 */

struct tcp_options {
	bool has_mss, has_shift, has_stamps, may_sack;
	uint8_t shift; /* at most TCP_OPTION_SHIFT_MAX */
	uint16_t mss;
	uint32_t stamp, echo;
	unsigned n_sacks;
	struct {
		uint32_t from, to;
	} sacks[TCP_OPTION_SACKS_MAX];
};

/* Malformed options end the list; those before them count. */
void tcp_options_read(struct tcp_options *options, const struct packet *packet);
/* Writes the options set in @options, padded to words; at most 40 bytes. Returns the length. */
size_t tcp_options_write(uint8_t *out, const struct tcp_options *options);

#endif
