/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "base/error.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/hmp.h"
#include "ctl/version.h"

/* The commands of the session itself: handshake, descriptors, HMP, the end. */

static JsonNode *qmp_capabilities(struct command_call *call, GError **error)
{
	if (*call->negotiated) {
		g_set_error(error, USERNET_ERROR, ERROR_COMMAND_NOT_FOUND,
			    "Capabilities negotiation is already complete, command ignored");
		return NULL;
	}
	/* We offer none, so none can be enabled. */
	if (json_object_has_member(call->args, "enable") &&
	    json_array_get_length(json_object_get_array_member(call->args, "enable")) > 0) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Parameter 'enable' names a capability that is not available");
		return NULL;
	}
	*call->negotiated = true;
	return command_done();
}

static void add_name(void *data, const struct command *command)
{
	JsonObject *entry = json_object_new();

	json_object_set_string_member(entry, "name", command->name);
	json_array_add_object_element(data, entry);
}

static JsonNode *query_commands(struct command_call *call, GError **error)
{
	JsonArray *array = json_array_new();

	command_foreach(add_name, array);
	return command_array(array);
}

static JsonNode *query_version(struct command_call *call, GError **error)
{
	return command_object(version_json());
}

static JsonNode *getfd(struct command_call *call, GError **error)
{
	if (!fd_names_getfd(call->fds, command_string(call, "fdname"), error))
		return NULL;
	return command_done();
}

static JsonNode *closefd(struct command_call *call, GError **error)
{
	if (!fd_names_closefd(call->fds, command_string(call, "fdname"), error))
		return NULL;
	return command_done();
}

static JsonNode *human_monitor_command(struct command_call *call, GError **error)
{
	g_autofree char *out =
		hmp_run(call->control, call->fds, command_string(call, "command-line"));
	JsonNode *node = json_node_new(JSON_NODE_VALUE);

	json_node_set_string(node, out);
	return node;
}

static JsonNode *quit(struct command_call *call, GError **error)
{
	control_quit(call->control);
	return command_done();
}

const struct command commands_session[] = {
	{"qmp_capabilities", qmp_capabilities, .args = {{"enable", ARG_ARRAY, true}}},
	{.name = "query-commands", .run = query_commands},
	{.name = "query-version", .run = query_version},
	{"getfd", getfd, .args = {{"fdname", ARG_STRING, false}}},
	{"closefd", closefd, .args = {{"fdname", ARG_STRING, false}}},
	{"human-monitor-command", human_monitor_command,
	 .args = {{"command-line", ARG_STRING, false}, {"cpu-index", ARG_INTEGER, true}}},
	{.name = "quit", .run = quit},
	{NULL},
};
