/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/schema.h"

#include <string.h>

#include "ctl/netdev_kind.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/event_names.h"

#define EMPTY_OBJECT "empty"
#define STRING_ITEM  "string-item" /* {"str": …}, as in QEMU's hostfwd */

static JsonObject *add_entity(JsonArray *schema, const char *name, const char *meta)
{
	JsonObject *entity = json_object_new();

	json_object_set_string_member(entity, "name", name);
	json_object_set_string_member(entity, "meta-type", meta);
	json_array_add_object_element(schema, entity);
	return entity;
}

static JsonArray *add_object(JsonArray *schema, const char *name)
{
	JsonArray *members = json_array_new();

	json_object_set_array_member(add_entity(schema, name, "object"), "members", members);
	return members;
}

static void add_member(JsonArray *members, const char *name, const char *type, bool optional)
{
	JsonObject *member = json_object_new();

	json_object_set_string_member(member, "name", name);
	json_object_set_string_member(member, "type", type);
	/*
	 * The presence of "default" means optional (QEMU qapi/introspect.json
	 * SchemaInfoObjectMember).
	 */
	if (optional)
		json_object_set_null_member(member, "default");
	json_array_add_object_element(members, member);
}

static void add_builtins(JsonArray *schema)
{
	static const char *const builtins[][2] = {
		{"str", "string"}, {"bool", "boolean"}, {"int", "int"}, {"any", "value"}};
	static const char *const arrays[] = {"str", "any", STRING_ITEM};

	for (size_t i = 0; i < G_N_ELEMENTS(builtins); i++)
		json_object_set_string_member(add_entity(schema, builtins[i][0], "builtin"),
					      "json-type", builtins[i][1]);
	for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
		g_autofree char *name = g_strdup_printf("[%s]", arrays[i]);

		json_object_set_string_member(add_entity(schema, name, "array"), "element-type",
					      arrays[i]);
	}
	add_object(schema, EMPTY_OBJECT);
	add_member(add_object(schema, STRING_ITEM), "str", "str", false);
}

/* --- commands and events --- */

static const char *arg_type(enum command_arg_type type)
{
	static const char *const names[] = {[ARG_STRING] = "str",
					    [ARG_BOOL] = "bool",
					    [ARG_INTEGER] = "int",
					    [ARG_STRINGS] = "[str]",
					    [ARG_ANY] = "any"};

	return names[type];
}

/* Adds the object type for @args, at most @max, as arg-type of @entity. */
static void set_args(JsonArray *schema, JsonObject *entity, const char *name,
		     const struct command_arg *args, int max)
{
	g_autofree char *type = g_strdup_printf("%s-arg", name);
	JsonArray *members;

	json_object_set_string_member(entity, "arg-type", args[0].name ? type : EMPTY_OBJECT);
	if (!args[0].name)
		return;
	members = add_object(schema, type);
	for (int i = 0; i < max && args[i].name; i++)
		add_member(members, args[i].name, arg_type(args[i].type), args[i].optional);
}

static void add_command(void *data, const struct command *command)
{
	static const char *const results[] = {[RETURNS_NOTHING] = EMPTY_OBJECT,
					      [RETURNS_OBJECT] = "any",
					      [RETURNS_OBJECTS] = "[any]",
					      [RETURNS_STRING] = "str"};
	JsonArray *schema = data;
	JsonObject *entity = add_entity(schema, command->name, "command");

	json_object_set_string_member(entity, "ret-type", results[command->result]);
	if (command->any_args)
		json_object_set_string_member(entity, "arg-type", "Netdev");
	else
		set_args(schema, entity, command->name, command->args, COMMAND_MAX_ARGS);
	if (command->allow_oob)
		json_object_set_boolean_member(entity, "allow-oob", TRUE);
}

static void add_event(JsonArray *schema, const struct event_name *event)
{
	set_args(schema, add_entity(schema, event->name, "event"), event->name, event->members,
		 EVENT_MAX_MEMBERS);
}

/* --- netdevs --- */

static const char *option_type(const struct opt_spec *spec)
{
	static const char *const names[] = {
		[OPT_STRING] = "str", [OPT_BOOL] = "bool", [OPT_NUMBER] = "int"};

	return spec->flags & OPT_REPEATS ? "[" STRING_ITEM "]" : names[spec->type];
}

/* A key with a dot is a member of an object: "addr.type" is "type" of "addr". */
static void add_dotted(JsonArray *schema, const char *type, const struct opt_spec *specs,
		       const char *prefix, size_t len)
{
	JsonArray *members = add_object(schema, type);

	for (; specs->key; specs++) {
		if (!strncmp(specs->key, prefix, len) && specs->key[len] == '.')
			add_member(members, specs->key + len + 1, option_type(specs), true);
	}
}

static void add_netdev(JsonArray *schema, const struct netdev_kind *kind, const char *name)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	JsonArray *members = add_object(schema, name);

	for (const struct opt_spec *spec = kind->specs; spec->key; spec++) {
		const char *dot = strchr(spec->key, '.');
		g_autofree char *key = dot ? g_strndup(spec->key, (gsize)(dot - spec->key)) : NULL;
		g_autofree char *type = dot ? g_strdup_printf("%s-%s", name, key) : NULL;

		if (!dot) {
			add_member(members, spec->key, option_type(spec),
				   !(spec->flags & OPT_REQUIRED));
		} else if (g_hash_table_add(seen, g_strdup(key))) {
			add_member(members, key, type, true);
			add_dotted(schema, type, kind->specs, key, strlen(key));
		}
	}
}

/* A union by "type" (QEMU qapi/net.json Netdev). */
static void add_netdevs(JsonArray *schema)
{
	JsonObject *netdev = add_entity(schema, "Netdev", "object");
	JsonObject *types = add_entity(schema, "NetClientDriver", "enum");
	JsonArray *members = json_array_new(), *values = json_array_new();
	JsonArray *type_members = json_array_new(), *variants = json_array_new();

	add_member(members, "id", "str", false);
	add_member(members, "type", "NetClientDriver", false);
	for (unsigned i = 0; netdev_kinds[i]; i++) {
		g_autofree char *name = g_strdup_printf("Netdev-%s", netdev_kinds[i]->name);
		JsonObject *variant = json_object_new(), *member = json_object_new();

		json_array_add_string_element(values, netdev_kinds[i]->name);
		json_object_set_string_member(member, "name", netdev_kinds[i]->name);
		json_array_add_object_element(type_members, member);
		json_object_set_string_member(variant, "case", netdev_kinds[i]->name);
		json_object_set_string_member(variant, "type", name);
		json_array_add_object_element(variants, variant);
		add_netdev(schema, netdev_kinds[i], name);
	}
	json_object_set_array_member(netdev, "members", members);
	json_object_set_string_member(netdev, "tag", "type");
	json_object_set_array_member(netdev, "variants", variants);
	/* Both forms; "values" is for clients of QEMU before 6.2. */
	json_object_set_array_member(types, "members", type_members);
	json_object_set_array_member(types, "values", values);
}

JsonArray *schema_json(void)
{
	JsonArray *schema = json_array_new();

	command_foreach(add_command, schema);
	for (const struct event_name *event = event_names; event->name; event++)
		add_event(schema, event);
	add_netdevs(schema);
	add_builtins(schema);
	return schema;
}
