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
	char *text;       /* GRefString: "hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22" */
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

static unsigned guest_port(const struct listener *listener)
{
	const struct sockaddr_any *guest = &listener->fwd.guest;

	return ntohs(guest->sa.sa_family == AF_INET6 ? guest->in6.sin6_port : guest->in.sin_port);
}

struct flow_origin instance_origin(const struct instance *instance, const struct packet *packet)
{
	struct flow_origin origin = {
		.opener = flow_is_syn(packet) ? FLOW_BY_FORWARD : FLOW_BY_PEER,
		.mac = instance->mac,
		.port_id = instance->share ? instance->share->port_id : 0,
	};

	list_for_each (listener, &instance->listeners, struct listener, link) {
		if (packet->proto == IPPROTO_TCP && guest_port(listener) == packet->dport) {
			origin.opener = FLOW_BY_FORWARD;
			origin.rule = listener->text;
		}
	}
	return origin;
}

static char *make_text(const struct listener *listener)
{
	g_autofree char *host = sockaddr_format(&listener->bound);
	g_autofree char *guest = sockaddr_format(&listener->fwd.guest);
	g_autofree char *text = g_strdup_printf("hostfwd=tcp:%s-%s", host, guest);

	return g_ref_string_new(text);
}

static void listener_free(struct listener *listener)
{
	if (listener->text)
		g_ref_string_release(listener->text);
	g_free(listener);
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
		listener_free(listener);
		return false;
	}
	listener->text = make_text(listener);
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
		listener_free(listener);
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
		listener_free(listener);
	}
}
