/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl_client.h"

/* The end of a long log: at most this much of it. */
#define TAIL      (256 * 1024)
#define FOLLOW_MS 200 /* between looks at the file */

static FILE *open_log(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		fprintf(stderr, "usernetctl: %s: %s\n", path, g_strerror(errno));
	return file;
}

static void print_tail(FILE *file)
{
	g_autofree char *buffer = g_malloc(TAIL);
	bool cut;
	size_t n;
	char *from = buffer;

	cut = fseek(file, -TAIL, SEEK_END) == 0;
	if (!cut)
		rewind(file);
	n = fread(buffer, 1, TAIL, file);
	if (cut && (from = memchr(buffer, '\n', n)))
		from++;
	else
		from = buffer;
	fwrite(from, 1, n - (size_t)(from - buffer), stdout);
}

/* --- following --- */

/* False: nobody reads standard output any more. */
static bool print_rest(FILE *file)
{
	char buffer[16 * 1024];
	size_t n;

	clearerr(file);
	while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
		fwrite(buffer, 1, n, stdout);
	return fflush(stdout) == 0;
}

/* Has the file been cut, or another one taken its place (logrotate(8))? */
static bool is_another(FILE *file, const char *path)
{
	struct stat open, named;

	return fstat(fileno(file), &open) == 0 && stat(path, &named) == 0 &&
	       (open.st_ino != named.st_ino || open.st_dev != named.st_dev ||
		open.st_size < ftell(file));
}

/* Discards events. False: the network ends. */
static bool is_up(struct ctl_session *session, int wait_ms)
{
	struct pollfd fd = {.fd = ctl_client_fd(session->client), .events = POLLIN};

	while (poll(&fd, 1, wait_ms) == 1) {
		g_autoptr(JsonNode) node = ctl_client_read(session->client, NULL);

		if (!node)
			return false;
		wait_ms = 0;
	}
	return true;
}

/* Until the network ends, or a signal. Takes ownership of @file. */
static int follow(struct ctl_session *session, FILE *file, const char *path)
{
	bool up = true;

	while (print_rest(file) && up) {
		up = is_up(session, FOLLOW_MS);
		if (is_another(file, path)) {
			FILE *next = fopen(path, "re");

			print_rest(file);
			if (next) {
				fclose(file);
				file = next;
			}
		}
	}
	fclose(file);
	return CTL_DONE;
}

static int print_file(struct ctl_session *session, const char *path)
{
	FILE *file = open_log(path);

	if (!file)
		return CTL_REFUSED;
	print_tail(file);
	if (session->follow)
		return follow(session, file, path);
	fclose(file);
	return CTL_DONE;
}

int ctl_run_log(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-status", NULL, &result);
	const char *path;

	if (status != CTL_DONE)
		return status;
	path = json_object_get_string_member_with_default(json_node_get_object(result), "log-file",
							  NULL);
	if (path)
		return print_file(session, path);
	fprintf(stderr,
		"usernetctl: the network writes its messages to standard error: look where it was "
		"started, or, for a unit of systemd: journalctl --user -u usernet@%s; --log-file "
		"names a file\n",
		session->name);
	return CTL_REFUSED;
}
