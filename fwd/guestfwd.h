/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_GUESTFWD_H
#define USERNET_FWD_GUESTFWD_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"

/*
 * A guestfwd rule: guests that connect to an address of the network reach a program or a socket of
 * the host. QEMU's grammar (QEMU net/slirp.c slirp_guestfwd), its character devices left out and
 * sockets put in their place:
 *
 *     [tcp]:[SERVER]:PORT-cmd:COMMAND     COMMAND is run by the shell for each connection
 *     [tcp]:[SERVER]:PORT-unix:PATH       PATH is absolute, at most 107 bytes
 *     [tcp]:[SERVER]:PORT-tcp:HOST:PORT   HOST is IPv4, [IPv6] or localhost (127.0.0.1)
 *
 * SERVER is IPv4 or [IPv6]; left out: x.x.x.4 of the network (libslirp slirp.c slirp_add_exec).
 * SERVER's PORT is decimal, as in QEMU. COMMAND and PATH go to the end of the text, whatever stands
 * in them, so that nothing can follow them.
 *
 * parse and format are inverses.
 */
enum fwd_target { FWD_TARGET_COMMAND, FWD_TARGET_SOCKET };

struct fwd_guestfwd {
	struct sockaddr_any server; /* an address left out: in_addr 0 */
	enum fwd_target target;
	char *command;          /* FWD_TARGET_COMMAND: owned, never empty */
	struct sockaddr_any to; /* FWD_TARGET_SOCKET: unix, inet or inet6 */
};

/*
 * Errors are QEMU's and then what would be right: Invalid guest forwarding rule 'RULE' (REASON):
 * 'PART' should be …; FWD_ERROR_INVALID (rule.h), and @rule is then empty.
 */
bool fwd_guestfwd_parse(struct fwd_guestfwd *rule, const char *text, GError **error);
/*
 * What guestfwd-remove takes: the server alone, [tcp]:[SERVER]:PORT; a target behind it is not
 * looked at. The rule's target stays zero.
 */
bool fwd_guestfwd_parse_server(struct fwd_guestfwd *rule, const char *text, GError **error);
/* Harmless on an empty one. */
void fwd_guestfwd_clear(struct fwd_guestfwd *rule);
/* Newly allocated: "tcp:10.0.2.100:80-tcp:127.0.0.1:8080". */
char *fwd_guestfwd_format(const struct fwd_guestfwd *rule);

#endif
