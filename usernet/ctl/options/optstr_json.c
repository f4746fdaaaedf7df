/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/options/optstr_priv.h"

/* {"addr":{"type":"unix"}} is addr.type=unix; QEMU's schema is one level deep (qapi/net.json). */
#define FLATTEN_MAX_DEPTH 4

static bool flatten(struct optstr *opts, const char *prefix, JsonObject *object, int depth,
		    GError **error);

/* [{"str":"tcp::2222-:22"}] (QEMU qapi/net.json String), or a plain array of strings. */
static bool flatten_array(struct optstr *opts, const char *key, JsonArray *array, GError **error)
{
	for (unsigned i = 0; i < json_array_get_length(array); i++) {
		JsonNode *item = json_array_get_element(array, i);

		if (JSON_NODE_HOLDS_OBJECT(item)) {
			JsonObject *object = json_node_get_object(item);

			item = json_object_get_member(object, "str");
			if (!item || json_object_get_size(object) != 1)
				item = NULL;
		}
		if (!item || json_node_get_value_type(item) != G_TYPE_STRING) {
			g_set_error(
				error, USERNET_ERROR, ERROR_USAGE,
				"Invalid parameter type for '%s[%u]', expected: {\"str\": string}",
				key, i);
			return false;
		}
		if (!optstr_append(opts, key, g_strdup(json_node_get_string(item)),
				   OPT_FORM_JSON_ITEM, error))
			return false;
	}
	return true;
}

static bool flatten_value(struct optstr *opts, const char *key, JsonNode *node, int depth,
			  GError **error)
{
	GType type;

	if (JSON_NODE_HOLDS_OBJECT(node))
		return flatten(opts, key, json_node_get_object(node), depth + 1, error);
	if (JSON_NODE_HOLDS_ARRAY(node))
		return flatten_array(opts, key, json_node_get_array(node), error);
	type = json_node_get_value_type(node);
	if (type == G_TYPE_STRING)
		return optstr_append(opts, key, g_strdup(json_node_get_string(node)),
				     OPT_FORM_JSON_STRING, error);
	if (type == G_TYPE_BOOLEAN)
		return optstr_append(opts, key,
				     g_strdup(json_node_get_boolean(node) ? "on" : "off"),
				     OPT_FORM_JSON_BOOL, error);
	if (type == G_TYPE_INT64)
		return optstr_append(opts, key,
				     g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node)),
				     OPT_FORM_JSON_NUMBER, error);
	return optstr_append(opts, key, g_strdup(""), OPT_FORM_JSON_OTHER, error);
}

static bool flatten(struct optstr *opts, const char *prefix, JsonObject *object, int depth,
		    GError **error)
{
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	if (depth > FLATTEN_MAX_DEPTH) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "Parameter '%s' is nested too deeply", prefix);
		return false;
	}
	json_object_iter_init_ordered(&iter, object);
	while (json_object_iter_next_ordered(&iter, &name, &node)) {
		g_autofree char *key =
			prefix[0] ? g_strdup_printf("%s.%s", prefix, name) : g_strdup(name);

		if (!flatten_value(opts, key, node, depth, error))
			return false;
	}
	return true;
}

struct optstr *optstr_from_json(JsonObject *object, GError **error)
{
	auto_optstr struct optstr *opts = optstr_new("type");

	if (!flatten(opts, "", object, 0, error))
		return NULL;
	return g_steal_pointer(&opts);
}
