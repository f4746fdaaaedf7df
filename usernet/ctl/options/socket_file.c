/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/socket_file.h"

#include <errno.h>
#include <grp.h>

#include "base/error.h"

#define ENTRY_MAX (64 * 1024) /* bytes of a group's entry including its members */

static bool parse_group(gid_t *gid, const char *text, GError **error)
{
	g_autofree char *buf = g_malloc(ENTRY_MAX);
	struct group entry, *found = NULL;
	guint64 number;
	int err;

	if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &number, NULL)) {
		*gid = (gid_t)number;
		return true;
	}
	err = getgrnam_r(text, &entry, buf, ENTRY_MAX, &found);
	if (!found)
		return error_usage(error, "Parameter 'group': there is no group '%s'%s%s", text,
				   err ? ": " : "", err ? g_strerror(err) : "");
	*gid = entry.gr_gid;
	return true;
}

static bool parse_mode(mode_t *mode, const char *text, GError **error)
{
	char *end;
	guint64 number = g_ascii_strtoull(text, &end, 8);

	if (!g_ascii_isdigit(text[0]) || *end || !number || number > 0777)
		return error_usage(error,
				   "Parameter 'mode' expects permissions in octal, as 0660, not "
				   "'%s'",
				   text);
	*mode = (mode_t)number;
	return true;
}

bool socket_file_parse(struct socket_file *out, const struct optstr *opts,
		       const struct sockaddr_any *bound, GError **error)
{
	const char *mode = optstr_get(opts, "mode"), *group = optstr_get(opts, "group");
	bool file = bound && bound->len && bound->sa.sa_family == AF_UNIX && bound->un.sun_path[0];

	*out = (struct socket_file){0};
	if (!mode && !group)
		return true;
	if (!file)
		return error_usage(error,
				   "Parameter '%s' is unexpected: it needs a unix socket that "
				   "usernet creates at a path",
				   mode ? "mode" : "group");
	if (mode && !parse_mode(&out->mode, mode, error))
		return false;
	/* A group without permissions would be useless. */
	if (group && !mode)
		out->mode = 0660;
	out->has_group = group != NULL;
	return !group || parse_group(&out->group, group, error);
}
