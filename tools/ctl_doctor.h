/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_DOCTOR_H
#define USERNET_TOOLS_CTL_DOCTOR_H

#include "ctl_session.h"

/* Looks for what commonly goes wrong, and says how to mend it. Status 1: something was found. */
int ctl_run_doctor(struct ctl_session *session, char **params);

#endif
