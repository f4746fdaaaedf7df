/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_QMP_H
#define USERNET_CTL_QMP_QMP_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"
#include "base/list.h"

/*
 * The QMP server (QEMU docs/interop/qmp-spec.txt). It listens on unix sockets, makes a monitor for
 * each client of our user or root, and sends events to all clients that have negotiated.
 */
struct control;
struct loop;

#define QMP_MAX_CLIENTS limit_get(LIMIT_CLIENTS)

struct qmp {
	struct loop *loop;
	struct control *control;
	struct list listeners; /* heads qmp_listener::link, in qmp.c */
	struct list monitors;  /* heads monitor::link */
	unsigned n_monitors;
	uint64_t refused_strangers; /* clients of other users */
	uint64_t refused_full;      /* clients above QMP_MAX_CLIENTS */
	uint64_t dropped;           /* clients disconnected at MONITOR_OUT_MAX */
};

struct qmp *qmp_new(struct control *control);
/* Closes clients and listeners and unlinks the sockets. NULL is allowed. */
void qmp_free(struct qmp *qmp);
bool qmp_listen(struct qmp *qmp, const char *path, GError **error);
/* Clients, limits and how often each was reached, for query-status. Owned by the caller. */
JsonObject *qmp_describe(const struct qmp *qmp);
/* Takes ownership of @data, which may be NULL. */
void qmp_event(struct qmp *qmp, const char *name, JsonObject *data);

#endif
