/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LOG_H
#define USERNET_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>

/*
 * Messages for the person who runs us, on stderr, "usernet: warning: …" (with <3>… priorities
 * instead when stderr is the journal's, sd-daemon(3)). Never called per frame; what a hostile peer
 * can provoke goes through log_limited(). Control characters are escaped: a message is a line.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above @level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
/* For what costs something to format: would a message of @level be written? */
bool log_would(enum log_level level);
void log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_debug(const char *format, ...) G_GNUC_PRINTF(1, 2);

/*
 * At most LOG_LIMIT_BURST warnings per LOG_LIMIT_PERIOD seconds for each @limit (a static of the
 * caller); how many were kept back is said when the next one passes.
 */
#define LOG_LIMIT_BURST  5
#define LOG_LIMIT_PERIOD 10
struct log_limit {
	gint64 window;
	unsigned passed;
	unsigned suppressed;
};
void log_limited(struct log_limit *limit, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* What libraries say through g_log() comes out here from now on, limited. Call it once. */
void log_take_libraries(void);

#endif
