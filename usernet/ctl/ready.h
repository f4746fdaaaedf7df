/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_READY_H
#define USERNET_CTL_READY_H

#include <glib.h>

/* Saying that guests may come: to the person, and to whoever supervises us. */
struct control;

/* The network, its addresses, and the line to give QEMU for each netdev that guests come to. */
char *ready_text(struct control *control);
/*
 * Writes "READY\n" to @fd and closes it (s6's notification: a line); -1: nothing.
 * Tells $NOTIFY_SOCKET (sd_notify(3)) where it is set.
 */
void ready_notify(int fd, const char *network);

#endif
