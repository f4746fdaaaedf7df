/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/nat.h"

#include "base/hash.h"
#include "conntrack/conntrack.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/user_config.h"
#include "slirp/instance.h"
#include "slirp/instance_door.h"
#include "slirp/shards.h"
#include "tcp/offload.h"

/*
 * Which guest addresses have instances (shards.h): one is made by a guest's first packet or a
 * forward, and let go when it is idle or its guest has been gone for a while.
 */
#define SWEEP_INTERVAL (30 * USEC_PER_SEC)
#define INSTANCE_IDLE  (60 * USEC_PER_SEC) /* without sockets for so long: let go */

/* A guest address, as the NAT knows it. */
struct address {
	struct in6_addr addr; /* v4-mapped, or IPv6 */
	struct shards shards;
	struct nat_share *share; /* of the port its guest is at; NULL before there is one */
	usec_t used;
	usec_t gone;      /* its guest went then; 0: it is there */
	struct list link; // nat::all
};

struct nat {
	struct instance_env env;
	struct nat_ops ops;
	GHashTable *addresses; /* struct in6_addr -> struct address */
	struct list all;       /* heads address::link */
	struct address *cached;
	GArray *over; /* struct conn_key, until the end of the turn */
	struct loop_timer sweep;
};

static usec_t now(const struct nat *nat)
{
	return loop_now(nat->env.network->loop);
}

static struct address *find(struct nat *nat, const struct in6_addr *addr)
{
	if (nat->cached && address_equal(&nat->cached->addr, addr))
		return nat->cached;
	nat->cached = g_hash_table_lookup(nat->addresses, addr);
	return nat->cached;
}

/* What they know alike, any of them knows. */
static const struct instance *any(const struct address *address)
{
	return address->shards.all[0];
}

static struct address *add(struct nat *nat, const struct in6_addr *addr)
{
	struct address *address = g_new0(struct address, 1);

	address->addr = *addr;
	shards_init(&address->shards, &nat->env, addr);
	address->used = now(nat);
	list_append(&nat->all, &address->link);
	g_hash_table_insert(nat->addresses, &address->addr, address);
	nat->cached = address;
	return address;
}

/* @gone: its guest is, with all that it had open; else just this instance, which is idle. */
static void let_go(struct nat *nat, struct address *address, bool gone)
{
	if (nat->cached == address)
		nat->cached = NULL;
	g_hash_table_remove(nat->addresses, &address->addr);
	list_remove(&address->link);
	shards_fini(&address->shards);
	if (address->share)
		nat_share_give_back(&nat->env.budget, address->share);
	conn_end_guest(conntrack_conns(nat->env.conntrack), &address->addr, !gone);
	g_free(address);
}

/* --- where guests are --- */

static void set_mac(struct nat *nat, struct address *address, mac_t mac)
{
	bool came = !instance_mac(any(address));

	address->gone = 0;
	for (unsigned i = 0; i < address->shards.n; i++)
		instance_set_mac(address->shards.all[i], mac);
	if (came)
		nat->ops.arrived(nat->env.ops_data, &address->addr);
}

void nat_neighbour(struct nat *nat, const struct in6_addr *addr, mac_t mac)
{
	struct address *address = find(nat, addr);

	if (address)
		set_mac(nat, address, mac);
}

static void set_gone(struct nat *nat, struct address *address)
{
	address->gone = now(nat);
	for (unsigned i = 0; i < address->shards.n; i++)
		instance_forget_mac(address->shards.all[i]);
	if (!loop_timer_is_set(&nat->sweep) || nat->sweep.at > address->gone + NAT_GUEST_GRACE)
		loop_timer_set(&nat->sweep, address->gone + NAT_GUEST_GRACE);
}

void nat_guest_gone(struct nat *nat, const struct in6_addr *addr)
{
	struct address *address = find(nat, addr);

	if (address)
		set_gone(nat, address);
}

mac_t nat_holder(struct nat *nat, const struct in6_addr *addr)
{
	const struct address *address = find(nat, addr);

	return address ? instance_mac(any(address)) : 0;
}

