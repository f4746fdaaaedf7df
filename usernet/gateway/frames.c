/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/gateway_priv.h"
#include "gateway/outward.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "conntrack/conntrack.h"
#include "conntrack/destination.h"
#include "conntrack/neighbour.h"
#include "conntrack/reset.h"
#include "dhcp/dhcp.h"
#include "dns/dns.h"
#include "forward/backlog.h"
#include "net/fair.h"
#include "net/guest.h"
#include "net/served.h"
#include "net/vswitch.h"
#include "packet/arp.h"
#include "packet/echo.h"
#include "packet/icmp_error.h"
#include "packet/options4.h"
#include "packet/reassembly.h"
#include "packet/segment.h"
#include "packet/udp.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"
#include "tftp/tftp.h"
#include "udp/forward.h"
#include "udp/udp.h"

/*
 * The way of a frame:
 *
 *     gateway_send()   notes it
 *     LOOP_SERVICE     serve() sorts what was noted:
 *                        ARP, neighbour discovery, DHCP, DNS, TFTP, pings of ours: answered
 *                        answers to clients of UDP forwards: udp_forwards_answer()
 *                        a conn that a fast path holds: tcp_input(), udp_input()
 *                        the rest: reassembly -> source -> conntrack, which finds or makes the
 *                          conn; then tcp, udp, or with offload=off libslirp
 *                      tcp_run(), udp_run(), nat_run() write, read and answer
 *                      outbox_flush(): all frames for guests enter the switch as one batch
 */
#define PORT_DHCP_SERVER 67
#define REFUSAL_PAUSE    (10 * USEC_PER_SEC)
#define PENDING_MAX      65536 /* frames a turn; a reader's 256 KB holds 14,563 of the smallest */

static void on_neighbour(struct gateway *gateway, const struct in6_addr *addr, mac_t mac)
{
	neighbour_heard(gateway->neighbours, addr, mac);
	udp_forwards_found(gateway->udp_forwards, addr, mac);
	backlog_arrived(gateway->backlog, addr);
}

/* A guest answers us. Addresses beside its lease are in no table (guest.h). */
static void on_arp_reply(struct gateway *gateway, const struct arp *arp)
{
	struct in6_addr addr = address_map4(arp->sender_ip.s_addr);

	if (arp->target_ip.s_addr == gateway->config.host.s_addr && arp->eth_dst == gateway->mac &&
	    arp->sender_mac == arp->eth_src)
		on_neighbour(gateway, &addr, arp->sender_mac);
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
	dhcp_address_used(gateway->dhcp, arp.sender_ip, arp.sender_mac);
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

/* A guest that asks in vain does so every few seconds. */
static void on_lease_refused(struct gateway *gateway, struct port *from, mac_t mac, const char *why)
{
	struct network *network = gateway->netdev.network;
	usec_t now = loop_now(network->loop);

	if (gateway->refusal_told && now - gateway->refusal_told < REFUSAL_PAUSE)
		return;
	gateway->refusal_told = now;
	log_warning("no lease for " MAC_FMT " at %s: %s", MAC_ARGS(mac), from->name, why);
	network_emit(network, &(struct network_event){.kind = NETWORK_LEASE_REFUSED,
						      .netdev = from->netdev,
						      .port = from,
						      .mac = mac,
						      .text = why});
}

static void tell_lease(struct network *network, const struct port *from, const struct guest *guest,
		       int family, const void *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, addr, text, sizeof(text));
	log_debug("lease of %s: " MAC_FMT " at %s", text, MAC_ARGS(guest->mac), from->name);
	network_emit(network, &(struct network_event){.kind = NETWORK_LEASE_GRANTED,
						      .netdev = from->netdev,
						      .port = from,
						      .guest = guest,
						      .text = text});
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
	case DHCP_REFUSED:
		on_lease_refused(gateway, from, outcome.mac, outcome.why);
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
		if (guest_set_v4(network->guests, guest, outcome.addr, true))
			tell_lease(network, from, guest, AF_INET, &outcome.addr);
		break;
	}
}

