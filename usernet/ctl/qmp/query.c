/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/query.h"

#include <arpa/inet.h>

#include "ctl/attachment.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "forward/guestfwd.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/troubles.h"

char *sockaddr_host_text(const struct sockaddr_any *addr)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (addr->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr->in.sin_addr, text, sizeof(text));
	else if (addr->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, text, sizeof(text));
	return g_strdup(text);
}

unsigned sockaddr_port_number(const struct sockaddr_any *addr)
{
	if (addr->sa.sa_family == AF_INET)
		return ntohs(addr->in.sin_port);
	if (addr->sa.sa_family == AF_INET6)
		return ntohs(addr->in6.sin6_port);
	return 0;
}

/* PREFIX-address and PREFIX-port */
static void set_sockaddr(JsonObject *object, const char *prefix, const struct sockaddr_any *addr)
{
	g_autofree char *host = sockaddr_host_text(addr);
	g_autofree char *host_key = g_strdup_printf("%s-address", prefix);
	g_autofree char *port_key = g_strdup_printf("%s-port", prefix);

	json_object_set_string_member(object, host_key, host);
	json_object_set_int_member(object, port_key, sockaddr_port_number(addr));
}

/* An unknown guest has a port and no address. */
static void set_guest(JsonObject *object, const struct sockaddr_any *guest)
{
	bool known = guest->sa.sa_family == AF_INET6
			     ? !IN6_IS_ADDR_UNSPECIFIED(&guest->in6.sin6_addr)
			     : guest->in.sin_addr.s_addr != 0;

	if (known)
		set_sockaddr(object, "guest", guest);
	else
		json_object_set_int_member(object, "guest-port", sockaddr_port_number(guest));
}

JsonObject *query_forward(const struct attachment *user, const struct fwd_entry *entry)
{
	JsonObject *object = json_object_new();
	g_autofree char *rule = forwards_format(&entry->rule, &entry->bound);

	json_object_set_string_member(object, "type", "hostfwd");
	json_object_set_string_member(object, "netdev", user->netdev->id);
	json_object_set_string_member(object, "protocol", entry->rule.udp ? "udp" : "tcp");
	if (entry->bound.sa.sa_family == AF_UNIX)
		json_object_set_string_member(object, "path", entry->bound.un.sun_path);
	else
		set_sockaddr(object, "host", &entry->bound);
	if (entry->rule.guest_name[0])
		json_object_set_string_member(object, "guest-name", entry->rule.guest_name);
	set_guest(object, &entry->rule.guest);
	json_object_set_boolean_member(object, "here",
				       forwards_guest_is_here(user->forwards, entry));
	json_object_set_int_member(object, "waited", (gint64)forwards_waited(entry));
	json_object_set_int_member(object, "ports", entry->rule.n_ports);
	json_object_set_boolean_member(object, "masquerade", entry->rule.masquerade);
	json_object_set_string_member(object, "rule", rule);
	return object;
}

JsonObject *query_guest_forward(const struct attachment *user, const struct guest_forward *entry)
{
	static const char *const kinds[] = {"command", "socket"};
	struct guestfwd_counts counts = guestfwd_counts(entry->fwd);
	JsonObject *object = json_object_new();
	g_autofree char *to = entry->rule.target == FWD_TARGET_COMMAND
				      ? g_strdup(entry->rule.command)
				      : sockaddr_format(&entry->rule.to);

	json_object_set_string_member(object, "type", "guestfwd");
	json_object_set_string_member(object, "netdev", user->netdev->id);
	json_object_set_string_member(object, "protocol", "tcp");
	set_sockaddr(object, "server", &entry->rule.server);
	json_object_set_string_member(object, kinds[entry->rule.target], to);
	json_object_set_int_member(object, "connections", counts.open);
	json_object_set_int_member(object, "accepted", (gint64)counts.accepted);
	json_object_set_int_member(object, "refused", (gint64)counts.refused);
	json_object_set_string_member(object, "rule", entry->text);
	return object;
}

