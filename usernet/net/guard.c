/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/guard.h"

#include "base/address.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/troubles.h"
#include "net/vswitch.h"

struct guard {
	struct network *network;
	mac_t gateway_mac; /* 0: the network has no gateway */
	bool yields;       /* guard_set_yields() */
	GArray *v4;        /* of struct in_addr: the gateway's addresses */
	GArray *v6;        /* of struct in6_addr */
};

struct guard *guard_new(struct network *network)
{
	struct guard *guard = g_new0(struct guard, 1);

	guard->network = network;
	guard->v4 = g_array_new(FALSE, FALSE, sizeof(struct in_addr));
	guard->v6 = g_array_new(FALSE, FALSE, sizeof(struct in6_addr));
	return guard;
}

void guard_free(struct guard *guard)
{
	g_array_free(guard->v4, TRUE);
	g_array_free(guard->v6, TRUE);
	g_free(guard);
}

void guard_set_gateway_mac(struct guard *guard, mac_t mac)
{
	guard->gateway_mac = mac;
}

void guard_set_yields(struct guard *guard, bool yields)
{
	guard->yields = yields;
}

void guard_protect_v4(struct guard *guard, struct in_addr addr)
{
	g_array_append_val(guard->v4, addr);
}

void guard_protect_v6(struct guard *guard, const struct in6_addr *addr)
{
	g_array_append_vals(guard->v6, addr, 1);
}

void guard_unprotect_v4(struct guard *guard, struct in_addr addr)
{
	for (guint i = 0; i < guard->v4->len; i++) {
		if (g_array_index(guard->v4, struct in_addr, i).s_addr == addr.s_addr) {
			g_array_remove_index_fast(guard->v4, i);
			return;
		}
	}
}

void guard_unprotect_v6(struct guard *guard, const struct in6_addr *addr)
{
	for (guint i = 0; i < guard->v6->len; i++) {
		if (IN6_ARE_ADDR_EQUAL(&g_array_index(guard->v6, struct in6_addr, i), addr)) {
			g_array_remove_index_fast(guard->v6, i);
			return;
		}
	}
}

void guard_clear_gateway(struct guard *guard)
{
	guard->gateway_mac = 0;
	g_array_set_size(guard->v4, 0);
	g_array_set_size(guard->v6, 0);
}

static bool is_protected_v4(const struct guard *guard, struct in_addr addr)
{
	for (guint i = 0; i < guard->v4->len; i++) {
		if (g_array_index(guard->v4, struct in_addr, i).s_addr == addr.s_addr)
			return true;
	}
	return false;
}

static bool is_protected_v6(const struct guard *guard, const struct in6_addr *addr)
{
	for (guint i = 0; i < guard->v6->len; i++) {
		if (IN6_ARE_ADDR_EQUAL(&g_array_index(guard->v6, struct in6_addr, i), addr))
			return true;
	}
	return false;
}

static bool refuse(struct port *from, enum drop_reason why)
{
	port_drop(from, why, 1);
	return false;
}

static usec_t now_of(const struct guard *guard)
{
	return loop_now(guard->network->loop);
}

/* Must @guest's address, which another MAC at @from claims, stay with @guest? */
static bool holds(const struct guard *guard, const struct guest *guest, const struct port *from,
		  bool leased)
{
	const struct port *port = guest->port;

	if (port == from || !port->link_up)
		return false;
	if (leased)
		return true;
	if (from->netdev && from->netdev->unguarded)
		return false;
	return port->n_guests < GUEST_FEW ||
	       vswitch_lookup(guard->network->vswitch, guest->mac) == port;
}

/* The active port that keeps @mac from @from, or NULL. */
static const struct port *mac_holder(const struct guard *guard, const struct port *from,
				     uint16_t vlan, mac_t mac)
{
	const struct network *network = guard->network;
	const struct port *holder = vswitch_lookup_in(network->vswitch, vlan, mac);

	if (holder == from)
		return NULL;
	if (!holder && vlan == vswitch_home(network->vswitch)) {
		const struct guest *guest = guest_by_mac(network->guests, mac);

		/* Silent for long, but still present. */
		if (guest && guest->port->n_guests < GUEST_FEW)
			holder = guest->port;
	}
	if (!holder || holder == from || !holder->link_up)
		return NULL;
	if (reservation_by_mac(network->reservations, mac))
		return holder->netdev && !reservation_allows_netdev(network->reservations, mac,
								    holder->netdev->id)
			       ? NULL
			       : holder;
	if (from->netdev && from->netdev->unguarded)
		return NULL;
	return from->first_mac && from->first_mac != mac ? holder : NULL;
}

