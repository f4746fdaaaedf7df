/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_ARGV_H
#define USERNET_CTL_OPTIONS_ARGV_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/optstr.h"

/* The command line, parsed but not acted on: nothing is opened here. */
struct options {
	struct optstr *settings; /* settings.h; checked */
	char **netdevs;          /* option strings; may be NULL, as the next */
	char **guests;
	char *config; /* of --config; NULL: the one of the network's name, if there is one */
	bool help, version;
	char *help_text; /* with help */
};

/* Errors: G_OPTION_ERROR or ERROR_USAGE. @options must be cleared in either case. */
bool options_parse(struct options *options, int *argc, char ***argv, GError **error);
void options_clear(struct options *options);

#endif
