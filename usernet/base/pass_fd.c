/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/pass_fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor. */
union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

ssize_t pass_fd(int sock, struct iovec *iov, unsigned n_iov, int fd, int flags)
{
	union control control = {.space = {0}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n_iov};

	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(sock, &message, flags | MSG_NOSIGNAL);
}

ssize_t take_fd(int sock, struct iovec *iov, unsigned n_iov, int *fd, int flags)
{
	union control control;
	struct msghdr message = {
		.msg_iov = iov,
		.msg_iovlen = n_iov,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* in the padding is room for another */
	};
	ssize_t n = recvmsg(sock, &message, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header;

	*fd = -1;
	if (n < 0)
		return n;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	if (!(message.msg_flags & MSG_TRUNC))
		return n;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = EMSGSIZE;
	return -1;
}
