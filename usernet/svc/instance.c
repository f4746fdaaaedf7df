/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/instance.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "svc/arp.h"
#include "svc/gateway.h"
#include "svc/nat_expect.h"
#include "svc/nat_fds.h"
#include "svc/nat_flow.h"
#include "svc/ndp.h"
#include "svc/offload.h"

/*
 * Theory of operation
 *
 * A socket of libslirp's that is ready, or an instance's timer, puts the instance on the ready
 * list. Packets from the guest go in by instance_deliver() as they come, and put it on the dirty
 * list. Both lists hold only instances where something happened, and wake the gateway, whose
 * LOOP_SERVICE task calls instances_run():
 *
 *     ready: slirp_pollfds_poll reads sockets and makes frames, then the instance is dirty
 *     dirty: slirp_pollfds_fill says what it waits for now; the loop is told what differs
 *
 * libslirp speaks through on_send_packet() at any of these points; offload writes the frames into
 * the gateway's outbox. Its ARP requests and neighbour solicitations are not sent: they become
 * nat_ops::resolve.
 *
 * libslirp's clock (`curtime`, one global for all instances) is set by slirp_pollfds_poll only, so
 * the first input of a turn calls that first, without sockets: after a quiet hour a new UDP session
 * would else be an hour old.
 */

#define HELD_RETRY         (1 * USEC_PER_MSEC) /* the guest's queue is full: look again */
#define LISTEN_BACKLOG     4096                /* libslirp's own is 1 (socket.c tcpx_listen) */
#define SLIRP_IDLE_TIMEOUT 1000 /* what fill answers when it needs no tick (slirp.c) */

struct listener {
	struct nat_hostfwd fwd;
	struct sockaddr_any bound;
	int fd;           /* libslirp's; -1: could not be bound again */
	struct list link; // instance::listeners
};

struct instance {
	struct instance_env *env;
	Slirp *slirp;
	struct in6_addr addr; /* the guest's; v4-mapped */
	bool v6;
	mac_t mac;               /* 0: not known yet */
	bool wants_mac;          /* libslirp has asked, we have not passed it on yet */
	usec_t unresolved_until; /* what it queued for want of the MAC expires then (if.c: 1 s) */
	struct offload_guest offload;
	struct nat_fdset fds;
	int opened;              /* the descriptor that libslirp opened last */
	struct nat_share *share; /* of the port its guest is at; NULL before there is one */
	struct list listeners;   /* heads listener::link */
	struct nat_expect expect;
	struct loop_timer timer; /* when libslirp wants to be polled without an event */
	struct list ready_link;  // instance_env::ready
	struct list dirty_link;  // instance_env::dirty
};

static void set_ready(struct instance *instance)
{
	if (list_empty(&instance->ready_link))
		list_append(&instance->env->ready, &instance->ready_link);
	instance->env->ops->wake(instance->env->ops_data);
}

static void set_dirty(struct instance *instance)
{
	if (list_empty(&instance->dirty_link))
		list_append(&instance->env->dirty, &instance->dirty_link);
	instance->env->ops->wake(instance->env->ops_data);
}

/* --- descriptors --- */

static void on_fds_ready(struct nat_fdset *set)
{
	set_ready(container_of(set, struct instance, fds));
}

static void on_fds_counted(struct nat_fdset *set, int n)
{
	struct instance *instance = container_of(set, struct instance, fds);

	nat_share_count_fds(&instance->env->budget, instance->share, n);
}

static bool is_listener(const struct instance *instance, int fd)
{
	list_for_each (listener, &instance->listeners, struct listener, link) {
		if (listener->fd == fd)
			return true;
	}
	return false;
}

static bool within_budget(const struct instance *instance)
{
	return nat_share_allows(&instance->env->budget, instance->share);
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct instance *instance = opaque;
	uint32_t wanted = 0;

	if (events & SLIRP_POLL_IN)
		wanted |= EPOLLIN;
	if (events & SLIRP_POLL_OUT)
		wanted |= EPOLLOUT;
	if (events & SLIRP_POLL_PRI)
		wanted |= EPOLLPRI;
	/* Over budget, whoever wants in waits in the backlog. */
	if (!list_empty(&instance->listeners) && !within_budget(instance) &&
	    is_listener(instance, fd))
		wanted = 0;
	return nat_fdset_wait(&instance->fds, fd, wanted);
}

