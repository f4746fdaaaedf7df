/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/spawner.h"
#include "forward/guestfwd_priv.h"
#include "forward/proxy.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/reservation.h"

/*
 * Theory of operation
 *
 * libslirp could do this itself, and badly: slirp_add_unix() and slirp_add_exec() connect and fork
 * in this process, for IPv4 alone, and slirp_add_guestfwd() has no way to say "not now" to the
 * guest. So the connection leaves libslirp as any other does, by a socket of its own, and only its
 * destination is changed at libslirp's edge (redirect.h) to a listener of this rule on the host's
 * loopback; all of libslirp's and offload's flow control holds as it is.
 *
 *     guest ─► server:port ─ local_services_in ─ libslirp ═ 127.0.0.1:PORT ═ flow ─ relay ─► target
 *
 * But any process of the host may connect to the loopback, and what is behind the listener (a
 * command, a private socket) is for guests alone. So a connection is taken only from the very
 * socket that libslirp opened for a redirected packet. When it opens one, guestfwds_redirected()
 * notes the descriptor and the address it has; whoever comes to the listener from an address that
 * no such descriptor has at this moment is a stranger, and reset. The kernel gives an address pair
 * to one socket at a time, and libslirp says so before it closes one (guestfwds_closing), so no
 * stranger can have come from a noted address. A guest that dials the listener's port at the
 * gateway's address is a stranger too: that packet was not redirected.
 *
 * A flow so lives from when libslirp opens its socket till it closes it, and till its relay is
 * over, whichever is later. When libslirp closes before the guest was told the end (shut), the
 * guest has reset the connection, or has gone: the target is reset too.
 */
struct guestfwd_flow {
	struct guestfwd *fwd;
	int fd;                   /* libslirp's; -1: closed */
	struct sockaddr_any from; /* its address */
	struct in6_addr guest;
	unsigned port_id;
	bool counted;   /* it was accepted, and is not over */
	int near;       /* accepted, and still without a relay: waits for its target; -1 */
	usec_t give_up; /* then */
	struct proxy *proxy;
	bool runs; /* a command, of the next */
	uint32_t command;
	struct loop_timer retry;
	struct list link; // guestfwd::flows
};

static struct loop *loop_of(const struct guestfwd *fwd)
{
	return fwd->all->env.network->loop;
}

/* --- life --- */

static void *expected_key(const struct sockaddr_any *from)
{
	return GUINT_TO_POINTER(from->sa.sa_family == AF_INET6 ? from->in6.sin6_port
							       : from->in.sin_port);
}

/* libslirp's socket is gone, or about to go. */
static void forget_fd(struct guestfwd_flow *flow)
{
	struct guestfwd *fwd = flow->fwd;

	if (flow->fd < 0)
		return;
	g_hash_table_remove(fwd->all->flows, GINT_TO_POINTER(flow->fd));
	if (g_hash_table_lookup(fwd->expected, expected_key(&flow->from)) == flow)
		g_hash_table_remove(fwd->expected, expected_key(&flow->from));
	flow->fd = -1;
}

static void flow_free(struct guestfwd_flow *flow)
{
	struct guestfwd *fwd = flow->fwd;

	list_remove(&flow->link);
	loop_timer_cancel(&flow->retry);
	g_free(flow);
	if (fwd->removed && list_empty(&fwd->flows))
		guestfwd_leave(fwd);
}

static unsigned port_count(const struct guestfwds *all, unsigned port_id)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(all->per_port, GUINT_TO_POINTER(port_id)));
}

static void count(struct guestfwd_flow *flow, int n)
{
	struct guestfwds *all = flow->fwd->all;
	unsigned port = port_count(all, flow->port_id) + (unsigned)n;

	flow->counted = n > 0;
	flow->fwd->counts.open += (unsigned)n;
	all->n_open += (unsigned)n;
	if (port)
		g_hash_table_insert(all->per_port, GUINT_TO_POINTER(flow->port_id),
				    GUINT_TO_POINTER(port));
	else
		g_hash_table_remove(all->per_port, GUINT_TO_POINTER(flow->port_id));
}

