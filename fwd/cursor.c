/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/cursor.h"

#include <arpa/inet.h>
#include <string.h>

#include "fwd/rule.h"

bool fwd_cursor_fail(struct fwd_cursor *c, const char *reason, const char *format, ...)
{
	va_list args;

	if (c->reason)
		return false;
	c->reason = reason;
	va_start(args, format);
	c->hint = g_strdup_vprintf(format, args);
	va_end(args);
	return false;
}

char *fwd_cursor_take(struct fwd_cursor *c, char sep)
{
	const char *start = c->p, *end = strchr(start, sep);

	if (!end)
		return NULL;
	c->p = end + 1;
	return g_strndup(start, (size_t)(end - start));
}

void fwd_cursor_report(struct fwd_cursor *c, const char *kind, const char *text, GError **error)
{
	g_set_error(error, FWD_ERROR, FWD_ERROR_INVALID, "%s '%s' (%s): %s", kind, text, c->reason,
		    c->hint);
	g_clear_pointer(&c->hint, g_free);
}

bool fwd_parse_v4(const char *text, struct in_addr *addr)
{
	return *text && !strpbrk(text, " \t\n\v\f\r") && inet_aton(text, addr);
}

bool fwd_parse_v6(const char *text, struct sockaddr_any *addr)
{
	g_autofree char *brackets = g_strdup_printf("[%s]", text);

	return sockaddr_inet(addr, brackets, "0", NULL) &&
	       !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr);
}

void fwd_set_v4(struct sockaddr_any *addr, struct in_addr in)
{
	*addr = (struct sockaddr_any){.len = sizeof(addr->in)};
	addr->in.sin_family = AF_INET;
	addr->in.sin_addr = in;
}

void fwd_set_v6(struct sockaddr_any *addr, const struct in6_addr *in6)
{
	*addr = (struct sockaddr_any){.len = sizeof(addr->in6)};
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_addr = *in6;
}

uint16_t fwd_get_port(const struct sockaddr_any *addr)
{
	switch (addr->sa.sa_family) {
	case AF_INET:
		return ntohs(addr->in.sin_port);
	case AF_INET6:
		return ntohs(addr->in6.sin6_port);
	default:
		return 0;
	}
}

void fwd_set_port(struct sockaddr_any *addr, uint16_t port)
{
	if (addr->sa.sa_family == AF_INET)
		addr->in.sin_port = htons(port);
	else if (addr->sa.sa_family == AF_INET6)
		addr->in6.sin6_port = htons(port);
}

bool fwd_is_any(const struct sockaddr_any *addr)
{
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
	return addr->sa.sa_family == AF_INET && addr->in.sin_addr.s_addr == INADDR_ANY;
}
