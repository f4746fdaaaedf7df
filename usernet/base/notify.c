/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pass_fd.h"
#include "base/sockaddr.h"

static int notify_fd = -1;

void notify_start(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_any addr;
	bool in_progress;

	if (!path || !path[0] ||
	    !sockaddr_unix(&addr, path + (path[0] == '@'), path[0] == '@', NULL))
		return;
	notify_fd = socket_connect(&addr, SOCK_DGRAM, &in_progress);
	if (notify_fd < 0)
		log_warning("cannot notify $NOTIFY_SOCKET %s: %s", path, g_strerror(errno));
}

void notify_stop(void)
{
	if (notify_fd >= 0)
		close(notify_fd);
	notify_fd = -1;
}

bool notify_runs(void)
{
	return notify_fd >= 0;
}

void notify_send(const char *text, int fd)
{
	static struct log_limit limit;
	struct iovec iov = {(char *)text, strlen(text)};

	if (notify_fd >= 0 && pass_fd(notify_fd, &iov, 1, fd, 0) < 0)
		log_limited(&limit, "cannot notify the service manager: %s", g_strerror(errno));
}
