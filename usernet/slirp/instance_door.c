/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "conntrack/conntrack.h"
#include "net/user_config.h"
#include "slirp/instance_door.h"
#include "slirp/instance_priv.h"

/*
 * Theory of operation
 *
 * libslirp takes connections in by accept(2) on listeners of its own, and in no other way. So that
 * a descriptor of ours becomes a connection of libslirp's without a byte being copied between the
 * two, there is a door: a listener of libslirp's on the loopback, for one guest port.
 *
 *     we:        bind a socket, the knocker, to a loopback port; open the door (listen); connect
 *     libslirp:  accepts, and tells of the new descriptor, register_poll_fd, before it does
 *                anything with it (tcp_subr.c tcp_connect)
 *     we:        dup3() the client over that descriptor; close the knocker, with a reset, so that
 *                no TIME_WAIT stays behind; shut the door
 *
 * On the loopback all this happens at once, while instance_admit() runs: the door is polled alone.
 * Where the kernel puts the handshake off, its softirq being busy, the loop waits for the door.
 *
 * Others find a door shut: its socket does not listen, and their connect is refused. It is open for
 * some microseconds, at a new port each time, for one connection; who comes in then and is not the
 * knocker is reset.
 *
 * To libslirp the client is now the knocker's name, which is the gateway and the knocker's port;
 * inflow.h turns that into the client's own.
 */
#define DOORS_MAX     16                  /* of one instance; the one used longest ago gives way */
#define DOOR_IDLE     (30 * USEC_PER_SEC) /* unused for so long: taken out */
#define KNOCK_TIMEOUT (1 * USEC_PER_SEC)
#define KNOCK_TRIES   16 /* ports that another connection of the same guest's port has */

struct door {
	int fd; /* libslirp's */
	uint16_t guest_port;
	int number; /* in the last fill, -1: none */
	usec_t used;
	struct sockaddr_any at;
	struct list link; // instance::doors, the one used longest ago first
};

static const struct knock no_knock = {.fd = -1, .client = -1, .spare = -1};

static bool set_reset(int fd, bool on)
{
	const struct linger linger = {.l_onoff = on, .l_linger = 0};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0;
}

static void loopback_any_port(const struct instance *instance, struct sockaddr_any *addr)
{
	*addr = (struct sockaddr_any){.len = sizeof(addr->in)};
	if (instance->v6) {
		addr->len = sizeof(addr->in6);
		addr->in6.sin6_family = AF_INET6;
		addr->in6.sin6_addr = in6addr_loopback;
	} else {
		addr->in.sin_family = AF_INET;
		addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
}

static uint16_t port_of(const struct sockaddr_any *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port : addr->in.sin_port);
}

static bool get_name(int fd, struct sockaddr_any *name)
{
	name->len = sizeof(name->storage);
	return getsockname(fd, &name->sa, &name->len) == 0;
}

/* --- doors --- */

static bool door_remove(struct instance *instance, struct door *door)
{
	/* libslirp finds it by its name, which only one that listens has for itself. */
	if (listen(door->fd, 1) < 0 || !get_name(door->fd, &door->at))
		return false;
	slirp_remove_hostxfwd(instance->slirp, &door->at.sa, door->at.len, 0);
	nat_fdset_release(&instance->fds, door->fd);
	list_remove(&door->link);
	instance->n_doors--;
	g_free(door);
	instance_set_dirty(instance);
	return true;
}

static void shut(struct door *door)
{
	/* No more a listener (inet_csk_listen_stop): who waits at it is reset. */
	shutdown(door->fd, SHUT_RD);
}

/* The descriptor of the listener that was just added: libslirp does not say, a fill shows it. */
static bool door_find(struct instance *instance, struct door *door)
{
	door->fd = -1;
	instance->new_door = door;
	instance_fill(instance);
	instance->new_door = NULL;
	if (door->fd < 0) {
		errno = ENOTSOCK;
		return false;
	}
	/* Never to wait in accept: the knocker may have been turned away. */
	fcntl(door->fd, F_SETFL, O_NONBLOCK);
	fcntl(door->fd, F_SETFD, FD_CLOEXEC);
	shut(door);
	return true;
}

