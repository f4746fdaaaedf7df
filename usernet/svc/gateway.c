/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/gateway.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "net/guard.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "svc/arp.h"
#include "svc/callers.h"
#include "svc/dhcp.h"
#include "svc/dhcpv6.h"
#include "svc/dns.h"
#include "svc/echo.h"
#include "svc/gate.h"
#include "svc/guestfwd.h"
#include "svc/lease_keeper.h"
#include "svc/nat.h"
#include "svc/ndp.h"
#include "svc/outbox.h"
#include "svc/reassembly.h"
#include "svc/redirect.h"
#include "svc/reset.h"
#include "svc/scrub.h"
#include "svc/served.h"
#include "svc/source.h"
#include "svc/udp.h"
#include "svc/udp_forward.h"
#include "svc/user_loopback.h"

/*
 * The way of a frame here:
 *
 *     gateway_send()   notes it
 *     LOOP_SERVICE     serve() sorts what was noted:
 *                        ARP, neighbour discovery, DHCP, DNS, pings of ours: answered
 *                        answers to clients of UDP forwards: udp_forwards_answer()
 *                        the rest: reassembly -> source -> gate -> nat_input()
 *                      nat_run() is libslirp's turn
 *                      outbox_flush(): all answers and all frames of the NAT enter the switch
 *                        as one batch
 */
#define PORT_DNS         53
#define PORT_DHCP_SERVER 67
#define PENDING_MAX      65536 /* frames a turn; a reader's 256 KB holds 14,563 of the smallest */

struct gateway {
	struct netdev netdev;
	struct port port;
	struct user_config config; /* strings and lists owned */
	mac_t mac;
	struct nat *nat;
	struct callers *callers;
	struct udp_forwards *udp_forwards;
	struct gate *gate;
	struct dhcp *dhcp;
	struct lease_keeper *keeper;
	struct dhcpv6 dhcpv6;
	struct dns *dns;
	struct redirect *redirect;
	struct served *served;
	struct guestfwds *guestfwds;
	struct redirect_server dns_tcp4, dns_tcp6; /* the name server, by TCP */
	struct ndp ndp;
	struct reassembly *reassembly;
	struct outbox outbox;
	struct frame *pending; /* what send() noted; grown geometrically, kept */
	size_t n_pending, capacity;
	struct loop_task service;
	struct loop_timer advertise;
	unsigned n_advertised;
	struct network_observer observer;
	uint8_t scratch[ETH_HEADER + 65535]; /* a packet that scrub had to change */
	struct source source;
};

/* --- what it is --- */

/* A guest answers us. Addresses beside its lease are in no table (guest.h). */
static void on_arp_reply(struct gateway *gateway, const struct arp *arp)
{
	struct in6_addr addr = packet_map4(arp->sender_ip.s_addr);

	if (arp->target_ip.s_addr == gateway->config.host.s_addr && arp->eth_dst == gateway->mac &&
	    arp->sender_mac == arp->eth_src)
		udp_forwards_found(gateway->udp_forwards, &addr, arp->sender_mac);
}

static bool owns_v4(const struct gateway *gateway, struct in_addr addr)
{
	return addr.s_addr == gateway->config.host.s_addr ||
	       addr.s_addr == gateway->config.dns.s_addr || served_has_v4(gateway->served, addr);
}

static void on_arp(struct gateway *gateway, const struct frame *frame)
{
	struct arp arp;
	uint8_t *out;

	if (!gateway->config.ipv4 || !arp_parse(frame, &arp))
		return;
	if (arp.op != ARP_OP_REQUEST) {
		on_arp_reply(gateway, &arp);
		return;
	}
	if (!owns_v4(gateway, arp.target_ip))
		return;
	out = outbox_reserve(&gateway->outbox, ARP_FRAME_LEN);
	if (out)
		outbox_commit(&gateway->outbox, arp_build_reply(out, &arp, gateway->mac));
}

