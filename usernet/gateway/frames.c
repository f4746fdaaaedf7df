/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/gateway_priv.h"
#include "gateway/outward.h"
#include "gateway/services.h"

#include "conntrack/conntrack.h"
#include "conntrack/judge.h"
#include "conntrack/reset.h"
#include "net/fair.h"
#include "net/served.h"
#include "net/tap.h"
#include "net/vswitch.h"
#include "packet/echo.h"
#include "packet/icmp_error.h"
#include "packet/options4.h"
#include "packet/reassembly.h"
#include "policy/destination.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"
#include "tftp/tftp.h"
#include "udp/forward.h"
#include "udp/udp.h"

/*
 * The way of a frame:
 *
 *     gateway_send()   notes it
 *     LOOP_SERVICE     gateway_serve() sorts the noted frames:
 *                        ARP, neighbour discovery, DHCP, DNS, TFTP, pings of ours: answered
 *                        answers to clients of UDP forwards: udp_forwards_answer()
 *                        a conn that a fast path holds: tcp_input(), udp_input()
 *                        the rest: reassembly -> source -> conntrack, which finds or makes the
 *                          conn; then tcp, udp, or with offload=off libslirp
 *                      tcp_run(), udp_run(), nat_run() write, read and answer
 *                      outbox_flush(): all frames for guests enter the switch as one batch
 */
#define PORT_DHCP_SERVER 67
#define PENDING_MAX      65536 /* frames a turn; a 256 KB read holds at most 14,563 frames */

static bool is_for_tftp(const struct gateway *gateway, const struct packet *packet)
{
	return gateway->tftp && packet->proto == IPPROTO_UDP && gateway_owns(gateway, packet) &&
	       !served_has(gateway->served, &packet->dst) && tftp_takes(gateway->tftp, packet);
}

/* A link-local source may use our services: answers go to its MAC. */
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

/* A guest's answer to a client of a UDP forward: allowed whatever policy says of the address. */
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

/* Passes the packet to the fast path that holds @conn. */
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

/* The packet is allowed; a fast path may not hold its conn yet. @conn may be NULL. */
static void on_allowed(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet,
		       struct conn *conn, bool served)
{
	bool is_tcp = packet->proto == IPPROTO_TCP;
	enum drop_reason why;

