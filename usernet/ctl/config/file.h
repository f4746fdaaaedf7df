/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_FILE_H
#define USERNET_CTL_CONFIG_FILE_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/optstr.h"

/*
 * A configuration file as text: groups of keys in order, with line numbers. config.h explains their
 * meaning. The syntax is GKeyFile's, read strictly:
 *
 *     # a comment
 *     [netdev nat]
 *     type = user
 *     hostfwd = tcp::2222-:22; tcp::8080-:80
 *
 * A key that may be repeated on the command line has its values in one line, separated by ';'. A
 * ';' within a value is written '\;', a '\' is '\\'; '\s' '\n' '\t' '\r' are space, newline, tab
 * and return. Blanks around keys, values and ';' are ignored. A group, or a key within a group,
 * must not appear twice.
 *
 * Errors (ERROR_USAGE for errors in the text) begin "FILE:LINE: ".
 */
struct config_file;

#define CONFIG_FILE_MAX (4 * 1024 * 1024) /* bytes: room for POLICY_MAX long names */

struct config_key {
	char *name;
	unsigned line; /* from 1 */
};

struct config_group {
	char *header; /* "netdev nat" */
	char *kind;   /* "netdev": its first word */
	char *name;   /* "nat": the rest; "" if none */
	unsigned line;
	GArray *keys; /* struct config_key */
};

/*
 * Reads @path: a regular file owned by us or root, not writable by others. Errors other than in the
 * text are G_FILE_ERROR.
 */
struct config_file *config_file_read(const char *path, GError **error);
/* Parses @text; @path is for errors. */
struct config_file *config_file_parse(const char *text, size_t len, const char *path,
				      GError **error);
void config_file_free(struct config_file *file);
static inline void config_file_cleanup(struct config_file **file)
{
	config_file_free(*file);
}
#define auto_config_file __attribute__((cleanup(config_file_cleanup)))

GPtrArray *config_file_groups(const struct config_file *file); /* struct config_group * */

/* NULL-terminated: the value, or all values of a list (at least one). Free with g_strfreev(). */
char **config_file_values(const struct config_file *file, const struct config_group *group,
			  const struct config_key *key, bool list, GError **error);
/*
 * Appends the keys of @group to @opts; keys of @specs that repeat are lists. Keys not in @specs are
 * copied too; optstr_check() refuses them.
 */
bool config_file_fill(const struct config_file *file, const struct config_group *group,
		      const struct opt_spec *specs, struct optstr *opts, GError **error);

/* Sets ERROR_USAGE at @line. Returns false. */
bool config_file_fail(const struct config_file *file, unsigned line, GError **error,
		      const char *format, ...) G_GNUC_PRINTF(4, 5);
/*
 * Prefixes @error with "FILE:LINE: [GROUP]: ", the line of the first key it names. If it names none
 * but quotes a value, with "FILE:LINE: [GROUP] KEY: " of that value; else with the group's line.
 */
void config_file_blame(const struct config_file *file, const struct config_group *group,
		       GError **error);
/*
 * Prefixes "FILE:LINE: [GROUP] KEY: "; returns false and does nothing if the file lacks that key.
 */
bool config_file_blame_key(const struct config_file *file, const char *header, const char *name,
			   GError **error);

#endif
