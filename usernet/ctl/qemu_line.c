/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/attachment.h"
#include "net/frame.h"
#include "net/netdev.h"

/* Quotes a path for an option string (commas doubled) and, if needed, for a shell. */
static char *quote(const char *text)
{
	g_autoptr(GString) doubled = g_string_new(text);

	g_string_replace(doubled, ",", ",,", 0);
	if (strspn(doubled->str, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "-_./,=:@%+") == doubled->len)
		return g_strdup(doubled->str);
	return g_shell_quote(doubled->str);
}

/* Is it an abstract name padded with NULs? */
static bool is_filled(const struct sockaddr_any *addr)
{
	return addr->len == sizeof(addr->un) && !addr->un.sun_path[sizeof(addr->un.sun_path) - 1];
}

static char *unix_address(const char *prefix, const struct sockaddr_any *addr)
{
	bool abstract = addr->un.sun_path[0] == '\0';
	g_autofree char *text = sockaddr_format(addr);
	/* sockaddr_format() puts '@' before an abstract name. */
	g_autofree char *path = quote(abstract ? text + 1 : text);

	if (abstract)
		return g_strdup_printf("%s.type=unix,%s.path=%s,%s.abstract=on%s%s%s", prefix,
				       prefix, path, prefix, is_filled(addr) ? "," : "",
				       is_filled(addr) ? prefix : "",
				       is_filled(addr) ? ".tight=off" : "");
	return g_strdup_printf("%s.type=unix,%s.path=%s", prefix, prefix, path);
}

/* A server on the any address is reachable at the loopback address. */
static struct sockaddr_any reachable_address(const struct sockaddr_any *addr)
{
	struct sockaddr_any to = *addr;

	if (to.sa.sa_family == AF_INET && to.in.sin_addr.s_addr == htonl(INADDR_ANY))
		to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (to.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.in6.sin6_addr))
		to.in6.sin6_addr = in6addr_loopback;
	return to;
}

/* QEMU listens in the directory that we watch, on a socket named after the MAC. */
static char *listening_argument(const struct sockaddr_any *addr, mac_t mac)
{
	g_autofree char *path =
		g_strdup_printf("%s%06x.sock", addr->un.sun_path, (unsigned)(mac & 0xffffff));
	g_autofree char *quoted = quote(path);

	return g_strdup_printf("stream,id=net0,server=on,addr.type=unix,addr.path=%s", quoted);
}

static char *netdev_argument(const struct attachment *attachment, const char *run_dir, mac_t mac)
{
	struct sockaddr_any reachable = reachable_address(&attachment->addr);
	const struct sockaddr_any *addr = &reachable;
	const char *kind = attachment->netdev->ops->kind;
	g_autofree char *text = sockaddr_format(addr);
	g_autofree char *address = NULL;

	if (attachment->role == ATTACHMENT_DIALS_DIR)
		return listening_argument(addr, mac);
	if (attachment->role == ATTACHMENT_BUS)
		return g_strdup_printf("socket,id=net0,mcast=%s", text);
	if (attachment->role != ATTACHMENT_LISTENS)
		return NULL;
	if (!strcmp(kind, "socket"))
		return g_strdup_printf("socket,id=net0,connect=%s", text);
	if (addr->sa.sa_family == AF_UNIX && !strcmp(kind, "dgram")) {
		/* The guest's own address: QEMU binds it, so each guest needs one. */
		g_autofree char *own =
			g_strdup_printf("%s/%s.guest-%06x", run_dir, attachment->netdev->id,
					(unsigned)(mac & 0xffffff));
		g_autofree char *local = quote(own);

		address = unix_address("remote", addr);
		return g_strdup_printf("dgram,id=net0,local.type=unix,local.path=%s,%s", local,
				       address);
	}
	if (addr->sa.sa_family == AF_UNIX) {
		address = unix_address("addr", addr);
		return g_strdup_printf("stream,id=net0,%s", address);
	}
	/* "HOST:PORT"; an IPv6 host is in brackets. */
	text[strrchr(text, ':') - text] = '\0';
	g_strdelimit(text, "[]", ' ');
	return g_strdup_printf("stream,id=net0,addr.type=inet,addr.host=%s,addr.port=%u",
			       g_strstrip(text),
			       (unsigned)ntohs(addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port
									      : addr->in.sin_port));
}

char *attachment_qemu_line(const struct attachment *attachment, const char *run_dir)
{
	/* QEMU gives every guest the same default MAC; 52:54:00 is its prefix. */
	mac_t mac = UINT64_C(0x525400000000) | (g_random_int() & 0xffffff);
	g_autofree char *netdev = netdev_argument(attachment, run_dir, mac);

	if (!netdev)
		return NULL;
	return g_strdup_printf("-netdev %s -device virtio-net-pci,netdev=net0,mac=" MAC_FMT, netdev,
			       MAC_ARGS(mac));
}