static void on_dhcp(struct gateway *gateway, struct port *from, mac_t mac,
		    const struct packet *packet)
{
	struct network *network = gateway->netdev.network;
	uint8_t *out = outbox_reserve(&gateway->outbox, DHCP_FRAME_MAX);
	struct dhcp_outcome outcome = {.kind = DHCP_NOTHING};
	struct guest *guest;
	size_t len;

	if (!out)
		return;
	len = dhcp_input(gateway->dhcp, from, mac, packet_v4(&packet->src),
			 packet->frame + packet->payload, packet->len - packet->payload,
			 loop_now(network->loop), out, &outcome);
	if (len > 0)
		outbox_commit(&gateway->outbox, len);
	switch (outcome.kind) {
	case DHCP_NOTHING:
		break;
	case DHCP_RELEASED:
	case DHCP_DECLINED:
		guest_clear_v4(network->guests, outcome.addr);
		break;
	case DHCP_GRANTED:
		guest = guest_seen(network->guests, outcome.mac, from, loop_now(network->loop));
		if (!guest)
			break;
		if (outcome.hostname[0])
			guest_set_name(network->guests, guest, outcome.hostname);
		if (guest_set_v4(network->guests, guest, outcome.addr, true)) {
			char text[INET_ADDRSTRLEN];

			inet_ntop(AF_INET, &outcome.addr, text, sizeof(text));
			network_emit(network, &(struct network_event){.kind = NETWORK_LEASE_GRANTED,
								      .netdev = from->netdev,
								      .port = from,
								      .guest = guest,
								      .text = text});
		}
		break;
	}
}

static void on_dhcpv6(struct gateway *gateway, struct port *from, const struct packet *packet)
{
	uint8_t *out = outbox_reserve(&gateway->outbox, DHCPV6_FRAME_MAX);
	enum drop_reason why = DROP_N_REASONS;
	size_t len = out ? dhcpv6_answer(&gateway->dhcpv6, packet, out, &why) : 0;

	if (len > 0)
		outbox_commit(&gateway->outbox, len);
	else if (why != DROP_N_REASONS)
		port_drop(from, why, 1);
}

static bool is_own_address(const struct gateway *gateway, const struct packet *packet)
{
	if (packet->v6)
		return ndp_owns(&gateway->ndp, &packet->dst);
	return owns_v4(gateway, packet_v4(&packet->dst));
}

static void on_echo(struct gateway *gateway, const struct packet *packet)
{
	uint8_t *out = outbox_reserve(&gateway->outbox, packet->len);

	if (!out)
		return;
	echo_reply(packet, gateway->mac, out);
	outbox_commit(&gateway->outbox, packet->len);
}

static bool is_name_server(const struct gateway *gateway, const struct packet *packet)
{
	if (packet->v6)
		return IN6_ARE_ADDR_EQUAL(&packet->dst, &gateway->config.dns6) ||
		       IN6_ARE_ADDR_EQUAL(&packet->dst, &gateway->ndp.dns_link_local);
	return packet_v4(&packet->dst).s_addr == gateway->config.dns.s_addr;
}

static void on_dns(struct gateway *gateway, struct port *from, mac_t mac,
		   const struct packet *packet)
{
	struct dns_client client = {
		.mac = mac,
		.port_id = from->id,
		.v6 = packet->v6,
		.src_port = packet->sport,
		.dst_port = packet->dport,
	};

	if (packet->v6) {
		client.src = packet->src;
		client.dst = packet->dst;
	} else {
		memcpy(&client.src, &packet->src.s6_addr[12], 4);
		memcpy(&client.dst, &packet->dst.s6_addr[12], 4);
	}
	dns_query_udp(gateway->dns, &client, packet->frame + packet->payload,
		      packet->len - packet->payload, loop_now(gateway->netdev.network->loop));
}

