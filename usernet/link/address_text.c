/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/address_text.h"

#include <arpa/inet.h>
#include <string.h>

char *address_text_host_port(const struct sockaddr_any *addr)
{
	char host[INET6_ADDRSTRLEN] = "";
	bool v6 = addr->sa.sa_family == AF_INET6;

	inet_ntop(addr->sa.sa_family,
		  v6 ? (const void *)&addr->in6.sin6_addr : (const void *)&addr->in.sin_addr, host,
		  sizeof(host));
	return g_strdup_printf("%s:%u", host, ntohs(v6 ? addr->in6.sin6_port : addr->in.sin_port));
}

char *address_text_path(const struct sockaddr_any *addr)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	size_t len = addr->len > offset ? addr->len - offset : 0;
	const char *path = addr->un.sun_path;

	if (len && !path[0]) {
		path++;
		len--;
	}
	return g_strndup(path, strnlen(path, len));
}

char *address_text_uri(const struct sockaddr_any *addr)
{
	bool inet = addr->len && (addr->sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6);
	g_autofree char *text = inet ? address_text_host_port(addr) : address_text_path(addr);

	return g_strdup_printf("%s:%s", inet ? "tcp" : "unix", text);
}