static int on_get_revents(int number, void *opaque)
{
	const struct instance *instance = opaque;
	uint32_t came = nat_fdset_revents(&instance->fds, number);
	int revents = 0;

	if (came & EPOLLIN)
		revents |= SLIRP_POLL_IN;
	if (came & EPOLLOUT)
		revents |= SLIRP_POLL_OUT;
	if (came & EPOLLPRI)
		revents |= SLIRP_POLL_PRI;
	if (came & EPOLLERR)
		revents |= SLIRP_POLL_ERR;
	if (came & EPOLLHUP)
		revents |= SLIRP_POLL_HUP;
	return revents;
}

static int no_revents(int index, void *opaque)
{
	return 0;
}

/* Asks libslirp what it waits for now, and tells the loop where that changed. */
static void instance_fill(struct instance *instance)
{
	struct loop *loop = instance->env->network->loop;
	uint32_t timeout = UINT32_MAX;

	nat_fdset_begin(&instance->fds);
	slirp_pollfds_fill(instance->slirp, &timeout, on_add_poll, instance);
	nat_fdset_end(&instance->fds);
	if (timeout < SLIRP_IDLE_TIMEOUT || instance->unresolved_until > loop_now(loop))
		loop_timer_set(&instance->timer, loop_now(loop) + timeout * USEC_PER_MSEC);
	else
		loop_timer_cancel(&instance->timer);
	list_remove(&instance->dirty_link);
}

static void on_instance_timer(struct loop_timer *timer)
{
	set_ready(container_of(timer, struct instance, timer));
}

/* Sets libslirp's clock, once a turn. */
static void set_clock(struct instance *instance)
{
	struct instance_env *env = instance->env;
	uint64_t turn = loop_turn(env->network->loop);

	if (env->clock_turn == turn)
		return;
	env->clock_turn = turn;
	slirp_pollfds_poll(instance->slirp, 1, no_revents, NULL);
}

/* --- libslirp's callbacks --- */

static int64_t on_clock(void *opaque)
{
	struct instance *instance = opaque;

	return loop_now(instance->env->network->loop) * 1000;
}

static void note_expected(struct instance *instance, const uint8_t *frame, size_t len)
{
	struct frame whole = {frame, (uint32_t)len};
	struct packet packet;
	enum drop_reason why;

	if (packet_parse(&packet, &whole, &why) && packet.proto == IPPROTO_UDP && !packet.fragment)
		nat_expect_note(&instance->expect,
				&(struct nat_expected){packet.src, packet.sport, packet.dport});
}

static bool has_udp_forward(const struct instance *instance)
{
	list_for_each (listener, &instance->listeners, struct listener, link) {
		if (listener->fwd.udp)
			return true;
	}
	return false;
}

/* Neighbour discovery, libslirp's own business, is ours: only its solicitations mean something. */
static bool is_solicitation(const uint8_t *frame, size_t len, bool *is_ndp)
{
	static const size_t icmp6 = ETH_HEADER + 40;

	*is_ndp = len > icmp6 && frame[ETH_HEADER + 6] == IPPROTO_ICMPV6 && frame[icmp6] >= 133 &&
		  frame[icmp6] <= 137; /* RFC 4861 4 */
	return *is_ndp && frame[icmp6] == 135;
}

static ssize_t on_send_packet(const void *buf, size_t len, void *opaque)
{
	struct instance *instance = opaque;
	struct instance_env *env = instance->env;
	const struct frame frame = {buf, (uint32_t)len};
	bool is_ndp = false, wants = false;

	if (len < ETH_HEADER)
		return (ssize_t)len;
	if (frame_ethertype(&frame) == ETHERTYPE_ARP_)
		wants = is_ndp = true;
	else if (frame_ethertype(&frame) == ETHERTYPE_V6)
		wants = is_solicitation(buf, len, &is_ndp);
	if (wants) {
		instance->wants_mac = true;
		instance->unresolved_until = on_clock(instance) / 1000 + USEC_PER_SEC;
		set_dirty(instance);
	}
	if (is_ndp)
		return (ssize_t)len;
	if (!list_empty(&instance->listeners) && has_udp_forward(instance))
		note_expected(instance, buf, len);
	if (env->redirect && redirect_out(env->redirect, buf, len, env->scratch))
		buf = env->scratch;
	offload_to_guest(env->offload, &instance->offload, user_config_mtu(env->config), buf, len,
			 env->outbox);
	return (ssize_t)len;
}

