/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>

#include "ctl/control.h"
#include "ctl/qmp/command.h"
#include "ctl/records.h"
#include "dns/dns.h"
#include "dns/zone.h"
#include "gateway/gateway.h"

/* Commands of the name server. */

static JsonNode *dns_add(struct command_call *call, GError **error)
{
	if (!records_add(call->control, command_string(call, "name"),
			 command_string(call, "address"), error))
		return NULL;
	return command_done();
}

static JsonNode *dns_remove(struct command_call *call, GError **error)
{
	if (!records_remove(call->control, command_string(call, "name"),
			    command_string(call, "address"), error))
		return NULL;
	return command_done();
}

static void add_record(void *data, const struct dns_name *name, const struct dns_addr *addr)
{
	JsonObject *object = json_object_new();
	g_autofree char *text = dns_name_format(name);
	char address[INET6_ADDRSTRLEN];

	inet_ntop(addr->v6 ? AF_INET6 : AF_INET, &addr->addr, address, sizeof(address));
	json_object_set_string_member(object, "name", text);
	json_object_set_string_member(object, "type", addr->v6 ? "AAAA" : "A");
	json_object_set_string_member(object, "address", address);
	json_array_add_object_element(data, object);
}

static JsonObject *describe_dns_stats(const struct dns *dns)
{
	JsonObject *object = json_object_new();
	struct dns_stats stats;

	dns_stats(dns, &stats);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"queries-udp", stats.queries_udp},
		{"queries-tcp", stats.queries_tcp},
		{"local", stats.local},
		{"cached", stats.cached},
		{"forwarded", stats.forwarded},
		{"shared", stats.shared},
		{"refused", stats.refused},
		{"dropped", stats.dropped},
		{"failed", stats.failed},
		{"displaced", stats.displaced},
		{"timeouts", stats.timeouts},
		{"upstream-sent", stats.upstream_sent},
		{"upstream-bad", stats.upstream_bad},
		{"truncated", stats.truncated},
		{"config-changes", stats.config_changes},
		{"outstanding", stats.outstanding},
		{"cache-entries", stats.cache_entries},
		{"cache-bytes", stats.cache_bytes},
		{"tcp-connections", stats.tcp_connections},
		{"tcp-bytes", stats.tcp_bytes},
		{"tcp-displaced", stats.tcp_displaced},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		json_object_set_int_member(object, rows[i].name, (gint64)rows[i].value);
	return object;
}

static JsonNode *query_dns(struct command_call *call, GError **error)
{
	struct dns_zone *zone = records_zone(call->control, error);
	struct dns *dns;
	JsonObject *object;
	JsonArray *records, *servers, *search;
	g_autofree char *domain = NULL;
	g_auto(GStrv) words = NULL;

	if (!zone)
		return NULL;
	dns = gateway_dns(gateway_find(call->control->network));
	object = json_object_new();
	records = json_array_new();
	servers = json_array_new();
	search = json_array_new();
	domain = dns_name_format(dns_zone_domain(zone));
	words = dns_servers(dns);
	for (char **word = words; *word; word++)
		json_array_add_string_element(servers, *word);
	for (const char *const *s = dns_search(dns); s && *s; s++)
		json_array_add_string_element(search, *s);
	dns_records_each(dns_zone_records(zone), add_record, records);
	json_object_set_string_member(object, "domain", domain);
	json_object_set_array_member(object, "servers", servers);
	json_object_set_array_member(object, "search", search);
	json_object_set_array_member(object, "records", records);
	json_object_set_object_member(object, "counters", describe_dns_stats(dns));
	return command_object(object);
}

const struct command commands_dns[] = {
	{"dns-add", dns_add, .args = {{"name", ARG_STRING, false}, {"address", ARG_STRING, false}}},
	{"dns-remove", dns_remove,
	 .args = {{"name", ARG_STRING, false}, {"address", ARG_STRING, true}}},
	{.name = "query-dns", .run = query_dns, .result = RETURNS_OBJECT},
	{NULL},
};
