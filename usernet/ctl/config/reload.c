/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/reload.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "ctl/config/config.h"
#include "ctl/config/reload_priv.h"
#include "ctl/control.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "ctl/records.h"
#include "net/netdev.h"

/*
 * Remove everything first, then add: new entries may use the names, addresses and ports of removed
 * ones.
 */

/* --- the report --- */

void reload_report(JsonArray *to, const char *kind, const char *name, const char *member,
		   const char *text)
{
	g_autofree char *what = g_strdup_printf("%s%s%s", kind, name ? " " : "", name ? name : "");
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "what", what);
	json_object_set_string_member(object, member, valid);
	json_array_add_object_element(to, object);
}

void reload_report_failure(struct reload *reload, const char *kind, const char *name, GError *error)
{
	reload_report(reload->failed, kind, name, "error", error->message);
	g_error_free(error);
}

/* "netdev lan" -> itself, for reload::changed. */
static char *label(const char *kind, const char *name)
{
	return g_strdup_printf("%s %s", kind, name);
}

static void report_gone(struct reload *reload, const char *kind, const char *name, bool comes_again)
{
	if (comes_again)
		g_hash_table_add(reload->changed, label(kind, name));
	else
		reload_report(reload->applied, kind, name, "action", "removed");
}

static void report_come(struct reload *reload, const char *kind, const char *name)
{
	g_autofree char *key = label(kind, name);
	bool again = g_hash_table_contains(reload->changed, key);

	reload_report(reload->applied, kind, name, "action", again ? "changed" : "added");
}

static bool same(const struct optstr *a, const struct optstr *b, const struct opt_spec *specs)
{
	for (; specs->key; specs++) {
		if (!optstr_same(a, b, specs))
			return false;
	}
	return true;
}

/* --- [network] --- */

static void reload_settings(struct reload *reload)
{
	struct config *old = reload->control->config, *next = reload->next;

	for (const struct opt_spec *spec = setting_specs; spec->key; spec++) {
		if (optstr_same(old->said, next->said, spec))
			continue;
		/* Without its default netdevs the new configuration is without them already. */
		if (!strcmp(spec->key, "log-level") || !strcmp(spec->key, "no-default-netdevs")) {
			reload_report(reload->applied, "network", NULL, "action", spec->key);
			continue;
		}
		reload_report(reload->restart, "network", NULL, "key", spec->key);
		/* The old value stays in effect, and the next reload reports it again. */
		optstr_take(next->said, old->said, spec->key);
	}
	settings_clear(&next->settings);
	settings_read(&next->settings, next->said);
	log_set_level(next->settings.log_level);
}

/* --- netdevs --- */

static bool same_type(const struct optstr *a, const struct optstr *b)
{
	return !g_strcmp0(optstr_get(a, "type"), optstr_get(b, "type"));
}

/* Can the netdev stay, with changed keys applied in place? */
static bool stays(const struct attachment *attachment, const struct config_entry *entry)
{
	const struct netdev_kind *kind = netdev_kind_of(attachment->opts, NULL);

	return entry && same_type(attachment->opts, entry->opts) &&
	       (attachment->role == ATTACHMENT_GATEWAY ||
		same(attachment->opts, entry->opts, kind->specs));
}

static void remove_netdevs(struct reload *reload)
{
	list_for_each_safe (attachment, &reload->control->attachments, struct attachment, link) {
		g_autofree char *id = g_strdup(attachment->netdev->id);
		struct config_entry *entry = config_find(reload->next, "netdev", id);

		/*
		 * It was added by command and then written to the file: now it belongs to the file,
		 * and no longer ends with its client.
		 */
		if (entry && attachment->origin == ORIGIN_LIVE) {
			attachment->origin = ORIGIN_FILE;
			attachment->session = NULL;
		}
		if (attachment->origin != ORIGIN_FILE || stays(attachment, entry))
			continue;
		control_del_netdev(reload->control, id, NULL);
		report_gone(reload, "netdev", id, entry);
	}
}

/* Passed descriptors exist only at start: the number may now be another descriptor. */
static int refuse_fd(struct fd_source *source, const char *name, GError **error)
{
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    "file descriptor %s: descriptors are passed when usernet starts, or with "
		    "getfd over QMP",
		    name);
	return -1;
}

static void add_netdevs(struct reload *reload)
{
	struct fd_source none = {.take = refuse_fd};

	for (guint i = 0; i < reload->next->netdevs->len; i++) {
		struct config_entry *entry = g_ptr_array_index(reload->next->netdevs, i);
		GError *error = NULL;

		if (entry->origin != ORIGIN_FILE || control_find(reload->control, entry->name))
			continue;
		if (control_add_netdev(reload->control, g_steal_pointer(&entry->opts), &none,
				       ORIGIN_FILE, &error))
			report_come(reload, "netdev", entry->name);
		else
			reload_report_failure(reload, "netdev", entry->name, error);
	}
}

static void reload_users(struct reload *reload)
{
	list_for_each (attachment, &reload->control->attachments, struct attachment, link) {
		struct config_entry *entry =
			config_find(reload->next, "netdev", attachment->netdev->id);

		/* A netdev that was just added has taken its options. */
		if (attachment->forwards && attachment->origin == ORIGIN_FILE && entry &&
		    entry->opts)
			reload_user(reload, attachment, entry);
	}
}

/* --- guests --- */

