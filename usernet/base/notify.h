/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_NOTIFY_H
#define USERNET_BASE_NOTIFY_H

#include <stdbool.h>

/*
 * The service manager's socket (sd_notify(3)). It is connected at start, as its path cannot be
 * reached later from within a full sandbox. One per process.
 */

/* Reads NOTIFY_SOCKET. */
void notify_start(void);
void notify_stop(void);
/* False: there is no service manager, or it does not listen. */
bool notify_runs(void);
/* @text: "KEY=VALUE\n…". @fd: goes with it, and stays ours; -1: none. A failure is a warning. */
void notify_send(const char *text, int fd);

#endif
