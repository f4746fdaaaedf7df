/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_table.h"

#include <stdio.h>

/* Guests choose their names: escape what could control the terminal. */
static char *printable(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text; text = g_utf8_next_char(text)) {
		gunichar c = g_utf8_get_char(text);

		if (g_unichar_isprint(c))
			g_string_append_unichar(out, c);
		else
			g_string_append_printf(out, "\\x%02x", c);
	}
	return g_string_free(out, FALSE);
}

static char *join(JsonNode *node)
{
	GString *out = g_string_new(NULL);
	JsonObjectIter iter;
	const char *name;
	JsonNode *member;

	if (JSON_NODE_HOLDS_ARRAY(node)) {
		JsonArray *array = json_node_get_array(node);

		for (unsigned i = 0; i < json_array_get_length(array); i++) {
			g_autofree char *item = ctl_table_text(json_array_get_element(array, i));

			g_string_append_printf(out, "%s%s", i ? "," : "", item);
		}
	} else {
		json_object_iter_init_ordered(&iter, json_node_get_object(node));
		while (json_object_iter_next_ordered(&iter, &name, &member)) {
			g_autofree char *item = ctl_table_text(member);

			g_string_append_printf(out, "%s%s=%s", out->len ? " " : "", name, item);
		}
	}
	if (!out->len)
		g_string_append_c(out, '-');
	return g_string_free(out, FALSE);
}

char *ctl_table_text(JsonNode *node)
{
	GType type;

	if (!node || JSON_NODE_HOLDS_NULL(node))
		return g_strdup("-");
	if (JSON_NODE_HOLDS_ARRAY(node) || JSON_NODE_HOLDS_OBJECT(node))
		return join(node);
	type = json_node_get_value_type(node);
	if (type == G_TYPE_STRING)
		return printable(json_node_get_string(node));
	if (type == G_TYPE_BOOLEAN)
		return g_strdup(json_node_get_boolean(node) ? "yes" : "no");
	return json_to_string(node, FALSE);
}

void ctl_table_print(JsonArray *rows, const struct ctl_column *columns)
{
	unsigned n_rows = json_array_get_length(rows);

	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	int width[16] = {0};
	unsigned n = 0;

	while (n < G_N_ELEMENTS(width) && columns[n].title) {
		width[n] = (int)g_utf8_strlen(columns[n].title, -1);
		n++;
	}
	for (unsigned r = 0; r < n_rows; r++) {
		JsonObject *row = json_array_get_object_element(rows, r);

		for (unsigned c = 0; c < n; c++) {
			char *text = ctl_table_text(json_object_get_member(row, columns[c].key));

			width[c] = MAX(width[c], (int)g_utf8_strlen(text, -1));
			g_ptr_array_add(cells, text);
		}
	}
	for (unsigned r = 0; r <= n_rows; r++) {
		for (unsigned c = 0; c < n; c++) {
			const char *text =
				r ? g_ptr_array_index(cells, (r - 1) * n + c) : columns[c].title;
			int pad = c + 1 < n ? width[c] - (int)g_utf8_strlen(text, -1) + 2 : 0;

			printf("%s%*s", text, pad, "");
		}
		putchar('\n');
	}
}

void ctl_table_print_object(JsonObject *object, int indent)
{
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	json_object_iter_init_ordered(&iter, object);
	while (json_object_iter_next_ordered(&iter, &name, &node)) {
		g_autofree char *text = NULL;

		if (JSON_NODE_HOLDS_OBJECT(node)) {
			printf("%*s%s:\n", indent, "", name);
			ctl_table_print_object(json_node_get_object(node), indent + 2);
			continue;
		}
		text = ctl_table_text(node);
		printf("%*s%s: %s\n", indent, "", name, text);
	}
}