static bool same_but_rules(const struct optstr *a, const struct optstr *b)
{
	for (const struct opt_spec *spec = guest_specs + 1; spec->key; spec++) {
		if (strcmp(spec->key, "allow") && strcmp(spec->key, "deny") &&
		    !optstr_same(a, b, spec))
			return false;
	}
	return true;
}

static void remove_guests(struct reload *reload)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, reload->control->guests);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		struct named_guest *guest = value;
		struct config_entry *entry = config_find(reload->next, "guest", name);

		if (entry && guest->origin == ORIGIN_LIVE)
			guest->origin = ORIGIN_FILE;
		/* Names are compared case-insensitively. */
		if (guest->origin != ORIGIN_FILE)
			continue;
		if (!entry || !same_but_rules(guest->opts, entry->opts))
			g_ptr_array_add(gone, g_strdup(name));
		else
			reload_rules(reload, name, "guest", name, guest->opts, entry->opts);
	}
	for (guint i = 0; i < gone->len; i++) {
		const char *each = g_ptr_array_index(gone, i);

		guests_remove(reload->control, each, NULL);
		report_gone(reload, "guest", each, config_find(reload->next, "guest", each));
	}
}

static void add_guests(struct reload *reload)
{
	for (guint i = 0; i < reload->next->guests->len; i++) {
		struct config_entry *entry = g_ptr_array_index(reload->next->guests, i);
		g_autofree char *name = g_ascii_strdown(entry->name, -1);
		GError *error = NULL;

		if (entry->origin != ORIGIN_FILE || guests_find(reload->control, name))
			continue;
		if (guests_add(reload->control, g_steal_pointer(&entry->opts), ORIGIN_FILE, &error))
			report_come(reload, "guest", name);
		else
			reload_report_failure(reload, "guest", name, error);
	}
}

/* --- [dns] --- */

static void remove_records(struct reload *reload)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, reload->control->records);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		if (!config_find(reload->next, "dns", key))
			g_ptr_array_add(gone, g_strdup(key));
	}
	for (guint i = 0; i < gone->len; i++) {
		records_remove_file(reload->control, g_ptr_array_index(gone, i));
		reload_report(reload->applied, "dns", g_ptr_array_index(gone, i), "action",
			      "removed");
	}
}

static void add_records(struct reload *reload)
{
	for (guint i = 0; i < reload->next->records->len; i++) {
		struct config_entry *entry = g_ptr_array_index(reload->next->records, i);
		g_autofree char *key = records_key(entry->name, entry->address);
		GError *error = NULL;

		if (g_hash_table_contains(reload->control->records, key))
			continue;
		if (records_add_file(reload->control, entry->name, entry->address, &error))
			reload_report(reload->applied, "dns", key, "action", "added");
		else
			reload_report_failure(reload, "dns", key, error);
	}
}

/* --- all --- */

/* A file that has disappeared is more likely a mistake than a request for defaults. */
static bool check_file(const struct control *control, const struct config *next, GError **error)
{
	if (next->file)
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    control->config->file ? "configuration file '%s' is gone; nothing was changed"
					  : "there is no configuration file '%s'",
		    next->path ? next->path : "NAME.conf");
	return false;
}

JsonNode *reload_run(struct control *control, GError **error)
{
	struct reload reload = {.control = control};
	JsonNode *node;
	JsonObject *object;

	reload.next = config_load(control->options, control->run_dir, error);
	if (!reload.next || !check_file(control, reload.next, error)) {
		config_free(reload.next);
		return NULL;
	}
	reload.changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	reload.applied = json_array_new();
	reload.restart = json_array_new();
	reload.failed = json_array_new();
	reload_settings(&reload);
	remove_records(&reload);
	remove_guests(&reload);
	remove_netdevs(&reload);
	add_guests(&reload);
	reload_users(&reload);
	add_netdevs(&reload);
	add_records(&reload);
	g_hash_table_unref(reload.changed);
	config_free(control->config);
	control->config = reload.next;

	object = json_object_new();
	json_object_set_string_member(object, "file", reload.next->path);
	json_object_set_array_member(object, "applied", reload.applied);
	json_object_set_array_member(object, "restart", reload.restart);
	json_object_set_array_member(object, "failed", reload.failed);
	node = json_node_new(JSON_NODE_OBJECT);
	json_node_take_object(node, object);
	return node;
}

static void log_each(JsonObject *result, const char *list, const char *member,
		     void (*write)(const char *what, const char *text))
{
	JsonArray *array = json_object_get_array_member(result, list);

	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *each = json_array_get_object_element(array, i);

		write(json_object_get_string_member(each, "what"),
		      json_object_get_string_member(each, member));
	}
}

static void log_applied(const char *what, const char *text)
{
	log_info("SIGHUP: %s: %s", what, text);
}

static void log_restart(const char *what, const char *text)
{
	log_warning("SIGHUP: %s: a changed %s needs a restart", what, text);
}

static void log_failed(const char *what, const char *text)
{
	log_warning("SIGHUP: %s: %s", what, text);
}

void reload_and_log(struct control *control)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) node = reload_run(control, &error);
	JsonObject *result;

	if (!node) {
		log_warning("SIGHUP: %s", error->message);
		return;
	}
	result = json_node_get_object(node);
	log_each(result, "applied", "action", log_applied);
	log_each(result, "restart", "key", log_restart);
	log_each(result, "failed", "error", log_failed);
	log_info("SIGHUP: read %s", json_object_get_string_member(result, "file"));
}
