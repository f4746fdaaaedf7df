/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_SCAN_H
#define USERNET_CTL_CONFIG_SCAN_H

#include <glib.h>

/*
 * The lines of a configuration file. GKeyFile gives no line numbers, takes the last of two equal
 * keys, and merges groups, so each line is checked here before GKeyFile parses the text.
 */
struct config_scan {
	GPtrArray *groups; /* struct config_group *, owned */
	GString *text;     /* for GKeyFile: without comments and without blanks at line ends */
	unsigned line;     /* line of an error */
};

/* On failure @scan.line is the line. Clear it in either case. */
bool config_scan_run(struct config_scan *scan, const char *text, size_t len, GError **error);
void config_scan_clear(struct config_scan *scan);

#endif
