/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_GUESTFWD_H
#define USERNET_FWD_GUESTFWD_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"

/*
 * A guestfwd rule: connections of guests to an address of the network lead to a program or a socket
 * of the host. The grammar is QEMU's (QEMU net/slirp.c slirp_guestfwd), with sockets instead of
 * character devices:
 *
 *     [tcp]:[SERVER]:PORT-cmd:COMMAND     COMMAND is run by the shell for each connection
 *     [tcp]:[SERVER]:PORT-unix:PATH       PATH is absolute, at most 107 bytes
 *     [tcp]:[SERVER]:PORT-tcp:HOST:PORT   HOST is IPv4, [IPv6] or localhost (127.0.0.1)
 *
 * SERVER is IPv4 or [IPv6]; default: x.x.x.4 of the network (libslirp slirp.c slirp_add_exec).
 * SERVER's PORT is decimal, as in QEMU. COMMAND and PATH extend to the end of the text and may
 * contain any character.
 *
 * parse and format are inverses.
 */
enum fwd_target { FWD_TARGET_COMMAND, FWD_TARGET_SOCKET };

struct fwd_guestfwd {
	struct sockaddr_any server; /* no address given: in_addr 0 */
	enum fwd_target target;
	char *command;          /* FWD_TARGET_COMMAND: owned, never empty */
	struct sockaddr_any to; /* FWD_TARGET_SOCKET: unix, inet or inet6 */
};

/*
 * Errors are QEMU's, followed by the correct form: Invalid guest forwarding rule 'RULE' (REASON):
 * 'PART' should be …; FWD_ERROR_INVALID (rule.h). @rule is then empty.
 */
bool fwd_guestfwd_parse(struct fwd_guestfwd *rule, const char *text, GError **error);
/*
 * Parses the argument of guestfwd-remove: [tcp]:[SERVER]:PORT; a target after it is ignored. The
 * rule's target stays zero.
 */
bool fwd_guestfwd_parse_server(struct fwd_guestfwd *rule, const char *text, GError **error);
/* Does nothing on an empty rule. */
void fwd_guestfwd_clear(struct fwd_guestfwd *rule);
/* Newly allocated: "tcp:10.0.2.100:80-tcp:127.0.0.1:8080". */
char *fwd_guestfwd_format(const struct fwd_guestfwd *rule);

#endif
