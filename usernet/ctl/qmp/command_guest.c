/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/config/config.h"
#include "ctl/config/merge.h"
#include "ctl/config/reload.h"
#include "ctl/control.h"
#include "ctl/guests.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/query.h"

/* Commands for named guests and the configuration file. */

/* The arguments are the keys of --guest. */
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
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "there is no configuration to reload");
	return NULL;
}

/*
 * Returns the configuration file's text for the current state. The client writes the file, because
 * this process may have no permission.
 */
static JsonNode *query_config(struct command_call *call, GError **error)
{
	const struct config *config = call->control->config;
	const char *path = config && config->path ? config->path : NULL;
	const char *text = command_string(call, "text");
	g_autoptr(GPtrArray) skipped = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *merged = NULL;
	JsonArray *left_out = json_array_new();
	JsonObject *object;

	merged = config_merge(call->control, text ? text : "", text ? strlen(text) : 0,
			      path ? path : "text", skipped, error);
	if (!merged) {
		json_array_unref(left_out);
		return NULL;
	}
	object = json_object_new();
	if (path) {
		g_autofree char *absolute = g_canonicalize_filename(path, NULL);

		json_object_set_string_member(object, "file", absolute);
	}
	for (guint i = 0; i < skipped->len; i++)
		json_array_add_string_element(left_out, skipped->pdata[i]);
	json_object_set_string_member(object, "text", merged);
	json_object_set_array_member(object, "left-out", left_out);
	return command_object(object);
}

const struct command commands_guest[] = {
	{"guest-add", guest_add,
	 .args = {{"name", ARG_STRING, false},
		  {"mac", ARG_STRING, true},
		  {"ip", ARG_STRING, true},
		  {"port", ARG_STRING, true}},
	 .result = RETURNS_OBJECT},
	{"guest-remove", guest_remove, .args = {{"name", ARG_STRING, false}}},
	{"query-config", query_config, .args = {{"text", ARG_STRING, true}},
	 .result = RETURNS_OBJECT},
	{.name = "reload", .run = reload, .result = RETURNS_OBJECT},
	{NULL},
};
