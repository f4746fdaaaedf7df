/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/records.h"

#include <string.h>

#include "base/error.h"
#include "ctl/control.h"
#include "dns/dns.h"
#include "dns/zone.h"
#include "gateway/gateway.h"

struct dns_zone *records_zone(struct control *control, GError **error)
{
	struct gateway *gateway = gateway_find(control->network);
	struct dns *dns = gateway ? gateway_dns(gateway) : NULL;

	if (dns)
		return dns_zone_of(dns);
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    "there is no name server: it comes with a user netdev");
	return NULL;
}

char *records_key(const char *name, const char *addr)
{
	g_autofree char *text = g_strdup_printf("%s %s", name, addr);

	return g_ascii_strdown(text, -1);
}

bool records_add(struct control *control, const char *name, const char *addr, GError **error)
{
	struct dns_zone *zone = records_zone(control, error);

	return zone && dns_zone_add(zone, name, addr, error);
}

static gboolean is_of_name(void *key, void *value, void *data)
{
	const char *name = data;
	size_t len = strlen(name);

	return !strncmp(key, name, len) && ((const char *)key)[len] == ' ';
}

bool records_remove(struct control *control, const char *name, const char *addr, GError **error)
{
	struct dns_zone *zone = records_zone(control, error);
	g_autofree char *lower = g_ascii_strdown(name, -1);

	if (!zone || !dns_zone_remove(zone, name, addr, error))
		return false;
	if (addr) {
		g_autofree char *key = records_key(name, addr);

		g_hash_table_remove(control->records, key);
	} else {
		g_hash_table_foreach_remove(control->records, is_of_name, lower);
	}
	return true;
}

bool records_add_file(struct control *control, const char *name, const char *addr, GError **error)
{
	struct dns_zone *zone = records_zone(control, error);

	if (!zone)
		return false;
	dns_zone_remove(zone, name, addr, NULL);
	if (!dns_zone_add(zone, name, addr, error))
		return false;
	g_hash_table_add(control->records, records_key(name, addr));
	return true;
}

void records_remove_file(struct control *control, const char *key)
{
	struct dns_zone *zone = records_zone(control, NULL);
	const char *blank = strchr(key, ' ');
	g_autofree char *name = g_strndup(key, (gsize)(blank - key));

	if (zone)
		dns_zone_remove(zone, name, blank + 1, NULL);
	g_hash_table_remove(control->records, key);
}

void records_forget(struct control *control)
{
	g_hash_table_remove_all(control->records);
}
