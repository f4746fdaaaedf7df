/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>

#include "conntrack/flow.h"
#include "ctl/attachment.h"
#include "ctl/qmp/query.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"

const char *query_protocol(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return "other";
	}
}

void query_set_address(JsonObject *object, const char *key, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr, text, sizeof(text));
	json_object_set_string_member(object, key, text);
}

void query_set_guest(JsonObject *object, const struct guest *guest)
{
	g_autofree char *mac = guest ? g_strdup_printf(MAC_FMT, MAC_ARGS(guest->mac)) : NULL;

	if (!guest)
		return;
	if (guest->name)
		json_object_set_string_member(object, "guest", guest->name);
	json_object_set_string_member(object, "mac", mac);
}

JsonObject *query_connection(const struct attachment *user, const struct flow *flow)
{
	struct network *network = user->netdev->network;
	const struct guest *guest = guest_by_mac(network->guests, flow->mac);
	const struct flow_count *out = &flow->count[FLOW_FROM_GUEST];
	const struct flow_count *in = &flow->count[FLOW_TO_GUEST];
	const char *state = flow->cut ? "DENIED" : flow_state_name((enum flow_state)flow->state);
	bool has_ports = flow->key.proto == IPPROTO_TCP || flow->key.proto == IPPROTO_UDP;
	usec_t now = loop_now(network->loop);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "netdev", user->netdev->id);
	json_object_set_string_member(object, "protocol", query_protocol(flow->key.proto));
	query_set_guest(object, guest);
	if (guest)
		json_object_set_string_member(object, "port", guest->port->name);
	query_set_address(object, "guest-address", &flow->key.guest);
	json_object_set_int_member(object, has_ports ? "guest-port" : "identifier",
				   flow->key.guest_port);
	query_set_address(object, "peer-address", &flow->key.peer);
	if (has_ports)
		json_object_set_int_member(object, "peer-port", flow->key.peer_port);
	json_object_set_string_member(object, "direction",
				      flow->opener == FLOW_BY_GUEST ? "out" : "in");
	json_object_set_string_member(object, "opened-by",
				      flow_opener_name((enum flow_opener)flow->opener));
	if (state)
		json_object_set_string_member(object, "state", state);
	json_object_set_int_member(object, "age", (now - flow->since) / USEC_PER_SEC);
	json_object_set_int_member(object, "idle", (now - flow->seen) / USEC_PER_SEC);
	json_object_set_int_member(object, "bytes-out", (gint64)out->bytes);
	json_object_set_int_member(object, "bytes-in", (gint64)in->bytes);
	json_object_set_int_member(object, "packets-out", (gint64)out->packets);
	json_object_set_int_member(object, "packets-in", (gint64)in->packets);
	if (flow->rule)
		json_object_set_string_member(object, "rule", flow->rule);
	return object;
}
