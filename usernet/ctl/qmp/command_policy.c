/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "conntrack/conntrack.h"
#include "ctl/control.h"
#include "ctl/netdev_kind.h"
#include "ctl/policies.h"
#include "ctl/qmp/command.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/user_loopback.h"
#include "policy/table.h"

/* Commands for the policy: what guests may reach. */

static JsonNode *cut(unsigned n)
{
	JsonObject *object = json_object_new();

	json_object_set_int_member(object, "cut", n);
	return command_object(object);
}

static JsonNode *policy_add_(struct command_call *call, GError **error)
{
	unsigned n;

	if (!policies_add(call->control, command_string(call, "guest"),
			  command_string(call, "rule"), &n, error))
		return NULL;
	return cut(n);
}

static JsonNode *policy_remove_(struct command_call *call, GError **error)
{
	unsigned n;

	if (!policies_remove(call->control, command_string(call, "guest"),
			     command_string(call, "rule"), &n, error))
		return NULL;
	return cut(n);
}

static struct gateway *find_gateway(struct command_call *call, GError **error)
{
	struct attachment *user = control_find_user(call->control, NULL, error);

	return user ? gateway_from_netdev(user->netdev) : NULL;
}

static JsonNode *policy_set(struct command_call *call, GError **error)
{
	const char *loopback = command_string(call, "host-loopback");
	bool addresses = json_object_has_member(call->args, "host-addresses");
	struct gateway *gateway = find_gateway(call, error);

	if (!gateway)
		return NULL;
	if (!loopback && !addresses) {
		error_usage(error, "Parameter 'host-loopback' or 'host-addresses' is missing");
		return NULL;
	}
	if (loopback && !gateway_set_loopback(gateway, loopback, error)) {
		error_blame_usage(error);
		return NULL;
	}
	if (addresses &&
	    !gateway_set_host_addresses(
		    gateway, json_object_get_boolean_member(call->args, "host-addresses"), error))
		return NULL;
	return command_done();
}

static void add_rules(JsonArray *array, const struct policy *policy, const char *guest)
{
	const struct policy_rule *rule;
	uint64_t hits;

	for (unsigned i = 0; (rule = policy_nth(policy, i, &hits)); i++) {
		JsonObject *object = json_object_new();
		g_autofree char *match = policy_rule_format(rule);

		if (guest)
			json_object_set_string_member(object, "guest", guest);
		json_object_set_string_member(object, "rule", policy_text(rule));
		json_object_set_string_member(object, "action", rule->allow ? "allow" : "deny");
		json_object_set_string_member(object, "match", match);
		json_object_set_int_member(object, "hits", (gint64)hits);
		json_array_add_object_element(array, object);
	}
}

static JsonNode *query_policy(struct command_call *call, GError **error)
{
	static const char *const modes[] = {"rules", "sandbox", "learn"};
	static const char *const answers[] = {"refused", "nxdomain", "answer"};
	struct attachment *user = control_find_user(call->control, NULL, error);
	const struct user_config *config;
	const struct policy_table *policy_table;
	g_autoptr(GList) guests = NULL;
	g_autofree char *loopback = NULL;
	JsonObject *object;
	JsonArray *rules;
	struct conntrack *conntrack;

	if (!user)
		return NULL;
	conntrack = gateway_conntrack(gateway_from_netdev(user->netdev));
	config = gateway_config(gateway_from_netdev(user->netdev));
	policy_table = conntrack_egress(conntrack);
	loopback = user_loopback_format(config);
	object = json_object_new();
	json_object_set_string_member(object, "netdev", user->netdev->id);
	json_object_set_string_member(
		object, "default",
		config->restricted || config->policy == POLICY_MODE_SANDBOX ? "deny" : "allow");
	json_object_set_string_member(object, "policy", modes[config->policy]);
	json_object_set_string_member(object, "dns-policy", answers[config->dns_policy]);
	json_object_set_string_member(object, "host-loopback", loopback);
	json_object_set_boolean_member(object, "host-addresses", config->host_addresses);
	json_object_set_int_member(object, "open-names",
				   policy_open_count(policy_table_opened(policy_table)));
	json_object_set_int_member(
		object, "open-displaced",
		(gint64)policy_open_displaced(policy_table_opened(policy_table)));
	json_object_set_int_member(object, "denied", (gint64)conntrack_n_denied(conntrack));
	/* In the order of evaluation. */
	rules = json_array_new();
	guests = g_list_sort(policy_table_guests(policy_table), (GCompareFunc)g_strcmp0);
	for (GList *each = guests; each; each = each->next)
		add_rules(rules, policy_table_policy(policy_table, each->data), each->data);
	add_rules(rules, policy_table_policy(policy_table, NULL), NULL);
	json_object_set_array_member(object, "rules", rules);
	return command_object(object);
}

const struct command commands_policy[] = {
	{"policy-add", policy_add_,
	 .args = {{"rule", ARG_STRING, false}, {"guest", ARG_STRING, true}},
	 .result = RETURNS_OBJECT},
	{"policy-remove", policy_remove_,
	 .args = {{"rule", ARG_STRING, false}, {"guest", ARG_STRING, true}},
	 .result = RETURNS_OBJECT},
	{"policy-set", policy_set,
	 .args = {{"host-loopback", ARG_STRING, true}, {"host-addresses", ARG_BOOL, true}}},
	{.name = "query-policy", .run = query_policy, .result = RETURNS_OBJECT},
	{NULL},
};
