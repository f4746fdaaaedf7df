/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conntrack.h"
#include "conntrack/reset.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packet/arp.h"
#include "packet/ndp.h"
#include "packet/rewrite.h"
#include "slirp/instance_priv.h"
#include "slirp/nat_flow.h"

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

#define HELD_RETRY (1 * USEC_PER_MSEC) /* the guest's queue is full: look again */
#define HELD_TRIES 64                  /* and after so many times less often */
#define HELD_LONG  (32 * USEC_PER_MSEC)

static void on_instance_timer(struct loop_timer *timer)
{
	instance_set_ready(container_of(timer, struct instance, timer));
}

/* --- life --- */

static void instance_open(struct instance *instance)
{
	const struct user_config *config = instance->env->config;
	const unsigned headers = (instance->v6 ? 40 : 20) + 20;
	const size_t if_mtu = OFFLOAD_MSS + headers;
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
		.vdhcp_start = config->dhcp_start,
		.vnameserver = config->dns,
		.vnameserver6 = config->dns6,
		.if_mtu = if_mtu,
		.if_mru = if_mtu,
		.disable_dhcp = true,
		.disable_dns = true,
	};

	instance->slirp = slirp_new(&slirp, &instance_callbacks, instance);
}

struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr, unsigned shard)
{
	struct instance *instance = g_new0(struct instance, 1);

	instance->env = env;
	offload_guest_init(&instance->offload, instance);
	instance->addr = *addr;
	instance->shard = shard;
	instance->v6 = !IN6_IS_ADDR_V4MAPPED(addr);
	instance->gateway =
		instance->v6 ? env->config->host6 : address_map4(env->config->host.s_addr);
	instance_init_doors(instance);
	instance_init_fds(instance);
	list_init(&instance->ready_link);
	list_init(&instance->dirty_link);
	list_init(&instance->held_link);
	loop_timer_init(env->network->loop, &instance->timer, on_instance_timer);
	instance_open(instance);
	return instance;
}

/* Ends its connections; peers see a reset or an end. */
static void instance_close(struct instance *instance)
{
	offload_forget(instance->env->offload, &instance->offload);
	instance_close_doors(instance);
	instance->closing = true;
	slirp_cleanup(instance->slirp);
	instance->closing = false;
	instance->slirp = NULL;
	nat_fdset_clear(&instance->fds);
	list_remove(&instance->ready_link);
	list_remove(&instance->dirty_link);
	list_remove(&instance->held_link);
	loop_timer_cancel(&instance->timer);
}

void instance_free(struct instance *instance)
{
	instance_close(instance);
	nat_fdset_fini(&instance->fds);
	g_free(instance);
}

const struct in6_addr *instance_addr(const struct instance *instance)
{
	return &instance->addr;
}

unsigned instance_shard(const struct instance *instance)
{
	return instance->shard;
}

unsigned instance_n_fds(const struct instance *instance)
{
	return instance->fds.n;
}

struct nat_share *instance_share(const struct instance *instance)
{
	return instance->share;
}

void instance_set_share(struct instance *instance, struct nat_share *share)
{
	struct nat_budget *budget = &instance->env->budget;
	int held = (int)instance->fds.n;

	nat_share_count_fds(budget, instance->share, -held);
	offload_guest_set_share(&instance->offload, share ? &share->offload : NULL);
	instance->share = share;
	nat_share_count_fds(budget, share, held);
}

bool instance_is_idle(const struct instance *instance)
{
	return instance->fds.n == instance->n_doors && !instance->knock.door &&
	       instance->offload.n_flows == 0 && list_empty(&instance->ready_link);
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
		len = arp_build(answer, ARP_OP_REPLY, instance->mac, address_v4(&instance->addr),
				gateway, config->host, gateway);
	}
	slirp_input(instance->slirp, answer, (int)len);
	instance->wants_mac = false;
	instance->unresolved_until = 0;
	instance_set_ready(instance); /* what waited for it goes out in the poll (if.c) */
}

void instance_set_mac(struct instance *instance, mac_t mac)
{
	if (instance->mac == mac && instance->unresolved_until == 0)
		return;
	instance->mac = mac;
	instance_set_clock(instance);
	instance_tell_mac(instance);
}

void instance_forget_mac(struct instance *instance)
{
	instance->mac = 0;
}

