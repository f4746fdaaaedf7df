/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/nat.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/log.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "svc/arp.h"
#include "svc/gateway.h"
#include "svc/nat_budget.h"
#include "svc/nat_expect.h"
#include "svc/nat_fds.h"
#include "svc/nat_flow.h"
#include "svc/ndp.h"
#include "svc/offload.h"
#include "svc/outbox.h"
#include "svc/redirect.h"

/*
 * Theory of operation
 *
 * An instance is a Slirp and what libslirp wants around it. Within a turn:
 *
 *   descriptors  a socket of libslirp's is ready: noted in the instance's polls, which joins
 * `ready` timers       an instance's time has come: it joins `ready` LOOP_SERVICE the gateway hands
 * over packets (nat_input -> offload -> slirp_input), then calls nat_run: each ready instance:
 * slirp_pollfds_poll   reads sockets, makes frames each dirty instance:  slirp_pollfds_fill   says
 * what it waits for now both lists hold only instances where something happened.
 *
 * libslirp speaks through send_packet at any of these points; offload writes the frames into the
 * gateway's outbox. Its ARP requests and neighbour solicitations are not sent: they become
 * nat_ops::resolve.
 *
 * libslirp's clock (`curtime`, one global for all instances) is set by slirp_pollfds_poll only, so
 * the first input of a turn calls that first, without sockets: after a quiet hour a new UDP session
 * would else be an hour old.
 */

#define SWEEP_INTERVAL     (30 * USEC_PER_SEC)
#define INSTANCE_IDLE      (60 * USEC_PER_SEC) /* without sockets or forwards for so long: let go */
#define HELD_RETRY         (1 * USEC_PER_MSEC) /* the guest's queue is full: look again */
#define LISTEN_BACKLOG     4096                /* libslirp's own is 1 (socket.c tcpx_listen) */
#define SLIRP_IDLE_TIMEOUT 1000 /* what fill answers when it needs no tick (slirp.c) */
#define EXPECTED_MAX       256  /* clients of an instance's UDP forwards, remembered */

struct listener {
	struct nat_hostfwd fwd;
	struct sockaddr_any bound;
	int fd;           /* libslirp's; -1: could not be bound again */
	struct list link; // instance::listeners
};

struct instance {
	struct nat *nat;
	Slirp *slirp;
	struct in6_addr addr; /* the guest's; v4-mapped */
	bool v6;
	mac_t mac;               /* 0: not known yet */
	bool wants_mac;          /* libslirp has asked, we have not passed it on yet */
	usec_t unresolved_until; /* what it queued for want of the MAC expires then (if.c: 1 s) */
	struct offload_guest offload;
	struct nat_fdset fds;
	struct nat_share *share; /* of the port its guest is at; NULL before there is one */
	struct list listeners;   /* heads listener::link */
	usec_t used;
	usec_t gone; /* its guest went then; 0: it is there */
	struct nat_expect expect;
	struct loop_timer timer; /* when libslirp wants to be polled without an event */
	struct list ready_link;  // nat::ready
	struct list dirty_link;  // nat::dirty
	struct list link;        // nat::instances_list
};

struct nat {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox;
	struct nat_ops ops;
	void *ops_data;
	struct offload *offload;
	SlirpCb callbacks;
	GHashTable *instances; /* struct in6_addr -> struct instance */
	struct list all;       /* heads instance::link */
	struct list ready, dirty;
	struct nat_fds *fds;
	struct nat_budget budget;
	uint64_t clock_turn; /* loop_turn in which curtime was set */
	struct instance *cached;
	struct loop_timer sweep;
	struct redirect redirect;
	uint8_t scratch[ETH_HEADER + 65535];
};

static guint addr_hash(gconstpointer key)
{
	const uint32_t *w = key;

	return (w[0] * 31 + w[1]) * 31 + (w[2] ^ w[3] * UINT32_C(2654435761));
}

static gboolean addr_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct in6_addr)) == 0;
}

static void set_ready(struct instance *instance)
{
	if (list_empty(&instance->ready_link))
		list_append(&instance->nat->ready, &instance->ready_link);
	instance->nat->ops.wake(instance->nat->ops_data);
}

static void set_dirty(struct instance *instance)
{
	if (list_empty(&instance->dirty_link))
		list_append(&instance->nat->dirty, &instance->dirty_link);
	instance->nat->ops.wake(instance->nat->ops_data);
}

/* --- descriptors --- */

static void on_fds_ready(struct nat_fdset *set)
{
	set_ready(container_of(set, struct instance, fds));
}

