/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_MONITOR_H
#define USERNET_CTL_QMP_MONITOR_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "ctl/qmp/session.h"

/*
 * One QMP client. Requests are executed in order. While MONITOR_OUT_PAUSE bytes of output are
 * queued, no requests are read. A client that does not read is disconnected at MONITOR_OUT_MAX.
 */
struct json_splitter;
struct qmp;

#define MONITOR_OUT_PAUSE (256 * 1024)
#define MONITOR_OUT_MAX   (4 * 1024 * 1024)

struct monitor {
	struct qmp *qmp;
	struct loop_io io;
	int fd;
	bool closing; /* no more reads or writes; freed at the end of the turn */
	bool hang_up; /* close when the output is sent */
	struct json_splitter *splitter;
	struct qmp_session session;
	GByteArray *out;
	size_t out_done; /* bytes of out already sent */
	struct loop_task reap;
	struct list link; // qmp::monitors
};

/* Takes ownership of @fd and sends the greeting. */
struct monitor *monitor_new(struct qmp *qmp, int fd);
void monitor_free(struct monitor *monitor);
/* Sends @node and a newline, or queues them. Never frees @monitor. */
void monitor_send(struct monitor *monitor, JsonNode *node);

#endif
