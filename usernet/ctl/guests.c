/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/guests.h"

#include <arpa/inet.h>

#include "base/error.h"
#include "base/log.h"
#include "ctl/control.h"
#include "ctl/netdev_kind.h"
#include "ctl/policies.h"
#include "net/mac.h"
#include "net/network.h"

const struct opt_spec guest_specs[] = {
	{.key = "name", .flags = OPT_REQUIRED},
	{.key = "mac"},
	{.key = "ip"},
	{.key = "port"},
	{.key = "outgoing", .flags = OPT_REPEATS},
	{.key = "allow", .flags = OPT_REPEATS},
	{.key = "deny", .flags = OPT_REPEATS},
	{NULL},
};

static bool read_outgoing(struct outgoing *out, const struct optstr *opts, GError **error)
{
	g_autofree const char **words = optstr_all(opts, "outgoing");

	for (unsigned i = 0; words[i]; i++) {
		if (!outgoing_parse(out, words[i], error))
			return error_blame_usage(error);
	}
	return true;
}

bool guest_options_read(struct reservation_spec *out, struct optstr *opts, GError **error)
{
	const char *mac, *ip;

	*out = (struct reservation_spec){.name = NULL};
	if (!optstr_check_plain(opts, "a guest", guest_specs, error) ||
	    !policies_check(opts, error))
		return false;
	mac = optstr_get(opts, "mac");
	ip = optstr_get(opts, "ip");
	out->name = optstr_get(opts, "name");
	out->netdev = optstr_get(opts, "port");
	if (mac && !guest_mac_parse(mac, &out->mac))
		return error_usage(error,
				   "mac=%s is not the MAC address of one machine, such as "
				   "52:54:00:12:34:02",
				   mac);
	if (ip && (inet_pton(AF_INET, ip, &out->addr) != 1 || !out->addr.s_addr))
		return error_usage(error, "ip=%s is not an IPv4 address, such as 10.0.2.20", ip);
	return read_outgoing(&out->outgoing, opts, error);
}

const struct reservation *guests_add(struct control *control, struct optstr *opts,
				     enum origin origin, GError **error)
{
	struct reservation_spec spec;
	const struct reservation *reservation = NULL;
	g_autofree char *whose = NULL;
	struct named_guest *guest;

	if (guest_options_read(&spec, opts, error))
		reservation = reservation_add(control->network->reservations, &spec, error);
	if (!reservation) {
		optstr_free(opts);
		return NULL;
	}
	guest = g_new0(struct named_guest, 1);
	guest->opts = opts;
	guest->origin = origin;
	g_hash_table_insert(control->guests, g_strdup(reservation->name), guest);
	policies_apply(control->network, reservation->name, opts);
	whose = g_strdup_printf("guest %s", reservation->name);
	outgoing_warn(&reservation->outgoing, whose);
	log_debug("guest %s: named, MAC address " MAC_FMT, reservation->name,
		  MAC_ARGS(reservation->mac));
	return reservation;
}

struct named_guest *guests_find(struct control *control, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);

	return g_hash_table_lookup(control->guests, lower);
}

bool guests_remove(struct control *control, const char *name, GError **error)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);

	if (!g_hash_table_contains(control->guests, lower)) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Guest '%s' not found", name);
		return false;
	}
	log_debug("guest %s: no longer named", lower);
	policies_forget(control->network, lower);
	reservation_remove(control->network->reservations, lower);
	g_hash_table_remove(control->guests, lower);
	return true;
}

static void free_guest(void *data)
{
	struct named_guest *guest = data;

	optstr_free(guest->opts);
	g_free(guest);
}

GHashTable *guests_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_guest);
}
