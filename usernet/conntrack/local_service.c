/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/local_service.h"

#include "base/hash.h"
#include "packet/rewrite.h"

#define IP4_SRC (ETH_HEADER + 12)
#define IP6_SRC (ETH_HEADER + 8)

struct endpoint {
	struct in6_addr addr;
	uint16_t port;
};

/*
 * Which server, by its address and by its listener's. A bit is set in either mask for each that
 * has one: most packets are for nobody here, and that is all they cost.
 */
struct local_services {
	GHashTable *in, *out; /* struct endpoint -> const struct local_server */
	uint64_t mask;        /* 1 << bit_of(addr), of all */
};

static guint endpoint_hash(gconstpointer key)
{
	const struct endpoint *endpoint = key;
	uint64_t halves[2];

	memcpy(halves, &endpoint->addr, sizeof(halves));
	return (guint)hash_mix(hash_mix(halves[0] ^ hash_seed() ^ endpoint->port) ^ halves[1]);
}

static gboolean endpoint_equal(gconstpointer a, gconstpointer b)
{
	const struct endpoint *x = a, *y = b;

	return x->port == y->port && IN6_ARE_ADDR_EQUAL(&x->addr, &y->addr);
}

static uint64_t bit_of(const struct in6_addr *addr)
{
	return UINT64_C(1) << (addr->s6_addr[15] & 63);
}

static struct in6_addr loopback_for(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? address_map4(htonl(INADDR_LOOPBACK)) : in6addr_loopback;
}

static struct endpoint *endpoint_new(const struct in6_addr *addr, uint16_t port)
{
	struct endpoint *endpoint = g_new0(struct endpoint, 1);

	endpoint->addr = *addr;
	endpoint->port = port;
	return endpoint;
}

struct local_services *local_services_new(void)
{
	struct local_services *services = g_new0(struct local_services, 1);

	services->in = g_hash_table_new_full(endpoint_hash, endpoint_equal, g_free, NULL);
	services->out = g_hash_table_new_full(endpoint_hash, endpoint_equal, g_free, NULL);
	return services;
}

void local_services_free(struct local_services *services)
{
	if (!services)
		return;
	g_hash_table_unref(services->in);
	g_hash_table_unref(services->out);
	g_free(services);
}

static void set_mask(struct local_services *services)
{
	GHashTableIter iter;
	void *key;

	services->mask = 0;
	g_hash_table_iter_init(&iter, services->in);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		services->mask |= bit_of(&((const struct endpoint *)key)->addr);
}

void local_services_add(struct local_services *services, const struct local_server *server)
{
	struct in6_addr loopback = loopback_for(&server->addr);

	g_hash_table_replace(services->in, endpoint_new(&server->addr, server->port),
			     (void *)server);
	g_hash_table_replace(services->out, endpoint_new(&loopback, server->listener),
			     (void *)server);
	set_mask(services);
}

void local_services_remove(struct local_services *services, const struct local_server *server)
{
	struct in6_addr loopback = loopback_for(&server->addr);
	struct endpoint in = {server->addr, server->port}, out = {loopback, server->listener};

	if (g_hash_table_lookup(services->in, &in) == server)
		g_hash_table_remove(services->in, &in);
	if (g_hash_table_lookup(services->out, &out) == server)
		g_hash_table_remove(services->out, &out);
	set_mask(services);
}

const struct local_server *local_services_find(const struct local_services *services,
					       const struct packet *packet)
{
	const struct local_server *server;
	struct endpoint endpoint;

	if (packet->proto != IPPROTO_TCP || !(services->mask & bit_of(&packet->dst)))
		return NULL;
	endpoint = (struct endpoint){packet->dst, packet->dport};
	server = g_hash_table_lookup(services->in, &endpoint);
	if (server && server->closed &&
	    (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN)
		return NULL;
	return server;
}

/* --- the bytes --- */

void local_services_in(const struct local_server *server, struct packet *packet, uint8_t *copy)
{
	struct in6_addr loopback = loopback_for(&server->addr);

	memcpy(copy, packet->frame, packet->len);
	packet->frame = copy;
	rewrite_dst(copy, packet->l4, &loopback, server->listener);
	packet->dst = loopback;
	packet->dport = server->listener;
}

bool local_services_out(const struct local_services *services, const uint8_t *frame, size_t len,
			uint8_t *copy)
{
	const struct local_server *server;
	struct endpoint from = {.port = 0};
	size_t l4 = rewrite_find_tcp(frame, len);

	if (!l4)
		return false;
	if (packet_u16(frame + 12) == ETHERTYPE_V4) {
		/* 127.0.0.1 is nobody's here but ours. */
		if (frame[IP4_SRC] != 127)
			return false;
		memcpy(&from.addr.s6_addr[12], frame + IP4_SRC, 4);
		from.addr.s6_addr[10] = from.addr.s6_addr[11] = 0xff;
	} else {
		memcpy(&from.addr, frame + IP6_SRC, 16);
		if (!IN6_IS_ADDR_LOOPBACK(&from.addr))
			return false;
	}
	from.port = packet_u16(frame + l4);
	server = g_hash_table_lookup(services->out, &from);
	if (!server)
		return false;
	memcpy(copy, frame, len);
	rewrite_src(copy, l4, &server->addr, server->port);
	return true;
}
