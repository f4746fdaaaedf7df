/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/options.h"

#include <arpa/inet.h>
#include <glib.h>

#include "base/reader.h"
#include "net/user_config.h"
#include "packet/dns_name.h"

/* RFC 4702 2.1 */
enum { FQDN_S = 1, FQDN_O = 2, FQDN_E = 4, FQDN_N = 8 };

static struct in_addr netmask(const struct user_config *config)
{
	return (struct in_addr){htonl(config->net_len ? UINT32_MAX << (32 - config->net_len) : 0)};
}

/* The name in option 81: flags, two unused bytes, then text or (E) labels. False: none. */
static bool fqdn_label(const struct dhcp_message *request, uint8_t *flags, const uint8_t **name,
		       size_t *name_len)
{
	size_t len;
	const uint8_t *p = dhcp_option_get(request, DHCP_OPT_FQDN, &len);
	struct reader r = reader_init(p, len);
	uint8_t label;

	if (!read_u8(&r, flags) || !read_skip(&r, 2))
		return false;
	*name = r.p;
	*name_len = r.rem;
	if (!(*flags & FQDN_E))
		return true;
	*name_len = 0;
	if (!read_u8(&r, &label))
		return true; /* it has no name and asks for ours */
	if (label > DNS_LABEL_MAX || !read_bytes(&r, label))
		return false;
	*name = r.p - label;
	*name_len = label;
	return true;
}

void dhcp_options_hostname(char *out, const struct dhcp_message *request)
{
	size_t len;
	const uint8_t *name = dhcp_option_get(request, DHCP_OPT_HOSTNAME, &len);
	uint8_t flags;

	out[0] = '\0';
	if (name)
		dns_label_clean(out, name, len);
	if (!out[0] && fqdn_label(request, &flags, &name, &len))
		dns_label_clean(out, name, len);
}

/*
 * Our DNS names every guest, so the client is told not to update its A record, and its name: its
 * reservation's, else its own, none if it may not have that.
 */
static void add_fqdn(struct dhcp_reply *reply, const struct dhcp_message *request,
		     const struct user_config *config, const struct dhcp_names *names)
{
	const char *label = names->reserved ? names->reserved : names->client;
	uint8_t option[3 + DNS_NAME_MAX], flags;
	g_autofree char *name = NULL;
	const uint8_t *theirs;
	size_t len;

	if (!fqdn_label(request, &flags, &theirs, &len))
		return;
	name = config->domainname ? g_strdup_printf("%s.%s", label, config->domainname)
				  : g_strdup(label);
	if (!label[0])
		name[0] = '\0';
	option[0] = flags & (FQDN_E | FQDN_N);
	if (!(flags & FQDN_N))
		option[0] |= FQDN_S | (flags & FQDN_S ? 0 : FQDN_O);
	option[1] = option[2] = 255; /* RFC 4702 2.2: no result codes */
	if (flags & FQDN_E)
		len = dns_name_write(option + 3, DNS_NAME_MAX, name);
	else
		len = MIN(strlen(name), DNS_NAME_MAX - 3);
	if (!(flags & FQDN_E))
		memcpy(option + 3, name, len);
	dhcp_reply_add(reply, DHCP_OPT_FQDN, option, 3 + len);
}

static bool in_list(const char *const *list, const char *name)
{
	while (*list && g_ascii_strcasecmp(*list, name) != 0)
		list++;
	return *list;
}

static bool offers_host_search(const struct user_config *config)
{
	for (const char *const *s = config->host_search; s && *s; s++) {
		if (!user_config_offers(config, *s))
			return true;
	}
	return false;
}

static void add_search(struct dhcp_reply *reply, const struct user_config *config)
{
	uint8_t list[1024];
	size_t used = 0;

	/* A client that uses this list ignores option 15. */
	if (config->domainname && (config->dnssearch || offers_host_search(config)) &&
	    !(config->dnssearch && in_list(config->dnssearch, config->domainname)))
		used += dns_name_write(list, sizeof list, config->domainname);
	for (const char *const *s = config->dnssearch; s && *s; s++)
		used += dns_name_write(list + used, sizeof list - used, *s);
	for (const char *const *s = config->host_search; s && *s; s++) {
		if (!user_config_offers(config, *s))
			used += dns_name_write(list + used, sizeof list - used, *s);
	}
	if (used)
		dhcp_reply_add(reply, DHCP_OPT_SEARCH, list, used);
}

/*
 * RFC 3442: prefix length, the prefix's significant bytes, router. A client that uses it ignores
 * option 3, so it includes the default route. The router of a route does not get it: Linux would
 * take it for a second network at its card.
 */
static void add_routes(struct dhcp_reply *reply, const struct user_config *config)
{
	uint8_t list[(USER_ROUTES_MAX + 1) * 9], *p = list;
	in_addr_t client = reply->yiaddr.s_addr ? reply->yiaddr.s_addr : reply->ciaddr.s_addr;
	bool has_default = config->restricted;

	if (!config->n_routes)
		return;
	for (unsigned i = 0; i < MIN(config->n_routes, USER_ROUTES_MAX); i++) {
		const struct user_route *route = &config->routes[i];
		unsigned bytes = (route->len + 7) / 8;

		if (route->via.s_addr == client)
			continue;
		*p++ = (uint8_t)route->len;
		memcpy(p, &route->prefix, bytes);
		p += bytes;
		memcpy(p, &route->via, 4);
		p += 4;
		has_default |= route->len == 0;
	}
	if (!has_default) {
		*p++ = 0;
		memcpy(p, &config->host, 4);
		p += 4;
	}
	if (p > list)
		dhcp_reply_add(reply, DHCP_OPT_ROUTES, list, (size_t)(p - list));
}