/* Its connection is over. */
static void flow_over(struct guestfwd_flow *flow)
{
	flow->proxy = NULL;
	if (flow->runs)
		spawner_end(flow->fwd->all->env.network->spawner, flow->command);
	flow->runs = false;
	if (flow->counted)
		count(flow, -1);
	if (flow->fd < 0)
		flow_free(flow);
}

/* Resets what there is of it on this side. The flow may be gone. */
static void flow_reset(struct guestfwd_flow *flow)
{
	if (flow->proxy)
		proxy_abort(flow->proxy);
	if (flow->near >= 0)
		proxy_reset(flow->near);
	flow->near = -1;
	loop_timer_cancel(&flow->retry);
	flow_over(flow);
}

static void on_relay_ended(void *data, int err)
{
	struct guestfwd_flow *flow = data;

	if (err) {
		flow->fwd->counts.refused++;
		log_limited(&flow->fwd->limit, "guestfwd %s: %s", flow->fwd->text, g_strerror(err));
	}
	flow_over(flow);
}

static const struct proxy_ops proxy_ops = {.ended = on_relay_ended};

/* --- to the target --- */

static void refuse(struct guestfwd_flow *flow, const char *why)
{
	flow->fwd->counts.refused++;
	log_limited(&flow->fwd->limit, "guestfwd %s: %s", flow->fwd->text, why);
	flow_reset(flow);
}

static const char *name_of(const struct guestfwd_flow *flow)
{
	const struct network *network = flow->fwd->all->env.network;
	const struct in6_addr *addr = &flow->guest;
	const struct guest *guest = IN6_IS_ADDR_V4MAPPED(addr)
					    ? guest_by_v4(network->guests, address_v4(addr))
					    : guest_by_v6(network->guests, addr);
	const struct reservation *reservation =
		guest ? reservation_by_mac(network->reservations, guest->mac) : NULL;

	/* What a guest calls itself is its own word, and none to trust. */
	return reservation ? reservation->name : NULL;
}

/* -1: it was refused, and the flow may be gone. */
static int start_command(struct guestfwd_flow *flow)
{
	const struct network *network = flow->fwd->all->env.network;
	char guest[INET6_ADDRSTRLEN];
	struct spawner_env env = {network->name, guest, name_of(flow)};
	g_autoptr(GError) error = NULL;
	int fd;

	if (IN6_IS_ADDR_V4MAPPED(&flow->guest))
		inet_ntop(AF_INET, &flow->guest.s6_addr[12], guest, sizeof(guest));
	else
		inet_ntop(AF_INET6, &flow->guest, guest, sizeof(guest));
	fd = spawner_run(network->spawner, flow->fwd->command, &env, &flow->command, &error);
	if (fd < 0)
		refuse(flow, error->message);
	else
		flow->runs = true;
	return fd;
}

/* Dials, or looks again later when a unix socket's backlog is full: it has no queue for that. */
static int dial(struct guestfwd_flow *flow, bool *in_progress)
{
	usec_t now = loop_now(loop_of(flow->fwd));
	int fd = socket_connect(&flow->fwd->to, SOCK_STREAM, in_progress);

	if (fd >= 0)
		return fd;
	if (errno == EAGAIN && now < flow->give_up)
		loop_timer_set(&flow->retry, now + GUESTFWD_PAUSE);
	else
		refuse(flow, g_strerror(errno));
	return -1;
}

/* The flow may be gone after it. */
static void reach_target(struct guestfwd_flow *flow)
{
	bool in_progress = false;
	int near, far = flow->fwd->command ? start_command(flow) : dial(flow, &in_progress);

	if (far < 0)
		return;
	near = flow->near;
	flow->near = -1;
	flow->proxy = proxy_new(loop_of(flow->fwd), near, far, in_progress, &proxy_ops, flow);
}

static void on_retry(struct loop_timer *timer)
{
	reach_target(container_of(timer, struct guestfwd_flow, retry));
}

/* --- who comes --- */

/* The flow whose socket of libslirp's has the address @peer; NULL: a stranger. */
static struct guestfwd_flow *take_expected(struct guestfwd *fwd, const struct sockaddr_any *peer)
{
	struct guestfwd_flow *flow = g_hash_table_lookup(fwd->expected, expected_key(peer));

