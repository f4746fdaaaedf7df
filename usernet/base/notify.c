/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
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
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec iov = {(char *)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (notify_fd < 0)
		return;
	if (fd >= 0) {
		struct cmsghdr *part;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		part = CMSG_FIRSTHDR(&msg);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(part), &fd, sizeof(int));
	}
	if (sendmsg(notify_fd, &msg, MSG_NOSIGNAL) < 0)
		log_limited(&limit, "cannot notify the service manager: %s", g_strerror(errno));
}