static struct door *door_add(struct instance *instance, uint16_t guest_port)
{
	struct sockaddr_any at, guest;
	struct door *door;

	if (instance->n_doors == DOORS_MAX &&
	    !door_remove(instance, list_first(&instance->doors, struct door, link)))
		return NULL;
	loopback_any_port(instance, &at);
	guest = at;
	if (instance->v6) {
		guest.in6.sin6_addr = instance->addr;
		guest.in6.sin6_port = htons(guest_port);
	} else {
		guest.in.sin_addr = address_v4(&instance->addr);
		guest.in.sin_port = htons(guest_port);
	}
	instance_fill(instance); /* so that what the next one finds is new */
	if (slirp_add_hostxfwd(instance->slirp, &at.sa, at.len, &guest.sa, guest.len,
			       instance->v6 ? SLIRP_HOSTFWD_V6ONLY : 0) < 0)
		return NULL;
	door = g_new0(struct door, 1);
	door->guest_port = guest_port;
	list_append(&instance->doors, &door->link);
	instance->n_doors++;
	if (!door_find(instance, door)) {
		list_remove(&door->link);
		instance->n_doors--;
		g_free(door);
		return NULL;
	}
	return door;
}

static struct door *door_for(struct instance *instance, uint16_t guest_port)
{
	struct door *door = NULL;

	list_for_each (other, &instance->doors, struct door, link) {
		if (other->guest_port == guest_port)
			door = other;
	}
	if (!door)
		door = door_add(instance, guest_port);
	if (!door)
		return NULL;
	door->used = loop_now(instance->env->network->loop);
	list_remove(&door->link);
	list_append(&instance->doors, &door->link);
	return door;
}

bool instance_is_door(struct instance *instance, int fd, uint32_t *events, struct door **which)
{
	if (!instance->n_doors)
		return false;
	list_for_each (door, &instance->doors, struct door, link) {
		/* The new one is whatever libslirp accepts at and we do not know. */
		if (door->fd != fd)
			continue;
		*events = instance->knock.door == door ? EPOLLIN : 0;
		*which = door;
		return true;
	}
	if (instance->new_door && !nat_fdset_has(&instance->fds, fd)) {
		instance->new_door->fd = fd;
		*events = 0;
		*which = instance->new_door;
		return true;
	}
	return false;
}

void instance_number_door(struct door *door, int number)
{
	door->number = number;
}

/* --- knocking --- */

static void free_spare(struct knock *knock)
{
	if (knock->spare >= 0)
		close(knock->spare);
	knock->spare = -1;
}

static void end_knock(struct instance *instance)
{
	struct knock *knock = &instance->knock;

	close(knock->fd);
	free_spare(knock);
	loop_timer_cancel(&instance->knock_timer);
	shut(knock->door);
	*knock = no_knock;
	instance_set_dirty(instance);
}

void instance_abandon_knock(struct instance *instance)
{
	struct knock *knock = &instance->knock;

	if (!knock->door)
		return;
	inflow_remove(instance->env->inflows, knock->inflow);
	close(knock->client);
	end_knock(instance);
}

static void on_knock_timeout(struct loop_timer *timer)
{
	struct instance *instance = container_of(timer, struct instance, knock_timer);

	instance_abandon_knock(instance);
	instance->env->ops->arrived(instance->env->ops_data, &instance->addr);
}

void instance_init_doors(struct instance *instance)
{
	list_init(&instance->doors);
	instance->knock = no_knock;
	loop_timer_init(instance->env->network->loop, &instance->knock_timer, on_knock_timeout);
}

