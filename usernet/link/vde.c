/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/vde.h"

#include <errno.h>
#include <fcntl.h>
#include <libvdeplug.h>
#include <string.h>

#include "base/file.h"
#include "link/dgram.h"
#include "net/netdev.h"

static void release(void *connection)
{
	vde_close(connection);
}

static VDECONN *dial(const struct vde_config *config, GError **error)
{
	struct vde_open_args args = {
		.port = config->port, .group = (char *)config->group, .mode = config->mode};
	VDECONN *connection = vde_open((char *)config->sock, (char *)"usernet", &args);

	if (!connection)
		g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
			    "no vde_switch at '%s': %s", config->sock ? config->sock : "vde://",
			    g_strerror(errno));
	return connection;
}

/* A switch is reached by a connected datagram socket; other VDE plugs are not. */
static int data_socket(VDECONN *connection, GError **error)
{
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	autofd int fd = fcntl(vde_datafd(connection), F_DUPFD_CLOEXEC, 0);
	int type = 0;
	socklen_t len = sizeof(type);

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_DGRAM && getpeername(fd, &peer.sa, &peer.len) == 0)
		return steal_fd(&fd);
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
		    "this is not a vde_switch: other VDE plugs are not supported");
	return -1;
}

struct netdev *vde_netdev_new(struct network *network, const struct vde_config *config,
			      GError **error)
{
	struct dgram_config dgram = {
		.kind = "vde", .id = config->id, .mode = DGRAM_FD, .fd = -1, .release = release};
	struct netdev *netdev = NULL;

	if (!netdev_check_id(network, config->id, error))
		return NULL;
	dgram.owned = dial(config, error);
	if (!dgram.owned)
		return NULL;
	dgram.fd = data_socket(dgram.owned, error);
	if (dgram.fd >= 0)
		netdev = dgram_netdev_new(network, &dgram, error);
	if (!netdev) {
		if (dgram.fd >= 0)
			close(dgram.fd);
		vde_close(dgram.owned);
		return NULL;
	}
	g_free(netdev->description);
	netdev->description = g_strdup_printf("vde:%s", config->sock ? config->sock : "vde://");
	return netdev;
}
