/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/check.h"

#include <string.h>

#include "base/error.h"
#include "ctl/attachment.h"
#include "ctl/fd_names.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/user.h"
#include "dns/zone.h"
#include "net/reservation.h"

bool config_check_entry(const char *kind, struct config_entry *entry, GError **error)
{
	struct reservation_spec spec;

	return strcmp(kind, "netdev") ? guest_options_read(&spec, entry->opts, error)
				      : attachment_check(entry->opts, error);
}

static bool is_user(const struct config_entry *entry)
{
	return !g_strcmp0(optstr_get(entry->opts, "type"), "user");
}

static struct config_entry *find_user(const struct config *config)
{
	for (guint i = 0; i < config->netdevs->len; i++) {
		struct config_entry *entry = g_ptr_array_index(config->netdevs, i);

		if (is_user(entry))
			return entry;
	}
	return NULL;
}

/* The number of the descriptor that was passed for a netdev; -1: none. */
static int passed_fd(const struct config_entry *entry)
{
	static const char *const keys[] = {"fd", "addr.str", "local.str"};
	int fd;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *text = optstr_get(entry->opts, keys[i]);

		if (text && fd_number_parse(text, &fd))
			return fd;
	}
	return -1;
}

/* A descriptor is read by one netdev. @n: the entry's position. */
static bool check_fd(const struct config *config, guint n, GError **error)
{
	int fd = passed_fd(g_ptr_array_index(config->netdevs, n));

	for (guint i = 0; fd >= 0 && i < n; i++) {
		const struct config_entry *other = g_ptr_array_index(config->netdevs, i);

		if (passed_fd(other) == fd)
			return error_usage(error, "file descriptor %d is netdev '%s''s already", fd,
					   other->name);
	}
	return true;
}

static bool check_netdevs(struct config *config, GError **error)
{
	const struct config_entry *user = NULL;

	for (guint i = 0; i < config->netdevs->len; i++) {
		struct config_entry *entry = g_ptr_array_index(config->netdevs, i);
		bool ok = config_check_entry("netdev", entry, error) && check_fd(config, i, error);

		if (ok && is_user(entry)) {
			if (user)
				ok = error_usage(error,
						 "a network has one user netdev, and '%s' "
						 "is one",
						 user->name);
			user = entry;
		}
		if (!ok) {
			config_blame(config, entry, error);
			return false;
		}
	}
	return true;
}

static bool check_port(const struct config *config, const char *port, GError **error)
{
	g_autoptr(GString) known = g_string_new(NULL);

	if (!port || config_find(config, "netdev", port))
		return true;
	for (guint i = 0; i < config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->netdevs, i);

		if (!is_user(entry))
			g_string_append_printf(known, "%s%s", known->len ? ", " : "", entry->name);
	}
	return error_usage(error, "port=%s is not the id of a netdev; there are: %s", port,
			   known->str);
}

/* Parses the options of the user netdev. Always call user_options_clear(). */
static bool read_user(struct user_options *options, const struct config_entry *user, GError **error)
{
	return user_options_read(options, user->opts, error) &&
	       user_config_resolve(&options->config, error);
}

static bool check_guest(const struct config *config, const struct user_options *user,
			struct reservation_table *table, const struct config_entry *entry,
			GError **error)
{
	struct reservation_spec spec;

	return guest_options_read(&spec, entry->opts, error) &&
	       check_port(config, spec.netdev, error) &&
	       (!user || !spec.addr.s_addr ||
		user_config_check_guest(&user->config, spec.name, spec.addr, error)) &&
	       reservation_add(table, &spec, error);
}

/* Reserves all guests, which detects duplicate names, MAC and IP addresses. */
static bool check_guests(struct config *config, GError **error)
{
	struct config_entry *user = find_user(config);
	struct user_options options;
	struct reservation_table *table;
	bool ok = true;

	if (user && !read_user(&options, user, error)) {
		user_options_clear(&options);
		config_blame(config, user, error);
		return false;
	}
	table = reservation_table_new(config->settings.name);
	for (guint i = 0; ok && i < config->guests->len; i++) {
		struct config_entry *entry = g_ptr_array_index(config->guests, i);

		ok = check_guest(config, user ? &options : NULL, table, entry, error);
		if (!ok) {
			error_blame_usage(error);
			config_blame(config, entry, error);
		}
	}
	reservation_table_free(table);
	if (user)
		user_options_clear(&options);
	return ok;
}

/* Adds the records to a scratch zone. */
static bool check_records(struct config *config, GError **error)
{
	struct config_entry *user = find_user(config), *first;
	struct user_options options;
	struct dns_zone *zone = NULL;
	bool ok = true;

	if (!config->records->len)
		return true;
	first = g_ptr_array_index(config->records, 0);
	if (!user) {
		error_usage(error, "names are told by the name server of a user netdev, and "
				   "there is none");
		config_blame(config, first, error);
		return false;
	}
	ok = read_user(&options, user, error);
	if (ok)
		zone = dns_zone_new(&options.config, NULL, error);
	for (guint i = 0; zone && ok && i < config->records->len; i++) {
		struct config_entry *entry = g_ptr_array_index(config->records, i);

		ok = dns_zone_add(zone, entry->name, entry->address, error);
		if (!ok) {
			g_prefix_error(error, "%s= ", entry->name);
			error_blame_usage(error);
			config_blame(config, entry, error);
		}
	}
	dns_zone_free(zone);
	user_options_clear(&options);
	return ok && zone;
}

bool config_check(struct config *config, GError **error)
{
	return check_netdevs(config, error) && check_guests(config, error) &&
	       check_records(config, error);
}