static void add_ntp(struct dhcp_reply *reply, const struct user_config *config)
{
	size_t n = 0;

	/* One option holds 63 addresses; 16 are enough. */
	while (config->ntp && config->ntp[n].s_addr && n < 16)
		n++;
	if (n)
		dhcp_reply_add(reply, DHCP_OPT_NTP, config->ntp, n * sizeof(*config->ntp));
}

static void add_text(struct dhcp_reply *reply, uint8_t option, const char *text)
{
	if (text && *text)
		dhcp_reply_add(reply, option, text, strlen(text));
}

/* Does the client's class (60) begin with @class? */
static bool is_of_class(const struct dhcp_message *request, const char *class)
{
	size_t len;
	const uint8_t *is = dhcp_option_get(request, DHCP_OPT_CLASS, &len);

	return is && len >= strlen(class) && memcmp(is, class, strlen(class)) == 0;
}

/* As an RFC 3004 list, or as iPXE sends it, without lengths. */
static bool is_ipxe(const struct dhcp_message *request)
{
	size_t len;
	const uint8_t *class = dhcp_option_get(request, DHCP_OPT_USER_CLASS, &len);

	return class && ((len == 4 && memcmp(class, "iPXE", 4) == 0) ||
			 (len == 5 && memcmp(class, "\4iPXE", 5) == 0));
}

static const char *boot_file(const struct dhcp_message *request, const struct user_config *config)
{
	size_t len;
	const uint8_t *archs = dhcp_option_get(request, DHCP_OPT_ARCH, &len);

	return boot_file_for(config, archs, len, is_ipxe(request));
}

static void add_class(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const char *file, bool asked)
{
	/* PXE 2.1 2.2: discovery control (6), bit 3 "use the boot file named", end. */
	static const uint8_t boot_it[] = {6, 1, 8, 255};

	if (is_of_class(request, "HTTPClient") && boot_file_is_url(file)) {
		add_text(reply, DHCP_OPT_CLASS, "HTTPClient");
	} else if (is_of_class(request, "PXEClient") && file && asked) {
		add_text(reply, DHCP_OPT_CLASS, "PXEClient");
		dhcp_reply_add(reply, DHCP_OPT_VENDOR, boot_it, sizeof(boot_it));
	}
}

static void add_option(struct dhcp_reply *reply, uint8_t option, const struct user_config *config,
		       const struct dhcp_names *names, const char *file)
{
	struct in_addr mask = netmask(config);

	switch (option) {
	case DHCP_OPT_NETMASK:
		dhcp_reply_add_addr(reply, option, mask);
		break;
	case DHCP_OPT_ROUTER:
		if (!config->restricted)
			dhcp_reply_add_addr(reply, option, config->host);
		break;
	case DHCP_OPT_DNS:
		dhcp_reply_add_addr(reply, option, config->dns);
		break;
	case DHCP_OPT_HOSTNAME:
		add_text(reply, option, names->reserved ? names->reserved : config->hostname);
		break;
	case DHCP_OPT_DOMAIN:
		add_text(reply, option, config->domainname);
		break;
	case DHCP_OPT_MTU:
		if (config->mtu)
			dhcp_reply_add_u16(reply, option, (uint16_t)config->mtu);
		break;
	case DHCP_OPT_BROADCAST:
		dhcp_reply_add_addr(reply, option,
				    (struct in_addr){config->net.s_addr | ~mask.s_addr});
		break;
	case DHCP_OPT_TFTP_NAME:
		add_text(reply, option, config->tftp_server_name);
		break;
	case DHCP_OPT_BOOTFILE:
		add_text(reply, option, file);
		break;
	case DHCP_OPT_NTP:
		add_ntp(reply, config);
		break;
	case DHCP_OPT_ROUTES:
		add_routes(reply, config);
		break;
	case DHCP_OPT_SEARCH:
		add_search(reply, config);
		break;
	default:
		break; /* not served */
	}
}

/* The TFTP server of the boot file, for firmware such as iPXE; unused if that is a URL. */
static struct in_addr boot_server(const struct user_config *config, const char *file)
{
	struct in_addr server = {0};

	if (config->tftp_server_name && inet_pton(AF_INET, config->tftp_server_name, &server) == 1)
		return server;
	if (config->tftp || file)
		server = config->host;
	return server;
}

void dhcp_options_add(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const struct user_config *config, const struct dhcp_names *names)
{
	/* The most important first: the last are left out when there is no room. */
	static const uint8_t all[] = {
		DHCP_OPT_ROUTER, DHCP_OPT_DNS,      DHCP_OPT_MTU,       DHCP_OPT_HOSTNAME,
		DHCP_OPT_DOMAIN, DHCP_OPT_BOOTFILE, DHCP_OPT_TFTP_NAME, DHCP_OPT_BROADCAST,
		DHCP_OPT_ROUTES, DHCP_OPT_SEARCH,   DHCP_OPT_NTP,
	};
	size_t n;
	const uint8_t *wanted = dhcp_option_get(request, DHCP_OPT_PARAMETERS, &n);
	const char *file = boot_file(request, config);

	/* RFC 2132 3.3: the netmask comes before the router, in any order asked for. */
	add_option(reply, DHCP_OPT_NETMASK, config, names, file);
	add_class(reply, request, file, wanted && memchr(wanted, DHCP_OPT_CLASS, n));
	if (!wanted || n == 0) {
		wanted = all;
		n = sizeof all;
	}
	for (size_t i = 0; i < n; i++)
		add_option(reply, wanted[i], config, names, file);
	if (request->present[DHCP_OPT_FQDN])
		add_fqdn(reply, request, config, names);
	reply->siaddr = boot_server(config, file);
	reply->bootfile = file;
}
