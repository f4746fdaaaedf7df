/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "ctl/config/reload.h"
#include "ctl/control.h"
#include "ctl/guests.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/query.h"

/* The commands for guests that are known before they come, and for the file that names them. */

/* Of the keys that --guest has. */
static struct optstr *guest_options(const struct command_call *call, GError **error)
{
	auto_optstr struct optstr *opts = optstr_new("name");

	for (const struct opt_spec *spec = guest_specs; spec->key; spec++) {
		const char *value = command_string(call, spec->key);

		if (value && !optstr_add(opts, spec->key, value, error))
			return NULL;
	}
	return g_steal_pointer(&opts);
}

static JsonNode *guest_add(struct command_call *call, GError **error)
{
	const char *port = command_string(call, "port");
	const struct reservation *reservation;
	struct optstr *opts;

	if (port && !control_find(call->control, port)) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Device '%s' not found", port);
		return NULL;
	}
	opts = guest_options(call, error);
	reservation = opts ? guests_add(call->control, opts, ORIGIN_LIVE, error) : NULL;
	return reservation ? command_object(query_reservation(reservation)) : NULL;
}

static JsonNode *guest_remove(struct command_call *call, GError **error)
{
	if (!guests_remove(call->control, command_string(call, "name"), error))
		return NULL;
	return command_done();
}

static JsonNode *reload(struct command_call *call, GError **error)
{
	if (call->control->options)
		return reload_run(call->control, error);
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "there is no configuration to read again");
	return NULL;
}

const struct command commands_guest[] = {
	{"guest-add", guest_add,
	 .args = {{"name", ARG_STRING, false},
		  {"mac", ARG_STRING, true},
		  {"ip", ARG_STRING, true},
		  {"port", ARG_STRING, true}},
	 .result = RETURNS_OBJECT},
	{"guest-remove", guest_remove, .args = {{"name", ARG_STRING, false}}},
	{.name = "reload", .run = reload, .result = RETURNS_OBJECT},
	{NULL},
};
