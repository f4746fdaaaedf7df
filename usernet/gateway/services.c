/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/services.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "conntrack/neighbour.h"
#include "dhcp/dhcp.h"
#include "dns/dns.h"
#include "forward/backlog.h"
#include "gateway/gateway_priv.h"
#include "gateway/names.h"
#include "net/guest.h"
#include "net/served.h"
#include "packet/arp.h"
#include "packet/echo.h"
#include "packet/segment.h"
#include "packet/udp.h"
#include "tftp/tftp.h"
#include "udp/forward.h"

#define REFUSAL_PAUSE (10 * USEC_PER_SEC)

static void on_neighbour(struct gateway *gateway, const struct in6_addr *addr, mac_t mac)
{
	neighbour_heard(gateway->neighbours, addr, mac);
	udp_forwards_found(gateway->udp_forwards, addr, mac);
	backlog_arrived(gateway->backlog, addr);
}

/* A guest answers our request. The guest table does not hold addresses beside leases (guest.h). */
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

void serve_arp(struct gateway *gateway, const struct frame *frame)
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

/* A refused guest asks again every few seconds. */
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

void serve_dhcp(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet)
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

void serve_dhcpv6(struct gateway *gateway, struct port *from, const struct packet *packet)
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

bool gateway_owns(const struct gateway *gateway, const struct packet *packet)
{
	if (packet->v6)
		return ndp_owns(&gateway->ndp, &packet->dst);
	return owns_v4(gateway, address_v4(&packet->dst));
}

/* A large ping was reassembled from fragments; its reply is fragmented too. */
void serve_echo(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet)
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

struct dns_client dns_client_of(const struct packet *packet, mac_t mac, unsigned port_id)
{
	return (struct dns_client){
		.mac = mac,
		.port_id = port_id,
		.src_port = packet->sport,
		.dst_port = packet->dport,
		.src = packet->src,
		.dst = packet->dst,
	};
}

void serve_dns(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet)
{
	struct dns_client client = dns_client_of(packet, mac, from->id);

	dns_query_udp(gateway->dns, &client, packet->frame + packet->payload,
		      packet->len - packet->payload, loop_now(gateway->netdev.network->loop));
}

/* Called by the name server, perhaps long after the query. */
static void on_dns_answer(void *data, const struct dns_client *client, const uint8_t *message,
			  size_t len)
{
	struct gateway *gateway = data;
	struct udp_address address = {
		.eth_src = gateway->mac,
		.eth_dst = client->mac,
		.src = client->dst,
		.dst = client->src,
		.sport = client->dst_port,
		.dport = client->src_port,
	};

	udp_send(&gateway->outbox, &address, message, len, user_config_mtu(&gateway->config));
	loop_task_defer(&gateway->service);
}

/* Guests learn it with their next lease, or at once by a router advertisement. */
static void on_search_changed(void *data, const char *const *search)
{
	struct gateway *gateway = data;

	g_strfreev((char **)gateway->config.host_search);
	gateway->config.host_search = (const char *const *)g_strdupv((char **)search);
	/* Wait until there is a port to advertise on. */
	if (loop_timer_is_set(&gateway->advertise))
		loop_timer_set(&gateway->advertise, loop_now(gateway->netdev.network->loop));
}

const struct dns_ops gateway_dns_ops = {
	.answer_udp = on_dns_answer,
	.search_changed = on_search_changed,
	.may_leave = names_may_leave,
	.has_address = names_has_address,
};

/* A timer that fires too early is cheaper than setting it for each message. */
static void set_tftp_timer(struct gateway *gateway)
{
	usec_t next = tftp_next(gateway->tftp);

	if (next != INT64_MAX &&
	    (!loop_timer_is_set(&gateway->tftp_timer) || next < gateway->tftp_timer.at))
		loop_timer_set(&gateway->tftp_timer, next);
}

void serve_tftp(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet)
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

void serve_ndp(struct gateway *gateway, struct port *from, const struct ndp_message *message)
{
	uint8_t *out;
	size_t len;

	if (message->kind == NDP_BAD) {
		port_drop(from, message->why, 1);
		return;
	}
	out = outbox_reserve(&gateway->outbox, NDP_FRAME_MAX);
	len = out ? ndp_answer(&gateway->ndp, message, out) : 0;
	if (len > 0)
		outbox_commit(&gateway->outbox, len);
}
