/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_SESSION_H
#define USERNET_CTL_QMP_SESSION_H

#include <stdbool.h>

#include "ctl/fd_names.h"

/*
 * What one client has agreed on and passed: it lives in the client's monitor and is all that a
 * command sees of the client.
 */
struct control;
struct qmp;

struct qmp_session {
	struct control *control;
	struct qmp *qmp;
	bool negotiated; /* qmp_capabilities was given */
	bool oob;        /* it enabled exec-oob */
	struct fd_names fds;
};

#endif
