/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_forwards.h"

#include <stdio.h>

#include "ctl_table.h"

/* The guest's side of a forward for display; an unknown guest has no address. */
static void add_leads_to(JsonArray *rows)
{
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		const char *address =
			json_object_get_string_member_with_default(row, "guest-address", NULL);
		gint64 waited = json_object_get_int_member_with_default(row, "waited", 0);
		g_autofree char *text = NULL;

		if (!address)
			text = g_strdup("waits for a guest");
		else if (waited && !json_object_get_boolean_member_with_default(row, "here", TRUE))
			text = g_strdup_printf("%s, not there; waited for: %" G_GINT64_FORMAT,
					       address, waited);
		json_object_set_string_member(row, "leads-to", text ? text : address);
	}
}

int ctl_run_forwards(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"NETDEV", "netdev"},
		{"RULE", "rule"},
		{"LEADS TO", "leads-to"},
		{NULL, NULL},
	};
	static const struct ctl_column servers[] = {
		{"NETDEV", "netdev"},
		{"SERVER", "server-address"},
		{"PORT", "server-port"},
		{"CONNECTIONS", "connections"},
		{"SOCKET", "socket"},
		{"COMMAND", "command"},
		{NULL, NULL},
	};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-forwards", NULL, &result);

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	if (json_array_get_length(json_node_get_array(result)) == 0)
		puts("no forwards");
	add_leads_to(json_node_get_array(result));
	ctl_show_type(json_node_get_array(result), "hostfwd", columns);
	ctl_show_type(json_node_get_array(result), "guestfwd", servers);
	return status;
}

static int change(struct ctl_session *session, const char *command, const char *rule)
{
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args = json_object_new();
	int status;

	json_object_set_string_member(args, "rule", rule);
	if (session->id)
		json_object_set_string_member(args, "id", session->id);
	status = ctl_request(session, command, args, &result);
	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	/* For port 0, print the port that was chosen. */
	if (json_object_has_member(json_node_get_object(result), "rule"))
		puts(json_object_get_string_member(json_node_get_object(result), "rule"));
	return status;
}

int ctl_run_hostfwd_add(struct ctl_session *session, char **params)
{
	return change(session, "hostfwd-add", params[0]);
}

int ctl_run_hostfwd_remove(struct ctl_session *session, char **params)
{
	return change(session, "hostfwd-remove", params[0]);
}

int ctl_run_guestfwd_add(struct ctl_session *session, char **params)
{
	return change(session, "guestfwd-add", params[0]);
}

int ctl_run_guestfwd_remove(struct ctl_session *session, char **params)
{
	return change(session, "guestfwd-remove", params[0]);
}