/* The name server has an answer, perhaps long after the question. */
static void on_dns_answer(void *data, const struct dns_client *client, const uint8_t *message,
			  size_t len)
{
	struct gateway *gateway = data;
	struct udp_address address = {
		.eth_src = gateway->mac,
		.eth_dst = client->mac,
		.v6 = client->v6,
		.src = client->dst,
		.dst = client->src,
		.sport = client->dst_port,
		.dport = client->src_port,
	};

	udp_send(&gateway->outbox, &address, message, len, user_config_mtu(&gateway->config));
	loop_task_defer(&gateway->service);
}

static const struct dns_ops dns_ops = {
	.answer_udp = on_dns_answer,
};

/* A guest answers a client of a UDP forward: that may be, whatever policy says of the address. */
static void on_udp_answer(struct gateway *gateway, struct udp_session *session, struct port *from,
			  mac_t mac, const struct packet *packet)
{
	enum drop_reason why;

	if (source_allows(&gateway->source, from, mac, packet, &why))
		udp_forwards_answer(gateway->udp_forwards, session, from, mac, packet);
	else
		port_drop(from, why, 1);
}

/* An IP packet addressed to our MAC, whole. @now: its memory is good for this call only. */
static void on_packet(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet,
		      bool now)
{
	struct udp_session *session = udp_forwards_match(gateway->udp_forwards, packet);
	enum drop_reason why;

	if (session) {
		on_udp_answer(gateway, session, from, mac, packet);
		return;
	}
	if (echo_is_request(packet) && is_own_address(gateway, packet)) {
		if (packet->len <= ETH_HEADER + user_config_mtu(&gateway->config))
			on_echo(gateway, packet);
		else if (served_has(gateway->served, &packet->dst))
			port_drop(from, DROP_UNSUPPORTED,
				  1); /* libslirp would ask the host's net */
		else
			nat_input_now(gateway->nat, from, mac, packet); /* answers in fragments */
		return;
	}
	if (packet->proto == IPPROTO_UDP && packet->dport == PORT_DNS &&
	    is_name_server(gateway, packet)) {
		/* A link-local source is as good as any: the answer goes to its MAC. */
		if ((packet->v6 && IN6_IS_ADDR_LINKLOCAL(&packet->src)) ||
		    source_allows(&gateway->source, from, mac, packet, &why))
			on_dns(gateway, from, mac, packet);
		else
			port_drop(from, why, 1);
		return;
	}
	if (!source_allows(&gateway->source, from, mac, packet, &why) ||
	    !gate_from_guest(gateway->gate, from, mac, packet,
			     redirect_find(gateway->redirect, packet) != NULL, &why)) {
		port_drop(from, why, 1);
		return;
	}
	if (scrub_has_urgent(packet)) {
		scrub_urgent(packet, gateway->scratch);
		now = true;
	}
	if (now)
		nat_input_now(gateway->nat, from, mac, packet);
	else
		nat_input(gateway->nat, from, mac, packet);
}

static void on_ip(struct gateway *gateway, struct port *from, const struct frame *frame,
		  bool for_us)
{
	mac_t mac = frame_src(frame);
	struct ndp_message message;
	struct packet packet;
	enum drop_reason why;
	struct frame whole;

	if (!packet_parse(&packet, frame, &why)) {
		if (for_us)
			port_drop(from, why, 1);
		return;
	}
	if (!(packet.v6 ? gateway->config.ipv6 : gateway->config.ipv4))
		return;
	if (packet.v6 && packet.proto == IPPROTO_ICMPV6 && !packet.fragment &&
	    ndp_parse(frame, &message) != NDP_NONE) {
		uint8_t *out;
		size_t len;

		if (message.kind == NDP_BAD) {
			port_drop(from, message.why, 1);
			return;
		}
		out = outbox_reserve(&gateway->outbox, NDP_FRAME_MAX);
		len = out ? ndp_answer(&gateway->ndp, &message, out) : 0;
		if (len > 0)
			outbox_commit(&gateway->outbox, len);
		return;
	}
	if (!packet.v6 && !packet.fragment && packet.proto == IPPROTO_UDP &&
	    packet.dport == PORT_DHCP_SERVER && (!for_us || is_own_address(gateway, &packet))) {
		on_dhcp(gateway, from, mac, &packet);
		return;
	}
	if (dhcpv6_is_for_us(&gateway->dhcpv6, &packet)) {
		on_dhcpv6(gateway, from, &packet);
		return;
	}
	if (!for_us)
		return; /* broadcast and multicast between guests */
	if (packet.fragment) {
		if (reassembly_add(gateway->reassembly, from, &packet,
				   loop_now(gateway->netdev.network->loop), &whole)) {
			why = DROP_MALFORMED; /* a fragment of fragments */
			if (packet_parse(&packet, &whole, &why) && !packet.fragment)
				on_packet(gateway, from, mac, &packet, true);
			else
				port_drop(from, why, 1);
		}
		return;
	}
	on_packet(gateway, from, mac, &packet, false);
}

