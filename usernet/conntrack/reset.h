/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_RESET_H
#define USERNET_CONNTRACK_RESET_H

#include <stddef.h>

#include "conntrack/conn.h"

/* Builds segments that end a TCP conn in the name of its other end. */
#define RESET_FRAME_MAX (ETH_HEADER + 40 + 20)

/*
 * The reset that ends it (RFC 9293 3.5.2). @way: CONN_TO_GUEST is for the guest, CONN_FROM_GUEST
 * for libslirp. @frame has room for RESET_FRAME_MAX; returns the frame's length.
 */
size_t reset_build(uint8_t *frame, const struct conn *conn, enum conn_way way, mac_t eth_src,
		   mac_t eth_dst);
/* The reset that answers a guest's segment of no connection (RFC 9293 3.5.2, group 1). */
size_t reset_build_answer(uint8_t *frame, const struct packet *packet, mac_t eth_src,
			  mac_t eth_dst);
/* The final ACK, repeated to the guest of a closed conn (RFC 9293 3.10.7.4, TIME-WAIT). */
size_t reset_build_last_ack(uint8_t *frame, const struct conn *conn, mac_t eth_src, mac_t eth_dst);

#endif
