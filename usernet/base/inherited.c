/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

static int n_inherited; /* descriptors FIRST_FD and following */

void inherited_start(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || atoi(pid) != (int)getpid())
		return;
	n_inherited = CLAMP(atoi(count), 0, INHERITED_MAX);
	for (int fd = FIRST_FD; fd < FIRST_FD + n_inherited; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void inherited_stop(void)
{
	n_inherited = 0;
}

/* The kernel may count the NUL at the end of a path. */
static bool is_at(int fd, const struct sockaddr_any *addr)
{
	struct sockaddr_any own = {.len = sizeof(own.storage)};

	if (getsockname(fd, &own.sa, &own.len) < 0 || own.sa.sa_family != addr->sa.sa_family)
		return false;
	if (own.sa.sa_family == AF_UNIX && own.un.sun_path[0])
		return !strncmp(own.un.sun_path, addr->un.sun_path, sizeof(own.un.sun_path));
	return sockaddr_equal(&own, addr);
}

static bool is_of_type(int fd, int type)
{
	socklen_t len = sizeof(int);
	int own;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &own, &len) == 0 && own == type;
}

int inherited_take(const struct sockaddr_any *addr, int type)
{
	for (int fd = FIRST_FD; fd < FIRST_FD + n_inherited; fd++) {
		int taken;

		if (!is_at(fd, addr) || !is_of_type(fd, type))
			continue;
		taken = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + n_inherited);
		if (taken >= 0)
			fcntl(taken, F_SETFL, fcntl(taken, F_GETFL) | O_NONBLOCK);
		return taken;
	}
	return -1;
}

bool inherited_has(const struct sockaddr_any *addr)
{
	for (int fd = FIRST_FD; fd < FIRST_FD + n_inherited; fd++) {
		if (is_at(fd, addr))
			return true;
	}
	return false;
}