static void on_guest_error(const char *message, void *opaque)
{
	static struct log_limit limit;

	log_limited(&limit, "libslirp: %s", message);
}

/* libslirp's one timer sends router advertisements, which are the gateway's (ndp.h). */
static void *on_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	return opaque;
}

static void on_timer_free(void *timer, void *opaque)
{
}

static void on_timer_mod(void *timer, int64_t expire_time, void *opaque)
{
}

/*
 * Over budget libslirp finds no descriptor (see instance_deliver), and tells us of the one it has
 * not got: in UDP and ICMP before it looks at it, in TCP when it closes it.
 */
static void count_over_budget(const struct instance *instance)
{
	struct port *port = vswitch_lookup(instance->env->network->vswitch, instance->mac);

	if (port)
		port_drop(port, DROP_BUDGET, 1);
}

static void on_register_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	if (fd < 0) {
		count_over_budget(instance);
		return;
	}
	nat_fdset_claim(&instance->fds, fd);
	instance->opened = fd;
	set_dirty(instance);
}

static void on_unregister_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	if (fd < 0) {
		count_over_budget(instance);
		return;
	}
	if (instance->env->ops->closing)
		instance->env->ops->closing(instance->env->ops_data, fd);
	nat_fdset_release(&instance->fds, fd);
	set_dirty(instance);
}

static void on_notify(void *opaque)
{
	set_dirty(opaque);
}

static const SlirpCb callbacks = {
	.send_packet = on_send_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_register_fd,
	.unregister_poll_fd = on_unregister_fd,
	.notify = on_notify,
	.timer_new_opaque = on_timer_new,
};

/* --- life --- */

static void instance_open(struct instance *instance)
{
	const struct user_config *config = instance->env->config;
	SlirpConfig slirp = {
		.version = 4,
		.in_enabled = !instance->v6,
		.vnetwork = config->net,
		.vnetmask.s_addr = htonl(~UINT32_C(0) << (32 - config->net_len)),
		.vhost = config->host,
		.in6_enabled = instance->v6,
		.vprefix_addr6 = config->net6,
		.vprefix_len = (uint8_t)config->net6_len,
		.vhost6 = config->host6,
		.tftp_path = config->tftp,
		.vdhcp_start = config->dhcp_start,
		.vnameserver = config->dns,
		.vnameserver6 = config->dns6,
		.if_mtu = OFFLOAD_IF_MTU,
		.if_mru = OFFLOAD_IF_MTU,
		.disable_dhcp = true,
		.disable_dns = true,
	};

	instance->slirp = slirp_new(&slirp, &callbacks, instance);
}

struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr)
{
	struct instance *instance = g_new0(struct instance, 1);

	instance->env = env;
	instance->addr = *addr;
	instance->v6 = !IN6_IS_ADDR_V4MAPPED(addr);
	nat_fdset_init(&instance->fds, env->fds, on_fds_ready, on_fds_counted);
	list_init(&instance->listeners);
	list_init(&instance->ready_link);
	list_init(&instance->dirty_link);
	loop_timer_init(env->network->loop, &instance->timer, on_instance_timer);
	instance_open(instance);
	return instance;
}

/* Ends its connections; peers see a reset or an end. */
static void instance_close(struct instance *instance)
{
	offload_forget(instance->env->offload, instance);
	slirp_cleanup(instance->slirp);
	instance->slirp = NULL;
	nat_fdset_clear(&instance->fds);
	list_remove(&instance->ready_link);
	list_remove(&instance->dirty_link);
	loop_timer_cancel(&instance->timer);
}

