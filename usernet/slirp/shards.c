/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/shards.h"

#include "conntrack/conntrack.h"
#include "slirp/instance.h"

#define PORTS 65536

_Static_assert(SHARDS_MAX < UINT8_MAX, "a place fits struct conn and the table of ports");

void shards_init(struct shards *shards, struct instance_env *env, const struct in6_addr *addr)
{
	*shards = (struct shards){.env = env, .n = 1};
	shards->all[0] = instance_new(env, addr, 0);
}

static void free_last(struct shards *shards)
{
	instance_free(shards->all[--shards->n]);
	if (shards->n > 0)
		shards->env->n_added--;
}

void shards_fini(struct shards *shards)
{
	while (shards->n > 0)
		free_last(shards);
	g_free(shards->ports);
}

void shards_trim(struct shards *shards)
{
	unsigned before = shards->n;

	while (shards->n > 1 && instance_is_idle(shards->all[shards->n - 1]))
		free_last(shards);
	if (shards->n == before)
		return;
	if (shards->n == 1) {
		g_free(shards->ports);
		shards->ports = NULL;
		return;
	}
	for (unsigned i = 0; i < PORTS; i++) {
		if (shards->ports[i] > shards->n)
			shards->ports[i] = 0;
	}
}

/* What is open already is at the first. */
static void note_port(void *data, const struct conn *flow)
{
	struct shards *shards = data;

	if (flow->key.proto != IPPROTO_TCP)
		shards->ports[flow->key.guest_port] = 1;
}

/* Twice as many as what may be open fills: a guest with many addresses must not leave them all
 * behind. */
static bool may_grow(const struct shards *shards)
{
	const struct instance_env *env = shards->env;

	return shards->n < SHARDS_MAX && env->n_added < env->budget.fds_max / SHARD_FULL * 2;
}

static struct instance *grow(struct shards *shards)
{
	struct instance *first = shards->all[0];
	struct instance *added = instance_new(shards->env, instance_addr(first), shards->n);

	if (!shards->ports) {
		shards->ports = g_malloc0(PORTS);
		conn_foreach_of(conntrack_conns(shards->env->conntrack), instance_addr(first),
				note_port, shards);
	}
	instance_set_share(added, instance_share(first));
	if (instance_mac(first))
		instance_set_mac(added, instance_mac(first));
	shards->all[shards->n++] = added;
	shards->env->n_added++;
	return added;
}

static struct instance *pick(struct shards *shards)
{
	struct instance *least = shards->all[0];

	for (unsigned i = 1; i < shards->n; i++) {
		if (instance_n_fds(shards->all[i]) < instance_n_fds(least))
			least = shards->all[i];
	}
	if (instance_n_fds(least) >= SHARD_FULL && may_grow(shards))
		return grow(shards);
	return least;
}

static struct instance *for_tcp(struct shards *shards, const struct packet *packet)
{
	struct conn_key key;
	struct conn *flow;

	if (!conn_key_of(&key, packet, CONN_FROM_GUEST))
		return shards->all[0];
	flow = conn_find(conntrack_conns(shards->env->conntrack), &key);
	if (!flow) /* whichever: it answers with a reset */
		return shards->all[0];
	if (conn_is_syn(packet) && flow->opener == CONN_BY_GUEST &&
	    flow->count[CONN_FROM_GUEST].packets == 1)
		conn_set_shard(flow, instance_shard(pick(shards)));
	return shards->all[flow->shard < shards->n ? flow->shard : 0];
}

static struct instance *for_port(struct shards *shards, uint16_t port)
{
	uint8_t *at = &shards->ports[port];

	if (!*at)
		*at = (uint8_t)(instance_shard(pick(shards)) + 1);
	return shards->all[*at - 1];
}

struct instance *shards_for(struct shards *shards, const struct packet *packet)
{
	struct conn_key key;

	if (shards->n == 1) {
		if (instance_n_fds(shards->all[0]) < SHARD_FULL || !may_grow(shards))
			return shards->all[0];
		grow(shards);
	}
	if (packet->proto == IPPROTO_TCP)
		return for_tcp(shards, packet);
	if (conn_key_of(&key, packet, CONN_FROM_GUEST))
		return for_port(shards, key.guest_port);
	return shards->all[0];
}

struct instance *shards_for_client(struct shards *shards)
{
	return pick(shards);
}
