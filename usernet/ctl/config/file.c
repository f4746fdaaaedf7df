/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl/config/scan.h"
#include "ctl/netdev_kind.h"

struct config_file {
	char *path;
	struct config_scan scan;
	GKeyFile *keys;
};

GPtrArray *config_file_groups(const struct config_file *file)
{
	return file->scan.groups;
}

bool config_file_fail(const struct config_file *file, unsigned line, GError **error,
		      const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, USERNET_ERROR, ERROR_USAGE, "%s:%u: %s", file->path, line, text);
	return false;
}

static bool is_word(char c)
{
	return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
}

/*
 * Finds where @text first names the key: 'KEY', KEY=, KEY: or KEY 'VALUE', as a whole word; or
 * NULL.
 */
static const char *find_mention(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = strstr(text, key); p; p = strstr(p + 1, key)) {
		char before = p > text ? p[-1] : ' ', after = p[len];

		if ((before == '\'' && after == '\'') ||
		    (!is_word(before) && before != '\'' &&
		     (after == '=' || after == ':' || (after == ' ' && p[len + 1] == '\''))))
			return p;
	}
	return NULL;
}

/* Does @text contain @value as 'VALUE' or, if it has a digit, as a word? */
static bool quotes(const char *text, const char *value)
{
	size_t len = strlen(value);
	bool has_digit = strpbrk(value, "0123456789") != NULL;

	for (const char *p = strstr(text, value); len && p; p = strstr(p + 1, value)) {
		char before = p > text ? p[-1] : ' ', after = p[len];

		if ((before == '\'' && after == '\'') ||
		    (has_digit && !is_word(before) && !is_word(after)))
			return true;
	}
	return false;
}

/* The key whose value @text quotes, the longest one; NULL: none, or ambiguous. */
static const struct config_key *find_quoted(const struct config_file *file,
					    const struct config_group *group, const char *text)
{
	const struct config_key *found = NULL;
	size_t longest = 0;

	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *key = &g_array_index(group->keys, struct config_key, i);
		g_auto(GStrv) values = g_key_file_get_string_list(file->keys, group->header,
								  key->name, NULL, NULL);

		for (char **value = values; value && *value; value++) {
			size_t len = strlen(g_strstrip(*value));

			if (len < longest || !quotes(text, *value))
				continue;
			found = len > longest || found == key ? key : NULL;
			longest = len;
		}
	}
	return found;
}

/* "lab.conf:7: [netdev nat]: ", followed by the key if the message does not name it. */
void config_file_blame(const struct config_file *file, const struct config_group *group,
		       GError **error)
{
	const struct config_key *quoted;
	const char *first = NULL;
	unsigned line = group->line;

	if (!error || !*error)
		return;
	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *key = &g_array_index(group->keys, struct config_key, i);
		const char *mention = find_mention((*error)->message, key->name);

		if (mention && (!first || mention < first)) {
			first = mention;
			line = key->line;
		}
	}
	quoted = first ? NULL : find_quoted(file, group, (*error)->message);
	if (quoted)
		g_prefix_error(error, "%s:%u: [%s] %s: ", file->path, quoted->line, group->header,
			       quoted->name);
	else
		g_prefix_error(error, "%s:%u: [%s]: ", file->path, line, group->header);
}

bool config_file_blame_key(const struct config_file *file, const char *header, const char *name,
			   GError **error)
{
	for (guint g = 0; g < file->scan.groups->len; g++) {
		const struct config_group *group = g_ptr_array_index(file->scan.groups, g);

		for (guint i = 0; i < group->keys->len; i++) {
			const struct config_key *key =
				&g_array_index(group->keys, struct config_key, i);

			if (strcmp(group->header, header) || strcmp(key->name, name))
				continue;
			g_prefix_error(error, "%s:%u: [%s] %s: ", file->path, key->line, header,
				       name);
			return true;
		}
	}
	return false;
}