/* --- the turn --- */

static void serve(struct loop_task *task)
{
	struct gateway *gateway = container_of(task, struct gateway, service);
	struct vswitch *vswitch = gateway->netdev.network->vswitch;
	struct port *from = NULL;
	mac_t from_mac = 0;

	gate_run(gateway->gate);
	for (size_t i = 0; i < gateway->n_pending; i++) {
		const struct frame *frame = &gateway->pending[i];
		mac_t src = frame_src(frame);
		bool for_us = frame_dst(frame) == gateway->mac;

		if (!for_us && !mac_is_multicast(frame_dst(frame)))
			continue;
		if (src != from_mac || !from) {
			from = vswitch_lookup(vswitch, src);
			from_mac = src;
			if (!from) { /* its port is full of stations, or just went */
				port_drop(&gateway->port, DROP_STATIONS, 1);
				continue;
			}
		}
		switch (frame_ethertype(frame)) {
		case ETHERTYPE_ARP_:
			on_arp(gateway, frame);
			break;
		case ETHERTYPE_V4:
		case ETHERTYPE_V6:
			on_ip(gateway, from, frame, for_us);
			break;
		default:
			if (for_us)
				port_drop(from, DROP_UNSUPPORTED, 1);
			break;
		}
	}
	gateway->n_pending = 0;
	nat_run(gateway->nat);
	outbox_flush(&gateway->outbox);
}

static void gateway_send(struct port *port, const struct frame *frames, size_t n)
{
	struct gateway *gateway = container_of(port, struct gateway, port);

	if (gateway->n_pending + n > PENDING_MAX) {
		size_t room = PENDING_MAX - gateway->n_pending;

		port_drop(port, DROP_QUEUE_FULL, n - room);
		n = room;
	}
	if (gateway->n_pending + n > gateway->capacity) {
		gateway->capacity = MAX(gateway->capacity * 2, gateway->n_pending + n);
		gateway->pending = g_renew(struct frame, gateway->pending, gateway->capacity);
	}
	memcpy(gateway->pending + gateway->n_pending, frames, n * sizeof(*frames));
	gateway->n_pending += n;
	loop_task_defer(&gateway->service);
}

static const struct port_ops gateway_port_ops = {
	.send = gateway_send,
};

/* --- the NAT asks, the guest table tells --- */

static void on_nat_wake(void *data)
{
	struct gateway *gateway = data;

	loop_task_defer(&gateway->service);
}

static mac_t neighbour(const struct gateway *gateway, const struct in6_addr *addr)
{
	struct guest_table *guests = gateway->netdev.network->guests;
	const struct guest *guest = IN6_IS_ADDR_V4MAPPED(addr)
					    ? guest_by_v4(guests, packet_v4(addr))
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
		len = arp_build_request(out, gateway->mac, gateway->config.host, packet_v4(addr));
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

	callers_arrived(gateway->callers, addr);
}

static const struct nat_ops nat_ops = {
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

static const struct udp_forward_ops udp_forward_ops = {
	.wake = on_nat_wake,
	.holder = on_udp_holder,
	.resolve = ask_for_neighbour,
	.has_room = on_udp_has_room,
	.hold_fds = on_udp_hold_fds,
};

static void address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac)
{
	nat_neighbour(gateway->nat, addr, mac);
	udp_forwards_found(gateway->udp_forwards, addr, 0);
}

