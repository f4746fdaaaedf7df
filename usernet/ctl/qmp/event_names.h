/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_EVENT_NAMES_H
#define USERNET_CTL_QMP_EVENT_NAMES_H

#include "ctl/qmp/command.h"

/* The table of events and their members, for query-qmp-schema; tests compare events with it. */
#define EVENT_MAX_MEMBERS 14

struct event_name {
	const char *name;
	struct command_arg members[EVENT_MAX_MEMBERS];
};

/* Ends with a NULL name. */
extern const struct event_name event_names[];

#endif
