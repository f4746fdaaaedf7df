/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "conntrack/neighbour.h"
#include "forward/backlog.h"
#include "gateway/gateway_priv.h"
#include "net/guest.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"
#include "tftp/tftp.h"
#include "udp/forward.h"
#include "udp/udp.h"

/* Network events that the gateway follows. */

void gateway_address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac)
{
	conn_guest_back(gateway->conns, addr, mac);
	backlog_arrived(gateway->backlog, addr);
	udp_forwards_found(gateway->udp_forwards, addr, 0);
}

static void address_gone(struct gateway *gateway, const struct in6_addr *addr)
{
	if (gateway->nat)
		nat_guest_gone(gateway->nat, addr);
	udp_forwards_guest_gone(gateway->udp_forwards, addr);
}

static void each_address(struct gateway *gateway, const struct guest *guest, bool found)
{
	struct in6_addr v4 = address_map4(guest->v4.s_addr);
	bool has_v4 = guest->v4.s_addr != 0;

	for (unsigned i = has_v4 ? 0 : 1; i <= guest->n_v6; i++) {
		const struct in6_addr *addr = i == 0 ? &v4 : &guest->v6[i - 1];

		if (found)
			gateway_address_found(gateway, addr, guest->mac);
		else
			address_gone(gateway, addr);
	}
}

void gateway_on_network_event(struct network_observer *observer, const struct network_event *event)
{
	struct gateway *gateway = container_of(observer, struct gateway, observer);

	switch (event->kind) {
	case NETWORK_GUEST_CHANGED:
		each_address(gateway, event->guest, true);
		break;
	case NETWORK_GUEST_LEFT:
		each_address(gateway, event->guest, false);
		conn_guest_gone(gateway->conns, event->guest->mac,
				loop_now(gateway->netdev.network->loop));
		break;
	case NETWORK_PORT_DOWN:
		conntrack_port_gone(gateway->conntrack, event->port);
		if (gateway->tftp)
			tftp_port_gone(gateway->tftp, event->port->id);
		break;
	case NETWORK_PORT_UPLINK:
		other_gateway_uplink(&gateway->other);
		break;
	case NETWORK_PORT_DRAINED:
		tcp_port_drained(gateway->tcp);
		udp_port_drained(gateway->udp);
		if (gateway->nat)
			nat_port_drained(gateway->nat);
		break;
	default:
		break;
	}
}