static void address_gone(struct gateway *gateway, const struct in6_addr *addr)
{
	nat_guest_gone(gateway->nat, addr);
	udp_forwards_guest_gone(gateway->udp_forwards, addr);
}

static void on_gate_reset(void *data, const struct flow *flow, enum flow_way way)
{
	struct gateway *gateway = data;
	uint8_t frame[RESET_FRAME_MAX], *out;
	struct frame whole = {frame, 0};
	struct packet packet;
	enum drop_reason why;

	if (way == FLOW_FROM_GUEST) {
		whole.len = (uint32_t)reset_build(frame, flow, way, flow->mac, gateway->mac);
		if (packet_parse(&packet, &whole, &why))
			nat_inject(gateway->nat, &packet);
	} else {
		out = outbox_reserve(&gateway->outbox, RESET_FRAME_MAX);
		if (out)
			outbox_commit(&gateway->outbox,
				      reset_build(out, flow, way, gateway->mac, flow->mac));
	}
	loop_task_defer(&gateway->service);
}

static const struct gate_ops gate_ops = {
	.reset = on_gate_reset,
	.wake = on_nat_wake,
};

static void on_network_event(struct network_observer *observer, const struct network_event *event)
{
	struct gateway *gateway = container_of(observer, struct gateway, observer);
	const struct guest *guest = event->guest;
	struct in6_addr v4;

	switch (event->kind) {
	case NETWORK_GUEST_CHANGED:
		v4 = packet_map4(guest->v4.s_addr);
		if (guest->v4.s_addr)
			address_found(gateway, &v4, guest->mac);
		for (unsigned i = 0; i < guest->n_v6; i++)
			address_found(gateway, &guest->v6[i], guest->mac);
		break;
	case NETWORK_GUEST_LEFT:
		v4 = packet_map4(guest->v4.s_addr);
		if (guest->v4.s_addr)
			address_gone(gateway, &v4);
		for (unsigned i = 0; i < guest->n_v6; i++)
			address_gone(gateway, &guest->v6[i]);
		break;
	case NETWORK_PORT_DOWN:
		gate_port_gone(gateway->gate, event->port);
		break;
	default:
		break;
	}
}

static void advertise(struct loop_timer *timer)
{
	struct gateway *gateway = container_of(timer, struct gateway, advertise);
	struct loop *loop = gateway->netdev.network->loop;
	uint8_t *out = outbox_reserve(&gateway->outbox, NDP_FRAME_MAX);

	if (out)
		outbox_commit(&gateway->outbox, ndp_build_ra(&gateway->ndp, out));
	loop_task_defer(&gateway->service);
	gateway->n_advertised++;
	loop_timer_set(timer, loop_now(loop) + (gateway->n_advertised < NDP_RA_INITIAL_COUNT
							? NDP_RA_INITIAL_INTERVAL
							: NDP_RA_INTERVAL));
}

/* --- life --- */

/* What may fail: files, sockets, what does not fit. */
static bool open_services(struct gateway *gateway, struct network *network, GError **error)
{
	const struct user_config *config = &gateway->config;

	gateway->gate = gate_new(network, config, &gate_ops, gateway, error);
	if (!gateway->gate)
		return false;
	ndp_init(&gateway->ndp, config, gateway->mac);
	dhcpv6_init(&gateway->dhcpv6, config, gateway->mac);
	gateway->reassembly = reassembly_new();
	gateway->dhcp = dhcp_new(config, gateway->mac);
	dhcp_set_reservations(gateway->dhcp, network->reservations);
	gateway->keeper = lease_keeper_new(network, config, dhcp_leases(gateway->dhcp), error);
	if (!gateway->keeper)
		return false;
	gateway->dns = dns_new(network, config, &dns_ops, gateway, error);
	return gateway->dns != NULL;
}