static bool refuse_mac(struct guard *guard, struct port *from, mac_t mac, const struct port *holder)
{
	usec_t now = now_of(guard);

	if (!from->mac_conflict_at || now - from->mac_conflict_at >= GUARD_CONFLICT_PAUSE) {
		from->mac_conflict_at = now;
		troubles_note(guard->network->troubles,
			      &(struct trouble_facts){.kind = TROUBLE_MAC_CONFLICT,
						      .mac = mac,
						      .port = from,
						      .other = holder});
	}
	return refuse(from, DROP_SPOOFED);
}

/* @mac at @from claims @addr. @holder: the guest that has it; NULL: the gateway, or a reservation.
 */
static void note_conflict(struct guard *guard, struct port *from, mac_t mac,
			  const struct in6_addr *addr, const struct guest *holder)
{
	usec_t now = now_of(guard);

	if (from->conflict_at && now - from->conflict_at < GUARD_CONFLICT_PAUSE)
		return;
	from->conflict_at = now;
	troubles_note(guard->network->troubles,
		      &(struct trouble_facts){.kind = TROUBLE_ADDRESS_CONFLICT,
					      .mac = mac,
					      .addr = *addr,
					      .port = from,
					      .other = holder ? holder->port : NULL});
}

static bool refuse_address(struct guard *guard, struct port *from, const struct dissect *d,
			   const struct guest *holder)
{
	struct in6_addr addr = address_map4(d->v4.s_addr);

	note_conflict(guard, from, d->mac, &addr, holder);
	return refuse(from, DROP_SPOOFED);
}

static bool pass_arp(struct guard *guard, struct port *from, mac_t src, const struct dissect *d)
{
	struct guest_table *guests = guard->network->guests;
	struct guest *guest;

	if (guard->gateway_mac && d->mac == guard->gateway_mac)
		return refuse(from, DROP_SPOOFED);
	/* A probe claims nothing (RFC 5227 1.1). */
	if (!d->v4.s_addr)
		return true;
	guest = guest_by_v4(guests, d->v4);
	if (is_protected_v4(guard, d->v4) ||
	    !reservation_allows_v4(guard->network->reservations, d->mac, d->v4))
		return refuse_address(guard, from, d, NULL);
	if (guest && guest->mac != d->mac && (guest->v4_leased || holds(guard, guest, from, false)))
		return refuse_address(guard, from, d, guest);
	/* A proxy answer, or one in another VLAN, does not show where the sender is. */
	if (d->tagged || d->mac != src)
		return true;
	if (guest && guest->mac != src) {
		struct in6_addr addr = address_map4(d->v4.s_addr);

		note_conflict(guard, from, src, &addr, guest);
	}
	guest = guest_seen(guests, src, from, now_of(guard));
	if (guest)
		(void)guest_set_v4(guests, guest, d->v4, false);
	return true;
}

static bool pass_neighbour(struct guard *guard, struct port *from, mac_t src,
			   const struct dissect *d)
{
	struct guest_table *guests = guard->network->guests;
	struct guest *guest;

	/* Duplicate address detection uses the source :: (RFC 4862 5.4.2). */
	if (IN6_IS_ADDR_UNSPECIFIED(&d->v6))
		return true;
	if (is_protected_v6(guard, &d->v6)) {
		note_conflict(guard, from, src, &d->v6, NULL);
		return refuse(from, DROP_SPOOFED);
	}
	if (d->tagged || IN6_IS_ADDR_MULTICAST(&d->v6))
		return true;
	guest = guest_by_v6(guests, &d->v6);
	if (guest && guest->mac != src) {
		note_conflict(guard, from, src, &d->v6, guest);
		if (holds(guard, guest, from, false))
			return refuse(from, DROP_SPOOFED);
	}
	guest = guest_seen(guests, src, from, now_of(guard));
	if (guest)
		(void)guest_add_v6(guests, guest, &d->v6);
	return true;
}

