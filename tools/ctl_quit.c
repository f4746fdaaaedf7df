/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_quit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define WAIT_MS 30000
#define STEP_MS 10

/* Asks without taking the lock, which would make a network that starts now fail. */
static bool is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int ctl_run_quit(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	g_autofree char *path = NULL;
	autofd int fd = -1;
	int status = ctl_request(session, "query-status", NULL, &result);

	if (status != CTL_DONE)
		return status;
	path = g_strdup_printf("%s/lock", json_object_get_string_member_with_default(
						  json_node_get_object(result), "run-dir", ""));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	status = ctl_change(session, "quit", NULL, NULL);
	for (int waited = 0; status == CTL_DONE && fd >= 0 && is_locked(fd); waited += STEP_MS) {
		if (waited >= WAIT_MS) {
			fprintf(stderr,
				"usernetctl: the network has not ended within %d s; '%s' says which "
				"process holds it\n",
				WAIT_MS / 1000, path);
			return CTL_REFUSED;
		}
		g_usleep(STEP_MS * 1000);
	}
	return status;
}