static void close_services(struct gateway *gateway)
{
	g_clear_pointer(&gateway->dns, dns_free);
	g_clear_pointer(&gateway->keeper, lease_keeper_free);
	g_clear_pointer(&gateway->dhcp, dhcp_free);
	g_clear_pointer(&gateway->reassembly, reassembly_free);
	g_clear_pointer(&gateway->gate, gate_free);
}

static void gateway_destroy(struct netdev *netdev)
{
	struct gateway *gateway = container_of(netdev, struct gateway, netdev);

	list_remove(&gateway->observer.link);
	loop_timer_cancel(&gateway->advertise);
	guard_clear_gateway(netdev->network->guard);
	netdev_remove_port(&gateway->port);
	udp_forwards_free(gateway->udp_forwards);
	callers_free(gateway->callers);
	nat_free(gateway->nat);
	guestfwds_free(gateway->guestfwds);
	redirect_free(gateway->redirect);
	served_free(gateway->served);
	close_services(gateway);
	/* Only now: what goes above may still want to be heard, and defers it. */
	loop_task_cancel(&gateway->service);
	outbox_fini(&gateway->outbox);
	user_config_clear(&gateway->config);
	g_free(gateway->pending);
	netdev_fini(netdev);
	g_free(gateway);
}

static const struct netdev_ops gateway_ops = {
	.kind = "user",
	.destroy = gateway_destroy,
};

static void protect(struct gateway *gateway)
{
	struct guard *guard = gateway->netdev.network->guard;

	guard_set_gateway_mac(guard, gateway->mac);
	if (gateway->config.ipv4) {
		guard_protect_v4(guard, gateway->config.host);
		guard_protect_v4(guard, gateway->config.dns);
	}
	if (gateway->config.ipv6) {
		guard_protect_v6(guard, &gateway->config.host6);
		guard_protect_v6(guard, &gateway->config.dns6);
		guard_protect_v6(guard, &gateway->ndp.link_local);
		guard_protect_v6(guard, &gateway->ndp.dns_link_local);
	}
}

static void open_guestfwds(struct gateway *gateway, struct network *network)
{
	struct guestfwd_env env = {
		.network = network,
		.config = &gateway->config,
		.redirect = gateway->redirect,
		.served = gateway->served = served_new(),
		.pool = dhcp_leases(gateway->dhcp),
	};

	gateway->ndp.served = gateway->served;
	gateway->guestfwds = guestfwds_new(&env);
}

/* Its TCP is served on the host's loopback (dns_tcp.h). */
static void redirect_dns(struct gateway *gateway)
{
	const struct user_config *config = &gateway->config;

	gateway->dns_tcp4 = (struct redirect_server){
		.addr = packet_map4(config->dns.s_addr),
		.port = PORT_DNS,
		.listener = dns_tcp_port(gateway->dns, false),
	};
	gateway->dns_tcp6 = (struct redirect_server){
		.addr = config->dns6,
		.port = PORT_DNS,
		.listener = dns_tcp_port(gateway->dns, true),
	};
	if (gateway->dns_tcp4.listener)
		redirect_add(gateway->redirect, &gateway->dns_tcp4);
	if (gateway->dns_tcp6.listener)
		redirect_add(gateway->redirect, &gateway->dns_tcp6);
}

