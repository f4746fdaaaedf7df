/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_MERGE_H
#define USERNET_CTL_CONFIG_MERGE_H

#include <glib.h>
#include <stddef.h>

/*
 * Updates the text of a configuration file to the current state: netdevs with their forwards and
 * rules, guests, DNS records. Comments, blank lines, [network], the order of groups and keys, and
 * every line that is still correct are kept. Removed entries are deleted; new ones are appended to
 * their group or to the end.
 */
struct control;

/*
 * @text, @len bytes, may be empty; @path is for errors, which are those of an invalid file
 * (config/file.h). @skipped, of char *, gets the netdevs that a file cannot describe: those with a
 * passed descriptor. Newly allocated.
 */
char *config_merge(struct control *control, const char *text, size_t len, const char *path,
		   GPtrArray *skipped, GError **error);

#endif
