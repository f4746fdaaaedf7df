/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_MONITOR_H
#define USERNET_CTL_QMP_MONITOR_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "ctl/qmp/session.h"

/*
 * One QMP client. Requests are executed in order; while MONITOR_OUT_PAUSE bytes of answers wait, no
 * more are read. One who does not read at all is dropped at MONITOR_OUT_MAX.
 */
struct json_splitter;
struct qmp;

#define MONITOR_OUT_PAUSE (256 * 1024)
#define MONITOR_OUT_MAX   (4 * 1024 * 1024)

struct monitor {
	struct qmp *qmp;
	struct loop_io io;
	int fd;
	bool closing; /* nothing is read or written any more; freed at the end of the turn */
	bool hang_up; /* close when all is written */
	struct json_splitter *splitter;
	struct qmp_session session;
	GByteArray *out;
	size_t out_done; /* bytes of out that are written */
	struct loop_task reap;
	struct list link; // qmp::monitors
};

/* Takes @fd, sends the greeting. */
struct monitor *monitor_new(struct qmp *qmp, int fd);
void monitor_free(struct monitor *monitor);
/* Sends @node and a line end, or queues it. Never frees @monitor. */
void monitor_send(struct monitor *monitor, JsonNode *node);

#endif
