/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/inflow.h"

#include "base/hash.h"
#include "packet/rewrite.h"

struct inflow_table {
	GHashTable *by_nat;  /* of struct inflow: guest, guest_port, nat_port */
	GHashTable *by_seen; /* the same ones: guest, guest_port, seen, seen_port */
	GPtrArray *by_fd;
};

static uint64_t mix_addr(uint64_t seed, const struct in6_addr *addr)
{
	uint64_t halves[2];

	memcpy(halves, addr, sizeof(halves));
	return hash_mix(hash_mix(halves[0] ^ seed) ^ halves[1]);
}

static guint nat_hash(gconstpointer key)
{
	const struct inflow *flow = key;
	uint64_t ports = (uint64_t)flow->guest_port << 16 | flow->nat_port;

	return (guint)mix_addr(hash_seed() ^ ports, &flow->guest);
}

static gboolean nat_equal(gconstpointer a, gconstpointer b)
{
	const struct inflow *x = a, *y = b;

	return x->nat_port == y->nat_port && x->guest_port == y->guest_port &&
	       IN6_ARE_ADDR_EQUAL(&x->guest, &y->guest);
}

static guint seen_hash(gconstpointer key)
{
	const struct inflow *flow = key;
	uint64_t ports = (uint64_t)flow->guest_port << 16 | flow->seen_port;

	return (guint)mix_addr(mix_addr(hash_seed() ^ ports, &flow->guest), &flow->seen);
}

static gboolean seen_equal(gconstpointer a, gconstpointer b)
{
	const struct inflow *x = a, *y = b;

	return x->seen_port == y->seen_port && x->guest_port == y->guest_port &&
	       IN6_ARE_ADDR_EQUAL(&x->seen, &y->seen) && IN6_ARE_ADDR_EQUAL(&x->guest, &y->guest);
}

static void inflow_free(void *data)
{
	struct inflow *flow = data;

	if (flow->rule)
		g_ref_string_release((char *)flow->rule);
	g_free(flow);
}

struct inflow_table *inflow_table_new(void)
{
	struct inflow_table *table = g_new0(struct inflow_table, 1);

	table->by_nat = g_hash_table_new_full(nat_hash, nat_equal, inflow_free, NULL);
	table->by_seen = g_hash_table_new(seen_hash, seen_equal);
	table->by_fd = g_ptr_array_new();
	return table;
}

void inflow_table_free(struct inflow_table *table)
{
	g_hash_table_destroy(table->by_seen);
	g_hash_table_destroy(table->by_nat);
	g_ptr_array_free(table->by_fd, TRUE);
	g_free(table);
}

unsigned inflow_count(const struct inflow_table *table)
{
	return g_hash_table_size(table->by_nat);
}

struct inflow *inflow_add(struct inflow_table *table, const struct inflow *flow,
			  const struct in6_addr *gateway)
{
	struct inflow *own;

	if (g_hash_table_contains(table->by_nat, flow))
		return NULL;
	own = g_memdup2(flow, sizeof(*flow));
	own->fd = -1;
	if (own->rule)
		g_ref_string_acquire((char *)own->rule);
	if (own->masqueraded || g_hash_table_contains(table->by_seen, own)) {
		own->masqueraded = true;
		own->seen = *gateway;
		own->seen_port = own->nat_port;
	}
	g_hash_table_add(table->by_nat, own);
	g_hash_table_add(table->by_seen, own);
	return own;
}

void inflow_set_fd(struct inflow_table *table, struct inflow *flow, int fd)
{
	flow->fd = fd;
	if ((guint)fd >= table->by_fd->len)
		g_ptr_array_set_size(table->by_fd, MAX(fd + 1, (int)table->by_fd->len * 2));
	table->by_fd->pdata[fd] = flow;
}

struct inflow *inflow_by_fd(const struct inflow_table *table, int fd)
{
	return fd >= 0 && (guint)fd < table->by_fd->len ? table->by_fd->pdata[fd] : NULL;
}

void inflow_remove(struct inflow_table *table, struct inflow *flow)
{
	if (flow->fd >= 0)
		table->by_fd->pdata[flow->fd] = NULL;
	g_hash_table_remove(table->by_seen, flow);
	g_hash_table_remove(table->by_nat, flow);
}

struct inflow *inflow_from_guest(const struct inflow_table *table, const struct packet *packet)
{
	struct inflow key;

	if (packet->proto != IPPROTO_TCP || !inflow_count(table))
		return NULL;
	key.guest = packet->src;
	key.guest_port = packet->sport;
	key.seen = packet->dst;
	key.seen_port = packet->dport;
	return g_hash_table_lookup(table->by_seen, &key);
}

struct inflow *inflow_to_guest(const struct inflow_table *table, const struct in6_addr *gateway,
			       uint8_t *frame, size_t len)
{
	size_t l4 = inflow_count(table) ? rewrite_find_tcp(frame, len) : 0;
	struct inflow key, *flow;

	if (!l4)
		return NULL;
	if (packet_u16(frame + 12) == ETHERTYPE_V6) {
		if (memcmp(frame + ETH_HEADER + 8, gateway, 16) != 0)
			return NULL;
		memcpy(&key.guest, frame + ETH_HEADER + 24, 16);
	} else {
		uint32_t guest;

		if (memcmp(frame + ETH_HEADER + 12, &gateway->s6_addr[12], 4) != 0)
			return NULL;
		memcpy(&guest, frame + ETH_HEADER + 16, 4);
		key.guest = address_map4(guest);
	}
	key.nat_port = packet_u16(frame + l4);
	key.guest_port = packet_u16(frame + l4 + 2);
	flow = g_hash_table_lookup(table->by_nat, &key);
	if (flow && !flow->masqueraded)
		rewrite_src(frame, l4, &flow->seen, flow->seen_port);
	return flow;
}
