/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_OPTIONS4_H
#define USERNET_PACKET_OPTIONS4_H

#include "net/port.h"

/*
 * IPv4 options (RFC 791 3.1). As in libslirp, packets are answered and forwarded without them.
 * Packets with a source route are dropped (RFC 7126 4.3 and 4.4).
 */

/* Is @frame IPv4 with options, by its header length? */
bool options4_are_there(const struct frame *frame);
/*
 * Copies @frame without options to @to, which has room for its length; *@out is the copy. False:
 * *@why (DROP_TRUNCATED, DROP_MALFORMED; DROP_POLICY for a source route).
 */
bool options4_strip(const struct frame *frame, uint8_t *to, struct frame *out,
		    enum drop_reason *why);

#endif
