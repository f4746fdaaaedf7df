/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_LOG_H
#define USERNET_TOOLS_PASST_LOG_H

#include <glib.h>
#include <stdbool.h>

/*
 * The log of usernet-passt and of the usernet it starts: a log file, which is truncated when full,
 * or syslog. Until passt_log_detach() messages also go to stderr, for the caller.
 */
struct passt_log {
	int fd;        /* of the file; -1: syslog */
	guint64 size;  /* bytes in the file */
	guint64 limit; /* limit in bytes */
	bool on_stderr;
	GString *partial; /* incomplete line of usernet's stderr */
};

/* @path: NULL for syslog. */
bool passt_log_open(struct passt_log *log, const char *path, guint64 limit, GError **error);
void passt_log_close(struct passt_log *log);
/* Logs one line, prefixed with "usernet-passt: ". */
void passt_log_say(struct passt_log *log, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Passes on lines that usernet wrote to @fd, unchanged. False: end of file. */
bool passt_log_relay(struct passt_log *log, int fd);
/* Stops writing to stderr; 0 to 2 become /dev/null. */
void passt_log_detach(struct passt_log *log);

#endif
