/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_TFTP_H
#define USERNET_TFTP_TFTP_H

#include <glib.h>
#include <stdbool.h>

#include "base/limit.h"
#include "base/loop.h"
#include "net/outbox.h"
#include "packet/packet.h"

/*
 * The TFTP server (RFC 1350): read-only, beneath one directory, with the options blksize, tsize,
 * timeout and windowsize (RFC 2347, 2348, 2349, 7440). It has no sockets: a transfer is identified
 * by a client's address and port, one of the gateway's addresses and a port chosen for it. It has
 * no clock: the caller passes times in.
 *
 *   life:  tftp_new -> { tftp_takes, tftp_input, tftp_run, tftp_port_gone } -> tftp_free
 */
struct tftp;

#define TFTP_PORT 69
/*
 * Transfers at a time, in all and of one port. At a bound a new one replaces the one quiet for
 * longest, if for at least TFTP_QUIET; else it is not answered.
 */
#define TFTP_MAX          64
#define TFTP_MAX_PER_PORT limit_get(LIMIT_TFTP)
#define TFTP_QUIET        (5 * USEC_PER_SEC)
/* Blocks of a window under way at most. */
#define TFTP_WINDOW_MAX 32
/* A window without an answer is sent again after 1, 2, 4, 8, 8 s, or always after timeout=. */
#define TFTP_RETRY     (1 * USEC_PER_SEC)
#define TFTP_RETRY_MAX (8 * USEC_PER_SEC)
#define TFTP_TRIES     6
/* The server's ports for transfers; other datagrams to them pass (see tftp_takes()). */
#define TFTP_TRANSFER_PORT  49152
#define TFTP_TRANSFER_PORTS 16384
/* A transfer that is over is remembered for this long, to absorb late datagrams. */
#define TFTP_LINGER (10 * USEC_PER_SEC)

/*
 * Serves @dir. @mtu: the largest IP packet that guests take; bounds blksize. Answers go to @outbox,
 * which is borrowed; its owner flushes it. NULL: see folder_open(); @error names tftp=.
 */
struct tftp *tftp_new(const char *dir, unsigned mtu, struct outbox *outbox, GError **error);
void tftp_free(struct tftp *tftp);

/* Is @packet, UDP to an address of the gateway, for this server? */
bool tftp_takes(const struct tftp *tftp, const struct packet *packet);
/* @packet, for which tftp_takes() is true, came from @mac at @from, where drops are counted. */
void tftp_input(struct tftp *tftp, struct port *from, mac_t mac, const struct packet *packet,
		usec_t now);
/* Does what is due at @now. */
void tftp_run(struct tftp *tftp, usec_t now);
/* When to call tftp_run() next; INT64_MAX: never. */
usec_t tftp_next(const struct tftp *tftp);
/* Ends the transfers of a port. */
void tftp_port_gone(struct tftp *tftp, unsigned port_id);
/* Number of transfers under way. */
unsigned tftp_transfers(const struct tftp *tftp);

#endif
