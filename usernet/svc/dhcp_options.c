/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/dhcp_options.h"

#include <glib.h>

#include "base/reader.h"
#include "svc/dns_name.h"
#include "svc/gateway.h"

/* RFC 4702 2.1 */
enum { FQDN_S = 1, FQDN_O = 2, FQDN_E = 4, FQDN_N = 8 };

static struct in_addr netmask(const struct user_config *config)
{
	return (struct in_addr){htonl(config->net_len ? UINT32_MAX << (32 - config->net_len) : 0)};
}

/* The name in option 81: flags, two unused bytes, then text or (E) labels. False: there is none. */
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
		return true; /* it knows no name and wants ours */
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

/* We name every guest in our own DNS, so the client is told that its A record is taken care of. */
static void add_fqdn(struct dhcp_reply *reply, const struct dhcp_message *request,
		     const struct user_config *config)
{
	uint8_t option[3 + DNS_NAME_MAX], flags;
	char label[DNS_LABEL_MAX + 1];
	g_autofree char *name = NULL;
	const uint8_t *theirs;
	size_t len;

	if (!fqdn_label(request, &flags, &theirs, &len))
		return;
	dns_label_clean(label, theirs, len);
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

static void add_search(struct dhcp_reply *reply, const struct user_config *config)
{
	uint8_t list[1024];
	size_t used = 0;

	for (const char *const *s = config->dnssearch; s && *s; s++)
		used += dns_name_write(list + used, sizeof list - used, *s);
	if (used)
		dhcp_reply_add(reply, DHCP_OPT_SEARCH, list, used);
}

static void add_text(struct dhcp_reply *reply, uint8_t option, const char *text)
{
	if (text && *text)
		dhcp_reply_add(reply, option, text, strlen(text));
}

static void add_option(struct dhcp_reply *reply, uint8_t option, const struct user_config *config)
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
		if (!config->restricted)
			dhcp_reply_add_addr(reply, option, config->dns);
		break;
	case DHCP_OPT_HOSTNAME:
		add_text(reply, option, config->hostname);
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
		add_text(reply, option, config->bootfile);
		break;
	case DHCP_OPT_SEARCH:
		add_search(reply, config);
		break;
	default:
		break; /* we have none */
	}
}

void dhcp_options_add(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const struct user_config *config)
{
	/* The important ones first, as the last go when there is no room. */
	static const uint8_t all[] = {
		DHCP_OPT_ROUTER,    DHCP_OPT_DNS,       DHCP_OPT_MTU,
		DHCP_OPT_HOSTNAME,  DHCP_OPT_DOMAIN,    DHCP_OPT_BOOTFILE,
		DHCP_OPT_TFTP_NAME, DHCP_OPT_BROADCAST, DHCP_OPT_SEARCH,
	};
	size_t n;
	const uint8_t *wanted = dhcp_option_get(request, DHCP_OPT_PARAMETERS, &n);

	/* RFC 2132 3.3: the netmask comes before the router, whatever the client's order is. */
	add_option(reply, DHCP_OPT_NETMASK, config);
	if (!wanted || n == 0) {
		wanted = all;
		n = sizeof all;
	}
	for (size_t i = 0; i < n; i++)
		add_option(reply, wanted[i], config);
	if (request->present[DHCP_OPT_FQDN])
		add_fqdn(reply, request, config);
	if (config->tftp || config->bootfile)
		reply->siaddr = config->host;
	reply->bootfile = config->bootfile;
}