/* Checks the packet's source address. Unknown addresses pass: a guest may be a router. */
static bool pass_source(struct guard *guard, struct port *from, mac_t src, const struct dissect *d)
{
	struct guest_table *guests = guard->network->guests;
	const struct guest *guest = NULL;
	bool ours, others = false, leased = false;

	if (IN6_IS_ADDR_UNSPECIFIED(&d->src))
		return true;
	if (address_is_v4(&d->src)) {
		struct in_addr v4 = address_v4(&d->src);

		ours = is_protected_v4(guard, v4);
		others = !reservation_allows_v4(guard->network->reservations, src, v4);
		guest = guest_by_v4(guests, v4);
		leased = guest && guest->v4_leased;
	} else {
		ours = is_protected_v6(guard, &d->src);
		guest = guest_by_v6(guests, &d->src);
	}
	if (guest && (guest->mac == src || !holds(guard, guest, from, leased)))
		guest = NULL;
	/* The server tells a client that it lost its address (RFC 2131 4.3.2, DHCPNAK). */
	if (!ours && (d->kind == DISSECT_CLIENT || (!others && !guest)))
		return true;
	note_conflict(guard, from, src, &d->src, ours ? NULL : guest);
	return refuse(from, DROP_SPOOFED);
}

static bool has_uplink(const struct network *network)
{
	list_for_each (netdev, &network->netdevs, struct netdev, link) {
		if (netdev->uplink && !list_empty(&netdev->ports))
			return true;
	}
	return false;
}

bool guard_pass(void *data, struct port *from, const struct frame *frame)
{
	struct guard *guard = data;
	uint16_t vlan = vlan_of(&from->vlans, frame);
	bool elsewhere = vlan != vswitch_home(guard->network->vswitch);
	mac_t src = frame_src(frame);
	const struct port *holder;
	struct dissect d;

	/* It may have our addresses, even the MAC. */
	if (guard->yields && from->uplink && guard_must_see(frame) &&
	    dissect_frame(frame).kind == DISSECT_SERVER)
		return !mac_is_multicast(src);
	if (!src || mac_is_multicast(src) || src == guard->gateway_mac)
		return refuse(from, DROP_BAD_SOURCE);
	if (from->netdev &&
	    !reservation_allows_netdev(guard->network->reservations, src, from->netdev->id))
		return refuse(from, DROP_SPOOFED);
	holder = mac_holder(guard, from, vlan, src);
	if (holder)
		return refuse_mac(guard, from, src, holder);
	d = guard_must_see(frame) ? dissect_frame(frame)
				  : (struct dissect){.src = dissect_source(frame)};
	/* In any VLAN: an uplink may strip the tag. */
	if (d.kind == DISSECT_GATEWAY && !from->uplink && has_uplink(guard->network))
		return refuse(from, DROP_ROGUE_SERVER);
	/* Another VLAN has its own addresses and servers. An open port may strip tags, however. */
	if (elsewhere && from->vlans.filters && d.kind != DISSECT_BAD)
		d.kind = DISSECT_NOTHING;
	else if (d.kind != DISSECT_BAD && !pass_source(guard, from, src, &d))
		return false;
	if (!from->first_mac)
		from->first_mac = src;
	d.tagged = elsewhere || (d.tagged && !vlan);
	switch (d.kind) {
	case DISSECT_BAD:
		return refuse(from, d.why);
	case DISSECT_ARP:
		return pass_arp(guard, from, src, &d);
	case DISSECT_NEIGHBOUR:
		return pass_neighbour(guard, from, src, &d);
	case DISSECT_SERVER:
		return guard->gateway_mac ? refuse(from, DROP_ROGUE_SERVER) : true;
	case DISSECT_CLIENT:
	case DISSECT_GATEWAY:
	case DISSECT_NOTHING:
		break;
	}
	return true;
}

size_t guard_flood_budget(struct port *from, size_t n, usec_t now)
{
	double elapsed = (double)(now - from->flood_at) / (double)USEC_PER_SEC;
	size_t allowed;

	from->flood_at = now;
	from->flood_tokens =
		MIN(GUARD_FLOOD_BURST, from->flood_tokens + elapsed * GUARD_FLOOD_RATE);
	allowed = MIN(n, (size_t)from->flood_tokens);
	from->flood_tokens -= (double)allowed;
	return allowed;
}
