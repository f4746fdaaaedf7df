/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_REQUEST_H
#define USERNET_CTL_QMP_REQUEST_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * One QMP request: JSON text in, JSON answer out; `id` is echoed (QEMU qapi/qmp-dispatch.c).
 * Commands run at once and in order, so exec-oob never waits for another command; it only has to be
 * enabled and allowed for the command.
 */
struct qmp_session;

/* Never NULL; owned by the caller. */
JsonNode *request_run(struct qmp_session *session, const char *text);
JsonNode *request_error(const char *class, const char *desc);

#endif