struct netdev *gateway_new(struct network *network, const struct user_config *config,
			   GError **error)
{
	struct user_config resolved = *config;
	struct gateway *gateway, *other = gateway_find(network);
	char net[INET_ADDRSTRLEN];

	if (!netdev_check_id(network, config->id, error) || !user_config_resolve(&resolved, error))
		return NULL;
	if (other) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "user: the network has a gateway already, '%s'; a network has one",
			    other->netdev.id);
		return NULL;
	}
	gateway = g_new0(struct gateway, 1);
	user_config_copy(&gateway->config, &resolved);
	gateway->mac = user_config_mac(&resolved);
	if (!open_services(gateway, network, error)) {
		close_services(gateway);
		user_config_clear(&gateway->config);
		g_free(gateway);
		return NULL;
	}
	netdev_init(&gateway->netdev, &gateway_ops, network, config->id);
	gateway->netdev.description = g_strdup_printf(
		"net=%s/%u,restrict=%s", inet_ntop(AF_INET, &resolved.net, net, sizeof(net)),
		resolved.net_len, resolved.restricted ? "on" : "off");
	outbox_init(&gateway->outbox, network->chunks, &gateway->port);
	gateway->outbox.src = gateway->mac;
	gateway->nat = nat_new(network, &gateway->config, &gateway->outbox, &nat_ops, gateway);
	gateway->callers = callers_new(network->loop, &gateway->config, gateway->nat);
	gateway->udp_forwards =
		udp_forwards_new(network, &gateway->config, &gateway->outbox,
				 gate_flows(gateway->gate), &udp_forward_ops, gateway);
	gateway->redirect = redirect_new();
	redirect_dns(gateway);
	open_guestfwds(gateway, network);
	gateway->source = (struct source){
		.network = network,
		.config = &gateway->config,
		.ndp = &gateway->ndp,
		.nat = gateway->nat,
		.served = gateway->served,
	};
	nat_set_redirect(gateway->nat, gateway->redirect);
	nat_set_gate(gateway->nat, gateway->gate);
	loop_task_init(network->loop, &gateway->service, LOOP_SERVICE, serve);
	loop_timer_init(network->loop, &gateway->advertise, advertise);
	protect(gateway);
	netdev_add_port(&gateway->netdev, &gateway->port, &gateway_port_ops, NULL);
	gateway->port.trusted = true;
	gateway->observer.event = on_network_event;
	network_observe(network, &gateway->observer);
	if (gateway->config.ipv6)
		loop_timer_set(&gateway->advertise, loop_now(network->loop));
	return &gateway->netdev;
}

struct gateway *gateway_from_netdev(struct netdev *netdev)
{
	return netdev->ops == &gateway_ops ? container_of(netdev, struct gateway, netdev) : NULL;
}

struct gateway *gateway_find(struct network *network)
{
	list_for_each (netdev, &network->netdevs, struct netdev, link) {
		if (netdev->ops == &gateway_ops)
			return gateway_from_netdev(netdev);
	}
	return NULL;
}

const struct user_config *gateway_config(const struct gateway *gateway)
{
	return &gateway->config;
}

struct nat *gateway_nat(struct gateway *gateway)
{
	return gateway->nat;
}

struct udp_forwards *gateway_udp_forwards(struct gateway *gateway)
{
	return gateway->udp_forwards;
}

struct guestfwds *gateway_guestfwds(struct gateway *gateway)
{
	return gateway->guestfwds;
}

struct callers *gateway_callers(struct gateway *gateway)
{
	return gateway->callers;
}

struct dhcp *gateway_dhcp(struct gateway *gateway)
{
	return gateway->dhcp;
}

struct gate *gateway_gate(struct gateway *gateway)
{
	return gateway->gate;
}

bool gateway_set_loopback(struct gateway *gateway, const char *text, GError **error)
{
	struct port_range *ports;
	enum loopback_mode mode;

	if (!user_loopback_parse(text, &mode, &ports, error))
		return false;
	g_free((struct port_range *)gateway->config.loopback_ports);
	gateway->config.loopback = mode;
	gateway->config.loopback_ports = ports;
	gate_rejudge(gateway->gate);
	return true;
}

bool gateway_set_host_addresses(struct gateway *gateway, bool reachable, GError **error)
{
	if (!reachable && !gate_knows_host_addresses(gateway->gate)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "host-addresses=off: there was no rtnetlink socket to be had at start");
		return false;
	}
	gateway->config.host_addresses = reachable;
	gate_rejudge(gateway->gate);
	return true;
}

struct dns *gateway_dns(struct gateway *gateway)
{
	return gateway->dns;
}
