/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>

#include "conntrack/conn.h"
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

JsonObject *query_connection(const struct attachment *user, const struct conn *conn)
{
	struct network *network = user->netdev->network;
	const struct guest *guest = guest_by_mac(network->guests, conn->mac);
	const struct conn_count *out = &conn->count[CONN_FROM_GUEST];
	const struct conn_count *in = &conn->count[CONN_TO_GUEST];
	const char *state = conn->cut ? "DENIED" : conn_state_name((enum conn_state)conn->state);
	bool has_ports = conn->key.proto == IPPROTO_TCP || conn->key.proto == IPPROTO_UDP;
	usec_t now = loop_now(network->loop);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "netdev", user->netdev->id);
	json_object_set_string_member(object, "protocol", query_protocol(conn->key.proto));
	query_set_guest(object, guest);
	if (guest)
		json_object_set_string_member(object, "port", guest->port->name);
	query_set_address(object, "guest-address", &conn->key.guest);
	json_object_set_int_member(object, has_ports ? "guest-port" : "identifier",
				   conn->key.guest_port);
	query_set_address(object, "peer-address", &conn->key.peer);
	if (has_ports)
		json_object_set_int_member(object, "peer-port", conn->key.peer_port);
	json_object_set_string_member(object, "direction",
				      conn->opener == CONN_BY_GUEST ? "out" : "in");
	json_object_set_string_member(object, "opened-by",
				      conn_opener_name((enum conn_opener)conn->opener));
	if (state)
		json_object_set_string_member(object, "state", state);
	json_object_set_int_member(object, "age", (now - conn->since) / USEC_PER_SEC);
	json_object_set_int_member(object, "idle", (now - conn->seen) / USEC_PER_SEC);
	json_object_set_int_member(object, "bytes-out", (gint64)out->bytes);
	json_object_set_int_member(object, "bytes-in", (gint64)in->bytes);
	json_object_set_int_member(object, "packets-out", (gint64)out->packets);
	json_object_set_int_member(object, "packets-in", (gint64)in->packets);
	if (conn->rule)
		json_object_set_string_member(object, "rule", conn->rule);
	return object;
}