static void on_dhcpv6(struct gateway *gateway, struct port *from, const struct packet *packet)
{
	uint8_t *out = outbox_reserve(&gateway->outbox, DHCPV6_FRAME_MAX);
	struct network *network = gateway->netdev.network;
	mac_t mac = mac_read(packet->frame + MAC_LEN);
	usec_t now = loop_now(network->loop);
	struct dhcpv6_outcome outcome;
	struct guest *guest;
	size_t len;

	if (!out)
		return;
	len = dhcpv6_answer(&gateway->dhcpv6, from, packet, now, out, &outcome);
	if (len > 0)
		outbox_commit(&gateway->outbox, len);
	else if (outcome.why != DROP_N_REASONS)
		port_drop(from, outcome.why, 1);
	if (outcome.refused) {
		port_drop(from, DROP_BUDGET, 1);
		on_lease_refused(gateway, from, mac, outcome.refused);
	}
	guest = guest_by_mac(network->guests, mac);
	for (unsigned i = 0; guest && i < outcome.n_ended; i++)
		guest_remove_v6(network->guests, guest, &outcome.ended[i]);
	guest = outcome.n_granted ? guest_seen(network->guests, mac, from, now) : NULL;
	for (unsigned i = 0; guest && i < outcome.n_granted; i++) {
		if (guest_add_v6(network->guests, guest, &outcome.granted[i]))
			tell_lease(network, from, guest, AF_INET6, &outcome.granted[i]);
	}
}

static bool is_own_address(const struct gateway *gateway, const struct packet *packet)
{
	if (packet->v6)
		return ndp_owns(&gateway->ndp, &packet->dst);
	return owns_v4(gateway, address_v4(&packet->dst));
}

/* A large one was put together from fragments, and goes back in fragments. */
static void on_echo(struct gateway *gateway, struct port *from, mac_t mac,
		    const struct packet *packet)
{
	unsigned mtu = user_config_mtu(&gateway->config);
	struct frame whole = {gateway->scratch, packet->len};
	struct packet reply;
	enum drop_reason why;
	uint8_t *out;

	if (packet->len > ETH_HEADER + mtu) {
		if (!source_allows(&gateway->source, from, mac, packet, &why)) {
			port_drop(from, why, 1);
			return;
		}
		echo_reply(packet, gateway->mac, gateway->scratch);
		if (packet_parse(&reply, &whole, &why))
			segment_packet(&reply, 0, mtu, &gateway->outbox);
		return;
	}
	out = outbox_reserve(&gateway->outbox, packet->len);
	if (!out)
		return;
	echo_reply(packet, gateway->mac, out);
	outbox_commit(&gateway->outbox, packet->len);
}

bool gateway_is_name_server(const struct gateway *gateway, const struct in6_addr *addr)
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		return address_v4(addr).s_addr == gateway->config.dns.s_addr;
	return IN6_ARE_ADDR_EQUAL(addr, &gateway->config.dns6) ||
	       IN6_ARE_ADDR_EQUAL(addr, &gateway->ndp.dns_link_local);
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

/* The timer fires for nothing now and then, rather than to be set anew by each message. */
static void set_tftp_timer(struct gateway *gateway)
{
	usec_t next = tftp_next(gateway->tftp);

	if (next != INT64_MAX &&
	    (!loop_timer_is_set(&gateway->tftp_timer) || next < gateway->tftp_timer.at))
		loop_timer_set(&gateway->tftp_timer, next);
}

static void on_tftp(struct gateway *gateway, struct port *from, mac_t mac,
		    const struct packet *packet)
{
	tftp_input(gateway->tftp, from, mac, packet, loop_now(gateway->netdev.network->loop));
	set_tftp_timer(gateway);
}

void gateway_tftp_due(struct loop_timer *timer)
{
	struct gateway *gateway = container_of(timer, struct gateway, tftp_timer);

	tftp_run(gateway->tftp, loop_now(gateway->netdev.network->loop));
	set_tftp_timer(gateway);
	loop_task_defer(&gateway->service);
}

static bool is_for_tftp(const struct gateway *gateway, const struct packet *packet)
{
	return gateway->tftp && packet->proto == IPPROTO_UDP && is_own_address(gateway, packet) &&
	       !served_has(gateway->served, &packet->dst) && tftp_takes(gateway->tftp, packet);
}

/* A link-local source may ask services: the answer goes to its MAC. */
static bool may_ask(struct gateway *gateway, struct port *from, mac_t mac,
		    const struct packet *packet)
{
	enum drop_reason why;

	if ((packet->v6 && IN6_IS_ADDR_LINKLOCAL(&packet->src)) ||
	    source_allows(&gateway->source, from, mac, packet, &why))
		return true;
	port_drop(from, why, 1);
	return false;
}

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
	/* Look it up again: source_allows() may have evicted sessions. */
	session = udp_forwards_match(gateway->udp_forwards, packet);
	if (session)
		udp_forwards_answer(gateway->udp_forwards, session, from, mac, packet);
	else
		port_drop(from, DROP_POLICY, 1);
}

/* --- conversations --- */

