/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/source.h"

#include "conntrack/conn_table.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/served.h"
#include "net/user_config.h"
#include "packet/ndp.h"

static bool in_subnet(const struct user_config *config, struct in_addr addr)
{
	return ((ntohl(addr.s_addr) ^ ntohl(config->net.s_addr)) >> (32 - config->net_len)) == 0;
}

/* Checks the owner of a LAN address; records a new address. */
static bool claim_v4(struct source *source, struct port *from, mac_t mac, struct in_addr src)
{
	struct guest_table *guests = source->network->guests;
	const struct guest *holder = guest_by_v4(guests, src);
	struct guest *guest;

	if (holder && holder->mac == mac)
		return true;
	guest = guest_seen(guests, mac, from, loop_now(source->network->loop));
	/* A guest may have addresses beside its lease, but not those of others. */
	return guest && guest_set_v4(guests, guest, src, false);
}

static bool claim_v6(struct source *source, struct port *from, mac_t mac,
		     const struct in6_addr *src)
{
	struct guest_table *guests = source->network->guests;
	const struct guest *holder = guest_by_v6(guests, src);
	struct guest *guest;

	if (holder && holder->mac == mac)
		return true;
	guest = guest_seen(guests, mac, from, loop_now(source->network->loop));
	return guest && guest_add_v6(guests, guest, src);
}

/* The sender is behind a guest that routes: the first guest to use an address keeps it. */
static bool claim_routed(struct source *source, mac_t mac, const struct in6_addr *src)
{
	mac_t holder = conn_holder(source->conns, src);

	return holder == 0 || holder == mac || !guest_by_mac(source->network->guests, holder);
}

/* May @mac use the source address of @packet? */
bool source_allows(struct source *source, struct port *from, mac_t mac, const struct packet *packet,
		   enum drop_reason *why)
{
	const struct user_config *config = source->config;
	uint64_t turn = loop_turn(source->network->loop);
	bool allowed;

	if (source->turn == turn && source->mac == mac && source->v6 == packet->v6 &&
	    IN6_ARE_ADDR_EQUAL(&source->addr, &packet->src))
		return true;
	if (packet->v6) {
		const struct in6_addr *src = &packet->src;

		if (IN6_IS_ADDR_MULTICAST(src) || IN6_IS_ADDR_UNSPECIFIED(src) ||
		    IN6_IS_ADDR_LOOPBACK(src) || IN6_IS_ADDR_LINKLOCAL(src) ||
		    IN6_IS_ADDR_V4MAPPED(src)) {
			*why = DROP_MALFORMED;
			return false;
		}
		allowed = !ndp_owns(source->ndp, src) &&
			  (address_in_prefix(src, &config->net6, config->net6_len)
				   ? claim_v6(source, from, mac, src)
				   : claim_routed(source, mac, src));
	} else {
		struct in_addr src = address_v4(&packet->src);
		uint32_t addr = ntohl(src.s_addr);

		if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 0xe) {
			*why = DROP_MALFORMED;
			return false;
		}
		allowed = src.s_addr != config->host.s_addr && src.s_addr != config->dns.s_addr &&
			  !served_has(source->served, &packet->src) &&
			  (in_subnet(config, src) ? claim_v4(source, from, mac, src)
						  : claim_routed(source, mac, &packet->src));
	}
	if (!allowed) {
		*why = DROP_SPOOFED;
		return false;
	}
	source->turn = turn;
	source->mac = mac;
	source->addr = packet->src;
	source->v6 = packet->v6;
	return true;
}
