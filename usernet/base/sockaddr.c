/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sockaddr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

#define UN_PATH_MAX    (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)
#define UN_PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static bool G_GNUC_PRINTF(2, 3) invalid(GError **error, const char *format, ...)
{
	va_list args;
	GError *e;

	va_start(args, format);
	e = g_error_new_valist(G_FILE_ERROR, G_FILE_ERROR_INVAL, format, args);
	va_end(args);
	g_propagate_error(error, e);
	return false;
}

bool sockaddr_unix(struct sockaddr_any *out, const char *path, bool abstract, GError **error)
{
	size_t len = strlen(path);

	if (!len)
		return invalid(error, "a socket's %s cannot be empty", abstract ? "name" : "path");
	if (len > UN_PATH_MAX)
		return invalid(error, "socket path too long: '%s' has %zu bytes, the limit is %zu",
			       path, len, UN_PATH_MAX);
	*out = (struct sockaddr_any){.un.sun_family = AF_UNIX};
	/* A name's length is exact (QEMU's abstract-tight=on); a path ends with a NUL. */
	memcpy(out->un.sun_path + (abstract ? 1 : 0), path, len);
	out->len = (socklen_t)(UN_PATH_OFFSET + len + 1);
	return true;
}

/* Decimal digits only, at most @max: no sign, blanks or other base. */
static bool parse_decimal(const char *text, unsigned max, unsigned *value)
{
	unsigned v = 0;

	if (!*text)
		return false;
	for (; g_ascii_isdigit(*text); text++) {
		v = v * 10 + (unsigned)(*text - '0');
		if (v > max)
			return false;
	}
	*value = v;
	return !*text;
}

/* fe80::1%eth0: splits off the scope's name or number. */
static bool parse_in6(const char *host, struct sockaddr_in6 *in6)
{
	char text[INET6_ADDRSTRLEN];
	const char *scope = strchr(host, '%');
	size_t len = scope ? (size_t)(scope - host) : strlen(host);
	unsigned id = 0;

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (scope && !parse_decimal(scope + 1, INT_MAX, &id)) {
		id = if_nametoindex(scope + 1);
		if (!id)
			return false;
	}
	in6->sin6_scope_id = id;
	return inet_pton(AF_INET6, text, &in6->sin6_addr) == 1;
}

bool sockaddr_inet(struct sockaddr_any *out, const char *host, const char *port, GError **error)
{
	g_autofree char *bare = NULL;
	const char *text = host;
	size_t len = strlen(host);
	unsigned number;

	*out = (struct sockaddr_any){.len = 0};
	if (!parse_decimal(port, 65535, &number))
		return invalid(error, "'%s' is not a port: a number from 0 to 65535 is needed",
			       port);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
		text = bare = g_strndup(host + 1, len - 2);
	if (!bare) {
		if (!len)
			text = "0.0.0.0";
		else if (!strcmp(host, "localhost"))
			text = "127.0.0.1";
		if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
			out->in.sin_family = AF_INET;
			out->in.sin_port = htons((uint16_t)number);
			out->len = sizeof(out->in);
			return true;
		}
	}
	if (!parse_in6(text, &out->in6))
		return invalid(error,
			       "'%s' is not an address: numeric IPv4 or IPv6, or 'localhost', is "
			       "needed (names are not looked up)",
			       host);
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons((uint16_t)number);
	out->len = sizeof(out->in6);
	return true;
}

/*
 * The bytes that identify a unix address. The kernel counts the NUL of a path or not, depending on
 * who bound it. An abstract name begins with a NUL and may contain more.
 */
static size_t un_bytes(const struct sockaddr_any *addr)
{
	size_t len = addr->len > UN_PATH_OFFSET ? addr->len - UN_PATH_OFFSET : 0;

	len = MIN(len, sizeof(addr->un.sun_path));
	if (len && addr->un.sun_path[0])
		len = strnlen(addr->un.sun_path, len);
	return len;
}

