/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/command.h"

#include <string.h>

#include "base/error.h"

static const struct command *const tables[] = {commands_session, commands_version, commands_config,
					       commands_connect, commands_guest,   commands_dns,
					       commands_policy,  commands_verdict, commands_query};

void command_foreach(void (*each)(void *data, const struct command *command), void *data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		for (const struct command *c = tables[i]; c->name; c++)
			each(data, c);
	}
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		for (const struct command *c = tables[i]; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
		}
	}
	return NULL;
}

static const struct command_arg *find_arg(const struct command *command, const char *name)
{
	for (int i = 0; i < COMMAND_MAX_ARGS && command->args[i].name; i++) {
		if (!strcmp(command->args[i].name, name))
			return &command->args[i];
	}
	return NULL;
}

static bool has_type(JsonNode *node, enum command_arg_type type)
{
	switch (type) {
	case ARG_STRING:
		return json_node_get_value_type(node) == G_TYPE_STRING;
	case ARG_BOOL:
		return json_node_get_value_type(node) == G_TYPE_BOOLEAN;
	case ARG_INTEGER:
		return json_node_get_value_type(node) == G_TYPE_INT64;
	case ARG_STRINGS:
		return JSON_NODE_HOLDS_ARRAY(node);
	case ARG_ANY:
		return true;
	}
	return false;
}

/* For ARG_STRINGS: is each element of the array a string? */
static bool check_elements(const struct command_arg *arg, JsonNode *node, GError **error)
{
	JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		if (!has_type(json_array_get_element(array, i), ARG_STRING))
			return error_usage(error,
					   "Invalid parameter type for '%s[%u]', expected: string",
					   arg->name, i);
	}
	return true;
}

static bool check_args(const struct command *command, JsonObject *args, GError **error)
{
	static const char *const type_names[] = {"string", "boolean", "integer", "array", "any"};
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	for (int i = 0; i < COMMAND_MAX_ARGS && command->args[i].name; i++) {
		if (!command->args[i].optional &&
		    !json_object_has_member(args, command->args[i].name))
			return error_usage(error, "Parameter '%s' is missing",
					   command->args[i].name);
	}
	json_object_iter_init_ordered(&iter, args);
	while (json_object_iter_next_ordered(&iter, &name, &node)) {
		const struct command_arg *arg = find_arg(command, name);

		if (!arg)
			return error_usage(error, "Parameter '%s' is unexpected", name);
		if (!has_type(node, arg->type))
			return error_usage(error, "Invalid parameter type for '%s', expected: %s",
					   name, type_names[arg->type]);
		if (!check_elements(arg, node, error))
			return false;
	}
	return true;
}

JsonNode *command_run(const struct command *command, struct command_call *call, GError **error)
{
	if (!command->any_args && !check_args(command, call->args, error))
		return NULL;
	return command->run(call, error);
}

JsonNode *command_object(JsonObject *object)
{
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);

	json_node_take_object(node, object);
	return node;
}

JsonNode *command_array(JsonArray *array)
{
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);

	json_node_take_array(node, array);
	return node;
}

JsonNode *command_done(void)
{
	return command_object(json_object_new());
}

const char *command_string(const struct command_call *call, const char *name)
{
	return json_object_get_string_member_with_default(call->args, name, NULL);
}
