/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_SAVE_H
#define USERNET_TOOLS_CTL_SAVE_H

#include "ctl_session.h"

/* `usernetctl save [FILE]`: writes the current state to the configuration file, for a restart. */
int ctl_run_save(struct ctl_session *session, char **params);

#endif
