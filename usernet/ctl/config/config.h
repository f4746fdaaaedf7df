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
 * What a network shall be: the command line and the configuration file put together, checked, and
 * nothing of it done yet. Where both speak of one thing (a setting, a netdev's id, a guest's name)
 * the command line wins. Without any netdev there are the defaults: a gateway, and three
 * ways for guests. These three are also there when only a `user` netdev is asked for, unless
 * no-default-netdevs is set.
 *
 *     [network]         the settings (settings.h)
 *     [netdev ID]       type=, and the keys that --netdev has
 *     [guest NAME]      mac=, ip=, port=
 *     [dns]             NAME = ADDRESS; ADDRESS
 */
struct config_entry {
	enum origin origin;               /* ORIGIN_OPTION or ORIGIN_FILE */
	struct optstr *opts;              /* NULL: a record; or who acts on it has taken it */
	char *name;                       /* id, guest's name, record's name */
	char *address;                    /* of a record */
	char *option;                     /* as the command line has it: "--netdev user,id=nat" */
	const struct config_group *group; /* of the file; NULL: an option, or a default */
};

struct config {
	char *path;               /* of the file; NULL: none was looked for */
	struct config_file *file; /* NULL: there was none */
	struct settings settings;
	struct optstr *said; /* what settings were read from */
	char *run_dir;       /* absolute */
	GPtrArray *netdevs;  /* struct config_entry *, in order */
	GPtrArray *guests;
	GPtrArray *records;
	bool doors_added;  /* netdevs for guests were added to a `user` that was asked for */
	GHashTable *index; /* "guest web" -> the entry */
};

/*
 * NULL: @error names file, line, group and key, or the option. @options must outlive it. Nothing
 * is opened but the file. @run_dir: what it is and stays, whatever is asked for now; NULL at first.
 */
struct control;

struct config *config_load(const struct options *options, const char *run_dir, GError **error);
/* The same with @text as the file, which is said to be @path. For tests. */
struct config *config_load_text(const struct options *options, const char *text, size_t len,
				const char *path, GError **error);
void config_free(struct config *config);
static inline void config_cleanup(struct config **config)
{
	config_free(*config);
}
#define auto_config __attribute__((cleanup(config_cleanup)))

/* Says in front of @error where @entry stands: "--netdev user,id=nat: ", "lab.conf:7: [dns]: ". */
void config_blame(const struct config *config, const struct config_entry *entry, GError **error);
/*
 * The same of a key of [network], whichever of the two gave it: "--pidfile /p: ",
 * "lab.conf:3: [network] pidfile: ". @nth: of a key that repeats.
 */
void config_blame_setting(const struct config *config, const struct options *options,
			  const char *key, unsigned nth, GError **error);
/* @kind: "netdev", "guest", or "dns", whose @name is records_key(). NULL when there is none. */
struct config_entry *config_find(const struct config *config, const char *kind, const char *name);
/* Descriptors the caller handed us by number: ready fd, fd= and addr.str=, LISTEN_FDS. Of int,
 * sorted. */
GArray *config_kept_fds(const struct config *config);

/*
 * Does all that control->config asks for: guests, netdevs, records. Errors say where it stands
 * there.
 */
bool config_start(struct control *control, GError **error);

#endif
