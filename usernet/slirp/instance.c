/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/instance.h"

#include <slirp/libslirp.h>
#include <sys/resource.h>

#include "net/network.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packet/arp.h"
#include "packet/ndp.h"
#include "packet/segment.h"
#include "slirp/info.h"

/*
 * Theory of operation
 *
 * A ready socket of libslirp's, or an instance's timer, puts the instance on the ready list.
 * Packets from the guest go in by instance_input() as they come, and put it on the dirty list. Both
 * lists hold only instances with events, and defer the gateway's service task, which calls
 * instances_run():
 *
 *     ready: slirp_pollfds_poll reads sockets and makes frames; then the instance is dirty
 *     dirty: slirp_pollfds_fill says what it waits for now; differences go to the loop
 *
 * libslirp sends through on_send_packet() at any of these points; the frames go to the gateway's
 * outbox, cut to what the guest takes. Its ARP requests and neighbour solicitations are answered
 * with the MAC address that the guest's packets came from.
 *
 * Only slirp_pollfds_poll sets libslirp's clock (`curtime`, one global for all instances), so the
 * first input of a turn calls it first, without sockets: after a quiet hour a new UDP session would
 * otherwise look an hour old.
 */

#define HELD_RETRY (1 * USEC_PER_MSEC) /* the guest's queue is full: try again after this */
#define HELD_TRIES 64                  /* less often after this many tries */
#define HELD_LONG  (32 * USEC_PER_MSEC)

static void on_instance_timer(struct loop_timer *timer)
{
	instance_set_ready(container_of(timer, struct instance, timer));
}

/* --- life --- */

struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr, mac_t mac,
			      struct charge *charge)
{
	struct instance *instance = g_new0(struct instance, 1);

	instance->env = env;
	instance->addr = *addr;
	instance->v6 = !IN6_IS_ADDR_V4MAPPED(addr);
	instance->mac = mac;
	instance->charge = charge;
	instance_init_fds(instance);
	list_init(&instance->ready_link);
	list_init(&instance->dirty_link);
	list_init(&instance->held_link);
	loop_timer_init(env->nat.network->loop, &instance->timer, on_instance_timer);
	instance_open_slirp(instance, env->nat.config);
	return instance;
}

/* Peers see a reset or an end of data. */
void instance_free(struct instance *instance)
{
	instance->closing = true;
	slirp_cleanup(instance->slirp);
	nat_fdset_clear(&instance->fds);
	nat_fdset_fini(&instance->fds);
	list_remove(&instance->ready_link);
	list_remove(&instance->dirty_link);
	list_remove(&instance->held_link);
	loop_timer_cancel(&instance->timer);
	charge_give(instance->charge, CHARGE_INSTANCES, 1);
	charge_put(instance->charge);
	g_free(instance);
}

bool instance_is_idle(const struct instance *instance)
{
	return instance->fds.n == 0 && list_empty(&instance->ready_link);
}

/* --- the guest's MAC --- */

/* Tells libslirp the guest's MAC by an answer to its ARP request or solicitation. */
static void tell_mac(struct instance *instance)
{
	const struct user_config *config = instance->env->nat.config;
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
	instance->unresolved_until = 0;
	instance_set_ready(instance); /* the poll sends packets that waited for it (if.c) */
}

void instance_move(struct instance *instance, mac_t mac, struct charge *charge)
{
	struct charge *old = instance->charge;

	charge_move(old, charge, CHARGE_INSTANCES, 1);
	charge_move(old, charge, CHARGE_FDS, instance->fds.n);
	instance->charge = charge;
	charge_put(old);
	if (instance->mac == mac)
		return;
	instance->mac = mac;
	instance_set_clock(instance);
	tell_mac(instance);
}

/* --- packets --- */

/* The MSS option of a SYN (RFC 9293 3.7.1); 0: none. */
static uint16_t syn_mss(const struct packet *packet)
{
	const uint8_t *p = packet->frame + packet->l4 + 20, *end = packet->frame + packet->payload;

	while (end - p >= 2 && p[0] != 0) {
		if (p[0] == 1) {
			p++;
			continue;
		}
		if (p[1] < 2 || p[1] > end - p)
			return 0;
		if (p[0] == 2 && p[1] == 4)
			return packet_u16(p + 2);
		p += p[1];
	}
	return 0;
}

static void note_mss(struct instance *instance, const struct packet *packet)
{
	uint16_t mss = syn_mss(packet);

	if (mss && (!instance->mss || mss < instance->mss))
		instance->mss = mss;
}