	if (!flow || !sockaddr_equal(&flow->from, peer))
		return NULL;
	g_hash_table_remove(fwd->expected, expected_key(peer));
	return flow;
}

static void take(struct guestfwd *fwd, int fd, const struct sockaddr_any *peer)
{
	struct guestfwds *all = fwd->all;
	struct guestfwd_flow *flow = take_expected(fwd, peer);

	if (!flow) {
		fwd->counts.strangers++;
		proxy_reset(fd);
		return;
	}
	flow->near = fd;
	flow->give_up = loop_now(loop_of(fwd)) + GUESTFWD_WAIT;
	if (all->n_open >= all->max_open || fwd->counts.open >= GUESTFWD_PER_RULE ||
	    port_count(all, flow->port_id) >= GUESTFWD_PER_PORT) {
		refuse(flow, "too many connections");
		return;
	}
	fwd->counts.accepted++;
	count(flow, 1);
	reach_target(flow);
}

static void on_listener_ready(struct loop_io *io, uint32_t revents)
{
	struct guestfwd *fwd = container_of(io, struct guestfwd, io);
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	int fd = accept4(fwd->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		take(fwd, fd, &peer);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		loop_io_events(&fwd->io, 0);
		loop_timer_set(&fwd->pause, loop_now(loop_of(fwd)) + GUESTFWD_PAUSE);
	}
}

static void on_pause_over(struct loop_timer *timer)
{
	loop_io_events(&container_of(timer, struct guestfwd, pause)->io, EPOLLIN);
}

void guestfwd_listen(struct guestfwd *fwd)
{
	loop_timer_init(loop_of(fwd), &fwd->pause, on_pause_over);
	loop_io_add(loop_of(fwd), &fwd->io, fwd->fd, EPOLLIN, on_listener_ready);
}

void guestfwd_reset_flows(struct guestfwd *fwd)
{
	list_for_each_safe (flow, &fwd->flows, struct guestfwd_flow, link)
		flow_reset(flow);
}

void guestfwd_forget_flows(struct guestfwd *fwd)
{
	list_for_each_safe (flow, &fwd->flows, struct guestfwd_flow, link) {
		forget_fd(flow);
		flow_reset(flow);
	}
}

/* --- libslirp's side --- */

static struct guestfwd *find_rule(struct guestfwds *all, bool v6, uint16_t listener)
{
	list_for_each (fwd, &all->rules, struct guestfwd, link) {
		if (fwd->server.listener == listener &&
		    v6 == !IN6_IS_ADDR_V4MAPPED(&fwd->server.addr))
			return fwd;
	}
	return NULL;
}

void guestfwds_redirected(struct guestfwds *all, int fd, const struct packet *packet,
			  unsigned port_id)
{
	struct guestfwd *fwd = find_rule(all, packet->v6, packet->dport);
	struct sockaddr_any from = {.len = sizeof(from.storage)};
	struct guestfwd_flow *flow;

	if (!fwd || getsockname(fd, &from.sa, &from.len) < 0)
		return;
	guestfwds_closing(all, fd); /* of that number, should libslirp not have said so */
	flow = g_new0(struct guestfwd_flow, 1);
	flow->fwd = fwd;
	flow->fd = fd;
	flow->from = from;
	flow->guest = packet->src;
	flow->port_id = port_id;
	flow->near = -1;
	loop_timer_init(loop_of(fwd), &flow->retry, on_retry);
	list_append(&fwd->flows, &flow->link);
	g_hash_table_insert(all->flows, GINT_TO_POINTER(fd), flow);
	g_hash_table_replace(fwd->expected, expected_key(&from), flow);
}

void guestfwds_closing(struct guestfwds *all, int fd)
{
	struct guestfwd_flow *flow;

	if (!g_hash_table_size(all->flows))
		return;
	flow = g_hash_table_lookup(all->flows, GINT_TO_POINTER(fd));
	if (!flow)
		return;
	forget_fd(flow);
	/* Told the end, it may close as it likes: what it said last is still on its way. */
	if (!flow->proxy || !proxy_has_shut(flow->proxy, PROXY_NEAR))
		flow_reset(flow);
}