void instance_free(struct instance *instance)
{
	instance_close(instance);
	list_for_each_safe (listener, &instance->listeners, struct listener, link) {
		list_remove(&listener->link);
		g_free(listener);
	}
	nat_fdset_fini(&instance->fds);
	if (instance->share)
		nat_share_give_back(&instance->env->budget, instance->share);
	nat_expect_fini(&instance->expect);
	g_free(instance);
}

const struct in6_addr *instance_addr(const struct instance *instance)
{
	return &instance->addr;
}

const struct nat_share *instance_share(const struct instance *instance)
{
	return instance->share;
}

void instance_set_share(struct instance *instance, struct nat_share *share)
{
	struct nat_budget *budget = &instance->env->budget;
	int held = (int)instance->fds.n;

	nat_share_count_fds(budget, instance->share, -held);
	if (instance->share)
		nat_share_give_back(budget, instance->share);
	instance->share = share;
	nat_share_count_fds(budget, share, held);
}

bool instance_has_forwards(const struct instance *instance)
{
	return !list_empty(&instance->listeners);
}

bool instance_is_idle(const struct instance *instance)
{
	return instance->fds.n == 0 && list_empty(&instance->ready_link) &&
	       !instance_has_forwards(instance);
}

/* --- where the guest is --- */

mac_t instance_mac(const struct instance *instance)
{
	return instance->mac;
}

/* Tells libslirp the guest's MAC, in the words it understands: an answer to its request. */
static void instance_tell_mac(struct instance *instance)
{
	const struct user_config *config = instance->env->config;
	mac_t gateway = user_config_mac(config);
	uint8_t answer[NDP_FRAME_MAX];
	size_t len;

	if (instance->v6) {
		struct ndp_message solicit = {
			.kind = NDP_NEIGHBOUR_SOLICIT,
			.eth_src = gateway,
			.src = config->host6,
			.target = instance->addr,
		};
		len = ndp_build_na(answer, &solicit, instance->mac, false);
	} else {
		len = arp_build(answer, ARP_OP_REPLY, instance->mac, packet_v4(&instance->addr),
				gateway, config->host, gateway);
	}
	slirp_input(instance->slirp, answer, (int)len);
	instance->wants_mac = false;
	instance->unresolved_until = 0;
	set_ready(instance); /* what waited for it goes out in the poll (if.c) */
}

void instance_set_mac(struct instance *instance, mac_t mac)
{
	if (instance->mac == mac && instance->unresolved_until == 0)
		return;
	instance->mac = mac;
	set_clock(instance);
	instance_tell_mac(instance);
}

void instance_forget_mac(struct instance *instance)
{
	instance->mac = 0;
}

/* --- packets --- */

void instance_input(struct instance *instance, const struct packet *packet)
{
	offload_from_guest(instance->env->offload, instance, &instance->offload, packet);
}

/* To a server of ours. */
static void deliver_redirected(struct instance *instance, const struct redirect_server *server,
			       const struct packet *packet)
{
	struct instance_env *env = instance->env;
	struct packet changed = *packet;

	redirect_in(server, &changed, env->scratch_in);
	instance->opened = -1;
	slirp_input(instance->slirp, changed.frame, (int)changed.len);
	if (instance->opened >= 0 && env->ops->redirected)
		env->ops->redirected(env->ops_data, instance->opened, &changed);
}

void instance_deliver(void *owner, const struct packet *packet)
{
	struct instance *instance = owner;
	struct instance_env *env = instance->env;
	const struct redirect_server *server =
		env->redirect ? redirect_find(env->redirect, packet) : NULL;
	bool opens = packet->proto != IPPROTO_TCP || (packet->tcp_flags & TCP_FLAG_SYN);
	bool clamp = opens && !within_budget(instance);

	set_clock(instance);
	/*
	 * Every SYN, UDP source port and ping costs a descriptor. A guest over its budget may use
	 * what it has: only libslirp knows which datagram opens a socket, so socket() is made to
	 * fail for the call.
	 */
	if (clamp)
		nat_budget_clamp(&env->budget);
	if (server)
		deliver_redirected(instance, server, packet);
	else
		slirp_input(instance->slirp, packet->frame, (int)packet->len);
	if (clamp)
		nat_budget_unclamp(&env->budget);
	set_dirty(instance);
}