/* --- packets --- */

void instance_input(struct instance *instance, const struct packet *packet)
{
	offload_from_guest(instance->env->offload, &instance->offload, packet);
}

void instance_to_guest(struct instance *instance, const uint8_t *frame, size_t len)
{
	struct instance_env *env = instance->env;

	offload_to_guest(env->offload, &instance->offload, user_config_mtu(env->config), frame,
			 len);
}

/* To a server of ours. */
static void deliver_redirected(struct instance *instance, const struct local_server *server,
			       const struct packet *packet)
{
	struct instance_env *env = instance->env;
	struct packet changed = *packet;

	local_services_in(server, &changed, env->scratch_in);
	instance->opened = -1;
	slirp_input(instance->slirp, changed.frame, (int)changed.len);
	if (instance->opened >= 0 && env->ops->redirected)
		env->ops->redirected(env->ops_data, instance->opened, &changed,
				     instance->share ? instance->share->port_id : 0);
}

/*
 * A SYN to a client that came in is no answer. libslirp may take it for a new connection, in
 * TIME_WAIT (tcp_input.c), and the client's name there is a port of the host's loopback.
 */
static bool calls_client(const struct instance *instance, const struct packet *packet)
{
	struct port *port;

	if ((packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
		return false;
	port = vswitch_lookup(instance->env->network->vswitch, instance->mac);
	if (port)
		port_drop(port, DROP_POLICY, 1);
	return true;
}

static void deliver_rewritten(struct instance *instance, const struct inflow *flow,
			      const struct packet *packet)
{
	/* Changed where it is, and changed back: the payload may be 64 KB. */
	uint8_t *frame = (uint8_t *)packet->frame, saved[REWRITE_SPAN];
	const size_t span = MIN(packet->l4 + 18u, REWRITE_SPAN);
	bool masqueraded = flow->masqueraded;

	memcpy(saved, frame, span);
	if (!masqueraded)
		rewrite_dst(frame, packet->l4, &instance->gateway, flow->nat_port);
	slirp_input(instance->slirp, frame, (int)packet->len);
	/* The flow may be gone. */
	if (!masqueraded)
		memcpy(frame, saved, span);
}

/* Of a connection that came in: libslirp knows the client by another name (inflow.h). */
static void deliver_inflow(struct instance *instance, struct inflow *flow,
			   const struct packet *packet)
{
	int fd = flow->fd;

	if (calls_client(instance, packet))
		return;
	instance_inflow_segment(instance, flow, packet);
	deliver_rewritten(instance, flow, packet);
	if (packet->tcp_flags & TCP_FLAG_RST)
		instance_inflow_went_on(instance, fd);
}

/* libslirp says which descriptor it opens, not for whom. */
static void note_fd(struct instance *instance, const struct packet *packet)
{
	struct conn_key key;
	struct conn *flow;

	if (instance->opened < 0 || !conn_key_of(&key, packet, CONN_FROM_GUEST))
		return;
	flow = conn_find(conntrack_conns(instance->env->conntrack), &key);
	if (flow)
		conn_set_fd(flow, instance->opened);
}

static void instance_deliver(void *owner, const struct packet *packet)
{
	struct instance *instance = owner;
	struct instance_env *env = instance->env;
	const struct local_server *server;
	struct inflow *flow;
	bool opens = packet->proto != IPPROTO_TCP || (packet->tcp_flags & TCP_FLAG_SYN);
	bool clamp = opens && !instance_within_budget(instance);

	/* First: it runs libslirp's timers, and what they end is no more to be found. */
	instance_set_clock(instance);
	server = env->local_services ? local_services_find(env->local_services, packet) : NULL;
	flow = inflow_from_guest(env->inflows, packet);
	/*
	 * Every SYN, UDP source port and ping costs a descriptor. A guest over its budget may use
	 * what it has: only libslirp knows which datagram opens a socket, so socket() is made to
	 * fail for the call.
	 */
	instance->opened = -1;
	if (clamp)
		nat_budget_clamp(&env->budget);
	if (flow)
		deliver_inflow(instance, flow, packet);
	else if (server)
		deliver_redirected(instance, server, packet);
	else
		slirp_input(instance->slirp, packet->frame, (int)packet->len);
	if (clamp)
		nat_budget_unclamp(&env->budget);
	if (conn_is_syn(packet))
		note_fd(instance, packet);
	instance_set_dirty(instance);
}

void instance_bury(struct instance *instance, const struct conn *flow)
{
	struct instance_env *env = instance->env;
	uint8_t bytes[RESET_FRAME_MAX];
	struct frame frame = {bytes, 0};
	const struct local_server *server;
	struct inflow *inflow;
	struct packet packet;
	enum drop_reason why;
	int fd;

	frame.len = (uint32_t)reset_build(bytes, flow, CONN_FROM_GUEST, flow->mac,
					  user_config_mac(env->config));
	if (!packet_parse(&packet, &frame, &why))
		return;
	inflow = inflow_from_guest(env->inflows, &packet);
	server = env->local_services ? local_services_find(env->local_services, &packet) : NULL;
	fd = inflow ? inflow->fd : flow->fd;
	/* Quiet: both ways are shut (slirp.c slirp_pollfds_fill). In TIME_WAIT a reset just closes
	 * the descriptor (tcp_input.c), which the kernel sees to its end. */
	if (fd < 0 || !nat_fdset_is_quiet(&instance->fds, fd))
		return;
	instance_set_clock(instance);
	if (inflow) {
		deliver_rewritten(instance, inflow, &packet);
	} else {
		if (server)
			local_services_in(server, &packet, env->scratch_in);
		slirp_input(instance->slirp, packet.frame, (int)packet.len);
	}
	/* What it waits for is what it was: no fill is due. */
	list_remove(&instance->dirty_link);
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

static bool may_send(void *owner)
{
	return !instance_held(owner);
}

static void on_offload_timer(void *data)
{
	struct instance_env *env = data;

	env->ops->wake(env->ops_data);
}

static const struct offload_ops offload_ops = {
	.deliver = instance_deliver,
	.may_send = may_send,
	.wake = on_offload_timer,
};

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
			loop_timer_set(&instance->timer,
				       loop_now(loop) + (instance->n_held++ < HELD_TRIES
								 ? HELD_RETRY
								 : HELD_LONG));
			nat_fdset_hush(&instance->fds);
			if (list_empty(&instance->held_link))
				list_append(&env->held, &instance->held_link);
			continue;
		}
		instance->n_held = 0;
		list_remove(&instance->held_link);
		instance_poll(instance);
	}
	offload_flush(env->offload);
	while (!list_empty(&env->dirty)) {
		struct instance *instance = list_first(&env->dirty, struct instance, dirty_link);

		instance_fill(instance);
		if (instance->wants_mac) {
			instance->wants_mac = false;
			env->ops->resolve(env->ops_data, &instance->addr);
		}
	}
}