static bool is_idle(const struct address *address)
{
	for (unsigned i = 0; i < address->shards.n; i++) {
		if (!instance_is_idle(address->shards.all[i]))
			return false;
	}
	return true;
}

static void on_sweep(struct loop_timer *timer)
{
	struct nat *nat = container_of(timer, struct nat, sweep);
	usec_t next = now(nat) + SWEEP_INTERVAL;

	list_for_each_safe (address, &nat->all, struct address, link) {
		mac_t mac = instance_mac(any(address));
		bool gone;

		for (unsigned i = 0; i < address->shards.n; i++)
			instance_sweep_doors(address->shards.all[i], now(nat));
		shards_trim(&address->shards);

		/* Guests behind a router of their own have no entry: they go with the router. */
		if (mac && !guest_by_mac(nat->env.network->guests, mac))
			set_gone(nat, address);
		gone = address->gone && now(nat) - address->gone >= NAT_GUEST_GRACE;
		if (gone || (is_idle(address) && now(nat) - address->used >= INSTANCE_IDLE)) {
			let_go(nat, address, gone);
		} else if (address->gone) {
			next = MIN(next, address->gone + NAT_GUEST_GRACE);
		}
	}
	loop_timer_set(&nat->sweep, next);
}

/* --- packets --- */

/* What the guest holds is charged to @share from now on. */
static void set_share(struct nat *nat, struct address *address, struct nat_share *share)
{
	for (unsigned i = 0; i < address->shards.n; i++)
		instance_set_share(address->shards.all[i], share);
	if (address->share)
		nat_share_give_back(&nat->env.budget, address->share);
	address->share = share;
}

static struct address *address_for(struct nat *nat, struct port *port, mac_t mac,
				   const struct packet *packet)
{
	struct address *address = find(nat, &packet->src);
	const struct nat_share *held = address ? address->share : NULL;

	/* New, or at another port than before: what it holds counts there. */
	if (!held || held->port_id != port->id) {
		struct nat_share *share = nat_share_take(&nat->env.budget, port->id);

		if (!share) {
			port_drop(port, DROP_BUDGET, 1);
			return NULL;
		}
		if (!address)
			address = add(nat, &packet->src);
		set_share(nat, address, share);
	}
	address->used = now(nat);
	if (instance_mac(any(address)) != mac)
		set_mac(nat, address, mac);
	return address;
}

void nat_begin(struct nat *nat)
{
	nat->env.serving = true;
}

void nat_port_drained(struct nat *nat)
{
	instances_look_again(&nat->env);
	offload_look_again(nat->env.offload);
}

void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet)
{
	struct address *address = address_for(nat, port, mac, packet);

	if (address)
		instance_input(shards_for(&address->shards, packet), packet);
}

void nat_flow_over(struct nat *nat, const struct conn_key *key)
{
	g_array_append_val(nat->over, *key);
	if (!nat->env.serving)
		nat->ops.wake(nat->env.ops_data);
}

/*
 * libslirp keeps what has ended for 10 s more, with its descriptor, and looks at it in every poll.
 * So a guest with many short connections would run out of the one and become slower by the other.
 * What TIME_WAIT is for, a FIN that is sent again, the conntrack answers then
 * (conntrack_ops::say_last).
 */
static void bury(struct nat *nat)
{
	for (guint i = 0; i < nat->over->len; i++) {
		const struct conn_key *key = &g_array_index(nat->over, struct conn_key, i);
		const struct conn *flow = conn_find(conntrack_conns(nat->env.conntrack), key);
		struct address *address = find(nat, &key->guest);

		if (flow && address && conn_is_over(flow) && flow->shard < address->shards.n)
			instance_bury(address->shards.all[flow->shard], flow);
	}
	g_array_set_size(nat->over, 0);
}

void nat_run(struct nat *nat)
{
	offload_flush(nat->env.offload);
	instances_run(&nat->env);
	bury(nat);
	nat->env.serving = false;
	if (!list_empty(&nat->env.ready))
		nat->ops.wake(nat->env.ops_data);
}

void nat_inject(struct nat *nat, const struct packet *packet)
{
	struct address *address = find(nat, &packet->src);

	if (address)
		instance_input(shards_for(&address->shards, packet), packet);
}