void instance_close_doors(struct instance *instance)
{
	instance_abandon_knock(instance);
	list_for_each_safe (door, &instance->doors, struct door, link) {
		list_remove(&door->link);
		g_free(door);
	}
	instance->n_doors = 0;
}

void instance_sweep_doors(struct instance *instance, usec_t now)
{
	list_for_each_safe (door, &instance->doors, struct door, link) {
		if (now - door->used >= DOOR_IDLE && instance->knock.door != door)
			door_remove(instance, door);
	}
}

bool instance_take_in(struct instance *instance, int fd)
{
	struct knock *knock = &instance->knock;
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (!knock->door || getpeername(fd, &peer.sa, &peer.len) < 0 ||
	    !sockaddr_equal(&peer, &knock->name)) {
		/* None of ours: reset (tcp.c tcp_disconnect), and so is the guest (soread). */
		connect(fd, &nowhere, sizeof(nowhere));
		return false;
	}
	close(knock->fd);
	knock->fd = -1;
	dup3(knock->client, fd, O_CLOEXEC);
	close(knock->client);
	inflow_set_fd(instance->env->inflows, knock->inflow, fd);
	/* end_knock() has the rest to do: libslirp is in the middle of the door's accept. */
	knock->done = true;
	return true;
}

bool instance_door_ready(struct instance *instance)
{
	struct knock *knock = &instance->knock;

	if (!knock->door || !nat_fdset_revents(&instance->fds, knock->door->number))
		return false;
	free_spare(knock);
	return true;
}

void instance_knock_polled(struct instance *instance, bool was_ready)
{
	struct knock *knock = &instance->knock;

	if (!knock->door || (!knock->done && !was_ready))
		return;
	if (knock->done) {
		knock->client = -1;
		end_knock(instance);
	} else {
		/* accept() failed, for want of descriptors or memory. */
		instance_abandon_knock(instance);
	}
	if (!instance->admitting)
		instance->env->ops->arrived(instance->env->ops_data, &instance->addr);
}

static int only_door(int number, void *opaque)
{
	const struct instance *instance = opaque;

	return number == instance->knock.door->number ? SLIRP_POLL_IN : 0;
}

/* Has the guest a connection to the client, of the client's very port, by its own wish? All that
 * belongs to the one would be taken for the other's: a server that the guest asks could end that.
 */
static bool is_spoken_to(const struct instance *instance, const struct nat_client *client,
			 uint16_t guest_port)
{
	const struct conn_key key = {
		.guest = instance->addr,
		.peer = client->addr,
		.guest_port = guest_port,
		.peer_port = client->port,
		.proto = IPPROTO_TCP,
	};
	const struct conn *flow = conn_find(conntrack_conns(instance->env->conntrack), &key);

	return flow && flow->opener != CONN_BY_FORWARD && !conn_is_closed(flow);
}

