/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/portrange.h"
#include "conntrack/conntrack.h"
#include "conntrack/judge.h"
#include "ctl/control.h"
#include "ctl/netdev_kind.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/query.h"
#include "gateway/gateway.h"
#include "net/guest.h"
#include "net/mac.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "policy/learned.h"
#include "policy/table.h"
#include "policy/verdicts.h"

/* Commands that tell what the policy has done, and what it would do. */

static struct gateway *find_gateway(struct command_call *call, GError **error)
{
	struct attachment *user = control_find_user(call->control, NULL, error);

	return user ? gateway_from_netdev(user->netdev) : NULL;
}

/* "guest" and "mac" of a guest that may have left. */
static void set_guest(JsonObject *object, struct network *network, mac_t mac)
{
	const struct reservation *reservation = reservation_by_mac(network->reservations, mac);
	const struct guest *guest = guest_by_mac(network->guests, mac);
	char text[GUEST_MAC_TEXT];

	guest_mac_format(text, mac);
	if (reservation || (guest && guest->name))
		json_object_set_string_member(object, "guest",
					      reservation ? reservation->name : guest->name);
	json_object_set_string_member(object, "mac", text);
}

static JsonObject *describe(struct network *network, const struct verdict *verdict)
{
	JsonObject *object = json_object_new();

	json_object_set_int_member(object, "time", verdict->wall / G_USEC_PER_SEC);
	json_object_set_string_member(object, "verdict", verdict->allow ? "allow" : "deny");
	set_guest(object, network, verdict->mac);
	json_object_set_string_member(object, "protocol",
				      verdict->lookup ? "dns" : query_protocol(verdict->proto));
	if (verdict->name)
		json_object_set_string_member(object, "name", verdict->name);
	if (!verdict->lookup)
		query_set_address(object, "address", &verdict->dst);
	if (verdict->port)
		json_object_set_int_member(object, "port", verdict->port);
	if (verdict->rule)
		json_object_set_string_member(object, "rule", verdict->rule);
	json_object_set_int_member(object, "times", (gint64)verdict->count);
	return object;
}

static JsonNode *query_policy_log(struct command_call *call, GError **error)
{
	struct gateway *gateway = find_gateway(call, error);
	const struct verdicts *verdicts;
	JsonArray *array;
	unsigned n = 0;

	if (!gateway)
		return NULL;
	verdicts = conntrack_judge(gateway_conntrack(gateway))->verdicts;
	array = json_array_new();
	while (verdicts_nth(verdicts, n))
		n++;
	while (n--)
		json_array_add_object_element(
			array, describe(call->control->network, verdicts_nth(verdicts, n)));
	return command_array(array);
}

/* --- the guest --- */

/* @text: a name, or a MAC address. */
static bool find_mac(struct network *network, const char *text, mac_t *mac, GError **error)
{
	const struct reservation *reservation = reservation_by_name(network->reservations, text);
	const struct guest *guest = guest_by_name(network->guests, text);

	if (reservation)
		*mac = reservation->mac;
	else if (guest)
		*mac = guest->mac;
	else if (!guest_mac_parse(text, mac)) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Guest '%s' not found", text);
		return false;
	}
	return true;
}

struct learned_list {
	struct network *network;
	JsonArray *array;
	mac_t only; /* 0: all */
};

static void add_learned(void *data, mac_t mac, const char *rule)
{
	struct learned_list *list = data;
	JsonObject *object;

	if (list->only && list->only != mac)
		return;
	object = json_object_new();
	set_guest(object, list->network, mac);
	json_object_set_string_member(object, "rule", rule);
	json_array_add_object_element(list->array, object);
}

static JsonNode *query_policy_learned(struct command_call *call, GError **error)
{
	struct learned_list list = {.network = call->control->network};
	const char *guest = command_string(call, "guest");
	struct gateway *gateway = find_gateway(call, error);
	struct learned *learned;

	if (!gateway || (guest && !find_mac(list.network, guest, &list.only, error)))
		return NULL;
	learned = conntrack_judge(gateway_conntrack(gateway))->learned;
	if (!learned) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "nothing is learned: start the network with policy=learn");
		return NULL;
	}
	list.array = json_array_new();
	learned_each(learned, add_learned, &list);
	return command_array(list.array);
}

/* --- policy-explain --- */

struct opened_list {
	const struct dns_name *name;
	JsonArray *array;
};

static void add_opened(void *data, const struct in6_addr *addr, const struct policy_known *known,
		       usec_t left)
{
	struct opened_list *list = data;
	JsonObject *object;

	if (!dns_name_equal(&known->name, list->name))
		return;
	object = json_object_new();
	query_set_address(object, "address", addr);
	json_object_set_int_member(object, "seconds", (gint64)(left / USEC_PER_SEC));
	json_array_add_object_element(list->array, object);
}

static void explain_name(JsonObject *object, struct network *network, struct gateway *gateway,
			 mac_t mac, const struct dns_name *name)
{
	static const char *const answers[] = {"refused", "nxdomain", "answer"};
	const struct user_config *config = gateway_config(gateway);
	struct policy_table *table = conntrack_egress(gateway_conntrack(gateway));
	struct policy_table_verdict verdict = policy_table_ask(table, mac, name);
	struct opened_list list = {name, json_array_new()};

	policy_open_each(policy_table_opened(table), mac, loop_now(network->loop), add_opened,
			 &list);
	json_object_set_string_member(object, "lookup",
				      verdict.allow ? "answer" : answers[config->dns_policy]);
	json_object_set_string_member(object, "verdict", verdict.allow ? "allow" : "deny");
	if (verdict.rule)
		json_object_set_string_member(object, "rule", verdict.rule);
	json_object_set_array_member(object, "open", list.array);
	json_object_set_string_member(
		object, "why",
		!verdict.allow    ? verdict.rule ? "a rule denies the name, or no rule allows it"
						 : "no rule allows the name"
		: verdict.by_name ? "the rule allows the name; its addresses open when the guest "
				    "asks for it"
		: verdict.rule    ? "the rule allows some connections to any address"
				  : "nothing denies it");
}

