/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/nat.h"

#include "conntrack/reset.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/user_config.h"
#include "slirp/instance.h"

/*
 * Keeps one instance per guest address: made by the guest's first packet, freed when idle or when
 * the guest has been gone for a while.
 */
#define SWEEP_INTERVAL (30 * USEC_PER_SEC)
#define INSTANCE_IDLE  (60 * USEC_PER_SEC) /* an instance without sockets for this long is freed */

struct nat {
	struct instance_env env;
	GHashTable *instances; /* struct in6_addr -> struct instance */
	struct list all;       /* heads instance::link */
	struct instance *cached;
	struct loop_timer sweep;
};

static usec_t now(const struct nat *nat)
{
	return loop_now(nat->env.nat.network->loop);
}

static struct instance *find(struct nat *nat, const struct in6_addr *addr)
{
	if (!nat->cached || !address_equal(&nat->cached->addr, addr))
		nat->cached = g_hash_table_lookup(nat->instances, addr);
	return nat->cached;
}

/* @gone: the guest left, with open connections; else the instance is idle. */
static void let_go(struct nat *nat, struct instance *instance, bool gone)
{
	struct conn_table *conns = conntrack_conns(nat->env.nat.conntrack);
	struct in6_addr addr = instance->addr;

	if (nat->cached == instance)
		nat->cached = NULL;
	g_hash_table_remove(nat->instances, &addr);
	list_remove(&instance->link);
	instance_free(instance);
	conn_end_slirp(conns, &addr, !gone);
}

static void set_gone(struct nat *nat, struct instance *instance)
{
	usec_t at = now(nat) + NAT_GUEST_GRACE;

	instance->gone = now(nat);
	instance->mac = 0;
	if (!loop_timer_is_set(&nat->sweep) || nat->sweep.at > at)
		loop_timer_set(&nat->sweep, at);
}

void nat_guest_gone(struct nat *nat, const struct in6_addr *addr)
{
	struct instance *instance = find(nat, addr);

	if (instance)
		set_gone(nat, instance);
}

static void on_sweep(struct loop_timer *timer)
{
	struct nat *nat = container_of(timer, struct nat, sweep);
	struct guest_table *guests = nat->env.nat.network->guests;
	usec_t next = now(nat) + SWEEP_INTERVAL;

	list_for_each_safe (instance, &nat->all, struct instance, link) {
		bool gone;

		/* Guests behind a router have no entry of their own: they leave with the router. */
		if (instance->mac && !guest_by_mac(guests, instance->mac))
			set_gone(nat, instance);
		gone = instance->gone && now(nat) - instance->gone >= NAT_GUEST_GRACE;
		if (gone ||
		    (instance_is_idle(instance) && now(nat) - instance->used >= INSTANCE_IDLE))
			let_go(nat, instance, gone);
		else if (instance->gone)
			next = MIN(next, instance->gone + NAT_GUEST_GRACE);
	}
	loop_timer_set(&nat->sweep, next);
}

/* --- packets --- */

/* NULL: the limit of instances for the port or for all is reached. */
static struct instance *add(struct nat *nat, struct port *port, mac_t mac,
			    const struct in6_addr *addr)
{
	struct charge *charge = charge_get(nat->env.nat.charges, port->id);
	struct instance *instance;

	if (!charge_take(charge, CHARGE_INSTANCES, 1)) {
		charge_put(charge);
		return NULL;
	}
	instance = instance_new(&nat->env, addr, mac, charge);
	list_append(&nat->all, &instance->link);
	g_hash_table_insert(nat->instances, &instance->addr, instance);
	nat->cached = instance;
	return instance;
}

/* The guest moved to another port or MAC: its charges move too. */
static void move(struct nat *nat, struct instance *instance, const struct port *port, mac_t mac)
{
	if (instance->mac == mac && charge_port_id(instance->charge) == port->id)
		return;
	instance->gone = 0;
	instance_move(instance, mac, charge_get(nat->env.nat.charges, port->id));
}

void nat_begin(struct nat *nat)
{
	nat->env.serving = true;
}

void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet)
{
	struct instance *instance = find(nat, &packet->src);

	if (!instance)
		instance = add(nat, port, mac, &packet->src);
	if (!instance) {
		port_drop(port, drop_reason_no_room(), 1);
		return;
	}
	move(nat, instance, port, mac);
	instance->used = now(nat);
	instance_input(instance, packet);
}

void nat_reset(struct nat *nat, const struct conn *conn)
{
	struct instance *instance = find(nat, &conn->key.guest);
	mac_t gateway = user_config_mac(nat->env.nat.config);
	uint8_t frame[RESET_FRAME_MAX];
	struct frame whole = {frame, 0};
	struct packet packet;
	enum drop_reason why;

	if (!instance)
		return;
	whole.len = (uint32_t)reset_build(frame, conn, CONN_TO_GUEST, gateway, conn->mac);
	instance_to_guest(instance, frame, whole.len);
	whole.len = (uint32_t)reset_build(frame, conn, CONN_FROM_GUEST, conn->mac, gateway);
	if (packet_parse(&packet, &whole, &why))
		instance_input(instance, &packet);
}

void nat_run(struct nat *nat)
{
	instances_run(&nat->env);
	nat->env.serving = false;
	if (!list_empty(&nat->env.ready))
		loop_task_defer(nat->env.nat.service);
}

void nat_port_drained(struct nat *nat)
{
	instances_look_again(&nat->env);
}

/* --- the whole --- */

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data)
{
	list_for_each (instance, &nat->all, struct instance, link)
		instance_foreach_flow(instance, each, data);
}

unsigned nat_n_instances(const struct nat *nat)
{
	return g_hash_table_size(nat->instances);
}

struct nat *nat_new(const struct nat_env *env)
{
	struct nat *nat = g_new0(struct nat, 1);

	instance_env_init(&nat->env, env);
	nat->instances = g_hash_table_new(address_hash, address_equal);
	list_init(&nat->all);
	loop_timer_init(env->network->loop, &nat->sweep, on_sweep);
	loop_timer_set(&nat->sweep, loop_now(env->network->loop) + SWEEP_INTERVAL);
	return nat;
}

void nat_free(struct nat *nat)
{
	if (!nat)
		return;
	list_for_each_safe (instance, &nat->all, struct instance, link)
		let_go(nat, instance, true);
	loop_timer_cancel(&nat->sweep);
	g_hash_table_destroy(nat->instances);
	instance_env_fini(&nat->env);
	g_free(nat);
}
