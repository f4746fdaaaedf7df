/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_LOG_H
#define USERNET_TOOLS_PASST_LOG_H

#include <glib.h>
#include <stdbool.h>

/*
 * Where usernet-passt and the usernet it starts speak: the log file, which begins anew when it is
 * full, or syslog; until passt_log_detach() on stderr too, which whoever started us reads.
 */
struct passt_log {
	int fd;        /* of the file; -1: syslog */
	guint64 size;  /* bytes in the file */
	guint64 limit; /* bytes it may have */
	bool on_stderr;
	GString *partial; /* of usernet's stderr, what has no line's end yet */
};

/* @path: NULL for syslog. */
bool passt_log_open(struct passt_log *log, const char *path, guint64 limit, GError **error);
void passt_log_close(struct passt_log *log);
/* One line, "usernet-passt: " in front. */
void passt_log_say(struct passt_log *log, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Passes on lines that usernet wrote to @fd, as they are. False: its end. */
bool passt_log_relay(struct passt_log *log, int fd);
/* From now on not on stderr; 0 to 2 become /dev/null. */
void passt_log_detach(struct passt_log *log);

#endif
