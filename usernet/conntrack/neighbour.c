/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/neighbour.h"

#include "conntrack/conn_table.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "packet/arp.h"
#include "packet/ndp.h"

struct answer {
	struct in6_addr addr;
	mac_t mac;
	usec_t until;
};

struct neighbours {
	struct network *network;
	const struct user_config *config;
	struct conn_table *conns;
	struct outbox *outbox;
	struct loop_task *service;
	GHashTable *answers; /* struct in6_addr -> struct answer, owned */
};

static usec_t now(const struct neighbours *neighbours)
{
	return loop_now(neighbours->network->loop);
}

mac_t neighbour_find(struct neighbours *neighbours, const struct in6_addr *addr)
{
	struct guest_table *guests = neighbours->network->guests;
	const struct guest *guest = IN6_IS_ADDR_V4MAPPED(addr)
					    ? guest_by_v4(guests, address_v4(addr))
					    : guest_by_v6(guests, addr);
	const struct answer *answer;
	mac_t mac;

	if (guest)
		return guest->mac;
	mac = conn_holder(neighbours->conns, addr);
	if (mac && guest_by_mac(guests, mac))
		return mac;
	answer = g_hash_table_lookup(neighbours->answers, addr);
	return answer && answer->until > now(neighbours) ? answer->mac : 0;
}

void neighbour_ask(struct neighbours *neighbours, const struct in6_addr *addr)
{
	const struct user_config *config = neighbours->config;
	mac_t gateway = user_config_mac(config);
	uint8_t *out = outbox_reserve(neighbours->outbox, NDP_FRAME_MAX);
	size_t len;

	if (!out)
		return;
	if (IN6_IS_ADDR_V4MAPPED(addr))
		len = arp_build_request(out, gateway, config->host, address_v4(addr));
	else
		len = ndp_build_ns(out, gateway, &config->host6, addr);
	outbox_commit(neighbours->outbox, len);
	loop_task_defer(neighbours->service);
}

static gboolean is_old(gpointer key, gpointer value, gpointer data)
{
	const struct answer *answer = value;
	const struct neighbours *neighbours = data;

	return answer->until <= now(neighbours);
}

void neighbour_heard(struct neighbours *neighbours, const struct in6_addr *addr, mac_t mac)
{
	struct answer *answer = g_hash_table_lookup(neighbours->answers, addr);

	if (!answer) {
		if (g_hash_table_size(neighbours->answers) >= NEIGHBOURS_MAX)
			g_hash_table_foreach_remove(neighbours->answers, is_old, neighbours);
		if (g_hash_table_size(neighbours->answers) >= NEIGHBOURS_MAX)
			return;
		answer = g_new0(struct answer, 1);
		answer->addr = *addr;
		g_hash_table_insert(neighbours->answers, &answer->addr, answer);
	}
	answer->mac = mac;
	answer->until = now(neighbours) + NEIGHBOUR_LIFE;
}

struct neighbours *neighbours_new(struct network *network, const struct user_config *config,
				  struct conn_table *conns, struct outbox *outbox,
				  struct loop_task *service)
{
	struct neighbours *neighbours = g_new0(struct neighbours, 1);

	neighbours->network = network;
	neighbours->config = config;
	neighbours->conns = conns;
	neighbours->outbox = outbox;
	neighbours->service = service;
	neighbours->answers = g_hash_table_new_full(address_hash, address_equal, NULL, g_free);
	return neighbours;
}

void neighbours_free(struct neighbours *neighbours)
{
	if (!neighbours)
		return;
	g_hash_table_destroy(neighbours->answers);
	g_free(neighbours);
}
