/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/gateway_priv.h"

#include "conntrack/conntrack.h"
#include "conntrack/reset.h"
#include "forward/backlog.h"
#include "forward/guestfwd.h"
#include "net/guest.h"
#include "packet/arp.h"
#include "slirp/nat.h"
#include "tftp/tftp.h"
#include "udp/forward.h"

static void on_nat_wake(void *data)
{
	struct gateway *gateway = data;

	loop_task_defer(&gateway->service);
}

static mac_t neighbour(const struct gateway *gateway, const struct in6_addr *addr)
{
	struct guest_table *guests = gateway->netdev.network->guests;
	const struct guest *guest = IN6_IS_ADDR_V4MAPPED(addr)
					    ? guest_by_v4(guests, address_v4(addr))
					    : guest_by_v6(guests, addr);

	return guest ? guest->mac : 0;
}

static void ask_for_neighbour(void *data, const struct in6_addr *addr)
{
	struct gateway *gateway = data;
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);
	uint8_t *out;
	size_t len;

	out = outbox_reserve(&gateway->outbox, NDP_FRAME_MAX);
	if (!out)
		return;
	if (v4)
		len = arp_build_request(out, gateway->mac, gateway->config.host, address_v4(addr));
	else
		len = ndp_build_ns(out, gateway->mac, &gateway->config.host6, addr);
	outbox_commit(&gateway->outbox, len);
}

static void on_nat_resolve(void *data, const struct in6_addr *addr)
{
	struct gateway *gateway = data;
	mac_t mac = neighbour(gateway, addr);

	if (mac)
		nat_neighbour(gateway->nat, addr, mac);
	else
		ask_for_neighbour(gateway, addr);
}

static void on_nat_redirected(void *data, int fd, const struct packet *packet, unsigned port_id)
{
	struct gateway *gateway = data;

	guestfwds_redirected(gateway->guestfwds, fd, packet, port_id);
}

static void on_nat_closing(void *data, int fd)
{
	struct gateway *gateway = data;

	guestfwds_closing(gateway->guestfwds, fd);
}

static void on_nat_arrived(void *data, const struct in6_addr *addr)
{
	const struct gateway *gateway = data;

	backlog_arrived(gateway->backlog, addr);
}

const struct nat_ops gateway_nat_ops = {
	.wake = on_nat_wake,
	.resolve = on_nat_resolve,
	.redirected = on_nat_redirected,
	.closing = on_nat_closing,
	.arrived = on_nat_arrived,
};

/* An address behind a guest that routes is known to the NAT alone, from what came from there. */
static mac_t on_udp_holder(void *data, const struct in6_addr *addr)
{
	struct gateway *gateway = data;
	mac_t mac = neighbour(gateway, addr);

	return mac ? mac : nat_holder(gateway->nat, addr);
}

static bool on_udp_has_room(void *data)
{
	struct gateway *gateway = data;

	return nat_has_room(gateway->nat);
}

static void on_udp_hold_fds(void *data, int n)
{
	struct gateway *gateway = data;

	nat_hold_fds(gateway->nat, n);
}

const struct udp_forward_ops gateway_udp_forward_ops = {
	.wake = on_nat_wake,
	.holder = on_udp_holder,
	.resolve = ask_for_neighbour,
	.has_room = on_udp_has_room,
	.hold_fds = on_udp_hold_fds,
};

void gateway_address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac)
{
	nat_neighbour(gateway->nat, addr, mac);
	udp_forwards_found(gateway->udp_forwards, addr, 0);
}

static void address_gone(struct gateway *gateway, const struct in6_addr *addr)
{
	nat_guest_gone(gateway->nat, addr);
	udp_forwards_guest_gone(gateway->udp_forwards, addr);
}

static void on_gate_reset(void *data, const struct conn *conn, enum conn_way way)
{
	struct gateway *gateway = data;
	bool out = way == CONN_FROM_GUEST;
	uint8_t frame[RESET_FRAME_MAX];
	struct frame whole = {frame, 0};
	struct packet packet;
	enum drop_reason why;

	whole.len = (uint32_t)reset_build(frame, conn, way, out ? conn->mac : gateway->mac,
					  out ? gateway->mac : conn->mac);
	if (!out)
		nat_inject_to_guest(gateway->nat, conn, frame, whole.len);
	else if (packet_parse(&packet, &whole, &why))
		nat_inject(gateway->nat, &packet);
	loop_task_defer(&gateway->service);
}

static void on_gate_over(void *data, const struct conn *conn)
{
	struct gateway *gateway = data;

	nat_flow_over(gateway->nat, &conn->key);
}

static void on_gate_say_last(void *data, const struct conn *conn)
{
	struct gateway *gateway = data;
	uint8_t *frame = outbox_reserve(&gateway->outbox, RESET_FRAME_MAX);

	if (frame)
		outbox_commit(&gateway->outbox,
			      reset_build_last_ack(frame, conn, gateway->mac, conn->mac));
	loop_task_defer(&gateway->service);
}

const struct conntrack_ops gateway_gate_ops = {
	.reset = on_gate_reset,
	.over = on_gate_over,
	.say_last = on_gate_say_last,
	.wake = on_nat_wake,
};

void gateway_on_network_event(struct network_observer *observer, const struct network_event *event)
{
	struct gateway *gateway = container_of(observer, struct gateway, observer);
	const struct guest *guest = event->guest;
	struct in6_addr v4;

	switch (event->kind) {
	case NETWORK_GUEST_CHANGED:
		v4 = address_map4(guest->v4.s_addr);
		if (guest->v4.s_addr)
			gateway_address_found(gateway, &v4, guest->mac);
		for (unsigned i = 0; i < guest->n_v6; i++)
			gateway_address_found(gateway, &guest->v6[i], guest->mac);
		break;
	case NETWORK_GUEST_LEFT:
		v4 = address_map4(guest->v4.s_addr);
		if (guest->v4.s_addr)
			address_gone(gateway, &v4);
		for (unsigned i = 0; i < guest->n_v6; i++)
			address_gone(gateway, &guest->v6[i]);
		break;
	case NETWORK_PORT_DOWN:
		conntrack_port_gone(gateway->conntrack, event->port);
		if (gateway->tftp)
			tftp_port_gone(gateway->tftp, event->port->id);
		break;
	case NETWORK_PORT_DRAINED:
		nat_port_drained(gateway->nat);
		break;
	default:
		break;
	}
}
