/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ctl/config/check.h"
#include "ctl/fd_names.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "ctl/records.h"
#include "ctl/rundir.h"

static void free_entry(void *data)
{
	struct config_entry *entry = data;

	optstr_free(entry->opts);
	g_free(entry->name);
	g_free(entry->address);
	g_free(entry->option);
	g_free(entry);
}

static struct config *config_new(void)
{
	struct config *config = g_new0(struct config, 1);

	config->said = optstr_new(NULL);
	config->netdevs = g_ptr_array_new_with_free_func(free_entry);
	config->guests = g_ptr_array_new_with_free_func(free_entry);
	config->records = g_ptr_array_new_with_free_func(free_entry);
	config->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	g_hash_table_unref(config->index);
	g_ptr_array_unref(config->netdevs);
	g_ptr_array_unref(config->guests);
	g_ptr_array_unref(config->records);
	settings_clear(&config->settings);
	optstr_free(config->said);
	config_file_free(config->file);
	g_free(config->path);
	g_free(config->run_dir);
	g_free(config);
}

/* Names of guests and records are case-insensitive; ids of netdevs are not. */
static char *make_label(const char *kind, const char *name)
{
	g_autofree char *lower =
		strcmp(kind, "netdev") ? g_ascii_strdown(name, -1) : g_strdup(name);

	return g_strdup_printf("%s %s", kind, lower);
}

struct config_entry *config_find(const struct config *config, const char *kind, const char *name)
{
	g_autofree char *label = make_label(kind, name);

	return g_hash_table_lookup(config->index, label);
}

void config_blame(const struct config *config, const struct config_entry *entry, GError **error)
{
	if (entry->group)
		config_file_blame(config->file, entry->group, error);
	else if (entry->option)
		g_prefix_error(error, "%s: ", entry->option);
}

void config_blame_setting(const struct config *config, const struct options *options,
			  const char *key, unsigned nth, GError **error)
{
	/* For a repeated key the file's values follow the command line's. */
	const char *value = optstr_nth(options->settings, key, nth);

	if (!value && config->file && config_file_blame_key(config->file, "network", key, error))
		return;
	if (!value || !strcmp(value, "on"))
		g_prefix_error(error, "--%s: ", key);
	else
		g_prefix_error(error, "--%s %s: ", key, value);
}

/* --- the command line --- */

/* Takes ownership of @entry. */
static bool add_entry(struct config *config, GPtrArray *to, const char *kind,
		      struct config_entry *entry, GError **error)
{
	g_autofree char *label = make_label(kind, entry->name);

	g_ptr_array_add(to, entry);
	if (g_hash_table_contains(config->index, label)) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE, "Duplicate %s '%s' for %s",
			    strcmp(kind, "netdev") ? "name" : "ID", entry->name, kind);
		return false;
	}
	g_hash_table_insert(config->index, g_steal_pointer(&label), entry);
	return true;
}

/* @key: the option that holds the entry's name. */
static bool add_option(struct config *config, GPtrArray *to, const char *kind, const char *text,
		       const char *implied, const char *key, GError **error)
{
	struct optstr *opts = optstr_parse_any(text, implied, error);
	struct config_entry *entry;
	const char *name;

	if (!opts) {
		g_prefix_error(error, "--%s %s: ", kind, text);
		return false;
	}
	name = optstr_get(opts, key);
	entry = g_new0(struct config_entry, 1);
	entry->origin = ORIGIN_OPTION;
	entry->opts = opts;
	entry->option = g_strdup_printf("--%s %s", kind, text);
	if (!name) {
		/* The check reports what is missing, and other errors. */
		if (config_check_entry(kind, entry, error))
			g_set_error(error, USERNET_ERROR, ERROR_USAGE, "Parameter '%s' is missing",
				    key);
		g_ptr_array_add(to, entry);
	} else {
		entry->name = g_strdup(name);
		if (add_entry(config, to, kind, entry, error))
			return true;
	}
	config_blame(config, entry, error);
	return false;
}

static bool add_options(struct config *config, const struct options *options, GError **error)
{
	for (char **text = options->netdevs; text && *text; text++) {
		if (!add_option(config, config->netdevs, "netdev", *text, "type", "id", error))
			return false;
	}
	for (char **text = options->guests; text && *text; text++) {
		if (!add_option(config, config->guests, "guest", *text, "name", "name", error))
			return false;
	}
	return true;
}

/* --- the file --- */

static bool add_network(struct config *config, const struct config_group *group, GError **error)
{
	auto_optstr struct optstr *opts = optstr_new(NULL);

	if (group->name[0])
		return config_file_fail(config->file, group->line, error,
					"[%s]: write [network]; its name is the key 'name'",
					group->header);
	if (!config_file_fill(config->file, group, setting_specs, opts, error))
		return false;
	if (!settings_check(opts, error)) {
		config_file_blame(config->file, group, error);
		return false;
	}
	settings_add(config->said, opts);
	return true;
}

