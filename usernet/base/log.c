/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum log_level log_level = LOG_LEVEL_INFO;
static bool is_file;        /* stderr is the file of log_to_file(): lines get a time stamp */
static int copy_fd = -1;    /* of log_copy_to() */
static int is_journal = -1; /* -1: not checked yet */

static const struct {
	const char *name;
	int priority; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error: ", 3},
	[LOG_LEVEL_WARNING] = {"warning: ", 4},
	[LOG_LEVEL_INFO] = {"", 6},
	[LOG_LEVEL_DEBUG] = {"debug: ", 7},
};

/* systemd names the journal's socket in JOURNAL_STREAM, "device:inode" (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	g_autofree char *ours = NULL;
	struct stat st;

	if (is_journal < 0) {
		is_journal = 0;
		if (stream && fstat(STDERR_FILENO, &st) == 0) {
			ours = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev,
					       (uintmax_t)st.st_ino);
			is_journal = !strcmp(stream, ours);
		}
	}
	return is_journal;
}

/* A message may quote a peer: escape what could control the terminal or forge a line. */
static void append_escaped(GString *line, const char *text)
{
	while (*text) {
		gunichar c = g_utf8_get_char_validated(text, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(line, "\\x%02x", (guchar)*text++);
		} else if (g_unichar_iscntrl(c)) {
			g_string_append_printf(line, "\\x%02x", c);
			text = g_utf8_next_char(text);
		} else {
			g_string_append_unichar(line, c);
			text = g_utf8_next_char(text);
		}
	}
}

static void prepend_time(GString *line)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *text = g_date_time_format(now, "%Y-%m-%d %H:%M:%S ");

	g_string_prepend(line, text);
}

/* One write per line, so that lines of several processes do not mix. */
static void put(int fd, const GString *line)
{
	/* A failed write to the log cannot be reported anywhere. */
	if (write(fd, line->str, line->len) < 0)
		return;
}

static void G_GNUC_PRINTF(2, 0) log_message(enum log_level level, const char *format, va_list args)
{
	g_autofree char *text = NULL;
	g_autoptr(GString) line = NULL;

	if (level > log_level)
		return;
	text = g_strdup_vprintf(format, args);
	line = g_string_new(NULL);
	if (stderr_is_journal())
		g_string_append_printf(line, "<%d>", levels[level].priority);
	else
		g_string_append_printf(line, "usernet: %s", levels[level].name);
	append_escaped(line, text);
	g_string_append_c(line, '\n');
	if (copy_fd >= 0)
		put(copy_fd, line);
	if (is_file)
		prepend_time(line);
	put(STDERR_FILENO, line);
}

bool log_to_file(const char *path, GError **error)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot write to '%s': %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	is_file = true;
	is_journal = 0;
	return true;
}

void log_copy_to(int fd)
{
	copy_fd = fd;
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

bool log_would(enum log_level level)
{
	return level <= log_level;
}

#define DEFINE_LOG(name, level)                                                                    \
	void name(const char *format, ...)                                                         \
	{                                                                                          \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		log_message(level, format, args);                                                  \
		va_end(args);                                                                      \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)

void log_limited(struct log_limit *limit, const char *format, ...)
{
	gint64 now = g_get_monotonic_time();
	unsigned suppressed;
	va_list args;

	if (!limit->window || now - limit->window >= LOG_LIMIT_PERIOD * G_USEC_PER_SEC) {
		limit->window = now;
		limit->passed = 0;
	}
	if (limit->passed >= LOG_LIMIT_BURST) {
		limit->suppressed++;
		return;
	}
	limit->passed++;
	suppressed = limit->suppressed;
	limit->suppressed = 0;
	va_start(args, format);
	log_message(LOG_LEVEL_WARNING, format, args);
	va_end(args);
	if (suppressed)
		log_warning("(%u more like this were kept back before)", suppressed);
}

/* Library messages are rate-limited: guests can provoke libslirp's warnings. */
static GLogWriterOutput write_library(GLogLevelFlags flags, const GLogField *fields, gsize n_fields,
				      gpointer data)
{
	static struct log_limit limit;
	const char *message = "", *domain = "a library";

	for (gsize i = 0; i < n_fields; i++) {
		if (fields[i].length >= 0)
			continue;
		if (!strcmp(fields[i].key, "MESSAGE"))
			message = fields[i].value;
		else if (!strcmp(fields[i].key, "GLIB_DOMAIN"))
			domain = fields[i].value;
	}
	if (flags & (G_LOG_FLAG_FATAL | G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		log_error("%s: %s", domain, message);
	else if (flags & G_LOG_LEVEL_WARNING)
		log_limited(&limit, "%s: %s", domain, message);
	else
		log_debug("%s: %s", domain, message);
	return G_LOG_WRITER_HANDLED;
}

void log_take_libraries(void)
{
	g_log_set_writer_func(write_library, NULL, NULL);
}
