/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_RESET_H
#define USERNET_SVC_RESET_H

#include <stddef.h>

#include "svc/flow.h"

/* Makes the segment that ends a TCP flow (RFC 9293 3.5.2), as if the other end had sent it. */
#define RESET_FRAME_MAX (ETH_HEADER + 40 + 20)

/*
 * @way: FLOW_TO_GUEST is for the guest, FLOW_FROM_GUEST for libslirp. @frame has room for
 * RESET_FRAME_MAX; returns the frame's length.
 */
size_t reset_build(uint8_t *frame, const struct flow *flow, enum flow_way way, mac_t eth_src,
		   mac_t eth_dst);

#endif
