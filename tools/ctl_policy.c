/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_policy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int ctl_run_policy(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"GUEST", "guest"}, {"RULE", "rule"}, {"HITS", "hits"}, {NULL, NULL}};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-policy", NULL, &result);
	JsonObject *object;
	JsonArray *rules;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	object = json_node_get_object(result);
	rules = json_object_get_array_member(object, "rules");
	if (json_array_get_length(rules))
		ctl_table_print(rules, columns);
	json_object_remove_member(object, "rules");
	ctl_table_print_object(object, 0);
	return status;
}

static int change(struct ctl_session *session, const char *command, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args;
	gint64 n;
	int status;

	if (params[1] && params[2])
		return ctl_usage("'%s': expected one rule and optionally one guest", params[2]);
	args = json_object_new();
	json_object_set_string_member(args, "rule", params[0]);
	if (params[1])
		json_object_set_string_member(args, "guest", params[1]);
	status = ctl_request(session, command, args, &result);
	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	n = json_object_get_int_member(json_node_get_object(result), "cut");
	if (n)
		printf("%" G_GINT64_FORMAT " %s denied now and closed\n", n,
		       n == 1 ? "connection is" : "connections are");
	return status;
}

/* "time", in seconds since 1970, as the time of day. */
static void print_times(JsonArray *rows)
{
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		time_t seconds = (time_t)json_object_get_int_member(row, "time");
		char when[32];
		struct tm tm;

		strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&seconds, &tm));
		json_object_set_string_member(row, "time", when);
	}
}

int ctl_run_policy_log(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"TIME", "time"},         {"GUEST", "guest"}, {"MAC", "mac"},
		{"VERDICT", "verdict"},   {"NAME", "name"},   {"ADDRESS", "address"},
		{"PROTOCOL", "protocol"}, {"PORT", "port"},   {"RULE", "rule"},
		{"TIMES", "times"},       {NULL, NULL},
	};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-policy-log", NULL, &result);
	JsonArray *rows;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	rows = json_node_get_array(result);
	print_times(rows);
	if (json_array_get_length(rows))
		ctl_table_print(rows, columns);
	else
		puts("no verdicts");
	return status;
}

int ctl_run_policy_learned(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args = json_object_new();
	JsonArray *rows;
	int status;

	if (params[0] && params[1])
		return ctl_usage("'%s': expected at most one guest", params[1]);
	if (params[0])
		json_object_set_string_member(args, "guest", params[0]);
	status = ctl_request(session, "query-policy-learned", args, &result);
	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	rows = json_node_get_array(result);
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		puts(json_object_get_string_member(row, "rule"));
	}
	return status;
}

int ctl_run_explain(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"PROTOCOL", "protocol"}, {"VERDICT", "verdict"}, {"NAME", "name"},
		{"RULE", "rule"},         {"WHY", "why"},         {NULL, NULL}};
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args = json_object_new(), *object;
	int status;

	json_object_set_string_member(args, "guest", params[0]);
	json_object_set_string_member(args, "target", params[1]);
	status = ctl_request(session, "policy-explain", args, &result);
	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	object = json_node_get_object(result);
	if (json_object_has_member(object, "connections")) {
		ctl_table_print(json_object_get_array_member(object, "connections"), columns);
		json_object_remove_member(object, "connections");
	} else {
		ctl_table_print_object(object, 0);
	}
	return status;
}

int ctl_run_policy_add(struct ctl_session *session, char **params)
{
	return change(session, "policy-add", params);
}

int ctl_run_policy_remove(struct ctl_session *session, char **params)
{
	return change(session, "policy-remove", params);
}

int ctl_run_host_loopback(struct ctl_session *session, char **params)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "host-loopback", params[0]);
	return ctl_change(session, "policy-set", args, NULL);
}

int ctl_run_host_addresses(struct ctl_session *session, char **params)
{
	bool on = !strcmp(params[0], "on");
	JsonObject *args;

	if (!on && strcmp(params[0], "off"))
		return ctl_usage("policy host-addresses '%s': on or off", params[0]);
	args = json_object_new();
	json_object_set_boolean_member(args, "host-addresses", on);
	return ctl_change(session, "policy-set", args, NULL);
}

int ctl_run_connections(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"PROTOCOL", "protocol"},
		{"GUEST", "guest"},
		{"ADDRESS", "guest-address"},
		{"PORT", "guest-port"},
		{"DIRECTION", "direction"},
		{"PEER", "peer-address"},
		{"PORT", "peer-port"},
		{"STATE", "state"},
		{"AGE", "age"},
		{"IDLE", "idle"},
		{"BYTES-OUT", "bytes-out"},
		{"BYTES-IN", "bytes-in"},
		{NULL, NULL},
	};

	return ctl_show_table(session, "query-connections", columns, "no connections");
}
