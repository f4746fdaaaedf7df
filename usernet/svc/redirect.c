/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/redirect.h"

#include "net/hash.h"
#include "svc/rewrite.h"

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
struct redirect {
	GHashTable *in, *out; /* struct endpoint -> const struct redirect_server */
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
	return IN6_IS_ADDR_V4MAPPED(addr) ? packet_map4(htonl(INADDR_LOOPBACK)) : in6addr_loopback;
}

static struct endpoint *endpoint_new(const struct in6_addr *addr, uint16_t port)
{
	struct endpoint *endpoint = g_new0(struct endpoint, 1);

	endpoint->addr = *addr;
	endpoint->port = port;
	return endpoint;
}

struct redirect *redirect_new(void)
{
	struct redirect *redirect = g_new0(struct redirect, 1);

	redirect->in = g_hash_table_new_full(endpoint_hash, endpoint_equal, g_free, NULL);
	redirect->out = g_hash_table_new_full(endpoint_hash, endpoint_equal, g_free, NULL);
	return redirect;
}

void redirect_free(struct redirect *redirect)
{
	if (!redirect)
		return;
	g_hash_table_unref(redirect->in);
	g_hash_table_unref(redirect->out);
	g_free(redirect);
}

static void set_mask(struct redirect *redirect)
{
	GHashTableIter iter;
	void *key;

	redirect->mask = 0;
	g_hash_table_iter_init(&iter, redirect->in);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		redirect->mask |= bit_of(&((const struct endpoint *)key)->addr);
}

void redirect_add(struct redirect *redirect, const struct redirect_server *server)
{
	struct in6_addr loopback = loopback_for(&server->addr);

	g_hash_table_replace(redirect->in, endpoint_new(&server->addr, server->port),
			     (void *)server);
	g_hash_table_replace(redirect->out, endpoint_new(&loopback, server->listener),
			     (void *)server);
	set_mask(redirect);
}

void redirect_remove(struct redirect *redirect, const struct redirect_server *server)
{
	struct in6_addr loopback = loopback_for(&server->addr);
	struct endpoint in = {server->addr, server->port}, out = {loopback, server->listener};

	if (g_hash_table_lookup(redirect->in, &in) == server)
		g_hash_table_remove(redirect->in, &in);
	if (g_hash_table_lookup(redirect->out, &out) == server)
		g_hash_table_remove(redirect->out, &out);
	set_mask(redirect);
}

const struct redirect_server *redirect_find(const struct redirect *redirect,
					    const struct packet *packet)
{
	const struct redirect_server *server;
	struct endpoint endpoint;

	if (packet->proto != IPPROTO_TCP || !(redirect->mask & bit_of(&packet->dst)))
		return NULL;
	endpoint = (struct endpoint){packet->dst, packet->dport};
	server = g_hash_table_lookup(redirect->in, &endpoint);
	if (server && server->closed &&
	    (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN)
		return NULL;
	return server;
}

/* --- the bytes --- */

void redirect_in(const struct redirect_server *server, struct packet *packet, uint8_t *copy)
{
	struct in6_addr loopback = loopback_for(&server->addr);

	memcpy(copy, packet->frame, packet->len);
	packet->frame = copy;
	rewrite_dst(copy, packet->l4, &loopback, server->listener);
	packet->dst = loopback;
	packet->dport = server->listener;
}

bool redirect_out(const struct redirect *redirect, const uint8_t *frame, size_t len, uint8_t *copy)
{
	const struct redirect_server *server;
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
	server = g_hash_table_lookup(redirect->out, &from);
	if (!server)
		return false;
	memcpy(copy, frame, len);
	rewrite_src(copy, l4, &server->addr, server->port);
	return true;
}
