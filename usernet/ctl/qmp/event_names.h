/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_EVENT_NAMES_H
#define USERNET_CTL_QMP_EVENT_NAMES_H

#include "ctl/qmp/command.h"

/* The one table of events: what each carries. For query-qmp-schema; tests hold events against it.
 */
#define EVENT_MAX_MEMBERS 14

struct event_name {
	const char *name;
	struct command_arg members[EVENT_MAX_MEMBERS];
};

/* Ends with a NULL name. */
extern const struct event_name event_names[];

#endif
