/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/qmp.h"

#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/sockaddr.h"
#include "ctl/control.h"
#include "ctl/qmp/json_splitter.h"
#include "ctl/qmp/monitor.h"
#include "link/listener.h"
#include "net/network.h"

struct qmp_listener {
	struct listener door;
	struct qmp *qmp;
	int fd;
	struct sockaddr_any addr;
	struct list link; // qmp::listeners
};

static void on_client(struct listener *door, int fd, const struct sockaddr_any *peer)
{
	static struct log_limit limit;
	struct qmp *qmp = container_of(door, struct qmp_listener, door)->qmp;

	if (!socket_peer_is_ours(fd)) {
		log_limited(&limit, "QMP: refused a client of another user");
		qmp->refused_strangers++;
		close(fd);
	} else if (qmp->n_monitors >= QMP_MAX_CLIENTS) {
		log_limited(&limit, "QMP: refused a client: %u are connected", QMP_MAX_CLIENTS);
		qmp->refused_full++;
		close(fd);
	} else {
		monitor_new(qmp, fd);
	}
}

static void announce(void *data, const char *event, const char *reason)
{
	JsonObject *object = json_object_new();

	json_object_set_boolean_member(object, "guest", FALSE);
	json_object_set_string_member(object, "reason", reason);
	qmp_event(data, event, object);
}

struct qmp *qmp_new(struct control *control)
{
	struct qmp *qmp = g_new0(struct qmp, 1);

	qmp->control = control;
	qmp->loop = control->network->loop;
	list_init(&qmp->listeners);
	list_init(&qmp->monitors);
	control->announce = announce;
	control->announce_data = qmp;
	return qmp;
}

void qmp_free(struct qmp *qmp)
{
	if (!qmp)
		return;
	list_for_each_safe (monitor, &qmp->monitors, struct monitor, link)
		monitor_free(monitor);
	list_for_each_safe (listener, &qmp->listeners, struct qmp_listener, link) {
		listener_stop(&listener->door);
		close(listener->fd);
		socket_unlink(&listener->addr);
		g_free(listener);
	}
	qmp->control->announce = NULL;
	g_free(qmp);
}

JsonObject *qmp_describe(const struct qmp *qmp)
{
	JsonObject *object = json_object_new();

	json_object_set_int_member(object, "clients", qmp->n_monitors);
	json_object_set_int_member(object, "max-clients", QMP_MAX_CLIENTS);
	json_object_set_int_member(object, "max-request-bytes", JSON_SPLIT_MAX_SIZE);
	json_object_set_int_member(object, "max-request-depth", JSON_SPLIT_MAX_DEPTH);
	json_object_set_int_member(object, "max-unread-bytes", MONITOR_OUT_MAX);
	json_object_set_int_member(object, "refused-strangers", (gint64)qmp->refused_strangers);
	json_object_set_int_member(object, "refused-clients", (gint64)qmp->refused_full);
	json_object_set_int_member(object, "dropped-clients", (gint64)qmp->dropped);
	return object;
}

bool qmp_listen(struct qmp *qmp, const char *path, GError **error)
{
	struct sockaddr_any addr;
	struct qmp_listener *listener;
	int fd;

	if (!sockaddr_unix(&addr, path, false, error))
		return false;
	fd = socket_bind(&addr, SOCK_STREAM, error);
	if (fd < 0)
		return false;
	listener = g_new0(struct qmp_listener, 1);
	listener->qmp = qmp;
	listener->fd = fd;
	listener->addr = addr;
	list_append(&qmp->listeners, &listener->link);
	listener_start(&listener->door, qmp->loop, fd, on_client);
	return true;
}

void qmp_event(struct qmp *qmp, const char *name, JsonObject *data)
{
	JsonObject *event = json_object_new();
	JsonObject *timestamp = json_object_new();
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	gint64 now = g_get_real_time();

	json_object_set_int_member(timestamp, "seconds", now / G_USEC_PER_SEC);
	json_object_set_int_member(timestamp, "microseconds", now % G_USEC_PER_SEC);
	json_object_set_object_member(event, "timestamp", timestamp);
	json_object_set_string_member(event, "event", name);
	if (data)
		json_object_set_object_member(event, "data", data);
	json_node_take_object(node, event);
	list_for_each_safe (monitor, &qmp->monitors, struct monitor, link) {
		if (monitor->session.negotiated)
			monitor_send(monitor, node);
	}
}