/* A socket bound to a loopback port that no other inflow has. */
static int knocker_new(struct instance *instance, const struct nat_client *client,
		       uint16_t guest_port, struct knock *knock)
{
	struct instance_env *env = instance->env;
	struct inflow flow = {
		.guest = instance->addr,
		.guest_port = guest_port,
		.seen = client->addr,
		.seen_port = client->port,
		.masqueraded = client->masquerade || is_spoken_to(instance, client, guest_port),
		.rule = client->rule,
	};

	for (unsigned tries = 0; tries < KNOCK_TRIES; tries++) {
		autofd int fd = socket(instance->v6 ? AF_INET6 : AF_INET,
				       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct sockaddr_any any;

		loopback_any_port(instance, &any);
		if (fd < 0 || !set_reset(fd, true) || bind(fd, &any.sa, any.len) < 0 ||
		    !get_name(fd, &knock->name))
			return -1;
		flow.nat_port = port_of(&knock->name);
		knock->inflow = inflow_add(env->inflows, &flow, &instance->gateway);
		if (knock->inflow)
			return steal_fd(&fd);
	}
	errno = EADDRINUSE;
	return -1;
}

static bool open_and_connect(struct door *door, const struct knock *knock)
{
	/* Bound to no port of its own choice, it gets another each time it listens. A backlog of 0
	 * has room for one (sk_acceptq_is_full). */
	return listen(door->fd, 0) == 0 && get_name(door->fd, &door->at) &&
	       (connect(knock->fd, &door->at.sa, door->at.len) == 0 || errno == EINPROGRESS);
}

static bool is_open_for(const struct door *door)
{
	struct pollfd poll_fd = {.fd = door->fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

enum nat_admission instance_admit(struct instance *instance, int fd, uint16_t guest_port,
				  const struct nat_client *client)
{
	static struct log_limit limit;
	struct knock *knock = &instance->knock;
	struct loop *loop = instance->env->network->loop;
	struct door *door;

	if (knock->door || !instance_within_budget(instance))
		return NAT_LATER;
	instance_set_clock(instance);
	door = door_for(instance, guest_port);
	if (!door)
		goto failed;
	knock->fd = knocker_new(instance, client, guest_port, knock);
	if (knock->fd < 0)
		goto failed;
	knock->door = door;
	knock->client = fd;
	knock->spare = fcntl(knock->fd, F_DUPFD_CLOEXEC, 0);
	if (knock->spare < 0 || !open_and_connect(door, knock)) {
		int err = errno;

		knock->client = -1; /* still the caller's */
		instance_abandon_knock(instance);
		errno = err;
		goto failed;
	}
	if (is_open_for(door)) {
		free_spare(knock);
		instance->admitting = instance->polling = true;
		slirp_pollfds_poll(instance->slirp, 0, only_door, instance);
		instance->polling = false;
		instance_knock_polled(instance, true);
		instance->admitting = false;
	} else {
		loop_timer_set(&instance->knock_timer, loop_now(loop) + KNOCK_TIMEOUT);
	}
	instance_set_dirty(instance);
	return NAT_ADMITTED;
failed:
	/* Descriptors may be had again; what else there is tells the log. */
	if (errno == EMFILE || errno == ENFILE)
		return NAT_LATER;
	log_limited(&limit, "cannot lead a client to a guest: %s", g_strerror(errno));
	return NAT_REFUSED;
}

struct conn_origin instance_origin(const struct instance *instance, const struct inflow *flow)
{
	return (struct conn_origin){
		.opener = flow ? CONN_BY_FORWARD : CONN_BY_PEER,
		.rule = flow ? flow->rule : NULL,
		.mac = instance->mac,
		.port_id = instance->share ? instance->share->port_id : 0,
		.shard = (uint8_t)instance->shard,
	};
}

/* --- ends --- */

/*
 * libslirp closes with FIN what the guest has reset. The client gets a reset too: the descriptor is
 * told so before, and told otherwise when libslirp has taken the segment for nothing.
 */
void instance_inflow_segment(struct instance *instance, struct inflow *flow,
			     const struct packet *packet)
{
	if (packet->tcp_flags & TCP_FLAG_RST) {
		set_reset(flow->fd, true);
	} else if (!flow->opened && (packet->tcp_flags & TCP_FLAG_SYN)) {
		/* Until now, whatever went wrong was a refusal. */
		flow->opened = true;
		set_reset(flow->fd, false);
	}
}

void instance_inflow_went_on(struct instance *instance, int fd)
{
	const struct inflow *flow = inflow_by_fd(instance->env->inflows, fd);

	if (flow && flow->opened)
		set_reset(fd, false);
}

void instance_inflow_closing(struct instance *instance, int fd)
{
	struct inflow *flow = inflow_by_fd(instance->env->inflows, fd);

	if (!flow)
		return;
	if (instance->closing)
		set_reset(fd, true);
	inflow_remove(instance->env->inflows, flow);
}
