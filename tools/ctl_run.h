/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_RUN_H
#define USERNET_TOOLS_CTL_RUN_H

#include "ctl_session.h"

/*
 * Becomes QEMU, as a guest of the network: params are QEMU's command line. Starts the network if it
 * is not up, reserves the guest's name and MAC, moves the rules of a user netdev to the guest.
 */
int ctl_run_run(struct ctl_session *session, char **params);
/* Prints what `run` would add for a guest: params are its name and, if wanted, the QEMU to ask. */
int ctl_run_qemu_args(struct ctl_session *session, char **params);

#endif