/*
 * Every SYN, UDP source port and ping costs a descriptor. A guest over its budget may use those it
 * has. Only libslirp knows which datagram opens a socket, so socket() is made to fail during the
 * call.
 */
static void clamp_fds(bool clamp)
{
	static struct rlimit limit;
	struct rlimit none;

	if (clamp)
		getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){0, limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, clamp ? &none : &limit);
}

void instance_input(struct instance *instance, const struct packet *packet)
{
	bool opens = packet->proto != IPPROTO_TCP || (packet->tcp_flags & TCP_FLAG_SYN);
	bool clamp = opens && !charge_has_room(instance->charge, CHARGE_FDS, 1);

	/* First: it runs libslirp's timers, which may end sessions. */
	instance_set_clock(instance);
	if (conn_is_syn(packet) || (packet->proto == IPPROTO_TCP && opens))
		note_mss(instance, packet);
	if (clamp)
		clamp_fds(true);
	slirp_input(instance->slirp, packet->frame, (int)packet->len);
	if (clamp)
		clamp_fds(false);
	instance_set_dirty(instance);
}

void instance_to_guest(struct instance *instance, const uint8_t *frame, size_t len)
{
	const struct frame whole = {frame, (uint32_t)len};
	struct outbox *outbox = instance->env->nat.outbox;
	unsigned mtu = user_config_mtu(instance->env->nat.config);
	struct packet packet;
	enum drop_reason why;
	uint8_t *room;

	/* A guest that announces a large MSS has a large MTU, whatever it was told. */
	if (instance->mss + 40u > mtu)
		mtu = MIN(instance->mss + 40u, 65535);
	if (packet_parse(&packet, &whole, &why) &&
	    (len > ETH_HEADER + mtu || (instance->mss && len > instance->mss + 54u))) {
		segment_packet(&packet, instance->mss, mtu, outbox);
		return;
	}
	room = outbox_reserve(outbox, len);
	if (!room)
		return;
	memcpy(room, frame, len);
	outbox_commit(outbox, len);
}

/* --- the turn --- */

/*
 * The guest's port is congested: leave data in the host's sockets instead of queueing frames
 * here.
 */
static bool is_held(const struct instance *instance)
{
	const struct port *port;

	if (!instance->mac)
		return false;
	port = vswitch_lookup(instance->env->nat.network->vswitch, instance->mac);
	return port && port->congested;
}

/* Level-triggered: the next fill finds the events again. */
static void hold(struct instance *instance)
{
	usec_t wait = instance->n_held++ < HELD_TRIES ? HELD_RETRY : HELD_LONG;

	loop_timer_set(&instance->timer, loop_now(instance->env->nat.network->loop) + wait);
	nat_fdset_hush(&instance->fds);
	if (list_empty(&instance->held_link))
		list_append(&instance->env->held, &instance->held_link);
}

void instances_run(struct instance_env *env)
{
	struct list ready;

	list_init(&ready);
	list_splice(&ready, &env->ready);
	while (!list_empty(&ready)) {
		struct instance *instance = list_first(&ready, struct instance, ready_link);

		list_remove(&instance->ready_link);
		if (is_held(instance)) {
			hold(instance);
			continue;
		}
		instance->n_held = 0;
		list_remove(&instance->held_link);
		instance_poll(instance);
	}
	while (!list_empty(&env->dirty)) {
		struct instance *instance = list_first(&env->dirty, struct instance, dirty_link);

		if (instance->unresolved_until && instance->mac)
			tell_mac(instance);
		instance_fill(instance);
	}
}

void instances_look_again(struct instance_env *env)
{
	list_for_each_safe (instance, &env->held, struct instance, held_link) {
		if (is_held(instance))
			continue;
		list_remove(&instance->held_link);
		loop_timer_cancel(&instance->timer);
		instance_set_ready(instance);
	}
}

/* --- the whole --- */

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data)
{
	char *text;

	if (instance->v6) /* libslirp prints garbage for IPv6 (misc.c slirp_connection_info) */
		return;
	text = slirp_connection_info(instance->slirp);
	nat_flow_parse(text, each, data);
	g_free(text);
}

void instance_env_init(struct instance_env *env, const struct nat_env *nat)
{
	*env = (struct instance_env){.nat = *nat};
	list_init(&env->ready);
	list_init(&env->dirty);
	list_init(&env->held);
	env->fds = nat_fds_new(nat->network->loop);
}

void instance_env_fini(struct instance_env *env)
{
	nat_fds_free(env->fds);
}
