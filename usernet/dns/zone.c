/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "dns/zone_priv.h"
#include "net/user_config.h"

/* --- life --- */

static void add_prefix(struct dns_zone *zone, const char *text, unsigned len)
{
	struct dns_prefix *prefix = &zone->prefixes[zone->n_prefixes++];

	prefix->v6 = strchr(text, ':') != NULL;
	prefix->len = len;
	inet_pton(prefix->v6 ? AF_INET6 : AF_INET, text, &prefix->addr);
}

static void add_own_prefixes(struct dns_zone *zone)
{
	const struct user_config *config = zone->config;

	if (config->ipv4) {
		struct dns_prefix *p = &zone->prefixes[zone->n_prefixes++];

		p->len = config->net_len;
		memcpy(&p->addr, &config->net, sizeof(config->net));
	}
	if (config->ipv6) {
		struct dns_prefix *p = &zone->prefixes[zone->n_prefixes++];

		p->v6 = true;
		p->len = config->net6_len;
		p->addr = config->net6;
	}
	/* Addresses with only local meaning, RFC 6303 4.2 and 4.4. */
	add_prefix(zone, "0.0.0.0", 8);
	add_prefix(zone, "127.0.0.0", 8);
	add_prefix(zone, "169.254.0.0", 16);
	add_prefix(zone, "::1", 128);
	add_prefix(zone, "fe80::", 10);
}

struct dns_zone *dns_zone_new(const struct user_config *config, const struct network *network,
			      GError **error)
{
	const char *text = config->domainname ? config->domainname : USER_DOMAIN_DEFAULT;
	struct dns_zone *zone;
	struct dns_name domain;

	/* Leave room for a label of any length in front. */
	if (!dns_name_parse(&domain, text) || domain.len == 1 ||
	    domain.len + 1 + DNS_LABEL_MAX > DNS_NAME_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "user: domainname: '%s' is not a domain name of at most %d characters, "
			    "like '%s'",
			    text, DNS_NAME_MAX - DNS_LABEL_MAX - 3, USER_DOMAIN_DEFAULT);
		return NULL;
	}
	zone = g_new0(struct dns_zone, 1);
	zone->config = config;
	zone->network = network;
	zone->records = dns_records_new();
	zone->domain = domain;
	dns_name_prepend(&zone->mname, "dns", &domain);
	dns_name_prepend(&zone->rname, "hostmaster", &domain);
	zone->serial = 1;
	add_own_prefixes(zone);
	return zone;
}

void dns_zone_free(struct dns_zone *zone)
{
	if (!zone)
		return;
	dns_records_free(zone->records);
	g_free(zone);
}

const struct dns_name *dns_zone_domain(const struct dns_zone *zone)
{
	return &zone->domain;
}

const struct dns_records *dns_zone_records(const struct dns_zone *zone)
{
	return zone->records;
}

/* --- the gateway's names --- */

bool dns_zone_is_gateway(const char *label)
{
	return strcmp(label, "gateway") == 0 || strcmp(label, "host") == 0;
}

bool dns_zone_is_own(const char *label)
{
	return dns_zone_is_gateway(label) || strcmp(label, "dns") == 0;
}

/* --- live records --- */

bool dns_zone_canonical(const struct dns_zone *zone, struct dns_name *name)
{
	char label[DNS_LABEL_MAX + 1];

	if (dns_name_labels(name) != 1)
		return true;
	return dns_name_label(name, label) && dns_name_prepend(name, label, &zone->domain);
}

static bool parse_name(const struct dns_zone *zone, const char *text, struct dns_name *name,
		       GError **error)
{
	char label[DNS_LABEL_MAX + 1];
	struct dns_name parent;

	if (!dns_name_parse(name, text) || name->len == 1 || strcmp(text, "*") == 0 ||
	    !dns_zone_canonical(zone, name)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "'%s' is not a name like 'db', 'db.example.org' or '*.example.org'",
			    text);
		return false;
	}
	dns_name_ancestor(&parent, name, 1);
	if (dns_name_equal(&parent, &zone->domain) && dns_name_label(name, label) &&
	    dns_zone_is_own(label)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "'%s' is a name of the gateway's own", label);
		return false;
	}
	return true;
}

static bool parse_addr(const char *text, struct dns_addr *addr, GError **error)
{
	*addr = (struct dns_addr){.v6 = strchr(text, ':') != NULL};
	if (inet_pton(addr->v6 ? AF_INET6 : AF_INET, text, &addr->addr) == 1)
		return true;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "'%s' is not an IPv4 or IPv6 address", text);
	return false;
}

bool dns_zone_add(struct dns_zone *zone, const char *name, const char *addr, GError **error)
{
	struct dns_name parsed;
	struct dns_addr to;

	if (!parse_name(zone, name, &parsed, error) || !parse_addr(addr, &to, error))
		return false;
	if (!dns_records_add(zone->records, &parsed, &to, error)) {
		g_prefix_error(error, "'%s': ", name);
		return false;
	}
	zone->serial++;
	return true;
}

bool dns_zone_remove(struct dns_zone *zone, const char *name, const char *addr, GError **error)
{
	struct dns_name parsed;
	struct dns_addr to;

	if (!parse_name(zone, name, &parsed, error) || (addr && !parse_addr(addr, &to, error)))
		return false;
	if (!dns_records_remove(zone->records, &parsed, addr ? &to : NULL)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "there is no record of '%s'%s%s", name, addr ? " with " : "",
			    addr ? addr : "");
		return false;
	}
	zone->serial++;
	return true;
}
