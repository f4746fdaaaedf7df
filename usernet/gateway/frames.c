/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/gateway_priv.h"

#include <arpa/inet.h>

#include "conntrack/conntrack.h"
#include "conntrack/destination.h"
#include "dhcp/dhcp.h"
#include "dns/dns.h"
#include "net/guest.h"
#include "net/served.h"
#include "net/vswitch.h"
#include "packet/arp.h"
#include "packet/echo.h"
#include "packet/reassembly.h"
#include "packet/udp.h"
#include "slirp/nat.h"
#include "udp/forward.h"

/*
 * The way of a frame:
 *
 *     gateway_send()   notes it
 *     LOOP_SERVICE     serve() sorts what was noted:
 *                        ARP, neighbour discovery, DHCP, DNS, pings of ours: answered
 *                        answers to clients of UDP forwards: udp_forwards_answer()
 *                        the rest: reassembly -> source -> conntrack -> nat_input()
 *                      nat_run() is libslirp's turn
 *                      outbox_flush(): all answers and all frames of the NAT enter the switch
 *                        as one batch
 */
#define PORT_DHCP_SERVER 67
#define PENDING_MAX      65536 /* frames a turn; a reader's 256 KB holds 14,563 of the smallest */

/* A guest answers us. Addresses beside its lease are in no table (guest.h). */
static void on_arp_reply(struct gateway *gateway, const struct arp *arp)
{
	struct in6_addr addr = address_map4(arp->sender_ip.s_addr);

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
	len = dhcp_input(gateway->dhcp, from, mac, address_v4(&packet->src),
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
	return owns_v4(gateway, address_v4(&packet->dst));
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
	return address_v4(&packet->dst).s_addr == gateway->config.dns.s_addr;
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

/* Guests hear of it with their next lease or at once by a router advertisement. */
static void on_search_changed(void *data, const char *const *search)
{
	struct gateway *gateway = data;

	g_strfreev((char **)gateway->config.host_search);
	gateway->config.host_search = (const char *const *)g_strdupv((char **)search);
	/* Not before there is a port to advertise on. */
	if (loop_timer_is_set(&gateway->advertise))
		loop_timer_set(&gateway->advertise, loop_now(gateway->netdev.network->loop));
}

const struct dns_ops gateway_dns_ops = {
	.answer_udp = on_dns_answer,
	.search_changed = on_search_changed,
};

/* A guest answers a client of a UDP forward: that may be, whatever policy says of the address. */
static void on_udp_answer(struct gateway *gateway, struct port *from, mac_t mac,
			  const struct packet *packet)
{
	struct udp_session *session;
	enum drop_reason why;

	if (!source_allows(&gateway->source, from, mac, packet, &why)) {
		port_drop(from, why, 1);
		return;
	}
	/* Only now: that the guest is there may have opened sessions, for which others gave way. */
	session = udp_forwards_match(gateway->udp_forwards, packet);
	if (session)
		udp_forwards_answer(gateway->udp_forwards, session, from, mac, packet);
	else
		port_drop(from, DROP_POLICY, 1);
}

/* Larger than the MTU, to an address of ours: libslirp answers it in fragments. */
static void on_large_echo(struct gateway *gateway, struct port *from, mac_t mac,
			  const struct packet *packet)
{
	enum drop_reason why = DROP_UNSUPPORTED; /* libslirp would ask the host's net */

	if (served_has(gateway->served, &packet->dst) ||
	    !source_allows(&gateway->source, from, mac, packet, &why))
		port_drop(from, why, 1);
	else
		nat_input(gateway->nat, from, mac, packet);
}

/* An IP packet addressed to our MAC, whole. */
static void on_packet(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet)
{
	enum conntrack_answer answer = CONNTRACK_DROP;
	enum drop_reason why;

	if (udp_forwards_match(gateway->udp_forwards, packet)) {
		on_udp_answer(gateway, from, mac, packet);
		return;
	}
	if (echo_is_request(packet) && is_own_address(gateway, packet)) {
		if (packet->len <= ETH_HEADER + user_config_mtu(&gateway->config))
			on_echo(gateway, packet);
		else
			on_large_echo(gateway, from, mac, packet);
		return;
	}
	if (packet->proto == IPPROTO_UDP && packet->dport == GATEWAY_PORT_DNS &&
	    is_name_server(gateway, packet)) {
		/* A link-local source is as good as any: the answer goes to its MAC. */
		if ((packet->v6 && IN6_IS_ADDR_LINKLOCAL(&packet->src)) ||
		    source_allows(&gateway->source, from, mac, packet, &why))
			on_dns(gateway, from, mac, packet);
		else
			port_drop(from, why, 1);
		return;
	}
	if (source_allows(&gateway->source, from, mac, packet, &why))
		answer = conntrack_from_guest(
			gateway->conntrack, from, mac, packet,
			local_services_find(gateway->local_services, packet) != NULL, &why);
	if (answer == CONNTRACK_DROP)
		port_drop(from, why, 1);
	if (answer != CONNTRACK_PASS)
		return;
	if (destination_has_urgent(packet))
		destination_urgent(packet, gateway->scratch);
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
	if (packet.len > PACKET_MAX) {
		if (for_us)
			port_drop(from, DROP_MALFORMED, 1);
		return;
	}
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
				on_packet(gateway, from, mac, &packet);
			else
				port_drop(from, why, 1);
		}
		return;
	}
	on_packet(gateway, from, mac, &packet);
}

/* --- the turn --- */

void gateway_serve(struct loop_task *task)
{
	struct gateway *gateway = container_of(task, struct gateway, service);
	struct vswitch *vswitch = gateway->netdev.network->vswitch;
	struct port *from = NULL;
	mac_t from_mac = 0;

	nat_begin(gateway->nat);
	conntrack_run(gateway->conntrack);
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

const struct port_ops gateway_port_ops = {
	.send = gateway_send,
};
