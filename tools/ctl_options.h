/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_OPTIONS_H
#define USERNET_TOOLS_CTL_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

#include "ctl_enter.h"

/* The options of usernetctl, in one table: for the parser, --help, completion and ctl_argv.c. */
struct ctl_options {
	char *name, *socket, *id, *guest, *format, *filter, *file;
	gboolean json, transit, version, help, follow;
	struct ctl_enter enter;
	char **words; /* what is no option */
};

/* Parsed values are written here; owned by the process. */
extern struct ctl_options ctl_options;
/* Ends with an entry without a name. */
extern const GOptionEntry ctl_option_entries[];

/* Does "--name" or "-f" take a value in the next word? */
bool ctl_options_takes_value(const char *word);

#endif
