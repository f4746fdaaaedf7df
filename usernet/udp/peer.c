/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/peer.h"

#include <glib.h>

#include "net/user_config.h"
#include "packet/packet.h"

/* Lower ports are for the gateway's own services: DHCP, DHCPv6, DNS and TFTP. */
#define KEPT_PORT_MIN 1024
/*
 * Twice as many ports as sessions: half the tries hit a free one even if all sessions are of one
 * guest and port.
 */
#define CHOSEN_PORT_MIN 32768
#define CHOSEN_TRIES    64
G_STATIC_ASSERT(65536 - CHOSEN_PORT_MIN >= 2 * UDP_SESSIONS_MAX);

static bool in_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned len)
{
	unsigned bytes = len / 8, bits = len % 8;

	return !memcmp(addr, prefix, bytes) &&
	       (bits == 0 || (addr[bytes] ^ prefix[bytes]) >> (8 - bits) == 0);
}

bool udp_peer_is_answerable(const struct user_config *config, const struct in6_addr *addr)
{
	const uint8_t *v4 = &addr->s6_addr[12];

	if (!IN6_IS_ADDR_V4MAPPED(addr))
		return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
		       !IN6_IS_ADDR_LINKLOCAL(addr) && !IN6_IS_ADDR_MULTICAST(addr) &&
		       !in_prefix(addr->s6_addr, config->net6.s6_addr, config->net6_len);
	/* RFC 6890 2.2.2: this network, loopback, link-local, multicast and reserved. */
	if (v4[0] == 0 || v4[0] == 127 || (v4[0] == 169 && v4[1] == 254) || v4[0] >= 224)
		return false;
	return !in_prefix(v4, (const uint8_t *)&config->net, config->net_len);
}

static bool is_free(struct udp_sessions *sessions, const struct udp_flow *flow)
{
	return !udp_session_by_flow(sessions, flow);
}

bool udp_peer_choose(struct udp_sessions *sessions, const struct user_config *config,
		     const struct udp_client *client, bool masquerade, struct udp_flow *flow)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&flow->guest);
	bool same_family = v6 != (bool)IN6_IS_ADDR_V4MAPPED(&client->addr);

	flow->peer = client->addr;
	flow->peer_port = client->port;
	if (!masquerade && same_family && udp_peer_is_answerable(config, &client->addr) &&
	    is_free(sessions, flow))
		return true;
	flow->peer = v6 ? config->host6 : address_map4(config->host.s_addr);
	if (client->port >= KEPT_PORT_MIN && is_free(sessions, flow))
		return true;
	for (unsigned i = 0; i < CHOSEN_TRIES; i++) {
		flow->peer_port = (uint16_t)g_random_int_range(CHOSEN_PORT_MIN, 65536);
		if (is_free(sessions, flow))
			return true;
	}
	return false;
}
