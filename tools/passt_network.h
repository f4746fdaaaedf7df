/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_NETWORK_H
#define USERNET_TOOLS_PASST_NETWORK_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The network behind usernet-passt, spoken to by QMP: one that was started for this guest and ends
 * with it, or one that runs already, which the guest joins and leaves. Calls wait for the answer.
 */
struct passt_network;
struct passt_options;
struct passt_log;

/*
 * Joins the network called @join if it runs, else starts one. The forwards listen when it returns.
 * NULL: @error; what usernet said is in @log.
 */
struct passt_network *passt_network_new(const struct passt_options *options, const char *join,
					struct passt_log *log, GError **error);
/* Takes the forwards away, or ends the network that was started. */
void passt_network_free(struct passt_network *network);

/* The guest at the other end of @fd, which stays the caller's, becomes a port; and ends to be. */
bool passt_network_attach(struct passt_network *network, int fd, GError **error);
void passt_network_detach(struct passt_network *network);
/*
 * On a network that runs already, leads the forwards to the guest once it has an address. True: no
 * need to ask again for this guest.
 */
bool passt_network_lead(struct passt_network *network);

/* Poll it for input; false from the call: the network is gone. */
int passt_network_fd(const struct passt_network *network);
bool passt_network_read(struct passt_network *network);
/* usernet's stderr, for passt_log_relay(); -1: it is not ours. */
int passt_network_stderr(const struct passt_network *network);
const char *passt_network_name(const struct passt_network *network);

#endif
