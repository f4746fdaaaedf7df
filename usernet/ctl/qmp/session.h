/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_SESSION_H
#define USERNET_CTL_QMP_SESSION_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/fd_names.h"

/*
 * The state of one client: what it negotiated and passed. It is part of the client's monitor and is
 * all that commands see of the client.
 */
struct control;
struct qmp;

struct qmp_session {
	struct control *control;
	struct qmp *qmp;
	bool negotiated; /* qmp_capabilities was executed */
	bool oob;        /* exec-oob was enabled */
	struct fd_names fds;
	GPtrArray *rules; /* hostfwd rules that end with the client, as forwards_canonical() */
};

/* Removes what ends with the client. */
void session_end(struct qmp_session *session);

#endif
