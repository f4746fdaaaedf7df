/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_CURSOR_H
#define USERNET_FWD_CURSOR_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"

/*
 * The unread rest of a rule's text, and the first error found. Each step removes one part from the
 * front, up to its separator; a step that fails calls fwd_cursor_fail() and returns false.
 */
struct fwd_cursor {
	const char *p;
	const char *reason; /* QEMU's text where QEMU has one; static */
	char *hint;         /* names the part and the correct form; owned */
};

/* Always returns false: `return fwd_cursor_fail(…)`. Only the first error is kept. */
bool fwd_cursor_fail(struct fwd_cursor *c, const char *reason, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/*
 * Removes the text up to @sep, and @sep. Newly allocated. NULL when there is no @sep; then nothing
 * is removed.
 */
char *fwd_cursor_take(struct fwd_cursor *c, char sep);
/*
 * Sets FWD_ERROR_INVALID, "KIND 'TEXT' (REASON): HINT", and frees the stored error. The text up to
 * the colon is QEMU's message.
 */
void fwd_cursor_report(struct fwd_cursor *c, const char *kind, const char *text, GError **error);

/* IPv4 as inet_aton() reads it (so does QEMU), but without blanks. */
bool fwd_parse_v4(const char *text, struct in_addr *addr);
/* The text between brackets. A v4-mapped address (::ffff:a.b.c.d) is refused. */
bool fwd_parse_v6(const char *text, struct sockaddr_any *addr);

void fwd_set_v4(struct sockaddr_any *addr, struct in_addr in);
void fwd_set_v6(struct sockaddr_any *addr, const struct in6_addr *in6);
/* For IPv4 and IPv6; 0 for others. */
uint16_t fwd_get_port(const struct sockaddr_any *addr);
void fwd_set_port(struct sockaddr_any *addr, uint16_t port);
/* 0.0.0.0 or :: */
bool fwd_is_any(const struct sockaddr_any *addr);

#endif
