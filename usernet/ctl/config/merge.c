/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/merge.h"

#include <string.h>

#include "ctl/config/file.h"
#include "ctl/config/wanted.h"

/* The file's lines and the changes to each. */
struct merge {
	struct config_file *file; /* NULL: the text was empty */
	GPtrArray *groups;        /* wanted_groups() */
	GPtrArray *lines;         /* char *; NULL: removed. From index 0, for line 1 */
	GPtrArray *behind;        /* GString *: text to insert after the line; NULL: none */
};

/* Escapes @value as config/file.h unescapes it. */
static void append_value(GString *out, const char *value, bool list)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (c == '\\' || (c == ';' && list))
			g_string_append_printf(out, "\\%c", c);
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '\r')
			g_string_append(out, "\\r");
		else if (c == '\t')
			g_string_append(out, "\\t");
		else if (c == ' ' && (i == 0 || i == len - 1))
			g_string_append(out, "\\s");
		else
			g_string_append_c(out, c);
	}
}

static char *format_key(const struct wanted_key *key, const char *name)
{
	GString *out = g_string_new(name);

	g_string_append(out, " = ");
	for (guint i = 0; i < key->values->len; i++) {
		g_string_append(out, i ? "; " : "");
		append_value(out, key->values->pdata[i], key->list);
	}
	return g_string_free(out, FALSE);
}

static void set_line(struct merge *merge, unsigned line, char *text)
{
	g_free(merge->lines->pdata[line - 1]);
	merge->lines->pdata[line - 1] = text;
}

static void add_behind(struct merge *merge, unsigned line, const char *text)
{
	GString **behind = (GString **)&merge->behind->pdata[line - 1];

	if (!*behind)
		*behind = g_string_new(NULL);
	g_string_append_printf(*behind, "%s\n", text);
}

static bool says_the_same(const struct merge *merge, const struct config_group *group,
			  const struct config_key *at, const struct wanted_key *key)
{
	g_auto(GStrv) values = config_file_values(merge->file, group, at, key->list, NULL);

	if (!values || g_strv_length(values) != key->values->len)
		return false;
	for (guint i = 0; i < key->values->len; i++) {
		if (strcmp(values[i], key->values->pdata[i]))
			return false;
	}
	return true;
}

/* Replaces the keys of @group in the file with those of @wanted. */
static void merge_keys(struct merge *merge, const struct config_group *group,
		       struct wanted_group *wanted)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	unsigned last = group->line;

	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *at = &g_array_index(group->keys, struct config_key, i);
		struct wanted_key *key = wanted_key(wanted, at->name);

		last = at->line;
		if (!key) {
			set_line(merge, at->line, NULL);
			continue;
		}
		g_hash_table_add(seen, key);
		if (!says_the_same(merge, group, at, key))
			set_line(merge, at->line, format_key(key, at->name));
	}
	for (guint i = 0; i < wanted->keys->len; i++) {
		const struct wanted_key *key = wanted->keys->pdata[i];
		g_autofree char *text = NULL;

		if (g_hash_table_contains(seen, key))
			continue;
		text = format_key(key, key->name);
		add_behind(merge, last, text);
	}
	wanted->written = true;
}

static void remove_group(struct merge *merge, const struct config_group *group)
{
	set_line(merge, group->line, NULL);
	for (guint i = 0; i < group->keys->len; i++)
		set_line(merge, g_array_index(group->keys, struct config_key, i).line, NULL);
}

static void merge_groups(struct merge *merge)
{
	GPtrArray *groups = config_file_groups(merge->file);

	for (guint i = 0; i < groups->len; i++) {
		const struct config_group *group = groups->pdata[i];
		struct wanted_group *wanted = wanted_find(merge->groups, group->kind, group->name);

		if (wanted)
			merge_keys(merge, group, wanted);
		else if (strcmp(group->kind, "network"))
			remove_group(merge, group);
	}
}

static void append_new_groups(const struct merge *merge, GString *out)
{
	for (guint i = 0; i < merge->groups->len; i++) {
		const struct wanted_group *group = merge->groups->pdata[i];

		if (group->written)
			continue;
		g_string_append_printf(out, "%s[%s%s%s]\n", out->len ? "\n" : "", group->kind,
				       group->name[0] ? " " : "", group->name);
		for (guint j = 0; j < group->keys->len; j++) {
			const struct wanted_key *key = group->keys->pdata[j];
			g_autofree char *text = format_key(key, key->name);

			g_string_append_printf(out, "%s\n", text);
		}
	}
}

static void split_lines(struct merge *merge, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);

		g_ptr_array_add(merge->lines, g_strndup(p, n));
		g_ptr_array_add(merge->behind, NULL);
		p += n + 1;
	}
}

static char *join_lines(const struct merge *merge)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < merge->lines->len; i++) {
		const GString *behind = merge->behind->pdata[i];

		if (merge->lines->pdata[i])
			g_string_append_printf(out, "%s\n", (char *)merge->lines->pdata[i]);
		if (behind)
			g_string_append(out, behind->str);
	}
	append_new_groups(merge, out);
	return g_string_free(out, FALSE);
}

static void free_behind(void *data)
{
	if (data)
		g_string_free(data, TRUE);
}

char *config_merge(struct control *control, const char *text, size_t len, const char *path,
		   GPtrArray *skipped, GError **error)
{
	struct merge merge = {.file = config_file_parse(text, len, path, error)};
	char *merged;

	if (!merge.file)
		return NULL;
	merge.groups = wanted_groups(control, skipped);
	merge.lines = g_ptr_array_new_with_free_func(g_free);
	merge.behind = g_ptr_array_new_with_free_func(free_behind);
	split_lines(&merge, text, len);
	merge_groups(&merge);
	merged = join_lines(&merge);
	g_ptr_array_unref(merge.groups);
	g_ptr_array_unref(merge.lines);
	g_ptr_array_unref(merge.behind);
	config_file_free(merge.file);
	return merged;
}
