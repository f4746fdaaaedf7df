/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/config/file.h"
#include "ctl/config/scan.h"

static void clear_key(void *data)
{
	struct config_key *key = data;

	g_free(key->name);
}

static void free_group(void *data)
{
	struct config_group *group = data;

	g_free(group->header);
	g_free(group->kind);
	g_free(group->name);
	g_array_unref(group->keys);
	g_free(group);
}

/* @seen: earlier entries -> their line. */
static bool note(GHashTable *seen, char *what, unsigned line, const char *shown, GError **error)
{
	void *before = g_hash_table_lookup(seen, what);

	if (before) {
		g_free(what);
		return error_usage(error, "%s is given twice: it is in line %u already", shown,
				   GPOINTER_TO_UINT(before));
	}
	g_hash_table_insert(seen, what, GUINT_TO_POINTER(line));
	return true;
}

static bool take_group(struct config_scan *scan, GHashTable *seen, char *line, GError **error)
{
	size_t len = strlen(line);
	g_autofree char *header = NULL, *shown = NULL;
	struct config_group *group;
	char *blank;

	if (line[len - 1] != ']')
		return error_usage(error, "'%s': a group is [NAME], alone on its line", line);
	header = g_strstrip(g_strndup(line + 1, len - 2));
	if (!header[0] || strpbrk(header, "[]"))
		return error_usage(error, "'%s': a group is [NAME], alone on its line", line);
	for (const char *p = header; *p; p++) {
		if (g_ascii_iscntrl(*p))
			return error_usage(error, "a control character in a group's name");
	}
	shown = g_strdup_printf("[%s]", header);
	if (!note(seen, g_strdup(shown), scan->line, shown, error))
		return false;
	group = g_new0(struct config_group, 1);
	group->header = g_steal_pointer(&header);
	group->kind = g_strdup(group->header);
	blank = strpbrk(group->kind, " \t");
	group->name = g_strstrip(g_strdup(blank ? blank : ""));
	if (blank)
		*blank = '\0';
	group->line = scan->line;
	group->keys = g_array_new(FALSE, FALSE, sizeof(struct config_key));
	g_array_set_clear_func(group->keys, clear_key);
	g_ptr_array_add(scan->groups, group);
	g_string_append_printf(scan->text, "[%s]\n", group->header);
	return true;
}

static bool take_key(struct config_scan *scan, GHashTable *seen, char *line, GError **error)
{
	struct config_group *group =
		scan->groups->len ? g_ptr_array_index(scan->groups, scan->groups->len - 1) : NULL;
	char *equals = strchr(line, '=');
	g_autofree char *name = NULL, *shown = NULL;
	struct config_key *key;

	if (!equals)
		return error_usage(error, "'%s' is neither [GROUP] nor KEY=VALUE nor a # comment",
				   line);
	name = g_strchomp(g_strndup(line, (gsize)(equals - line)));
	if (!name[0] || strpbrk(name, "[]"))
		return error_usage(error, "'%s' is not a key", name);
	if (!group)
		return error_usage(error, "'%s' stands before the first [GROUP]", name);
	shown = g_strdup_printf("[%s] %s", group->header, name);
	if (!note(seen, g_strdup_printf("%s\n%s", group->header, name), scan->line, shown, error))
		return false;
	g_array_set_size(group->keys, group->keys->len + 1);
	key = &g_array_index(group->keys, struct config_key, group->keys->len - 1);
	key->line = scan->line;
	key->name = g_strdup(name);
	g_string_append_printf(scan->text, "%s=%s\n", name, g_strchug(equals + 1));
	return true;
}

bool config_scan_run(struct config_scan *scan, const char *text, size_t len, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const char *p = text, *end = text + len;

	scan->groups = g_ptr_array_new_with_free_func(free_group);
	/*
	 * GKeyFile treats the key "Encoding" of the first group specially: start with a dummy
	 * group.
	 */
	scan->text = g_string_new("[first]\n");
	scan->line = 0;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);
		g_autofree char *line = NULL;
		bool ok = true;

		scan->line++;
		if (memchr(p, '\0', n) || !g_utf8_validate(p, (gssize)n, NULL))
			return error_usage(error, "not text in UTF-8");
		line = g_strstrip(g_strndup(p, n));
		if (line[0] == '[')
			ok = take_group(scan, seen, line, error);
		else if (line[0] && line[0] != '#')
			ok = take_key(scan, seen, line, error);
		if (!ok)
			return false;
		p += n + 1;
	}
	return true;
}

void config_scan_clear(struct config_scan *scan)
{
	if (scan->groups)
		g_ptr_array_unref(scan->groups);
	if (scan->text)
		g_string_free(scan->text, TRUE);
	scan->groups = NULL;
	scan->text = NULL;
}
