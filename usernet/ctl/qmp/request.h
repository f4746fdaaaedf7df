/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_REQUEST_H
#define USERNET_CTL_QMP_REQUEST_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * One QMP request: JSON text in, the JSON answer out; `id` is echoed (QEMU qapi/qmp-dispatch.c).
 * Commands run at once and in the order they came: an exec-oob never waits for another command, it
 * needs only the client's permission and the command's.
 */
struct qmp_session;

/* Never NULL; the caller's. */
JsonNode *request_run(struct qmp_session *session, const char *text);
JsonNode *request_error(const char *class, const char *desc);

#endif