	if (conn && conn->ops)
		on_held(gateway, from, conn, packet);
	else if (gateway->nat && !served &&
		 packet->proto != IPPROTO_ICMPV6 && /* libslirp sends no such pings */
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

static void answer_unreachable(struct gateway *gateway, const struct packet *packet, uint8_t code)
{
	const struct icmp_error error = {
		.eth_src = gateway->mac,
		.eth_dst = mac_read(packet->frame + MAC_LEN),
		.from = packet->dst,
		.to = packet->src,
		.type = packet->v6 ? ICMP6_ERROR_UNREACHABLE : ICMP_ERROR_UNREACHABLE,
		.code = code,
	};
	uint8_t *out = outbox_reserve(&gateway->outbox, ICMP_ERROR_FRAME_MAX);

	if (out)
		outbox_commit(&gateway->outbox,
			      icmp_error_build(out, &error, packet->frame + ETH_HEADER,
					       packet->len - ETH_HEADER));
}

/* Refuse at once: a resolver that tries DNS over TLS first should not wait. */
static void refuse_at_name_server(struct gateway *gateway, struct port *from,
				  const struct packet *packet)
{
	if (packet->proto == IPPROTO_TCP)
		gateway_answer_reset(gateway, packet);
	else if (packet->proto == IPPROTO_UDP)
		answer_unreachable(gateway, packet,
				   packet->v6 ? ICMP6_ERROR_CODE_PORT : ICMP_ERROR_CODE_PORT);
	port_drop(from, DROP_POLICY, 1);
}

/* Policy denied @packet. Where names are filtered, programs should fail at once. */
static void refuse_denied(struct gateway *gateway, mac_t mac, const struct packet *packet)
{
	bool multicast =
		packet->v6 ? IN6_IS_ADDR_MULTICAST(&packet->dst) : packet->dst.s6_addr[12] >= 224;

	if (multicast || !judge_refuses(conntrack_judge(gateway->conntrack), mac))
		return;
	if (packet->proto == IPPROTO_TCP)
		gateway_answer_reset(gateway, packet);
	else
		answer_unreachable(gateway, packet,
				   packet->v6 ? ICMP6_ERROR_CODE_PROHIBITED
					      : ICMP_ERROR_CODE_PROHIBITED);
}

/* No fast path holds the packet's conn: judge it. */
static void on_packet_slow(struct gateway *gateway, struct port *from, mac_t mac,
			   struct packet *packet, struct conn *conn)
{
	bool served = outward_is_served(gateway, packet);
	enum drop_reason why;

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
		if (why == DROP_POLICY)
			refuse_denied(gateway, mac, packet);
		break;
	}
}

/* A whole IP packet addressed to our MAC. */
static void on_packet(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet)
{
	struct conn *conn = NULL;
	struct conn_key key;

	if (packet->v6 && address_is_v4(&packet->src)) {
		port_drop(from, DROP_MALFORMED, 1);
		return;
	}
	/* No conn has an IPv4 address in an IPv6 packet. */
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
	if (echo_is_request(packet) && gateway_owns(gateway, packet)) {
		serve_echo(gateway, from, mac, packet);
		return;
	}
	if (packet->proto == IPPROTO_UDP && packet->dport == GATEWAY_PORT_DNS &&
	    gateway_is_name_server(gateway, &packet->dst)) {
		if (may_ask(gateway, from, mac, packet))
			serve_dns(gateway, from, mac, packet);
		return;
	}
	if (is_for_tftp(gateway, packet)) {
		if (may_ask(gateway, from, mac, packet))
			serve_tftp(gateway, from, mac, packet);
		return;
	}
	on_packet_slow(gateway, from, mac, packet, conn);
}

/* The packet is in memory that the next one reuses, so send its payload now. */
static void on_whole(struct gateway *gateway, struct port *from, mac_t mac, struct packet *packet)
{
	on_packet(gateway, from, mac, packet);
	if (packet->proto == IPPROTO_TCP)
		tcp_run(gateway->tcp);
	else
		udp_flush(gateway->udp);
}

/* Removes the options (record route, timestamp) and goes on. */
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
		serve_ndp(gateway, from, &message);
		return;
	}
	if (!packet.v6 && !packet.fragment && packet.proto == IPPROTO_UDP &&
	    packet.dport == PORT_DHCP_SERVER && (!for_us || gateway_owns(gateway, &packet))) {
		if (!gateway->config.no_dhcp && !gateway->other.yields)
			serve_dhcp(gateway, from, mac, &packet);
		return;
	}
	if (dhcpv6_is_for_us(&gateway->dhcpv6, &packet)) {
		if (!gateway->config.no_dhcp && !gateway->other.yields)
			serve_dhcpv6(gateway, from, &packet);
		return;
	}
	if (!for_us)
		return; /* broadcast or multicast between guests */
	if (packet.fragment) {
		if (reassembly_add(gateway->reassembly, from, &packet,
				   loop_now(gateway->netdev.network->loop), &whole)) {
			why = DROP_MALFORMED; /* the reassembled packet is a fragment again */
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

/* Resets connections that policy no longer allows. */
static void reset_what_was_cut(struct gateway *gateway)
{
	struct conn *conn;

	while ((conn = conntrack_next_reset(gateway->conntrack))) {
		/* A UDP socket stays: policy may allow it again. */
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
	size_t n = 0, bytes = 0; /* of the run */

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
			if (!from) { /* its port has too many stations, or was just removed */
				port_drop(&gateway->port, DROP_STATIONS, 1);
				continue;
			}
		}
		if (from != runs) {
			if (runs)
				fair_end(fair, runs, n, bytes);
			fair_begin(fair, from);
			runs = from;
			n = 0;
			bytes = 0;
		}
		n++;
		bytes += frame->len;
		from->last_drop = DROP_N_REASONS;
		switch (frame_ethertype(frame)) {
		case ETHERTYPE_ARP_:
			serve_arp(gateway, frame);
			break;
		case ETHERTYPE_V4:
		case ETHERTYPE_V6:
			on_ip(gateway, from, frame, for_us);
			break;
		case OTHER_GATEWAY_ETHERTYPE:
			other_gateway_input(&gateway->other, from, frame);
			break;
		default:
			if (for_us)
				port_drop(from, DROP_UNSUPPORTED, 1);
			break;
		}
		tap_dropped(from, frame);
	}
	if (runs)
		fair_end(fair, runs, n, bytes);
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