void gateway_answer_reset(struct gateway *gateway, const struct packet *packet)
{
	uint8_t *out;

	if (packet->tcp_flags & TCP_FLAG_RST)
		return;
	out = outbox_reserve(&gateway->outbox, RESET_FRAME_MAX);
	if (out)
		outbox_commit(&gateway->outbox,
			      reset_build_answer(out, packet, gateway->mac,
						 mac_read(packet->frame + MAC_LEN)));
}

static void answer_last_ack(struct gateway *gateway, const struct conn *conn)
{
	uint8_t *out = outbox_reserve(&gateway->outbox, RESET_FRAME_MAX);

	if (out)
		outbox_commit(&gateway->outbox,
			      reset_build_last_ack(out, conn, gateway->mac, conn->mac));
}

/* To the fast path that holds @conn. */
static void on_held(struct gateway *gateway, struct port *from, struct conn *conn,
		    const struct packet *packet)
{
	enum drop_reason why;

	if (packet->proto == IPPROTO_TCP)
		tcp_input(gateway->tcp, conn, packet);
	else if (!udp_input(gateway->udp, conn, packet, &why))
		port_drop(from, why, 1);
}

static void to_libslirp(struct gateway *gateway, struct port *from, mac_t mac,
			struct packet *packet)
{
	if (destination_has_urgent(packet))
		destination_urgent(packet, gateway->scratch);
	nat_input(gateway->nat, from, mac, packet);
}

/* Allowed, and not yet a fast path's. @conn may be NULL. */
static void on_allowed(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet,
		       struct conn *conn, bool served)
{
	bool is_tcp = packet->proto == IPPROTO_TCP;
	enum drop_reason why;

	if (conn && conn->ops)
		on_held(gateway, from, conn, packet);
	else if (gateway->nat && !served &&
		 packet->proto != IPPROTO_ICMPV6 && /* has no such pings */
		 !(is_tcp && conn && conn->opener == CONN_BY_FORWARD))
		to_libslirp(gateway, from, mac, packet);
	else if (is_tcp && conn && conn_is_syn(packet))
		outward_open(gateway, conn, packet);
	else if (is_tcp)
		gateway_answer_reset(gateway, packet);
	else if (!conn)
		port_drop(from, DROP_UNSUPPORTED, 1);
	else if (!udp_input(gateway->udp, conn, packet, &why))
		port_drop(from, why, 1);
}

static void answer_port_unreachable(struct gateway *gateway, const struct packet *packet)
{
	const struct icmp_error error = {
		.eth_src = gateway->mac,
		.eth_dst = mac_read(packet->frame + MAC_LEN),
		.from = packet->dst,
		.to = packet->src,
		.type = packet->v6 ? ICMP6_ERROR_UNREACHABLE : ICMP_ERROR_UNREACHABLE,
		.code = packet->v6 ? ICMP6_ERROR_CODE_PORT : ICMP_ERROR_CODE_PORT,
	};
	uint8_t *out = outbox_reserve(&gateway->outbox, ICMP_ERROR_FRAME_MAX);

	if (out)
		outbox_commit(&gateway->outbox,
			      icmp_error_build(out, &error, packet->frame + ETH_HEADER,
					       packet->len - ETH_HEADER));
}

/* A resolver that tries DNS over TLS first is to fail at once. */
static void refuse_at_name_server(struct gateway *gateway, struct port *from,
				  const struct packet *packet)
{
	if (packet->proto == IPPROTO_TCP)
		gateway_answer_reset(gateway, packet);
	else if (packet->proto == IPPROTO_UDP)
		answer_port_unreachable(gateway, packet);
	port_drop(from, DROP_POLICY, 1);
}

/* What no fast path holds: may it be? */
static void on_packet_slow(struct gateway *gateway, struct port *from, mac_t mac,
			   struct packet *packet, struct conn *conn)
{
	bool served = outward_is_served(gateway, packet);
	enum drop_reason why;

	if (fair_is_overdrawn(vswitch_fair(gateway->netdev.network->vswitch))) {
		port_drop(from, DROP_FLOOD, 1);
		return;
	}
	if (!source_allows(&gateway->source, from, mac, packet, &why)) {
		port_drop(from, why, 1);
		return;
	}
	if (!served && gateway_is_name_server(gateway, &packet->dst)) {
		refuse_at_name_server(gateway, from, packet);
		return;
	}
	switch (conntrack_from_guest(gateway->conntrack, from, mac, packet, served, &conn, &why)) {
	case CONNTRACK_PASS:
		on_allowed(gateway, from, mac, packet, conn, served);
		break;
	case CONNTRACK_LAST_ACK:
		answer_last_ack(gateway, conn);
		break;
	case CONNTRACK_OPENS:
	case CONNTRACK_DROP:
		port_drop(from, why, 1);
		break;
	}
}