/* The guest does not take what it is sent: its sockets wait, in the kernel, instead of its frames
 * here. */
static bool instance_held(const struct instance *instance)
{
	const struct port *port;

	if (!instance->mac)
		return false;
	port = vswitch_lookup(instance->env->network->vswitch, instance->mac);
	return port && port->congested;
}

void instances_run(struct instance_env *env)
{
	struct loop *loop = env->network->loop;
	struct list ready;

	list_init(&ready);
	list_splice(&ready, &env->ready);
	while (!list_empty(&ready)) {
		struct instance *instance = list_first(&ready, struct instance, ready_link);

		list_remove(&instance->ready_link);
		if (instance_held(instance)) {
			/* Level-triggered: the next fill finds again what is quiet till then. */
			loop_timer_set(&instance->timer, loop_now(loop) + HELD_RETRY);
			nat_fdset_hush(&instance->fds);
			continue;
		}
		env->clock_turn = loop_turn(loop);
		slirp_pollfds_poll(instance->slirp, 0, on_get_revents, instance);
		set_dirty(instance);
	}
	while (!list_empty(&env->dirty)) {
		struct instance *instance = list_first(&env->dirty, struct instance, dirty_link);

		instance_fill(instance);
		if (instance->wants_mac) {
			instance->wants_mac = false;
			env->ops->resolve(env->ops_data, &instance->addr);
		}
	}
}

bool instance_expects(const struct instance *instance, const struct packet *packet)
{
	return nat_expect_has(&instance->expect,
			      &(struct nat_expected){packet->dst, packet->dport, packet->sport});
}

/* --- forwards --- */

static bool listener_bind(struct instance *instance, struct listener *listener, GError **error)
{
	const struct sockaddr_any *host = &listener->fwd.host, *guest = &listener->fwd.guest;
	int flags = listener->fwd.udp ? SLIRP_HOSTFWD_UDP : 0;

	if (host->sa.sa_family == AF_INET6)
		flags |= SLIRP_HOSTFWD_V6ONLY;
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
	if (!listener->fwd.udp && listen(listener->fd, LISTEN_BACKLOG) < 0)
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

void instance_unbind(struct instance *instance, const struct nat_hostfwd *fwd,
		     const struct sockaddr_any *bound)
{
	list_for_each_safe (listener, &instance->listeners, struct listener, link) {
		if (listener->fwd.udp != fwd->udp || !sockaddr_equal(&listener->bound, bound))
			continue;
		if (listener->fd >= 0)
			slirp_remove_hostxfwd(instance->slirp, &bound->sa, bound->len,
					      fwd->udp ? SLIRP_HOSTFWD_UDP : 0);
		list_remove(&listener->link);
		g_free(listener);
		break;
	}
	set_dirty(instance);
}

void instance_reset(struct instance *instance)
{
	instance_close(instance);
	instance_open(instance);
	instance->offload = (struct offload_guest){0};
	list_for_each (listener, &instance->listeners, struct listener, link)
		listener->fd = -1;
	list_for_each (listener, &instance->listeners, struct listener, link) {
		g_autoptr(GError) error = NULL;

		listener->fwd.host = listener->bound;
		if (!listener_bind(instance, listener, &error))
			log_warning("a forward is lost: %s", error->message);
	}
}

/* --- the whole --- */

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data)
{
	char *text;

	if (instance->v6) /* prints garbage for them (misc.c slirp_connection_info) */
		return;
	text = slirp_connection_info(instance->slirp);
	nat_flow_parse(text, each, data);
	g_free(text);
}

void instance_env_init(struct instance_env *env)
{
	list_init(&env->ready);
	list_init(&env->dirty);
	env->fds = nat_fds_new(env->network->loop);
	nat_budget_init(&env->budget, env->config->max_guests);
	env->offload = offload_new(!env->config->offload, instance_deliver);
}

void instance_env_fini(struct instance_env *env)
{
	offload_free(env->offload);
	nat_fds_free(env->fds);
	nat_budget_fini(&env->budget);
}
