/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_ARGV_H
#define USERNET_CTL_OPTIONS_ARGV_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/optstr.h"

/* The parsed command line. Parsing opens nothing. */
struct options {
	struct optstr *settings; /* settings.h; checked */
	char **netdevs;          /* option strings; may be NULL, like the next */
	char **guests;
	char *config;   /* of --config; NULL: the default for the network's name, if it exists */
	char **command; /* behind "--": the network ends with it; NULL: none */
	bool help, version;
	char *help_text; /* of --help */
};

/* Errors: G_OPTION_ERROR or ERROR_USAGE. Clear @options in either case. */
bool options_parse(struct options *options, int *argc, char ***argv, GError **error);
void options_clear(struct options *options);

#endif