/* An IP packet addressed to our MAC, whole. */
static void on_packet(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet)
{
	struct conn *conn = NULL;
	struct conn_key key;

	if (packet->v6 && address_is_v4(&packet->src)) {
		port_drop(from, DROP_MALFORMED, 1);
		return;
	}
	/* An IPv4 address dressed as IPv6 is nobody's conn. */
	if (packet->v6 == !address_is_v4(&packet->dst) &&
	    conn_key_of(&key, packet, CONN_FROM_GUEST))
		conn = conn_find(gateway->conns, &key);
	if (conn && conn->ops && !conn->cut && conn->mac == mac && conn->port_id == from->id) {
		on_held(gateway, from, conn, packet);
		return;
	}
	if (udp_forwards_match(gateway->udp_forwards, packet)) {
		on_udp_answer(gateway, from, mac, packet);
		return;
	}
	if (echo_is_request(packet) && is_own_address(gateway, packet)) {
		on_echo(gateway, from, mac, packet);
		return;
	}
	if (packet->proto == IPPROTO_UDP && packet->dport == GATEWAY_PORT_DNS &&
	    gateway_is_name_server(gateway, &packet->dst)) {
		if (may_ask(gateway, from, mac, packet))
			on_dns(gateway, from, mac, packet);
		return;
	}
	if (is_for_tftp(gateway, packet)) {
		if (may_ask(gateway, from, mac, packet))
			on_tftp(gateway, from, mac, packet);
		return;
	}
	on_packet_slow(gateway, from, mac, packet, conn);
}

/* Put together from fragments, in memory that the next one will use. */
static void on_whole(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet)
{
	on_packet(gateway, from, mac, packet);
	if (packet->proto == IPPROTO_TCP)
		tcp_run(gateway->tcp);
	else
		udp_flush(gateway->udp);
}

/* Without its options (record route, timestamp) a packet goes on like any other. */
static void on_options(struct gateway *gateway, struct port *from, const struct frame *frame)
{
	enum drop_reason why;
	struct packet packet;
	struct frame bare;

	if (!options4_strip(frame, gateway->bare, &bare, &why) ||
	    !packet_parse(&packet, &bare, &why))
		port_drop(from, why, 1);
	else if (packet.fragment || !gateway->config.ipv4)
		port_drop(from, DROP_UNSUPPORTED, 1);
	else
		on_whole(gateway, from, frame_src(frame), &packet);
}

static void on_ip(struct gateway *gateway, struct port *from, const struct frame *frame,
		  bool for_us)
{
	mac_t mac = frame_src(frame);
	struct ndp_message message;
	struct packet packet;
	enum drop_reason why;
	struct frame whole;

	if (for_us && options4_are_there(frame)) {
		on_options(gateway, from, frame);
		return;
	}
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
		if (!gateway->config.no_dhcp)
			on_dhcp(gateway, from, mac, &packet);
		return;
	}
	if (dhcpv6_is_for_us(&gateway->dhcpv6, &packet)) {
		if (!gateway->config.no_dhcp)
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
				on_whole(gateway, from, mac, &packet);
			else
				port_drop(from, why, 1);
		}
		return;
	}
	on_packet(gateway, from, mac, &packet);
}

/* --- the turn --- */

/* Policy changed its mind about these. */
static void reset_what_was_cut(struct gateway *gateway)
{
	struct conn *conn;

	while ((conn = conntrack_next_reset(gateway->conntrack))) {
		/* UDP keeps its socket, for when it is allowed again. */
		if (conn->key.proto != IPPROTO_TCP)
			continue;
		if (conn->ops)
			tcp_cut(gateway->tcp, conn);
		else if (gateway->nat)
			nat_reset(gateway->nat, conn);
	}
}

void gateway_serve(struct loop_task *task)
{
	struct gateway *gateway = container_of(task, struct gateway, service);
	struct vswitch *vswitch = gateway->netdev.network->vswitch;
	struct fair *fair = vswitch_fair(vswitch);
	struct port *from = NULL, *runs = NULL;
	mac_t from_mac = 0;

	if (gateway->nat)
		nat_begin(gateway->nat);
	reset_what_was_cut(gateway);
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
		if (from != runs) {
			if (runs)
				fair_end(fair, runs);
			fair_begin(fair, from);
			runs = from;
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
	if (runs)
		fair_end(fair, runs);
	gateway->n_pending = 0;
	tcp_run(gateway->tcp);
	udp_run(gateway->udp);
	if (gateway->nat)
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
