/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "base/log.h"
#include "svc/instance_priv.h"

/* Forwards that are libslirp's own listeners. */

#define LISTEN_BACKLOG 4096 /* libslirp's own is 1 (socket.c tcpx_listen) */

struct listener {
	struct nat_hostfwd fwd;
	struct sockaddr_any bound;
	int fd;           /* libslirp's; -1: could not be bound again */
	struct list link; // instance::listeners
};

bool instance_is_listener(const struct instance *instance, int fd)
{
	list_for_each (listener, &instance->listeners, struct listener, link) {
		if (listener->fd == fd)
			return true;
	}
	return false;
}

static bool listener_bind(struct instance *instance, struct listener *listener, GError **error)
{
	const struct sockaddr_any *host = &listener->fwd.host, *guest = &listener->fwd.guest;
	int flags = host->sa.sa_family == AF_INET6 ? SLIRP_HOSTFWD_V6ONLY : 0;

	listener->fd = -1;
	instance_fill(instance); /* so that what the next one finds is new */
	if (slirp_add_hostxfwd(instance->slirp, &host->sa, host->len, &guest->sa, guest->len,
			       flags) < 0) {
		g_set_error_literal(error, G_FILE_ERROR, g_file_error_from_errno(errno),
				    g_strerror(errno));
		return false;
	}
	/* A listening socket is announced only by the fill; it is the one not seen before. */
	instance_fill(instance);
	listener->fd = nat_fdset_newest(&instance->fds);
	listener->bound.len = sizeof(listener->bound.storage);
	if (listener->fd >= 0 &&
	    getsockname(listener->fd, &listener->bound.sa, &listener->bound.len) < 0)
		listener->fd = -1;
	if (listener->fd < 0) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
				    "libslirp shows no socket for it");
		return false;
	}
	if (listen(listener->fd, LISTEN_BACKLOG) < 0)
		log_warning("listen backlog: %s", g_strerror(errno));
	return true;
}

bool instance_bind(struct instance *instance, const struct nat_hostfwd *fwd,
		   struct sockaddr_any *bound, GError **error)
{
	struct listener *listener = g_new0(struct listener, 1);

	listener->fwd = *fwd;
	list_init(&listener->link);
	if (!listener_bind(instance, listener, error)) {
		g_free(listener);
		return false;
	}
	*bound = listener->bound;
	list_append(&instance->listeners, &listener->link);
	return true;
}

void instance_unbind(struct instance *instance, const struct sockaddr_any *bound)
{
	list_for_each_safe (listener, &instance->listeners, struct listener, link) {
		if (!sockaddr_equal(&listener->bound, bound))
			continue;
		if (listener->fd >= 0)
			slirp_remove_hostxfwd(instance->slirp, &bound->sa, bound->len, 0);
		list_remove(&listener->link);
		g_free(listener);
		break;
	}
	instance_set_dirty(instance);
}

void instance_bind_again(struct instance *instance)
{
	list_for_each (listener, &instance->listeners, struct listener, link)
		listener->fd = -1;
	list_for_each (listener, &instance->listeners, struct listener, link) {
		g_autoptr(GError) error = NULL;

		listener->fwd.host = listener->bound;
		if (!listener_bind(instance, listener, &error))
			log_warning("a forward is lost: %s", error->message);
	}
}

void instance_forget_listeners(struct instance *instance)
{
	list_for_each_safe (listener, &instance->listeners, struct listener, link) {
		list_remove(&listener->link);
		g_free(listener);
	}
}
