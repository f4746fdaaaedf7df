/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/client.h"

#include "net/user_config.h"
#include "udp/peer.h"

#define KEPT_PORT_MIN   1024 /* lower ones are for the gateway's own services */
#define CHOSEN_PORT_MIN 32768
#define CHOSEN_TRIES    64

static bool is_free(struct conn_table *conns, const struct conn_key *key)
{
	const struct conn *conn = conn_find(conns, key);

	return !conn || (conn_is_closed(conn) && !conn->ops);
}

/* Sets the client's address and port in @key; false: it has no address of the guest's family. */
static bool own_name(const struct sockaddr_any *client, struct conn_key *key)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);

	if (client->sa.sa_family == AF_INET && !v6) {
		key->peer = address_map4(client->in.sin_addr.s_addr);
		key->peer_port = ntohs(client->in.sin_port);
		return true;
	}
	if (client->sa.sa_family == AF_INET6 && v6) {
		key->peer = client->in6.sin6_addr;
		key->peer_port = ntohs(client->in6.sin6_port);
		return true;
	}
	return false;
}

static uint16_t port_of(const struct sockaddr_any *client)
{
	switch (client->sa.sa_family) {
	case AF_INET:
		return ntohs(client->in.sin_port);
	case AF_INET6:
		return ntohs(client->in6.sin6_port);
	default:
		return 0;
	}
}

bool client_choose(struct conn_table *conns, const struct user_config *config,
		   const struct sockaddr_any *client, bool masquerade, struct conn_key *key)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);

	if (!masquerade && own_name(client, key) && udp_peer_is_answerable(config, &key->peer) &&
	    is_free(conns, key))
		return true;
	key->peer = v6 ? config->host6 : address_map4(config->host.s_addr);
	key->peer_port = port_of(client);
	if (key->peer_port >= KEPT_PORT_MIN && is_free(conns, key))
		return true;
	for (unsigned i = 0; i < CHOSEN_TRIES; i++) {
		key->peer_port = (uint16_t)g_random_int_range(CHOSEN_PORT_MIN, 65536);
		if (is_free(conns, key))
			return true;
	}
	return false;
}
