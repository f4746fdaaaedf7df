/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TFTP_TFTP_H
#define USERNET_TFTP_TFTP_H

#include <glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "net/outbox.h"
#include "packet/packet.h"

/*
 * The TFTP server (RFC 1350): read-only, beneath one directory, with the options blksize, tsize,
 * timeout and windowsize (RFC 2347, 2348, 2349, 7440). It has no sockets: a transfer is a client's
 * address and port, one of the gateway's addresses and a port chosen for it, and datagrams between
 * these belong to it. No clock: times are the caller's.
 *
 *   life:  tftp_new -> { tftp_takes, tftp_input, tftp_run, tftp_port_gone } -> tftp_free
 */
struct tftp;

#define TFTP_PORT 69
/* Transfers at a time, in all and of one port. A newcomer takes the place of the one that was
 * quiet for longest, if that was TFTP_QUIET; else it is not answered, and asks again. */
#define TFTP_MAX          64
#define TFTP_MAX_PER_PORT 8
#define TFTP_QUIET        (5 * USEC_PER_SEC)
/* Blocks that may be on their way at once. */
#define TFTP_WINDOW_MAX 32
/* Without an answer a window is sent again after 1, 2, 4, 8, 8 s, or always after timeout=. */
#define TFTP_RETRY     (1 * USEC_PER_SEC)
#define TFTP_RETRY_MAX (8 * USEC_PER_SEC)
#define TFTP_TRIES     6
/* Ports of the server's side of transfers; they are taken from nobody (see tftp_takes). */
#define TFTP_TRANSFER_PORT  49152
#define TFTP_TRANSFER_PORTS 16384
/* A transfer that is over is known for this long: late datagrams of it are nobody else's. */
#define TFTP_LINGER (10 * USEC_PER_SEC)

/*
 * @dir is served. @mtu: the largest IP packet that guests take, which bounds blksize. Answers go to
 * @outbox, borrowed; whoever owns it flushes it. NULL, and @error names tftp=: see
 * tftp_folder_open().
 */
struct tftp *tftp_new(const char *dir, unsigned mtu, struct outbox *outbox, GError **error);
void tftp_free(struct tftp *tftp);

/* Is @packet, which is UDP and to an address of the gateway, the server's? */
bool tftp_takes(const struct tftp *tftp, const struct packet *packet);
/* @packet, which it takes, came from @mac at @from, where drops are counted. */
void tftp_input(struct tftp *tftp, struct port *from, mac_t mac, const struct packet *packet,
		usec_t now);
/* Does what is due at @now. */
void tftp_run(struct tftp *tftp, usec_t now);
/* When tftp_run() has something to do next; INT64_MAX: nothing. */
usec_t tftp_next(const struct tftp *tftp);
/* Ends the port's transfers. */
void tftp_port_gone(struct tftp *tftp, unsigned port_id);
/* Transfers under way. */
unsigned tftp_transfers(const struct tftp *tftp);

#endif