struct config_file *config_file_parse(const char *text, size_t len, const char *path,
				      GError **error)
{
	struct config_file *file = g_new0(struct config_file, 1);

	file->path = g_strdup(path);
	file->keys = g_key_file_new();
	if (!config_scan_run(&file->scan, text, len, error)) {
		g_prefix_error(error, "%s:%u: ", path, file->scan.line);
		goto fail;
	}
	/* GKeyFile would silently drop translations, "key[de]". */
	if (!g_key_file_load_from_data(file->keys, file->scan.text->str, file->scan.text->len,
				       G_KEY_FILE_KEEP_TRANSLATIONS, error)) {
		g_prefix_error(error, "%s: ", path);
		error_blame_usage(error);
		goto fail;
	}
	return file;
fail:
	config_file_free(file);
	return NULL;
}

void config_file_free(struct config_file *file)
{
	if (!file)
		return;
	config_scan_clear(&file->scan);
	g_key_file_unref(file->keys);
	g_free(file->path);
	g_free(file);
}

static void *refuse(GError **error, int err, const char *path, const char *why)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
		    "cannot read configuration file '%s': %s", path, why);
	return NULL;
}

static char *read_all(int fd, const char *path, size_t *len, GError **error)
{
	g_autofree char *text = g_malloc(CONFIG_FILE_MAX + 1);

	*len = 0;
	for (;;) {
		ssize_t n = read(fd, text + *len, CONFIG_FILE_MAX + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refuse(error, errno, path, g_strerror(errno));
		*len += (size_t)n;
		if (*len > CONFIG_FILE_MAX)
			return refuse(error, EFBIG, path, "it is larger than 4 MB");
		if (n == 0)
			return g_steal_pointer(&text);
	}
}

struct config_file *config_file_read(const char *path, GError **error)
{
	/* O_NONBLOCK: opening a pipe without a writer must not block. */
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	g_autofree char *text = NULL;
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse(error, errno, path, g_strerror(errno));
	if (S_ISDIR(st.st_mode))
		return refuse(error, EISDIR, path, "it is a directory");
	if (!S_ISREG(st.st_mode))
		return refuse(error, EINVAL, path, "it is not a plain file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return refuse(error, EPERM, path, "its owner is neither you nor root");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(error, EPERM, path, "others may write to it; chmod go-w is needed");
	text = read_all(fd, path, &len, error);
	return text ? config_file_parse(text, len, path, error) : NULL;
}

char **config_file_values(const struct config_file *file, const struct config_group *group,
			  const struct config_key *key, bool list, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_auto(GStrv) values = NULL;
	gsize n = 1;

	if (list) {
		values = g_key_file_get_string_list(file->keys, group->header, key->name, &n, &why);
	} else {
		values = g_new0(char *, 2);
		values[0] = g_key_file_get_string(file->keys, group->header, key->name, &why);
	}
	if (why) {
		config_file_fail(file, key->line, error,
				 "[%s] %s: after '\\' only s, n, t, r and '\\' are known%s",
				 group->header, key->name,
				 list ? ", and ';'" : " (a ';' is itself here)");
		return NULL;
	}
	for (gsize i = 0; list && i < n; i++) {
		if (g_strstrip(values[i])[0])
			continue;
		config_file_fail(file, key->line, error,
				 "[%s] %s: an empty value; values are separated by ';'",
				 group->header, key->name);
		return NULL;
	}
	if (n == 0) {
		config_file_fail(file, key->line, error, "[%s] %s has no value", group->header,
				 key->name);
		return NULL;
	}
	return g_steal_pointer(&values);
}

static bool is_list(const struct opt_spec *specs, const char *key)
{
	for (; specs->key; specs++) {
		if (!strcmp(specs->key, key))
			return specs->flags & OPT_REPEATS;
	}
	return false;
}

bool config_file_fill(const struct config_file *file, const struct config_group *group,
		      const struct opt_spec *specs, struct optstr *opts, GError **error)
{
	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *key = &g_array_index(group->keys, struct config_key, i);
		g_auto(GStrv) values =
			config_file_values(file, group, key, is_list(specs, key->name), error);

		if (!values)
			return false;
		for (char **value = values; *value; value++) {
			if (!optstr_add(opts, key->name, *value, error)) {
				g_prefix_error(error, "%s:%u: [%s]: ", file->path, key->line,
					       group->header);
				return false;
			}
		}
	}
	return true;
}