static const struct opt_spec *netdev_specs(const struct config *config,
					   const struct config_group *group)
{
	static const struct opt_spec none[] = {{NULL}};
	auto_optstr struct optstr *type = optstr_new("type");
	const struct netdev_kind *kind;

	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *key = &g_array_index(group->keys, struct config_key, i);
		g_auto(GStrv) values = NULL;

		if (strcmp(key->name, "type"))
			continue;
		values = config_file_values(config->file, group, key, false, NULL);
		if (values)
			optstr_add(type, "type", values[0], NULL);
	}
	kind = netdev_kind_of(type, NULL);
	return kind ? kind->specs : none;
}

/* [netdev ID] or [guest NAME]: the name becomes option @key. */
static bool add_named(struct config *config, GPtrArray *to, const struct config_group *group,
		      const struct opt_spec *specs, const char *implied, const char *key,
		      GError **error)
{
	struct config_entry *entry;

	if (!group->name[0])
		return config_file_fail(config->file, group->line, error, "[%s]: write [%s %s]",
					group->header, group->kind,
					strcmp(key, "id") ? "NAME" : "ID");
	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *at = &g_array_index(group->keys, struct config_key, i);

		if (!strcmp(at->name, key))
			return config_file_fail(config->file, at->line, error,
						"[%s] %s is unexpected: [%s %s] already gives it",
						group->header, key, group->kind, group->name);
	}
	entry = g_new0(struct config_entry, 1);
	entry->origin = ORIGIN_FILE;
	entry->group = group;
	entry->name = g_strdup(group->name);
	entry->opts = optstr_new(implied);
	if (!optstr_add(entry->opts, key, group->name, error) ||
	    !config_file_fill(config->file, group, specs, entry->opts, error)) {
		free_entry(entry);
		return false;
	}
	/* The command line's entry wins, but report errors in the file's entry. */
	if (config_find(config, group->kind, group->name) &&
	    config_find(config, group->kind, group->name)->origin == ORIGIN_OPTION) {
		bool ok = config_check_entry(group->kind, entry, error);

		if (!ok)
			config_blame(config, entry, error);
		free_entry(entry);
		return ok;
	}
	if (add_entry(config, to, group->kind, entry, error))
		return true;
	config_blame(config, entry, error);
	return false;
}

static bool add_records(struct config *config, const struct config_group *group, GError **error)
{
	if (group->name[0])
		return config_file_fail(config->file, group->line, error,
					"[%s]: write [dns]; each key is a name", group->header);
	for (guint i = 0; i < group->keys->len; i++) {
		const struct config_key *key = &g_array_index(group->keys, struct config_key, i);
		g_auto(GStrv) values = config_file_values(config->file, group, key, true, error);

		if (!values)
			return false;
		for (char **value = values; *value; value++) {
			struct config_entry *entry = g_new0(struct config_entry, 1);
			g_autofree char *label = NULL, *record = records_key(key->name, *value);

			entry->origin = ORIGIN_FILE;
			entry->group = group;
			entry->name = g_strdup(key->name);
			entry->address = g_strdup(*value);
			g_ptr_array_add(config->records, entry);
			label = make_label("dns", record);
			if (g_hash_table_contains(config->index, label))
				return config_file_fail(config->file, key->line, error,
							"[dns] %s: %s is given twice", key->name,
							*value);
			g_hash_table_insert(config->index, g_steal_pointer(&label), entry);
		}
	}
	return true;
}

static bool add_group(struct config *config, const struct config_group *group, GError **error)
{
	if (!strcmp(group->kind, "network"))
		return add_network(config, group, error);
	if (!strcmp(group->kind, "netdev"))
		return add_named(config, config->netdevs, group, netdev_specs(config, group),
				 "type", "id", error);
	if (!strcmp(group->kind, "guest"))
		return add_named(config, config->guests, group, guest_specs, "name", "name", error);
	if (!strcmp(group->kind, "dns"))
		return add_records(config, group, error);
	return config_file_fail(config->file, group->line, error,
				"unknown group [%s]; there are [network], [netdev ID], "
				"[guest NAME] and [dns]",
				group->header);
}

static bool add_file(struct config *config, GError **error)
{
	GPtrArray *groups = config_file_groups(config->file);

	for (guint i = 0; i < groups->len; i++) {
		if (!add_group(config, g_ptr_array_index(groups, i), error))
			return false;
	}
	return true;
}

/* --- putting it together --- */

/* Adds netdev @id; appends a number to @id if the user has another netdev of that id. */
static bool add_default(struct config *config, const char *type, const char *id, const char *rest,
			const char *file, GError **error)
{
	struct config_entry *entry = g_new0(struct config_entry, 1);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *free_id = g_strdup(id);

	for (unsigned n = 2; config_find(config, "netdev", free_id); n++) {
		g_free(free_id);
		free_id = g_strdup_printf("%s%u", id, n);
	}
	if (file) {
		g_autofree char *path = g_build_filename(config->run_dir, file, NULL);

		g_string_append(text, path);
		g_string_replace(text, ",", ",,", 0);
	}
	g_string_prepend(text, rest);
	g_string_prepend(text, free_id);
	entry->origin = ORIGIN_FILE;
	entry->option = g_strdup_printf("netdev %s,id=%s", type, text->str);
	entry->opts = optstr_parse(entry->option + strlen("netdev "), "type", error);
	entry->name = g_steal_pointer(&free_id);
	return add_entry(config, config->netdevs, "netdev", entry, error) && entry->opts;
}

