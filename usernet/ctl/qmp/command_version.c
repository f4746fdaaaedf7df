/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/control.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/schema.h"
#include "ctl/version.h"
#include "net/network.h"

/* Commands that describe the server: version, name, commands. */

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

/* QEMU qapi/misc.json: the machine's name; here the network's. */
static JsonNode *query_name(struct command_call *call, GError **error)
{
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "name", call->control->network->name);
	return command_object(object);
}

static JsonNode *query_qmp_schema(struct command_call *call, GError **error)
{
	return command_array(schema_json());
}

const struct command commands_version[] = {
	{.name = "query-commands", .run = query_commands, .result = RETURNS_OBJECTS},
	{.name = "query-version",
	 .run = query_version,
	 .result = RETURNS_OBJECT,
	 .allow_oob = true},
	{.name = "query-name", .run = query_name, .result = RETURNS_OBJECT, .allow_oob = true},
	{.name = "query-qmp-schema", .run = query_qmp_schema, .result = RETURNS_OBJECTS},
	{NULL},
};