JsonObject *query_reservation(const struct reservation *reservation)
{
	JsonObject *object = json_object_new();
	g_autofree char *mac = g_strdup_printf(MAC_FMT, MAC_ARGS(reservation->mac));
	char text[INET_ADDRSTRLEN];

	json_object_set_string_member(object, "mac", mac);
	json_object_set_string_member(object, "name", reservation->name);
	json_object_set_boolean_member(object, "reserved", TRUE);
	json_object_set_boolean_member(object, "here", FALSE);
	if (reservation->addr.s_addr) {
		inet_ntop(AF_INET, &reservation->addr, text, sizeof(text));
		json_object_set_string_member(object, "ipv4", text);
	}
	if (reservation->netdev)
		json_object_set_string_member(object, "netdev", reservation->netdev);
	return object;
}

static gint64 seconds_since(usec_t now, usec_t then)
{
	return (now - then) / USEC_PER_SEC;
}

/* Adds the troubles of the guest or its port. */
static void add_troubles(JsonObject *object, const struct guest *guest)
{
	JsonArray *texts = json_array_new();

	list_for_each (trouble, troubles_list(guest->port->netdev->network->troubles),
		       struct trouble, link) {
		if (trouble->mac ? trouble->mac == guest->mac : trouble->port_id == guest->port->id)
			json_array_add_string_element(texts, trouble->text);
	}
	json_object_set_array_member(object, "trouble", texts);
}

JsonObject *query_guest(const struct guest *guest)
{
	JsonObject *object = json_object_new();
	JsonArray *v6 = json_array_new();
	g_autofree char *mac = g_strdup_printf(MAC_FMT, MAC_ARGS(guest->mac));
	usec_t now = loop_now(guest->port->netdev->network->loop);
	char text[INET6_ADDRSTRLEN];

	json_object_set_string_member(object, "mac", mac);
	if (guest->name)
		json_object_set_string_member(object, "name", guest->name);
	json_object_set_boolean_member(
		object, "reserved",
		reservation_by_mac(guest->port->netdev->network->reservations, guest->mac) != NULL);
	json_object_set_boolean_member(object, "here", TRUE);
	if (guest->v4.s_addr) {
		inet_ntop(AF_INET, &guest->v4, text, sizeof(text));
		json_object_set_string_member(object, "ipv4", text);
	}
	json_object_set_boolean_member(object, "leased", guest->v4_leased);
	for (unsigned i = 0; i < guest->n_v6; i++) {
		inet_ntop(AF_INET6, &guest->v6[i], text, sizeof(text));
		json_array_add_string_element(v6, text);
	}
	json_object_set_array_member(object, "ipv6", v6);
	json_object_set_string_member(object, "netdev", guest->port->netdev->id);
	json_object_set_string_member(object, "port", guest->port->name);
	json_object_set_boolean_member(object, "link", guest->port->link_up);
	add_troubles(object, guest);
	json_object_set_int_member(object, "joined-ago", seconds_since(now, guest->since));
	json_object_set_int_member(object, "seen-ago", seconds_since(now, guest->seen));
	return object;
}

JsonObject *query_port(const struct network *network, const struct port *port)
{
	const struct port_counters *count = &port->count;
	JsonObject *object = json_object_new();
	JsonObject *drops = json_object_new();

	json_object_set_string_member(object, "name", port->name);
	if (port->peer)
		json_object_set_string_member(object, "peer", port->peer);
	json_object_set_boolean_member(object, "link", port->link_up);
	json_object_set_boolean_member(object, "congested", port->congested);
	json_object_set_int_member(object, "up-for",
				   seconds_since(loop_now(network->loop), port->since));
	json_object_set_int_member(object, "stations", port->n_stations);
	json_object_set_int_member(object, "rx-frames", (gint64)count->rx_frames);
	json_object_set_int_member(object, "rx-bytes", (gint64)count->rx_bytes);
	json_object_set_int_member(object, "tx-frames", (gint64)count->tx_frames);
	json_object_set_int_member(object, "tx-bytes", (gint64)count->tx_bytes);
	for (int i = 0; i < DROP_N_REASONS; i++) {
		if (count->drops[i])
			json_object_set_int_member(drops, drop_reason_name((enum drop_reason)i),
						   (gint64)count->drops[i]);
	}
	json_object_set_object_member(object, "drops", drops);
	json_object_set_int_member(object, "rests", (gint64)count->rests);
	return object;
}
