/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/control.h"

#include <string.h>

#include "base/error.h"
#include "ctl/guests.h"
#include "ctl/policies.h"
#include "ctl/records.h"
#include "ctl/watch.h"
#include "net/guest.h"
#include "net/mac.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"

struct control *control_new(struct network *network, const char *run_dir)
{
	struct control *control = g_new0(struct control, 1);

	control->network = network;
	control->run_dir = g_strdup(run_dir);
	control->started = loop_now(network->loop);
	list_init(&control->attachments);
	control->guests = guests_new();
	control->records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	control->watch = watch_new(control);
	return control;
}

static void drop(struct attachment *attachment)
{
	list_remove(&attachment->link);
	attachment_free(attachment);
}

void control_free(struct control *control)
{
	if (!control)
		return;
	watch_free(control->watch);
	while (!list_empty(&control->attachments))
		drop(container_of(control->attachments.prev, struct attachment, link));
	g_hash_table_unref(control->guests);
	g_hash_table_unref(control->records);
	g_free(control->run_dir);
	g_free(control->state_dir);
	g_free(control);
}

struct attachment *control_add_netdev(struct control *control, struct optstr *opts,
				      struct fd_source *fds, enum origin origin, GError **error)
{
	struct attachment *attachment =
		attachment_new(control->network, opts, fds, control->state_dir, error);

	if (!attachment)
		return NULL;
	attachment->origin = origin;
	list_append(&control->attachments, &attachment->link);
	if (attachment->role == ATTACHMENT_GATEWAY)
		policies_apply_guests(control);
	return attachment;
}

struct attachment *control_find(struct control *control, const char *id)
{
	list_for_each (attachment, &control->attachments, struct attachment, link) {
		if (!strcmp(attachment->netdev->id, id))
			return attachment;
	}
	return NULL;
}

struct attachment *control_find_netdev(struct control *control, const struct netdev *netdev)
{
	list_for_each (attachment, &control->attachments, struct attachment, link) {
		if (attachment->netdev == netdev)
			return attachment;
	}
	return NULL;
}

static bool not_found(const char *name, GError **error)
{
	g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Device '%s' not found", name);
	return false;
}

bool control_del_netdev(struct control *control, const char *id, GError **error)
{
	struct attachment *attachment = control_find(control, id);

	if (!attachment)
		return not_found(id, error);
	if (attachment->role == ATTACHMENT_GATEWAY)
		records_forget(control);
	drop(attachment);
	return true;
}

void control_end_session(struct control *control, const void *session)
{
	list_for_each_safe (attachment, &control->attachments, struct attachment, link) {
		if (attachment->session == session)
			(void)control_del_netdev(control, attachment->netdev->id, NULL);
	}
}

struct attachment *control_find_user(struct control *control, const char *id, GError **error)
{
	struct attachment *attachment = id ? control_find(control, id) : NULL;

	if (id && !attachment) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "unrecognized netdev id '%s'",
			    id);
		return NULL;
	}
	if (attachment && !attachment->forwards) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "invalid device specified");
		return NULL;
	}
	if (attachment)
		return attachment;
	list_for_each (each, &control->attachments, struct attachment, link) {
		if (each->forwards)
			return each;
	}
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "user mode network stack not in use");
	return NULL;
}

static struct guest *find_guest(struct control *control, const char *name)
{
	mac_t mac;

	return guest_mac_parse(name, &mac) ? guest_by_mac(control->network->guests, mac)
					   : guest_by_name(control->network->guests, name);
}

bool control_set_link(struct control *control, const char *name, bool up, GError **error)
{
	struct attachment *attachment = control_find(control, name);
	struct port *port;

	if (attachment) {
		netdev_set_link(attachment->netdev, up);
		return true;
	}
	port = network_find_port(control->network, name);
	if (!port) {
		struct guest *guest = find_guest(control, name);

		port = guest ? guest->port : NULL;
	}
	if (!port)
		return not_found(name, error);
	port_set_link(port, up);
	return true;
}

void control_quit(struct control *control)
{
	if (control->quitting)
		return;
	control->quitting = true;
	if (control->announce)
		control->announce(control->announce_data, "SHUTDOWN", "host-qmp-quit");
	if (control->quit)
		control->quit(control->quit_data);
}
