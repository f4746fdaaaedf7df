/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The end of a long log: at most this much of it. */
#define TAIL (256 * 1024)

static int print_tail(const char *path)
{
	g_autofree char *buffer = g_malloc(TAIL);
	FILE *file = fopen(path, "re");
	bool cut;
	size_t n;
	char *from = buffer;

	if (!file) {
		fprintf(stderr, "usernetctl: %s: %s\n", path, g_strerror(errno));
		return CTL_REFUSED;
	}
	cut = fseek(file, -TAIL, SEEK_END) == 0;
	if (!cut)
		rewind(file);
	n = fread(buffer, 1, TAIL, file);
	fclose(file);
	if (cut && (from = memchr(buffer, '\n', n)))
		from++;
	else
		from = buffer;
	fwrite(from, 1, n - (size_t)(from - buffer), stdout);
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
		return print_tail(path);
	fprintf(stderr,
		"usernetctl: the network writes its messages to standard error: look where it was "
		"started, or, for a unit of systemd: journalctl --user -u usernet@%s; --log-file "
		"names a file\n",
		session->name);
	return CTL_REFUSED;
}
