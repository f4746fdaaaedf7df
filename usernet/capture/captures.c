/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/captures.h"

#include "base/error.h"
#include "capture/filter.h"
#include "net/network.h"
#include "net/vswitch.h"

#include <string.h>

struct captures {
	struct network *network;
	struct tap tap;
	struct list all; /* heads the capture_link()s */
	unsigned n, n_made;
	struct network_observer observer;
};

#define for_each_capture(captures, pos)                                                            \
	for (struct list *at = (captures)->all.next, *after = at->next;                            \
	     at != &(captures)->all && (pos = capture_of_link(at)); at = after, after = at->next)

static void on_frames(struct tap *tap, const struct port *port, enum tap_way way,
		      const struct frame *frames, size_t n, enum drop_reason why)
{
	struct captures *captures = container_of(tap, struct captures, tap);
	struct capture *capture;

	for_each_capture (captures, capture) {
		if (capture_wants(capture, port))
			capture_frames(capture, port, way, frames, n, why);
	}
}

static void tap_port(struct captures *captures, struct port *port)
{
	struct capture *capture;

	port->tap = NULL;
	for_each_capture (captures, capture) {
		if (capture_wants(capture, port))
			port->tap = &captures->tap;
	}
}

static void tap_ports(struct captures *captures)
{
	list_for_each (port, vswitch_ports(captures->network->vswitch), struct port, link)
		tap_port(captures, port);
}

static void on_event(struct network_observer *observer, const struct network_event *event)
{
	struct captures *captures = container_of(observer, struct captures, observer);

	struct capture *capture;

	switch (event->kind) {
	case NETWORK_PORT_UP:
		if (captures->n)
			tap_ports(captures);
		break;
	case NETWORK_GUEST_JOINED:
	case NETWORK_GUEST_LEFT:
	case NETWORK_GUEST_CHANGED:
		for_each_capture (captures, capture)
			capture_guests_changed(capture);
		break;
	default:
		break;
	}
}

struct captures *captures_new(struct network *network)
{
	struct captures *captures = g_new0(struct captures, 1);

	captures->network = network;
	captures->tap.frames = on_frames;
	captures->observer.event = on_event;
	list_init(&captures->all);
	network_observe(network, &captures->observer);
	return captures;
}

static void end(struct captures *captures, struct capture *capture)
{
	capture_free(capture);
	captures->n--;
	tap_ports(captures);
}

static void on_ended(void *data, struct capture *capture)
{
	end(data, capture);
}

void captures_free(struct captures *captures)
{
	struct capture *capture;

	for_each_capture (captures, capture)
		end(captures, capture);
	list_remove(&captures->observer.link);
	g_free(captures);
}

struct capture *captures_add(struct captures *captures, const struct capture_spec *spec,
			     GError **error)
{
	struct capture *capture;

	if (captures->n >= CAPTURES_MAX) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "there are %d captures already; stop one", CAPTURES_MAX);
		filter_free(spec->filter);
		return NULL;
	}
	capture = capture_new(captures->network, spec, captures->n_made, on_ended, captures, error);
	if (!capture)
		return NULL;
	captures->n++;
	captures->n_made++;
	list_append(&captures->all, capture_link(capture));
	tap_ports(captures);
	return capture;
}

bool captures_remove(struct captures *captures, const char *id, struct capture_counts *counts,
		     GError **error)
{
	struct capture *capture;

	for_each_capture (captures, capture) {
		if (strcmp(capture_id(capture), id) || capture_is_finished(capture))
			continue;
		if (counts)
			*counts = capture_counts(capture);
		capture_finish(capture);
		tap_ports(captures);
		return true;
	}
	g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "Device '%s' not found", id);
	return false;
}

void captures_forget_netdev(struct captures *captures, const char *id)
{
	struct capture *capture;

	for_each_capture (captures, capture) {
		if (capture_scope(capture) == CAPTURE_NETDEV && !strcmp(capture_name(capture), id))
			capture_finish(capture);
	}
}

void captures_foreach(struct captures *captures, void (*each)(void *data, struct capture *capture),
		      void *data)
{
	struct capture *capture;

	for_each_capture (captures, capture) {
		if (!capture_is_finished(capture))
			each(data, capture);
	}
}
