/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/config.h"

#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/guests.h"
#include "ctl/records.h"

static bool start_guests(struct control *control, GError **error)
{
	for (guint i = 0; i < control->config->guests->len; i++) {
		struct config_entry *entry = g_ptr_array_index(control->config->guests, i);

		if (!guests_add(control, g_steal_pointer(&entry->opts), entry->origin, error)) {
			config_blame(control->config, entry, error);
			return false;
		}
	}
	return true;
}

static bool start_netdevs(struct control *control, GError **error)
{
	for (guint i = 0; i < control->config->netdevs->len; i++) {
		struct config_entry *entry = g_ptr_array_index(control->config->netdevs, i);

		if (!control_add_netdev(control, g_steal_pointer(&entry->opts), fd_numbers(),
					entry->origin, error)) {
			config_blame(control->config, entry, error);
			return false;
		}
	}
	return true;
}

static bool start_records(struct control *control, GError **error)
{
	for (guint i = 0; i < control->config->records->len; i++) {
		struct config_entry *entry = g_ptr_array_index(control->config->records, i);

		if (!records_add_file(control, entry->name, entry->address, error)) {
			config_blame(control->config, entry, error);
			return false;
		}
	}
	return true;
}

/* Add guests first, so that their addresses are reserved. */
bool config_start(struct control *control, GError **error)
{
	control->doors_added = control->config->doors_added;
	return start_guests(control, error) && start_netdevs(control, error) &&
	       start_records(control, error);
}
