/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/socket.h>

#include "base/log.h"
#include "base/sockaddr.h"
#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "conntrack/neighbour.h"
#include "dns/dns.h"
#include "forward/backlog.h"
#include "gateway/gateway_priv.h"
#include "net/guest.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"
#include "tftp/tftp.h"
#include "udp/forward.h"
#include "udp/udp.h"

/* What the gateway follows: events of the network, changes of the host's own. */

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
		tcp_port_drained(event->port);
		udp_port_drained(event->port);
		if (gateway->tftp)
			tftp_port_gone(gateway->tftp, event->port->id);
		break;
	case NETWORK_PORT_UPLINK:
		other_gateway_uplink(&gateway->other);
		break;
	case NETWORK_PORT_DRAINED:
		tcp_port_drained(event->port);
		udp_port_drained(event->port);
		if (gateway->nat)
			nat_port_drained(gateway->nat);
		break;
	default:
		break;
	}
}

/* --- the host --- */

/* A walk over the conns. Neighbours in it often have the same host address: it is asked once. */
struct sweep {
	struct gateway *gateway;
	struct in6_addr addr;
	bool is_own;
	unsigned n_closed;
};

/* The socket's own address; false: it has none that could go. */
static bool local_address(int fd, struct in6_addr *addr)
{
	struct sockaddr_any local = {.len = sizeof(local.storage)};

	if (fd < 0 || getsockname(fd, &local.sa, &local.len) < 0)
		return false;
	if (local.sa.sa_family == AF_INET)
		*addr = address_map4(local.in.sin_addr.s_addr);
	else if (local.sa.sa_family == AF_INET6)
		*addr = local.in6.sin6_addr;
	else
		return false;
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LINKLOCAL(addr);
}

/* The kernel would retransmit for minutes; the guest's program should know now. */
static void reset_if_stranded(void *data, struct conn *conn)
{
	struct sweep *sweep = data;
	struct in6_addr addr;

	if (conn->key.proto != IPPROTO_TCP || !conn->ops || !conn->tcp ||
	    !local_address(tcp_fd(conn), &addr))
		return;
	if (!IN6_ARE_ADDR_EQUAL(&addr, &sweep->addr)) {
		sweep->addr = addr;
		sweep->is_own = conntrack_is_host_address(sweep->gateway->conntrack, &addr);
	}
	if (sweep->is_own)
		return;
	tcp_reset(sweep->gateway->tcp, conn);
	sweep->n_closed++;
}

void gateway_host_changed(void *data)
{
	struct gateway *gateway = data;
	struct sweep sweep = {.gateway = gateway, .is_own = true};
	struct network_event event = {.kind = NETWORK_HOST_CHANGED};

	conn_foreach(gateway->conns, reset_if_stranded, &sweep);
	loop_task_defer(&gateway->service);
	dns_host_changed(gateway->dns);
	event.n_closed = sweep.n_closed;
	if (sweep.n_closed)
		log_info("the host's network has changed: %u connections from addresses that are "
			 "gone were reset",
			 sweep.n_closed);
	else
		log_debug("the host's network has changed");
	network_emit(gateway->netdev.network, &event);
}