/* Can QEMU attach to it? */
static bool is_door(const struct optstr *opts)
{
	static const char *const others[] = {"user", "tap", "vde", "vxlan", NULL};
	const char *type = optstr_get(opts, "type"), *uplink = optstr_get(opts, "uplink");
	bool is_uplink = false;

	if (uplink)
		(void)optstr_parse_bool(uplink, &is_uplink);
	return !is_uplink && (!type || !g_strv_contains(others, type));
}

/* Adds the default netdevs for guests, unless there is one already. Sets *@added (may be NULL). */
static bool add_doors(struct config *config, bool *added, GError **error)
{
	for (guint i = 0; i < config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->netdevs, i);

		if (is_door(entry->opts))
			return true;
	}
	if (added)
		*added = true;
	return add_default(config, "stream", "lan",
			   ",server=on,addr.type=unix,addr.path=", "lan.sock", error) &&
	       add_default(config, "dgram", "lan-dgram",
			   ",local.type=unix,local.path=", "lan.dgram", error) &&
	       add_default(config, "stream", "lan-dial",
			   ",server=off,addr.type=unix,addr.path=", "guests/", error);
}

static bool add_defaults(struct config *config, GError **error)
{
	if (config->settings.no_default_netdevs)
		return true;
	if (config->netdevs->len)
		return add_doors(config, &config->doors_added, error);
	return add_default(config, "user", "nat", "", NULL, error) &&
	       add_doors(config, NULL, error);
}

/* Takes ownership of @file, which may be NULL. */
static struct config *put_together(const struct options *options, const char *path,
				   struct config_file *file, const char *run_dir, GError **error)
{
	auto_config struct config *config = config_new();

	config->path = g_strdup(path);
	config->file = file;
	settings_add(config->said, options->settings);
	if (!add_options(config, options, error) || (file && !add_file(config, error)))
		return NULL;
	settings_read(&config->settings, config->said);
	config->run_dir = run_dir ? g_strdup(run_dir)
				  : rundir_path(config->settings.name, config->settings.run_dir);
	if (!add_defaults(config, error))
		return NULL;
	if (!config_check(config, error))
		return NULL;
	return g_steal_pointer(&config);
}

/* Default path of the network's file; NULL: none. */
static char *default_path(const struct options *options)
{
	const char *name = optstr_get(options->settings, "name");
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (!name)
		name = "default";
	if (dir && dir[0] == '/')
		return g_strdup_printf("%s/usernet/%s.conf", dir, name);
	if (home && home[0] == '/')
		return g_strdup_printf("%s/.config/usernet/%s.conf", home, name);
	return NULL;
}

/* A file found by the network's name must not set another name. */
static bool check_default_name(const struct config *config, const struct options *options,
			       GError **error)
{
	const char *name = optstr_get(options->settings, "name");

	if (!strcmp(config->settings.name, name ? name : "default"))
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_USAGE,
		    "it is '%s', but this is the file of network '%s'; use --config for this file",
		    config->settings.name, name ? name : "default");
	config_file_blame_key(config->file, "network", "name", error);
	return false;
}

struct config *config_load(const struct options *options, const char *run_dir, GError **error)
{
	auto_config struct config *config = NULL;
	g_autofree char *path = options->config ? g_strdup(options->config) : default_path(options);
	struct config_file *file = NULL;

	if (path && (options->config || access(path, F_OK) == 0)) {
		file = config_file_read(path, error);
		if (!file)
			return NULL;
	}
	config = put_together(options, path, file, run_dir, error);
	if (!config || (!options->config && !check_default_name(config, options, error)))
		return NULL;
	return g_steal_pointer(&config);
}

struct config *config_load_text(const struct options *options, const char *text, size_t len,
				const char *path, GError **error)
{
	struct config_file *file = config_file_parse(text, len, path, error);

	return file ? put_together(options, path, file, NULL, error) : NULL;
}

/* --- descriptors --- */

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void keep(GArray *fds, const char *text)
{
	int fd;

	if (text && fd_number_parse(text, &fd))
		g_array_append_val(fds, fd);
}

GArray *config_kept_fds(const struct config *config)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (config->settings.ready_fd >= 0)
		g_array_append_val(fds, config->settings.ready_fd);
	for (guint i = 0; i < config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->netdevs, i);

		keep(fds, optstr_get(entry->opts, "fd"));
		keep(fds, optstr_get(entry->opts, "addr.str"));
		keep(fds, optstr_get(entry->opts, "local.str"));
	}
	/* sd_listen_fds(3): descriptors from 3 on */
	if (pid && count && atoi(pid) == getpid()) {
		for (int fd = 3; fd < 3 + MIN(atoi(count), 1024); fd++)
			g_array_append_val(fds, fd);
	}
	g_array_sort(fds, compare_ints);
	return fds;
}
