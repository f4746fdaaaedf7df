/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_TABLE_H
#define USERNET_TOOLS_CTL_TABLE_H

#include <json-glib/json-glib.h>

/* Human-readable output: aligned columns, and "key: value" lines. */
struct ctl_column {
	const char *title; /* NULL ends the list */
	const char *key;
};

/* One line for each object of @rows; "-" for a missing member. */
void ctl_table_print(JsonArray *rows, const struct ctl_column *columns);
/* The members of @object; nested objects are indented. */
void ctl_table_print_object(JsonObject *object, int indent);
/* A value for display: no quotes, yes and no, lists with commas. Newly allocated. */
char *ctl_table_text(JsonNode *node);

#endif
