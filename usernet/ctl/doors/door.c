/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/door.h"

#include <unistd.h>

#include "base/log.h"

static void on_client(struct listener *listener, int fd, const struct sockaddr_any *peer)
{
	static struct log_limit limit;
	struct door *door = container_of(listener, struct door, listener);

	if (!socket_peer_is_ours(fd)) {
		log_limited(&limit, "%s: refused a client of another user", door->name);
		close(fd);
		return;
	}
	door->n_clients++;
	listener_hold(listener, door->n_clients >= DOOR_MAX_CLIENTS);
	door->client(door, fd);
}

bool door_open(struct door *door, struct loop *loop, const char *name, const char *path,
	       void (*client)(struct door *door, int fd), GError **error)
{
	*door = (struct door){.fd = -1, .name = name, .client = client};
	if (!sockaddr_unix(&door->addr, path, false, error))
		return false;
	door->fd = socket_bind(&door->addr, SOCK_STREAM, error);
	if (door->fd < 0)
		return false;
	listener_start(&door->listener, loop, door->fd, on_client);
	return true;
}

void door_left(struct door *door)
{
	door->n_clients--;
	listener_hold(&door->listener, door->n_clients >= DOOR_MAX_CLIENTS);
}

void door_close(struct door *door)
{
	if (door->fd < 0)
		return;
	listener_stop(&door->listener);
	close(door->fd);
	socket_unlink(&door->addr);
	door->fd = -1;
}