char *sockaddr_format(const struct sockaddr_any *addr)
{
	char text[INET6_ADDRSTRLEN] = "";
	size_t len;

	if (addr->len < sizeof(sa_family_t))
		return g_strdup("(unnamed)");
	switch (addr->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &addr->in.sin_addr, text, sizeof(text));
		return g_strdup_printf("%s:%u", text, ntohs(addr->in.sin_port));
	case AF_INET6:
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, text, sizeof(text));
		if (addr->in6.sin6_scope_id)
			return g_strdup_printf("[%s%%%u]:%u", text, addr->in6.sin6_scope_id,
					       ntohs(addr->in6.sin6_port));
		return g_strdup_printf("[%s]:%u", text, ntohs(addr->in6.sin6_port));
	case AF_UNIX:
		len = un_bytes(addr);
		if (!len)
			return g_strdup("(unnamed)");
		/* An abstract name may be padded to the end (QEMU's tight=off). */
		while (len > 1 && !addr->un.sun_path[len - 1])
			len--;
		if (addr->un.sun_path[0])
			return g_strndup(addr->un.sun_path, len);
		/* A NUL within the name would end the text. */
		for (size_t i = 1; i < len; i++) {
			if (!addr->un.sun_path[i]) {
				struct sockaddr_any shown = *addr;

				for (; i < len; i++)
					if (!shown.un.sun_path[i])
						shown.un.sun_path[i] = '@';
				return sockaddr_format(&shown);
			}
		}
		return g_strdup_printf("@%.*s", (int)len - 1, addr->un.sun_path + 1);
	default:
		return g_strdup_printf("(address family %d)", addr->sa.sa_family);
	}
}

bool sockaddr_equal(const struct sockaddr_any *a, const struct sockaddr_any *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr &&
		       a->in.sin_port == b->in.sin_port;
	case AF_INET6:
		return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
		       a->in6.sin6_port == b->in6.sin6_port &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	case AF_UNIX:
		return un_bytes(a) == un_bytes(b) &&
		       !memcmp(a->un.sun_path, b->un.sun_path, un_bytes(a));
	default:
		return a->len == b->len && !memcmp(&a->storage, &b->storage, a->len);
	}
}

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static guint hash_bytes(guint hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash;
}

guint sockaddr_hash(const struct sockaddr_any *a)
{
	guint hash = hash_bytes(2166136261u, &a->sa.sa_family, sizeof(a->sa.sa_family));

	switch (a->sa.sa_family) {
	case AF_INET:
		hash = hash_bytes(hash, &a->in.sin_addr, sizeof(a->in.sin_addr));
		return hash_bytes(hash, &a->in.sin_port, sizeof(a->in.sin_port));
	case AF_INET6:
		hash = hash_bytes(hash, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
		return hash_bytes(hash, &a->in6.sin6_port, sizeof(a->in6.sin6_port));
	case AF_UNIX:
		return hash_bytes(hash, a->un.sun_path, un_bytes(a));
	default:
		return hash;
	}
}

/* Splits @text at its '/'; *@len is @max if there is none. */
static bool parse_prefix(int family, const char *text, void *addr, unsigned max, unsigned *len)
{
	const char *slash = strchr(text, '/');
	g_autofree char *host = slash ? g_strndup(text, (size_t)(slash - text)) : g_strdup(text);
	struct in_addr mask;
	uint32_t hole;

	if (inet_pton(family, host, addr) != 1)
		return false;
	*len = max;
	if (!slash || parse_decimal(slash + 1, max, len))
		return true;
	/* QEMU also takes 10.0.2.0/255.255.255.0 (net/slirp.c): ones, then zeros. */
	if (family != AF_INET || inet_pton(AF_INET, slash + 1, &mask) != 1)
		return false;
	hole = ~ntohl(mask.s_addr);
	*len = (unsigned)__builtin_popcount(mask.s_addr);
	return !(hole & (hole + 1));
}

bool inet_parse_prefix4(const char *text, struct in_addr *addr, unsigned *len, GError **error)
{
	if (!parse_prefix(AF_INET, text, addr, 32, len))
		return invalid(error, "'%s' is not an IPv4 prefix: one like 10.0.2.0/24 is needed",
			       text);
	return true;
}

bool inet_parse_prefix6(const char *text, struct in6_addr *addr, unsigned *len, GError **error)
{
	if (!parse_prefix(AF_INET6, text, addr, 128, len))
		return invalid(error, "'%s' is not an IPv6 prefix: one like fec0::/64 is needed",
			       text);
	return true;
}
