/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_SCAN_H
#define USERNET_CTL_CONFIG_SCAN_H

#include <glib.h>

/*
 * The lines of a configuration file. GKeyFile says where nothing is, takes the last of two equal
 * keys, and merges groups: so each line is looked at here before it sees the text.
 */
struct config_scan {
	GPtrArray *groups; /* struct config_group *, which it owns */
	GString *text;     /* for GKeyFile: without comments, and blanks at both ends of lines */
	unsigned line;     /* of an error */
};

/* On failure @scan.line is where. To be cleared in either case. */
bool config_scan_run(struct config_scan *scan, const char *text, size_t len, GError **error);
void config_scan_clear(struct config_scan *scan);

#endif