static void on_fds_counted(struct nat_fdset *set, int n)
{
	struct instance *instance = container_of(set, struct instance, fds);

	nat_share_count_fds(&instance->nat->budget, instance->share, n);
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
	return nat_share_allows(&instance->nat->budget, instance->share);
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
	struct loop *loop = instance->nat->network->loop;
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
	struct nat *nat = instance->nat;
	uint64_t turn = loop_turn(nat->network->loop);

	if (nat->clock_turn == turn)
		return;
	nat->clock_turn = turn;
	slirp_pollfds_poll(instance->slirp, 1, no_revents, NULL);
}

/* --- libslirp's callbacks --- */

static int64_t on_clock(void *opaque)
{
	struct instance *instance = opaque;

	return loop_now(instance->nat->network->loop) * 1000;
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
	struct nat *nat = instance->nat;
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
	if (redirect_out(&nat->redirect, buf, len, nat->scratch))
		buf = nat->scratch;
	offload_to_guest(nat->offload, &instance->offload, user_config_mtu(nat->config), buf, len,
			 nat->outbox);
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

static void on_register_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	nat_fdset_claim(&instance->fds, fd);
	set_dirty(instance);
}

static void on_unregister_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	nat_fdset_release(&instance->fds, fd);
	set_dirty(instance);
}

static void on_notify(void *opaque)
{
	set_dirty(opaque);
}

/* --- instances --- */

static void instance_open(struct instance *instance)
{
	const struct user_config *config = instance->nat->config;
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

	instance->slirp = slirp_new(&slirp, &instance->nat->callbacks, instance);
}

static struct instance *instance_new(struct nat *nat, const struct in6_addr *addr)
{
	struct instance *instance = g_new0(struct instance, 1);

	instance->nat = nat;
	instance->addr = *addr;
	instance->v6 = !IN6_IS_ADDR_V4MAPPED(addr);
	nat_fdset_init(&instance->fds, nat->fds, on_fds_ready, on_fds_counted);
	list_init(&instance->listeners);
	list_init(&instance->ready_link);
	list_init(&instance->dirty_link);
	loop_timer_init(nat->network->loop, &instance->timer, on_instance_timer);
	instance->used = loop_now(nat->network->loop);
	instance_open(instance);
	list_append(&nat->all, &instance->link);
	g_hash_table_insert(nat->instances, &instance->addr, instance);
	return instance;
}

/* Ends its connections; peers see a reset or an end. */
static void instance_close(struct instance *instance)
{
	offload_forget(instance->nat->offload, instance);
	slirp_cleanup(instance->slirp);
	instance->slirp = NULL;
	nat_fdset_clear(&instance->fds);
	list_remove(&instance->ready_link);
	list_remove(&instance->dirty_link);
	loop_timer_cancel(&instance->timer);
}

static void instance_free(struct instance *instance)
{
	struct nat *nat = instance->nat;

	instance_close(instance);
	if (nat->cached == instance)
		nat->cached = NULL;
	g_hash_table_remove(nat->instances, &instance->addr);
	list_remove(&instance->link);
	list_for_each_safe (listener, &instance->listeners, struct listener, link) {
		list_remove(&listener->link);
		g_free(listener);
	}
	nat_fdset_fini(&instance->fds);
	if (instance->share)
		nat_share_give_back(&nat->budget, instance->share);
	nat_expect_fini(&instance->expect);
	g_free(instance);
}

static struct instance *instance_find(struct nat *nat, const struct in6_addr *addr)
{
	if (nat->cached && addr_equal(&nat->cached->addr, addr))
		return nat->cached;
	nat->cached = g_hash_table_lookup(nat->instances, addr);
	return nat->cached;
}

