/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/hmp.h"
#include "ctl/qmp/session.h"

/* Commands of the session: handshake, descriptors, HMP, quit. */

static JsonNode *qmp_capabilities(struct command_call *call, GError **error)
{
	JsonArray *enable = NULL;
	bool oob = false;

	if (call->session->negotiated) {
		g_set_error(error, USERNET_ERROR, ERROR_COMMAND_NOT_FOUND,
			    "Capabilities negotiation is already complete, command ignored");
		return NULL;
	}
	if (json_object_has_member(call->args, "enable"))
		enable = json_object_get_array_member(call->args, "enable");
	for (guint i = 0; enable && i < json_array_get_length(enable); i++) {
		const char *name = json_array_get_string_element(enable, i);

		if (strcmp(name, "oob")) {
			/* QEMU qapi/qapi-visit-core.c */
			g_set_error(error, USERNET_ERROR, ERROR_USAGE,
				    "Parameter 'enable[%u]' does not accept value '%s'", i, name);
			return NULL;
		}
		oob = true;
	}
	call->session->oob = oob;
	call->session->negotiated = true;
	return command_done();
}

static JsonNode *getfd(struct command_call *call, GError **error)
{
	if (!fd_names_getfd(&call->session->fds, command_string(call, "fdname"), error))
		return NULL;
	return command_done();
}

static JsonNode *closefd(struct command_call *call, GError **error)
{
	if (!fd_names_closefd(&call->session->fds, command_string(call, "fdname"), error))
		return NULL;
	return command_done();
}

static JsonNode *human_monitor_command(struct command_call *call, GError **error)
{
	g_autofree char *out =
		hmp_run(call->control, &call->session->fds, command_string(call, "command-line"));
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
	{"qmp_capabilities", qmp_capabilities, .args = {{"enable", ARG_STRINGS, true}}},
	{"getfd", getfd, .args = {{"fdname", ARG_STRING, false}}},
	{"closefd", closefd, .args = {{"fdname", ARG_STRING, false}}},
	{"human-monitor-command", human_monitor_command,
	 .args = {{"command-line", ARG_STRING, false}, {"cpu-index", ARG_INTEGER, true}},
	 .result = RETURNS_STRING},
	{.name = "quit", .run = quit},
	{NULL},
};
