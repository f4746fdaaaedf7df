/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_FILE_H
#define USERNET_CTL_CONFIG_FILE_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/optstr.h"

/*
 * A configuration file as text: groups of keys, in order, each with its line. What they mean is in
 * config.h. The syntax is GKeyFile's, read strictly:
 *
 *     # a comment
 *     [netdev nat]
 *     type = user
 *     hostfwd = tcp::2222-:22; tcp::8080-:80
 *
 * A key that may be repeated on the command line has its values in one line, with ';' between; one
 * within a value is written '\;'. A '\' is '\\'; '\s' '\n' '\t' '\r' are space, newline, tab and
 * return. Blanks around keys, values and the ';' do not count. Neither a group nor a key in it may
 * stand there twice.
 *
 * Errors (ERROR_USAGE for what is written in it) begin "FILE:LINE: ".
 */
struct config_file;

#define CONFIG_FILE_MAX (1024 * 1024) /* bytes */

struct config_key {
	char *name;
	unsigned line; /* from 1 */
};

struct config_group {
	char *header; /* "netdev nat" */
	char *kind;   /* "netdev": its first word */
	char *name;   /* "nat": the rest; "" when there is none */
	unsigned line;
	GArray *keys; /* struct config_key */
};

/*
 * Reads @path: a plain file, ours or root's, that nobody else may write to. Other errors than those
 * in the text are G_FILE_ERROR.
 */
struct config_file *config_file_read(const char *path, GError **error);
/* From memory; @path is for errors. */
struct config_file *config_file_parse(const char *text, size_t len, const char *path,
				      GError **error);
void config_file_free(struct config_file *file);
static inline void config_file_cleanup(struct config_file **file)
{
	config_file_free(*file);
}
#define auto_config_file __attribute__((cleanup(config_file_cleanup)))

const char *config_file_path(const struct config_file *file);
GPtrArray *config_file_groups(const struct config_file *file); /* struct config_group * */

/* NULL-terminated: the value, or all of a list (at least one). For g_strfreev(). */
char **config_file_values(const struct config_file *file, const struct config_group *group,
			  const struct config_key *key, bool list, GError **error);
/*
 * Appends what @group says to @opts; keys of @specs that repeat are lists. Keys that @specs does
 * not have are taken as they are, for optstr_check() to refuse.
 */
bool config_file_fill(const struct config_file *file, const struct config_group *group,
		      const struct opt_spec *specs, struct optstr *opts, GError **error);

/* ERROR_USAGE at @line. Returns false. */
bool config_file_fail(const struct config_file *file, unsigned line, GError **error,
		      const char *format, ...) G_GNUC_PRINTF(4, 5);
/*
 * Puts "FILE:LINE: [GROUP]: " in front of @error: the line of the key that it names first. If it
 * names none but quotes a value, "FILE:LINE: [GROUP] KEY: " of that value; else the group's line.
 */
void config_file_blame(const struct config_file *file, const struct config_group *group,
		       GError **error);
/* "FILE:LINE: [GROUP] KEY: "; false, and nothing, if the file does not have that key. */
bool config_file_blame_key(const struct config_file *file, const char *header, const char *name,
			   GError **error);

#endif
