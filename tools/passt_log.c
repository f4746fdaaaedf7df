/* SPDX-License-Identifier: BSD-3-Clause */
#include "passt_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"

bool passt_log_open(struct passt_log *log, const char *path, guint64 limit, GError **error)
{
	struct stat st;

	*log = (struct passt_log){.fd = -1, .limit = limit, .on_stderr = true};
	log->partial = g_string_new(NULL);
	if (!path) {
		openlog("usernet-passt", LOG_PID, LOG_DAEMON);
		return true;
	}
	log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (log->fd < 0) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "--log-file %s: %s", path,
			    g_strerror(errno));
		return false;
	}
	log->size = fstat(log->fd, &st) == 0 ? (guint64)st.st_size : 0;
	return true;
}

void passt_log_close(struct passt_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	if (log->partial)
		g_string_free(log->partial, TRUE);
	*log = (struct passt_log){.fd = -1};
}

static void write_line(struct passt_log *log, const char *line)
{
	g_autofree char *whole = g_strdup_printf("%s\n", line);
	size_t len = strlen(whole);

	if (log->on_stderr)
		fputs(whole, stderr);
	if (log->fd < 0) {
		/* Until detached, also write to stderr. */
		if (!log->on_stderr)
			syslog(LOG_INFO, "%s", line);
		return;
	}
	if (log->limit && log->size + len > log->limit && ftruncate(log->fd, 0) == 0)
		log->size = 0;
	if (write(log->fd, whole, len) == (ssize_t)len)
		log->size += len;
}

void passt_log_say(struct passt_log *log, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	line = g_strdup_printf("usernet-passt: %s", text);
	write_line(log, line);
}

bool passt_log_relay(struct passt_log *log, int fd)
{
	char buf[4096], *end;
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	g_string_append_len(log->partial, buf, n);
	while ((end = memchr(log->partial->str, '\n', log->partial->len))) {
		*end = '\0';
		write_line(log, log->partial->str);
		g_string_erase(log->partial, 0, end + 1 - log->partial->str);
	}
	if (n == 0 && log->partial->len)
		write_line(log, log->partial->str);
	if (n == 0)
		g_string_truncate(log->partial, 0);
	return n > 0;
}

void passt_log_detach(struct passt_log *log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fflush(stderr);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	log->on_stderr = false;
}
