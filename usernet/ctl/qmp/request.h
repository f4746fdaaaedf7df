/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_REQUEST_H
#define USERNET_CTL_QMP_REQUEST_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/* One QMP request: JSON text in, the JSON answer out; `id` is echoed (QEMU qapi/qmp-dispatch.c). */
struct control;
struct fd_names;

struct request_session {
	struct control *control;
	struct fd_names *fds;
	bool *negotiated;
};

/* Never NULL; the caller's. */
JsonNode *request_run(const struct request_session *session, const char *text);
JsonNode *request_error(const char *class, const char *desc);

#endif
