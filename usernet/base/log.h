/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LOG_H
#define USERNET_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>

/*
 * Messages for the user, on stderr: "usernet: warning: …", or with <3>… priorities when stderr is
 * the journal (sd-daemon(3)). Never log per frame; messages that a hostile peer can provoke go
 * through log_limited(). Control characters are escaped, so a message is always one line.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above @level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
/* Would a message of @level be written? Check this before expensive formatting. */
bool log_would(enum log_level level);
/*
 * Redirects stderr to @path (created 0600, appended to), also for child processes started later.
 * Each line begins with the local time.
 */
bool log_to_file(const char *path, GError **error);
/* Copies every message to @fd, which stays owned by the caller; -1 stops copying. */
void log_copy_to(int fd);
void log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_debug(const char *format, ...) G_GNUC_PRINTF(1, 2);

/*
 * Allows LOG_LIMIT_BURST warnings per LOG_LIMIT_PERIOD seconds for each @limit (a static variable
 * of the caller). The next warning allowed reports how many were suppressed.
 */
#define LOG_LIMIT_BURST  5
#define LOG_LIMIT_PERIOD 10
struct log_limit {
	gint64 window;
	unsigned passed;
	unsigned suppressed;
};
void log_limited(struct log_limit *limit, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Routes g_log() messages of libraries here, rate-limited. Call once. */
void log_take_libraries(void);

#endif