void nat_inject_to_guest(struct nat *nat, const struct conn *flow, const uint8_t *frame, size_t len)
{
	struct address *address = find(nat, &flow->key.guest);

	if (address && flow->shard < address->shards.n)
		instance_to_guest(address->shards.all[flow->shard], frame, len);
}

/* --- clients that come in --- */

static struct in6_addr guest_address(const struct sockaddr_any *guest)
{
	return guest->sa.sa_family == AF_INET6 ? guest->in6.sin6_addr
					       : address_map4(guest->in.sin_addr.s_addr);
}

enum nat_admission nat_admit(struct nat *nat, int fd, const struct sockaddr_any *guest,
			     const struct nat_client *client)
{
	struct in6_addr addr = guest_address(guest);
	struct address *address = find(nat, &addr);
	uint16_t port =
		ntohs(guest->sa.sa_family == AF_INET6 ? guest->in6.sin6_port : guest->in.sin_port);

	if (!address)
		address = add(nat, &addr);
	if (!instance_mac(any(address))) {
		/* Known by its lease, perhaps; else it is asked for. */
		nat->ops.resolve(nat->env.ops_data, &addr);
		nat->ops.wake(nat->env.ops_data);
		if (!instance_mac(any(address)))
			return NAT_ABSENT;
	}
	address->used = now(nat);
	return instance_admit(shards_for_client(&address->shards), fd, port, client);
}

void nat_hold_fds(struct nat *nat, int n)
{
	nat_share_count_fds(&nat->env.budget, NULL, n);
}

bool nat_has_room(const struct nat *nat)
{
	return nat_share_allows(&nat->env.budget, NULL);
}

unsigned nat_max_fds(const struct nat *nat)
{
	return nat->env.budget.fds_max;
}

unsigned nat_n_inflows(const struct nat *nat)
{
	return inflow_count(nat->env.inflows);
}

/* --- the whole --- */

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data)
{
	list_for_each (address, &nat->all, struct address, link) {
		for (unsigned i = 0; i < address->shards.n; i++)
			instance_foreach_flow(address->shards.all[i], each, data);
	}
}

unsigned nat_n_instances(const struct nat *nat)
{
	return g_hash_table_size(nat->addresses) + nat->env.n_added;
}

unsigned nat_n_fds(const struct nat *nat)
{
	return nat->env.budget.fds;
}

unsigned nat_n_offloaded(const struct nat *nat)
{
	return offload_n_flows(nat->env.offload);
}

uint64_t nat_offload_bytes(const struct nat *nat)
{
	return offload_bytes(nat->env.offload);
}

void nat_set_local_services(struct nat *nat, const struct local_services *local_services)
{
	nat->env.local_services = local_services;
}

void nat_set_conntrack(struct nat *nat, struct conntrack *conntrack)
{
	nat->env.conntrack = conntrack;
}

struct nat *nat_new(struct network *network, const struct user_config *config,
		    struct outbox *outbox, const struct nat_ops *ops, void *data)
{
	struct nat *nat = g_new0(struct nat, 1);

	nat->ops = *ops;
	nat->env.network = network;
	nat->env.config = config;
	nat->env.outbox = outbox;
	nat->env.ops = &nat->ops;
	nat->env.ops_data = data;
	instance_env_init(&nat->env);
	nat->addresses = g_hash_table_new(address_hash, address_equal);
	nat->over = g_array_new(FALSE, FALSE, sizeof(struct conn_key));
	list_init(&nat->all);
	loop_timer_init(network->loop, &nat->sweep, on_sweep);
	loop_timer_set(&nat->sweep, loop_now(network->loop) + SWEEP_INTERVAL);
	return nat;
}

void nat_free(struct nat *nat)
{
	list_for_each_safe (address, &nat->all, struct address, link)
		let_go(nat, address, true);
	loop_timer_cancel(&nat->sweep);
	g_hash_table_destroy(nat->addresses);
	g_array_free(nat->over, TRUE);
	instance_env_fini(&nat->env);
	g_free(nat);
}
