/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fdstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/notify.h"

static GHashTable *kept; /* names; NULL: there is no store */
static bool leaving;

void fdstore_start(void)
{
	const char *most = getenv("FDSTORE");

	if (most && atoi(most) > 0 && notify_runs())
		kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void fdstore_stop(void)
{
	g_clear_pointer(&kept, g_hash_table_unref);
	leaving = false;
}

static bool is_keepable(const struct sockaddr_any *addr, int type)
{
	switch (addr->sa.sa_family) {
	case AF_UNIX:
		return addr->len > offsetof(struct sockaddr_un, sun_path) && addr->un.sun_path[0];
	case AF_INET:
	case AF_INET6: /* the port is at the same place */
		return type == SOCK_STREAM && addr->in.sin_port;
	default:
		return false;
	}
}

/* Printable, without ':' (systemd.exec(5), LISTEN_FDNAMES). NULL: too long. */
static char *name_of(const struct sockaddr_any *addr)
{
	g_autofree char *text = sockaddr_format(addr);
	g_autoptr(GString) name = g_string_new(FDSTORE_PREFIX);

	for (const char *p = text; *p; p++) {
		if (g_ascii_isgraph(*p) && *p != ':' && *p != '%')
			g_string_append_c(name, *p);
		else
			g_string_append_printf(name, "%%%02x", (unsigned char)*p);
	}
	return name->len <= FDSTORE_NAME_MAX ? g_strdup(name->str) : NULL;
}

void fdstore_keep(int fd, const struct sockaddr_any *addr, int type)
{
	g_autofree char *name = kept && is_keepable(addr, type) ? name_of(addr) : NULL;
	g_autofree char *text = g_strdup_printf("FDSTORE=1\nFDNAME=%s\n", name);

	if (name && g_hash_table_add(kept, g_strdup(name)))
		notify_send(text, fd);
}

void fdstore_note(const struct sockaddr_any *addr)
{
	char *name = kept ? name_of(addr) : NULL;

	if (name)
		g_hash_table_add(kept, name);
}

void fdstore_remove(const char *name)
{
	g_autofree char *text = g_strdup_printf("FDSTOREREMOVE=1\nFDNAME=%s\n", name);

	notify_send(text, -1);
}

bool fdstore_release(const struct sockaddr_any *addr)
{
	g_autofree char *name = kept ? name_of(addr) : NULL;

	if (!name || !g_hash_table_contains(kept, name))
		return false;
	if (leaving)
		return true;
	g_hash_table_remove(kept, name);
	fdstore_remove(name);
	return false;
}

void fdstore_leave(void)
{
	leaving = true;
}
