/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_CURSOR_H
#define USERNET_FWD_CURSOR_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"

/*
 * What is left of a rule's text while it is read, and what was found wrong with it. Each step takes
 * one part off the front, up to its separator; the first that cannot says why with fwd_cursor_fail
 * and returns false.
 */
struct fwd_cursor {
	const char *p;
	const char *reason; /* QEMU's words where QEMU has some; static */
	char *hint;         /* which part, and what would be right; owned */
};

/* False, always: `return fwd_cursor_fail(…)`. The first one counts. */
bool fwd_cursor_fail(struct fwd_cursor *c, const char *reason, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/*
 * The text up to @sep, which is skipped: newly allocated. NULL when there is no @sep; nothing is
 * taken then.
 */
char *fwd_cursor_take(struct fwd_cursor *c, char sep);
/*
 * Reports what failed, "KIND 'TEXT' (REASON): HINT", as FWD_ERROR_INVALID, and frees it. The text
 * up to the colon is QEMU's message.
 */
void fwd_cursor_report(struct fwd_cursor *c, const char *kind, const char *text, GError **error);

/* IPv4 as inet_aton reads it (QEMU does), without the blanks it forgives. */
bool fwd_parse_v4(const char *text, struct in_addr *addr);
/* What stood within brackets. IPv4 in IPv6's clothes (::ffff:a.b.c.d) is refused. */
bool fwd_parse_v6(const char *text, struct sockaddr_any *addr);

void fwd_set_v4(struct sockaddr_any *addr, struct in_addr in);
void fwd_set_v6(struct sockaddr_any *addr, const struct in6_addr *in6);
/* Of IPv4 and IPv6; 0 for others. */
uint16_t fwd_get_port(const struct sockaddr_any *addr);
void fwd_set_port(struct sockaddr_any *addr, uint16_t port);
/* 0.0.0.0 or :: */
bool fwd_is_any(const struct sockaddr_any *addr);

#endif
