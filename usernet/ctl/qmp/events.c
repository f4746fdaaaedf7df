/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/events.h"

#include <string.h>

#include "ctl/control.h"
#include "ctl/qmp/qmp.h"
#include "ctl/qmp/query.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/port.h"

/* The peer's address as QEMU's SocketAddress. */
static JsonObject *socket_address(struct events *events, const struct port *port)
{
	struct attachment *attachment = control_find_netdev(events->control, port->netdev);
	const struct sockaddr_any *addr = attachment ? &attachment->addr : NULL;
	JsonObject *object = json_object_new();
	/* The peer of a unix stream is "pid N" or NULL. */
	const char *colon = port->peer ? strrchr(port->peer, ':') : NULL;

	if (colon) {
		bool v6 = port->peer[0] == '[';
		g_autofree char *host =
			g_strndup(port->peer + v6, (gsize)(colon - port->peer) - (v6 ? 2 : 0));

		json_object_set_string_member(object, "type", "inet");
		json_object_set_string_member(object, "host", host);
		json_object_set_string_member(object, "port", colon + 1);
	} else {
		g_autofree char *path = addr && addr->len ? sockaddr_format(addr) : g_strdup("");
		bool abstract = addr && addr->len && !addr->un.sun_path[0];

		json_object_set_string_member(object, "type", "unix");
		json_object_set_string_member(object, "path", path + abstract);
		if (abstract)
			json_object_set_boolean_member(object, "abstract", true);
	}
	return object;
}

/*
 * QEMU qapi/net.json NETDEV_STREAM_CONNECTED; "port" is our extension: a server has one per guest.
 */
static void port_changed(struct events *events, const struct port *port, bool up)
{
	JsonObject *data;

	if (strcmp(port->netdev->ops->kind, "stream"))
		return;
	data = json_object_new();
	json_object_set_string_member(data, "netdev-id", port->netdev->id);
	json_object_set_string_member(data, "port", port->name);
	if (up)
		json_object_set_object_member(data, "addr", socket_address(events, port));
	qmp_event(events->qmp, up ? "NETDEV_STREAM_CONNECTED" : "NETDEV_STREAM_DISCONNECTED", data);
}

static void forward_changed(struct events *events, const struct network_event *event,
			    const char *name)
{
	JsonObject *data = json_object_new();

	json_object_set_string_member(data, "netdev", event->netdev->id);
	json_object_set_string_member(data, "rule", event->text);
	qmp_event(events->qmp, name, data);
}

static void lease_granted(struct events *events, const struct network_event *event)
{
	JsonObject *data = event->guest ? query_guest(event->guest) : json_object_new();

	if (event->text)
		json_object_set_string_member(data, "address", event->text);
	qmp_event(events->qmp, "LEASE_GRANTED", data);
}

static void lease_refused(struct events *events, const struct network_event *event)
{
	g_autofree char *mac = g_strdup_printf(MAC_FMT, MAC_ARGS(event->mac));
	JsonObject *data = json_object_new();

	json_object_set_string_member(data, "port", event->port->name);
	json_object_set_string_member(data, "mac", mac);
	json_object_set_string_member(data, "reason", event->text);
	qmp_event(events->qmp, "LEASE_REFUSED", data);
}

static void policy_verdict(struct events *events, const struct network_event *event,
			   const char *kind)
{
	const struct network_denial *denial = event->denial;
	JsonObject *data = json_object_new();

	query_set_guest(data, event->guest);
	json_object_set_string_member(data, "port", event->port->name);
	json_object_set_string_member(data, "protocol",
				      denial->lookup ? "dns" : query_protocol(denial->proto));
	if (!denial->lookup)
		query_set_address(data, "destination", &denial->dst);
	if (denial->port)
		json_object_set_int_member(data, "destination-port", denial->port);
	if (denial->name)
		json_object_set_string_member(data, "destination-name", denial->name);
	if (denial->rule)
		json_object_set_string_member(data, "rule", denial->rule);
	if (denial->untold)
		json_object_set_int_member(data, "untold", (gint64)denial->untold);
	qmp_event(events->qmp, kind, data);
}

static void host_changed(struct events *events, const struct network_event *event)
{
	JsonObject *data = json_object_new();

	json_object_set_int_member(data, "closed", event->n_closed);
	qmp_event(events->qmp, "HOST_NETWORK_CHANGED", data);
}

static void observe(struct network_observer *observer, const struct network_event *event)
{
	struct events *events = container_of(observer, struct events, observer);

	if (list_empty(&events->qmp->monitors))
		return;
	switch (event->kind) {
	case NETWORK_PORT_UP:
	case NETWORK_PORT_DOWN:
		port_changed(events, event->port, event->kind == NETWORK_PORT_UP);
		break;
	case NETWORK_GUEST_JOINED:
		qmp_event(events->qmp, "GUEST_JOINED", query_guest(event->guest));
		break;
	case NETWORK_GUEST_LEFT:
		qmp_event(events->qmp, "GUEST_LEFT", query_guest(event->guest));
		break;
	case NETWORK_PORT_UPLINK:
	case NETWORK_PORT_DRAINED: /* for the gateway only, many per second */
		break;
	case NETWORK_GUEST_CHANGED: /* LEASE_GRANTED and query-guests report the addresses */
		break;
	case NETWORK_LEASE_GRANTED:
		lease_granted(events, event);
		break;
	case NETWORK_LEASE_REFUSED:
		lease_refused(events, event);
		break;
	case NETWORK_FORWARD_ADDED:
		forward_changed(events, event, "FORWARD_ADDED");
		break;
	case NETWORK_POLICY_DENIED:
		policy_verdict(events, event, "POLICY_DENIED");
		break;
	case NETWORK_POLICY_ALLOWED:
		policy_verdict(events, event, "POLICY_ALLOWED");
		break;
	case NETWORK_TROUBLE:
		qmp_event(events->qmp, query_trouble_event(event->trouble),
			  query_trouble(event->trouble));
		break;
	case NETWORK_HOST_CHANGED:
		host_changed(events, event);
		break;
	case NETWORK_FORWARD_REMOVED:
		forward_changed(events, event, "FORWARD_REMOVED");
		break;
	}
}

void events_start(struct events *events, struct control *control, struct qmp *qmp)
{
	events->observer.event = observe;
	list_init(&events->observer.link);
	events->control = control;
	events->qmp = qmp;
	network_observe(control->network, &events->observer);
}

void events_stop(struct events *events)
{
	list_remove(&events->observer.link);
}