static const char *why(const struct conntrack *conntrack, const struct judge_view *view)
{
	if (view->allow && (view->sni || view->host))
		return "if the first bytes name a server that is allowed";
	if (view->allow)
		return view->rule ? "the rule allows it" : "no rule is about it";
	if (!g_strcmp0(view->rule, "built-in"))
		return "guests never reach this address";
	if (view->sni || view->host)
		return "the rule is for TCP, with offload=on";
	return g_str_has_prefix(view->rule ? view->rule : "", "deny=") ? "the rule denies it"
								       : "no rule allows it";
}

static bool is_local(const struct user_config *config, const struct in6_addr *addr)
{
	return address_is_v4(addr) ? user_config_has(config, address_v4(addr))
				   : address_in_prefix(addr, &config->net6, config->net6_len);
}

static JsonObject *explain_conn(struct gateway *gateway, mac_t mac, uint8_t proto,
				const struct in6_addr *addr, uint16_t port)
{
	struct conntrack *conntrack = gateway_conntrack(gateway);
	JsonObject *object = json_object_new();
	struct judge_view view;

	judge_look(conntrack_judge(conntrack), mac, proto, addr, port, &view);
	json_object_set_string_member(object, "protocol", query_protocol(proto));
	/* Also the name server and guestfwd servers. Of these only the gateway has rules. */
	if (is_local(gateway_config(gateway), addr) && !g_strcmp0(view.rule, "built-in")) {
		json_object_set_string_member(object, "verdict", "allow");
		json_object_set_string_member(object, "why",
					      "on the network itself: rules do not apply there, "
					      "isolate= may keep guests apart");
		return object;
	}
	json_object_set_string_member(object, "verdict", view.allow ? "allow" : "deny");
	if (view.rule)
		json_object_set_string_member(object, "rule", view.rule);
	if (view.name)
		json_object_set_string_member(object, "name", view.name);
	json_object_set_string_member(object, "why", why(conntrack, &view));
	return object;
}

static void explain_address(JsonObject *object, struct gateway *gateway, mac_t mac,
			    const struct in6_addr *addr, uint16_t port)
{
	uint8_t ping = address_is_v4(addr) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, ping};
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < (port ? 2 : 3); i++)
		json_array_add_object_element(array,
					      explain_conn(gateway, mac, protos[i], addr, port));
	json_object_set_array_member(object, "connections", array);
}

/* Is @text NAME:PORT? Rules by name are asked for the name alone. */
static bool is_name_and_port(const char *text)
{
	const char *colon = strchr(text, ':');
	uint16_t port;

	return colon && colon > text && *text != '[' && port_parse(colon + 1, 1, &port);
}

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443" */
static bool parse_address(const char *text, struct in6_addr *addr, uint16_t *port)
{
	bool bracket = *text == '[';
	const char *end = bracket ? strchr(text, ']') : strchr(text, ':');
	g_autofree char *host = NULL;
	struct in_addr v4;

	*port = 0;
	if (!bracket && end && strchr(end + 1, ':'))
		end = NULL;
	host = end ? g_strndup(text + bracket, (gsize)(end - text) - bracket) : g_strdup(text);
	if (end && bracket && !*++end)
		end = NULL;
	if (end && (*end != ':' || !port_parse(end + 1, 1, port)))
		return false;
	if (inet_pton(AF_INET, host, &v4) == 1) {
		*addr = address_map4(v4.s_addr);
		return true;
	}
	return inet_pton(AF_INET6, host, addr) == 1;
}

static JsonNode *policy_explain(struct command_call *call, GError **error)
{
	const char *target = command_string(call, "target");
	struct gateway *gateway = find_gateway(call, error);
	struct network *network = call->control->network;
	struct policy_name name;
	struct in6_addr addr;
	g_autofree char *wrong = NULL;
	JsonObject *object;
	uint16_t port;
	mac_t mac;

	if (!gateway || !find_mac(network, command_string(call, "guest"), &mac, error))
		return NULL;
	object = json_object_new();
	set_guest(object, network, mac);
	json_object_set_string_member(object, "target", target);
	if (parse_address(target, &addr, &port)) {
		explain_address(object, gateway, mac, &addr, port);
		return command_object(object);
	}
	wrong = policy_name_parse(&name, target);
	if (wrong || name.below || (strchr(target, '.') && !policy_name_looks_like(target))) {
		json_object_unref(object);
		if (is_name_and_port(target))
			error_usage(error, "'%s': a name has no port here; write %.*s", target,
				    (int)strcspn(target, ":"), target);
		else
			error_usage(error, "'%s' is neither a name nor ADDRESS[:PORT]", target);
		return NULL;
	}
	explain_name(object, network, gateway, mac, &name.name);
	return command_object(object);
}

const struct command commands_verdict[] = {
	{"policy-explain", policy_explain,
	 .args = {{"guest", ARG_STRING, false}, {"target", ARG_STRING, false}},
	 .result = RETURNS_OBJECT},
	{.name = "query-policy-log", .run = query_policy_log, .result = RETURNS_OBJECTS},
	{"query-policy-learned", query_policy_learned, .args = {{"guest", ARG_STRING, true}},
	 .result = RETURNS_OBJECTS},
	{NULL},
};