void instances_look_again(struct instance_env *env)
{
	list_for_each_safe (instance, &env->held, struct instance, held_link) {
		if (instance_held(instance))
			continue;
		list_remove(&instance->held_link);
		loop_timer_cancel(&instance->timer);
		instance_set_ready(instance);
	}
}

/* --- the whole --- */

struct listing {
	void (*each)(void *data, const struct nat_flow *flow);
	void *data;
};

/* Doors are nobody's business. */
static void list_flow(void *data, const struct nat_flow *flow)
{
	const struct listing *listing = data;

	if (strcmp(flow->protocol, "TCP") || strcmp(flow->state, "HOST_FORWARD"))
		listing->each(listing->data, flow);
}

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data)
{
	struct listing listing = {each, data};
	char *text;

	if (instance->v6) /* prints garbage for them (misc.c slirp_connection_info) */
		return;
	text = slirp_connection_info(instance->slirp);
	nat_flow_parse(text, list_flow, &listing);
	g_free(text);
}

void instance_env_init(struct instance_env *env)
{
	list_init(&env->ready);
	list_init(&env->dirty);
	list_init(&env->held);
	env->fds = nat_fds_new(env->network->loop);
	env->inflows = inflow_table_new();
	nat_budget_init(&env->budget, env->config->max_guests);
	env->offload = offload_new(env->network->loop, env->outbox, &offload_ops, env,
				   !env->config->offload);
}

void instance_env_fini(struct instance_env *env)
{
	offload_free(env->offload);
	nat_fds_free(env->fds);
	inflow_table_free(env->inflows);
	nat_budget_fini(&env->budget);
}
