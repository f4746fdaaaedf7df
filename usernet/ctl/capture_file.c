/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/captures.h"
#include "ctl/attachment.h"
#include "ctl/control.h"
#include "ctl/options/optstr.h"
#include "net/netdev.h"

bool capture_file_start(struct control *control, const struct attachment *attachment,
			GError **error)
{
	const char *path = optstr_get(attachment->opts, "capture");
	struct capture_spec spec = {.scope = CAPTURE_NETDEV, .name = attachment->netdev->id};

	int fd;

	if (!path)
		return true;
	/* O_NONBLOCK: a pipe without a reader is refused. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "capture=%s: %s", path,
			    errno == ENXIO ? "the pipe has no reader" : g_strerror(errno));
		return false;
	}
	spec.fd = fd;
	if (captures_add(control->captures, &spec, error))
		return true;
	close(fd);
	g_prefix_error(error, "capture=%s: ", path);
	return false;
}
