/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_READY_H
#define USERNET_CTL_READY_H

#include <glib.h>

/* Reports that the network is ready, to the user and to the supervisor. */
struct control;

/* The network, its addresses, and the QEMU arguments for each netdev that guests can use. */
char *ready_text(struct control *control);
/*
 * Writes "READY\n" to @fd and closes it (s6 notification); -1: no fd. Notifies $NOTIFY_SOCKET
 * (sd_notify(3)) if set.
 */
void ready_notify(int fd, const char *network);

#endif
