/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_options.h"

#include <json-glib/json-glib.h>
#include <string.h>

static bool is_json(const char *text)
{
	return text[0] == '{';
}

static void add_word(GPtrArray *words, GString *word, const char *implied)
{
	bool first = words->len == 0;

	if (first && implied && !strchr(word->str, '='))
		g_ptr_array_add(words, g_strdup_printf("%s=%s", implied, word->str));
	else if (word->len)
		g_ptr_array_add(words, g_strdup(word->str));
	g_string_truncate(word, 0);
}

static void split_text(GPtrArray *words, const char *text, const char *implied)
{
	g_autoptr(GString) word = g_string_new(NULL);

	for (; *text; text++) {
		if (*text == ',' && text[1] != ',') {
			add_word(words, word, implied);
			continue;
		}
		text += *text == ',';
		g_string_append_c(word, *text);
	}
	add_word(words, word, implied);
}

static char *scalar_text(JsonNode *node)
{
	if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
		return g_strdup(json_node_get_boolean(node) ? "on" : "off");
	if (json_node_get_value_type(node) == G_TYPE_STRING)
		return g_strdup(json_node_get_string(node));
	return json_to_string(node, FALSE);
}

static void flatten(GPtrArray *words, const char *key, JsonNode *node);

/* QEMU's StringList: [{"str": "tcp::2222-:22"}] */
static void flatten_list(GPtrArray *words, const char *key, JsonArray *list)
{
	for (guint i = 0; i < json_array_get_length(list); i++) {
		JsonNode *node = json_array_get_element(list, i);
		JsonNode *text = JSON_NODE_HOLDS_OBJECT(node)
					 ? json_object_get_member(json_node_get_object(node), "str")
					 : NULL;

		flatten(words, key, text ? text : node);
	}
}

static void flatten(GPtrArray *words, const char *key, JsonNode *node)
{
	if (JSON_NODE_HOLDS_ARRAY(node)) {
		flatten_list(words, key, json_node_get_array(node));
	} else if (JSON_NODE_HOLDS_OBJECT(node)) {
		g_autoptr(GList) members = json_object_get_members(json_node_get_object(node));

		for (GList *m = members; m; m = m->next) {
			g_autofree char *path = key ? g_strdup_printf("%s.%s", key, (char *)m->data)
						    : g_strdup(m->data);

			flatten(words, path,
				json_object_get_member(json_node_get_object(node), m->data));
		}
	} else if (key) {
		g_autofree char *value = scalar_text(node);

		g_ptr_array_add(words, g_strdup_printf("%s=%s", key, value));
	}
}

char **qemu_options_split(const char *text, const char *implied)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(JsonNode) node = is_json(text) ? json_from_string(text, NULL) : NULL;

	if (is_json(text) && !node)
		return NULL;
	if (node)
		flatten(words, NULL, node);
	else
		split_text(words, text, implied);
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

const char *qemu_options_get(char *const *words, const char *key)
{
	const char *value = NULL;
	size_t len = strlen(key);

	for (; *words; words++) {
		if (!strncmp(*words, key, len) && (*words)[len] == '=')
			value = *words + len + 1;
	}
	return value;
}

char *qemu_options_with(const char *text, const char *key, const char *value)
{
	g_autoptr(JsonNode) node = is_json(text) ? json_from_string(text, NULL) : NULL;
	g_autofree char *escaped = qemu_options_escape(value);

	if (!node)
		return g_strdup_printf("%s,%s=%s", text, key, escaped);
	json_object_set_string_member(json_node_get_object(node), key, value);
	return json_to_string(node, FALSE);
}

char *qemu_options_escape(const char *text)
{
	GString *out = g_string_new(text);

	g_string_replace(out, ",", ",,", 0);
	return g_string_free(out, FALSE);
}
