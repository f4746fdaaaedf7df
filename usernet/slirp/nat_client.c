/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/nat.h"
#include "udp/peer.h"

struct nat_client nat_client_of(const struct user_config *config, const struct sockaddr_any *client,
				bool guest_v6, bool masquerade)
{
	struct nat_client out = {.masquerade = true};

	if (client->sa.sa_family == AF_INET && !guest_v6) {
		out.addr = address_map4(client->in.sin_addr.s_addr);
		out.port = ntohs(client->in.sin_port);
	} else if (client->sa.sa_family == AF_INET6 && guest_v6) {
		out.addr = client->in6.sin6_addr;
		out.port = ntohs(client->in6.sin6_port);
	} else {
		return out;
	}
	out.masquerade = masquerade || !udp_peer_is_answerable(config, &out.addr);
	return out;
}