/* Tells libslirp the guest's MAC, in the words it understands: an answer to its request. */
static void instance_tell_mac(struct instance *instance)
{
	const struct user_config *config = instance->nat->config;
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

static void instance_set_mac(struct instance *instance, mac_t mac)
{
	instance->gone = 0;
	if (instance->mac == mac && instance->unresolved_until == 0)
		return;
	instance->mac = mac;
	set_clock(instance);
	instance_tell_mac(instance);
}

void nat_neighbour(struct nat *nat, const struct in6_addr *addr, mac_t mac)
{
	struct instance *instance = instance_find(nat, addr);

	if (instance)
		instance_set_mac(instance, mac);
}

void nat_guest_gone(struct nat *nat, const struct in6_addr *addr)
{
	struct instance *instance = instance_find(nat, addr);

	if (!instance)
		return;
	instance->gone = loop_now(nat->network->loop);
	instance->mac = 0;
	if (!loop_timer_is_set(&nat->sweep) || nat->sweep.at > instance->gone + NAT_GUEST_GRACE)
		loop_timer_set(&nat->sweep, instance->gone + NAT_GUEST_GRACE);
}

static bool listener_bind(struct instance *instance, struct listener *listener, GError **error);

/* A guest is gone for good: all its connections end, its forwards wait for the next one. */
static void instance_reset(struct instance *instance)
{
	instance_close(instance);
	instance_open(instance);
	instance->gone = 0;
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

static void on_sweep(struct loop_timer *timer)
{
	struct nat *nat = container_of(timer, struct nat, sweep);
	usec_t now = loop_now(nat->network->loop), next = now + SWEEP_INTERVAL;

	list_for_each_safe (instance, &nat->all, struct instance, link) {
		bool forwards = !list_empty(&instance->listeners);
		bool gone;

		/* Guests behind a router of their own have no entry: they go with the router. */
		if (instance->mac && !instance->gone &&
		    !guest_by_mac(nat->network->guests, instance->mac))
			nat_guest_gone(nat, &instance->addr);
		gone = instance->gone && now - instance->gone >= NAT_GUEST_GRACE;

		if (!forwards &&
		    (gone || (instance->fds.n == 0 && list_empty(&instance->ready_link) &&
			      now - instance->used >= INSTANCE_IDLE)))
			instance_free(instance);
		else if (gone)
			instance_reset(instance);
		else if (instance->gone)
			next = MIN(next, instance->gone + NAT_GUEST_GRACE);
	}
	loop_timer_set(&nat->sweep, next);
}

/* --- packets in --- */

static void deliver(void *owner, const struct packet *packet)
{
	struct instance *instance = owner;
	struct nat *nat = instance->nat;
	bool opens = packet->proto != IPPROTO_TCP || (packet->tcp_flags & TCP_FLAG_SYN);
	bool clamp = opens && !within_budget(instance);

	set_clock(instance);
	/*
	 * Every SYN, UDP source port and ping costs a descriptor. A guest over its budget may use
	 * what it has: only libslirp knows which datagram opens a socket, so socket() is made to
	 * fail for the call.
	 */
	if (clamp)
		nat_budget_clamp(&nat->budget);
	slirp_input(instance->slirp, packet->frame, (int)packet->len);
	if (clamp)
		nat_budget_unclamp(&nat->budget);
	set_dirty(instance);
}

/* The guest is at another port now: what it holds counts there. */
static void instance_give(struct instance *instance, struct nat_share *share)
{
	struct nat_budget *budget = &instance->nat->budget;
	int held = (int)instance->fds.n;

	nat_share_count_fds(budget, instance->share, -held);
	if (instance->share)
		nat_share_give_back(budget, instance->share);
	instance->share = share;
	nat_share_count_fds(budget, share, held);
}

static struct instance *instance_for(struct nat *nat, struct port *port, mac_t mac,
				     const struct packet *packet)
{
	struct instance *instance = instance_find(nat, &packet->src);

	if (!instance || !instance->share || instance->share->port_id != port->id) {
		struct nat_share *share = nat_share_take(&nat->budget, port->id);

		if (!share) {
			port_drop(port, DROP_BUDGET, 1);
			return NULL;
		}
		if (!instance)
			instance = instance_new(nat, &packet->src);
		instance_give(instance, share);
		nat->cached = instance;
	}
	instance->used = loop_now(nat->network->loop);
	if (instance->mac != mac)
		instance_set_mac(instance, mac);
	return instance;
}

void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet)
{
	struct instance *instance = instance_for(nat, port, mac, packet);

	if (instance)
		offload_from_guest(nat->offload, instance, &instance->offload, packet);
}

void nat_input_now(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet)
{
	nat_input(nat, port, mac, packet);
	offload_flush(nat->offload);
}

void nat_set_redirect(struct nat *nat, const struct redirect *redirect)
{
	nat->redirect = *redirect;
}

mac_t nat_holder(struct nat *nat, const struct in6_addr *addr)
{
	struct instance *instance = instance_find(nat, addr);

	return instance ? instance->mac : 0;
}

bool nat_expects(struct nat *nat, const struct packet *packet)
{
	struct instance *instance;

	if (packet->proto != IPPROTO_UDP)
		return false;
	instance = instance_find(nat, &packet->src);
	return instance &&
	       nat_expect_has(&instance->expect,
			      &(struct nat_expected){packet->dst, packet->dport, packet->sport});
}

/* --- the turn --- */

/* The guest does not take what it is sent: its sockets wait, in the kernel, instead of its frames
 * here. */
static bool instance_held(const struct instance *instance)
{
	const struct port *port;

	if (!instance->mac)
		return false;
	port = vswitch_lookup(instance->nat->network->vswitch, instance->mac);
	return port && port->congested;
}

void nat_run(struct nat *nat)
{
	struct list ready;

	offload_flush(nat->offload);
	list_init(&ready);
	list_splice(&ready, &nat->ready);
	while (!list_empty(&ready)) {
		struct instance *instance = list_first(&ready, struct instance, ready_link);

		list_remove(&instance->ready_link);
		if (instance_held(instance)) {
			/* Level-triggered: the next fill finds again what is quiet till then. */
			loop_timer_set(&instance->timer, loop_now(nat->network->loop) + HELD_RETRY);
			nat_fdset_hush(&instance->fds);
			continue;
		}
		nat->clock_turn = loop_turn(nat->network->loop);
		slirp_pollfds_poll(instance->slirp, 0, on_get_revents, instance);
		set_dirty(instance);
	}
	while (!list_empty(&nat->dirty)) {
		struct instance *instance = list_first(&nat->dirty, struct instance, dirty_link);

		instance_fill(instance);
		if (instance->wants_mac) {
			instance->wants_mac = false;
			nat->ops.resolve(nat->ops_data, &instance->addr);
		}
	}
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

static struct in6_addr guest_address(const struct sockaddr_any *guest)
{
	return guest->sa.sa_family == AF_INET6 ? guest->in6.sin6_addr
					       : packet_map4(guest->in.sin_addr.s_addr);
}

bool nat_hostfwd_add(struct nat *nat, const struct nat_hostfwd *fwd, struct sockaddr_any *bound,
		     GError **error)
{
	struct in6_addr addr = guest_address(&fwd->guest);
	struct instance *instance = instance_find(nat, &addr);
	struct listener *listener;

	if (!instance) {
		instance = instance_new(nat, &addr);
		nat->cached = instance;
	}
	listener = g_new0(struct listener, 1);
	listener->fwd = *fwd;
	list_init(&listener->link);
	if (!listener_bind(instance, listener, error)) {
		g_free(listener);
		instance->used = loop_now(nat->network->loop);
		return false;
	}
	*bound = listener->bound;
	list_append(&instance->listeners, &listener->link);
	return true;
}

void nat_hostfwd_remove(struct nat *nat, const struct nat_hostfwd *fwd,
			const struct sockaddr_any *bound)
{
	struct in6_addr addr = guest_address(&fwd->guest);
	struct instance *instance = instance_find(nat, &addr);

	if (!instance)
		return;
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
	instance->used = loop_now(nat->network->loop);
	set_dirty(instance);
}

/* --- the whole --- */

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data)
{
	list_for_each (instance, &nat->all, struct instance, link) {
		char *text;

		if (instance->v6) /* prints garbage for them (misc.c slirp_connection_info) */
			continue;
		text = slirp_connection_info(instance->slirp);
		nat_flow_parse(text, each, data);
		g_free(text);
	}
}

unsigned nat_n_instances(const struct nat *nat)
{
	return g_hash_table_size(nat->instances);
}

unsigned nat_n_fds(const struct nat *nat)
{
	return nat->budget.fds;
}

struct nat *nat_new(struct network *network, const struct user_config *config,
		    struct outbox *outbox, const struct nat_ops *ops, void *data)
{
	struct nat *nat = g_new0(struct nat, 1);

	nat->network = network;
	nat->config = config;
	nat->redirect.config = config;
	nat->outbox = outbox;
	nat->ops = *ops;
	nat->ops_data = data;
	nat->offload = offload_new(!config->offload, deliver);
	nat->callbacks = (SlirpCb){
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
	nat->instances = g_hash_table_new(addr_hash, addr_equal);
	list_init(&nat->all);
	list_init(&nat->ready);
	list_init(&nat->dirty);
	nat->fds = nat_fds_new(network->loop);
	nat_budget_init(&nat->budget, config->max_guests);
	loop_timer_init(network->loop, &nat->sweep, on_sweep);
	loop_timer_set(&nat->sweep, loop_now(network->loop) + SWEEP_INTERVAL);
	return nat;
}

void nat_free(struct nat *nat)
{
	list_for_each_safe (instance, &nat->all, struct instance, link)
		instance_free(instance);
	loop_timer_cancel(&nat->sweep);
	offload_free(nat->offload);
	g_hash_table_destroy(nat->instances);
	nat_fds_free(nat->fds);
	nat_budget_fini(&nat->budget);
	g_free(nat);
}
