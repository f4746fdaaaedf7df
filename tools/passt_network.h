/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_NETWORK_H
#define USERNET_TOOLS_PASST_NETWORK_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The network behind usernet-passt, controlled by QMP: either started for this guest and ended with
 * it, or already running, joined and left by the guest. Calls wait for the answer.
 */
struct passt_network;
struct passt_options;
struct passt_log;

/*
 * Joins the network @join if it is running, else starts one. The forwards are listening when it
 * returns. NULL: @error; usernet's messages are in @log.
 */
struct passt_network *passt_network_new(const struct passt_options *options, const char *join,
					struct passt_log *log, GError **error);
/* Removes the forwards, or ends the network that was started. */
void passt_network_free(struct passt_network *network);

/* Makes the guest at the other end of @fd a port; the caller keeps @fd. Detach removes it. */
bool passt_network_attach(struct passt_network *network, int fd, GError **error);
void passt_network_detach(struct passt_network *network);
/*
 * On a network that was already running, makes the forwards lead to the guest once it has an
 * address. True: done for this guest.
 */
bool passt_network_lead(struct passt_network *network);

/* Poll it for input, then call the second; false: the network is gone. */
int passt_network_fd(const struct passt_network *network);
bool passt_network_read(struct passt_network *network);
/* usernet's stderr, for passt_log_relay(); -1: not started by us. */
int passt_network_stderr(const struct passt_network *network);
const char *passt_network_name(const struct passt_network *network);

#endif
