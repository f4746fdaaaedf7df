/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/options6.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "net/user_config.h"
#include "packet/dns_name.h"

#define REFRESH_TIME 86400 /* seconds: IRT_DEFAULT (RFC 8415 7.6) */

static void put_domains(struct dhcpv6_writer *w, const struct user_config *config)
{
	uint8_t list[512];
	size_t used = 0;

	if (config->domainname)
		used = dns_name_write(list, sizeof(list), config->domainname);
	for (const char *const *s = config->dnssearch; s && *s; s++)
		if (!config->domainname || g_ascii_strcasecmp(*s, config->domainname) != 0)
			used += dns_name_write(list + used, sizeof(list) - used, *s);
	for (const char *const *s = config->host_search; s && *s; s++)
		if (!user_config_offers(config, *s))
			used += dns_name_write(list + used, sizeof(list) - used, *s);
	if (used)
		dhcpv6_put(w, OPT6_DOMAINS, list, used);
}

/* --- boot --- */

/* RFC 8415 21.15: items, each preceded by its length. */
static bool is_ipxe(const struct dhcpv6_query *query)
{
	struct reader r = reader_init(query->user_class.p, query->user_class.len), class;
	uint16_t len;

	while (r.rem) {
		if (!read_u16(&r, &len) || !read_sub(&r, len, &class))
			return false;
		if (class.rem == 4 && memcmp(class.p, "iPXE", 4) == 0)
			return true;
	}
	return false;
}

/* RFC 8415 21.16: an enterprise number, then items as above; the first one counts. */
static bool is_http_client(const struct dhcpv6_query *query)
{
	struct reader r = reader_init(query->vendor_class.p, query->vendor_class.len), class;
	uint16_t len;

	return read_skip(&r, 4) && read_u16(&r, &len) && read_sub(&r, len, &class) &&
	       class.rem >= 10 && memcmp(class.p, "HTTPClient", 10) == 0;
}

static char *boot_url(const struct user_config *config, const char *file)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	const char *server = config->tftp_server_name;

	if (boot_file_is_url(file))
		return g_strdup(file);
	/* An IPv4 address is only for clients that boot over IPv4. */
	if (!server || inet_pton(AF_INET, server, &addr) == 1)
		server = inet_ntop(AF_INET6, &config->host6, host, sizeof(host));
	while (*file == '/')
		file++;
	if (inet_pton(AF_INET6, server, &addr) == 1)
		return g_strdup_printf("tftp://[%s]/%s", server, file);
	return g_strdup_printf("tftp://%s/%s", server, file);
}

static void put_params(struct dhcpv6_writer *w, const struct user_config *config)
{
	uint8_t list[512], *p = list;

	for (const char *const *s = config->boot_params; s && *s; s++) {
		size_t len = strlen(*s);

		if ((size_t)(list + sizeof(list) - p) < 2 + len)
			break;
		p = packet_put16(p, (uint16_t)len);
		memcpy(p, *s, len);
		p += len;
	}
	if (p > list)
		dhcpv6_put(w, OPT6_BOOT_PARAM, list, (size_t)(p - list));
}

static void put_boot(struct dhcpv6_writer *w, const struct dhcpv6_query *query,
		     const struct user_config *config)
{
	const char *file = boot_file_for(config, query->archs.p, query->archs.len, is_ipxe(query));
	g_autofree char *url = file ? boot_url(config, file) : NULL;
	uint8_t class[16];

	if (!url)
		return;
	if (dhcpv6_wants(query, OPT6_BOOT_URL))
		dhcpv6_put(w, OPT6_BOOT_URL, url, strlen(url));
	if (dhcpv6_wants(query, OPT6_BOOT_PARAM))
		put_params(w, config);
	if (!is_http_client(query) || !boot_file_is_url(file))
		return;
	/* Repeats the client's enterprise number. */
	memcpy(class, query->vendor_class.p, 4);
	packet_put16(class + 4, 10);
	memcpy(class + 6, "HTTPClient", 10);
	dhcpv6_put(w, OPT6_VENDOR_CLASS, class, sizeof(class));
}

void dhcpv6_options_add(struct dhcpv6_writer *w, const struct dhcpv6_query *query,
			const struct user_config *config)
{
	uint8_t refresh[4];

	if (dhcpv6_wants(query, OPT6_DNS))
		dhcpv6_put(w, OPT6_DNS, &config->dns6, sizeof(config->dns6));
	put_boot(w, query, config);
	if (dhcpv6_wants(query, OPT6_DOMAINS))
		put_domains(w, config);
	if (query->type == DHCPV6_INFORMATION_REQUEST) {
		packet_put32(refresh, REFRESH_TIME);
		dhcpv6_put(w, OPT6_REFRESH_TIME, refresh, sizeof(refresh));
	}
}
