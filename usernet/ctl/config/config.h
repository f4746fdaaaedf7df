/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_CONFIG_H
#define USERNET_CTL_CONFIG_CONFIG_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/config/file.h"
#include "ctl/options/argv.h"
#include "ctl/options/settings.h"
#include "ctl/origin.h"

/*
 * The requested state of a network: command line and configuration file merged and checked, not yet
 * applied. Where both set the same thing (a setting, a netdev's id, a guest's name) the command
 * line wins. Without any netdev the defaults apply: a gateway and three netdevs for guests. These
 * three are also added when only a `user` netdev is given, unless no-default-netdevs is set.
 *
 *     [network]         the settings (settings.h)
 *     [netdev ID]       type=, and the keys that --netdev has
 *     [guest NAME]      mac=, ip=, port=
 *     [dns]             NAME = ADDRESS; ADDRESS
 */
struct config_entry {
	enum origin origin;               /* ORIGIN_OPTION or ORIGIN_FILE */
	struct optstr *opts;              /* NULL: a record, or taken when the entry was applied */
	char *name;                       /* id of a netdev, name of a guest or record */
	char *address;                    /* of a record */
	char *option;                     /* as on the command line: "--netdev user,id=nat" */
	const struct config_group *group; /* in the file; NULL: an option or a default */
};

struct config {
	char *path;               /* of the file; NULL: no file was looked for */
	struct config_file *file; /* NULL: no file */
	struct settings settings;
	struct optstr *said; /* the settings as given */
	char *run_dir;       /* absolute */
	GPtrArray *netdevs;  /* struct config_entry *, in order */
	GPtrArray *guests;
	GPtrArray *records;
	bool doors_added;  /* netdevs for guests were added to a `user` netdev of the user */
	GHashTable *index; /* "guest web" -> the entry */
};

/*
 * NULL: @error names file, line, group and key, or the option. @options must outlive it. Opens only
 * the file. @run_dir: the current run directory, which cannot change; NULL at first.
 */
struct control;

struct config *config_load(const struct options *options, const char *run_dir, GError **error);
/* The same with @text as the contents of the file @path. For tests. */
struct config *config_load_text(const struct options *options, const char *text, size_t len,
				const char *path, GError **error);
void config_free(struct config *config);
static inline void config_cleanup(struct config **config)
{
	config_free(*config);
}
#define auto_config __attribute__((cleanup(config_cleanup)))

/* Prefixes @error with the place of @entry: "--netdev user,id=nat: ", "lab.conf:7: [dns]: ". */
void config_blame(const struct config *config, const struct config_entry *entry, GError **error);
/*
 * The same for a setting, from the command line or the file: "--pidfile /p: ", "lab.conf:3:
 * [network] pidfile: ". @nth: index of a repeated key.
 */
void config_blame_setting(const struct config *config, const struct options *options,
			  const char *key, unsigned nth, GError **error);
/* @kind: "netdev", "guest", or "dns", whose @name is records_key(). NULL when there is none. */
struct config_entry *config_find(const struct config *config, const char *kind, const char *name);
/* Descriptors passed to us by number: ready fd, fd= and addr.str=, LISTEN_FDS. Of int, sorted. */
GArray *config_kept_fds(const struct config *config);

/* Applies control->config: guests, netdevs, records. Errors name their place in it. */
bool config_start(struct control *control, GError **error);

#endif
