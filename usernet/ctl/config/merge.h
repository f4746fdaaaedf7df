/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_MERGE_H
#define USERNET_CTL_CONFIG_MERGE_H

#include <glib.h>
#include <stddef.h>

/*
 * The text of a configuration file, changed to say what holds now: netdevs with their forwards and
 * rules, guests, DNS records. Comments, blank lines, [network], the order of groups and keys, and
 * every line that is still true stay as they are. What is gone is removed, what is new is appended
 * to its group or to the end.
 */
struct control;

/*
 * @text, @len bytes, may be empty; @path is for errors, which are those of a file that cannot be
 * read (config/file.h). @skipped, of char *, is told of netdevs that no file can describe: those
 * whose descriptor was passed. Newly allocated.
 */
char *config_merge(struct control *control, const char *text, size_t len, const char *path,
		   GPtrArray *skipped, GError **error);

#endif
