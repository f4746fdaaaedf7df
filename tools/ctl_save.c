/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

/*
 * usernet returns the file's new text; this program reads and writes the file as the user. So
 * usernet needs no write access to configuration.
 */
static int fail(const char *format, const char *path, const char *why)
{
	fprintf(stderr, "usernetctl: cannot %s '%s': %s\n", format, path, why);
	return CTL_REFUSED;
}

static int query(struct ctl_session *session, const char *text, JsonNode **result)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "text", text);
	return ctl_request(session, "query-config", args, result);
}

static void warn_left_out(JsonObject *result)
{
	JsonArray *left_out = json_object_get_array_member(result, "left-out");

	for (guint i = 0; i < json_array_get_length(left_out); i++) {
		g_autofree char *text = ctl_table_text(json_array_get_element(left_out, i));

		fprintf(stderr, "usernetctl: left out: %s\n", text);
	}
}

/* Follows symlinks, so that the target is written. Newly allocated. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL);
	char *copy = g_strdup(real ? real : path);

	free(real);
	return copy;
}

static int write_file(const char *path, const char *text)
{
	g_autofree char *real = resolve(path), *folder = g_path_get_dirname(real);
	g_autoptr(GError) error = NULL;
	struct stat st;
	bool existed = stat(real, &st) == 0;

	if (g_mkdir_with_parents(folder, 0700) < 0)
		return fail("make", folder, g_strerror(errno));
	if (!file_replace(real, text, strlen(text), &error))
		return fail("write", path, error->message);
	if (existed && chmod(real, st.st_mode & 07777) < 0)
		return fail("keep the mode of", path, g_strerror(errno));
	return CTL_DONE;
}

/* "" when there is no such file. NULL: error, see @status. */
static char *read_file(const char *path, int *status)
{
	g_autoptr(GError) error = NULL;
	char *text = NULL;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, &error)) {
		if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return g_strdup("");
		*status = fail("read", path, error->message);
		return NULL;
	}
	if (strlen(text) == len && g_utf8_validate(text, (gssize)len, NULL))
		return text;
	g_free(text);
	*status = fail("read", path, "it is not text in UTF-8");
	return NULL;
}

/* The path to write; NULL: error, see @status. */
static char *find_path(struct ctl_session *session, char **params, int *status)
{
	g_autoptr(JsonNode) result = NULL;
	const char *path;

	if (params[0])
		return g_strdup(params[0]);
	*status = query(session, "", &result);
	if (*status != CTL_DONE)
		return NULL;
	path = json_object_get_string_member_with_default(json_node_get_object(result), "file",
							  NULL);
	if (!path)
		*status = ctl_usage("save: usernet has no configuration file: write save FILE");
	return g_strdup(path);
}

int ctl_run_save(struct ctl_session *session, char **params)
{
	g_autofree char *path = NULL, *old = NULL;
	g_autoptr(JsonNode) result = NULL;
	const char *text;
	int status = CTL_DONE;

	if (params[0] && params[1])
		return ctl_usage("save: unexpected '%s'", params[1]);
	path = find_path(session, params, &status);
	old = path ? read_file(path, &status) : NULL;
	if (!old)
		return status;
	status = query(session, old, &result);
	if (status != CTL_DONE)
		return status;
	text = json_object_get_string_member(json_node_get_object(result), "text");
	warn_left_out(json_node_get_object(result));
	if (strcmp(text, old))
		status = write_file(path, text);
	if (status == CTL_DONE && !ctl_print_json(session, result))
		printf("%s %s\n", strcmp(text, old) ? "saved" : "nothing changed:", path);
	return status;
}
