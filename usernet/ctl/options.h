/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_H
#define USERNET_CTL_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

#include "base/log.h"

/* The command line, parsed but not acted on: nothing is opened here. */
struct options {
	char *name;     /* of the network; "default" */
	char *run_dir;  /* NULL: derived from the name */
	char **netdevs; /* option strings; NULL: the three defaults */
	char **qmp;     /* paths of further QMP sockets; may be NULL */
	char *pidfile;  /* may be NULL */
	int ready_fd;   /* -1: none */
	bool exit_with_parent;
	enum log_level log_level;
	bool help, version;
	char *help_text; /* with help */
};

#define NETWORK_NAME_MAX 48 /* leaves room for the run directory in a socket's 107 bytes */

/* Errors: G_OPTION_ERROR or CTL_ERROR_USAGE. @options must be cleared in either case. */
bool options_parse(struct options *options, int *argc, char ***argv, GError **error);
void options_clear(struct options *options);
/* Descriptors the caller handed us by number: ready fd, fd= and addr.str=, LISTEN_FDS. Of int,
 * sorted. */
GArray *options_kept_fds(const struct options *options);

#endif
