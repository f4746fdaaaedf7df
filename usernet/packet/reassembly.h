/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_REASSEMBLY_H
#define USERNET_PACKET_REASSEMBLY_H

#include <stdbool.h>

#include "base/loop.h"
#include "packet/packet.h"

/*
 * Reassembles fragments (RFC 791 3.2, RFC 8200 4.5) before anything judges the packet; libslirp
 * would keep any number of them and walk them all for each (ip_input.c). Bounds: REASSEMBLY_MAX
 * datagrams at a time, REASSEMBLY_MAX_PER_PORT of one port, REASSEMBLY_PIECES fragments each,
 * REASSEMBLY_TIMEOUT. Overlapping fragments end their datagram: honest senders have none (RFC
 * 5722).
 */
#define REASSEMBLY_MAX          64
#define REASSEMBLY_MAX_PER_PORT 8
#define REASSEMBLY_PIECES       64 /* 64 KB in 1,500-byte frames are 45 */
#define REASSEMBLY_TIMEOUT      (15 * USEC_PER_SEC)

struct reassembly;

struct reassembly *reassembly_new(void);
void reassembly_free(struct reassembly *reassembly);
/*
 * @packet is a fragment. True when it completes its datagram: *@whole is the whole frame, borrowed
 * until the next call. False: kept, or dropped and counted at @port (DROP_FRAGMENT,
 * DROP_MALFORMED).
 */
bool reassembly_add(struct reassembly *reassembly, struct port *port, const struct packet *packet,
		    usec_t now, struct frame *whole);

#endif
