/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <unistd.h>

#include "base/limit.h"
#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/qmp/command.h"
#include "ctl/qmp/qmp.h"
#include "ctl/qmp/query.h"
#include "ctl/qmp/session.h"
#include "dhcp/dhcp.h"
#include "dns/dns.h"
#include "gateway/gateway.h"
#include "link/dgram.h"
#include "link/stream.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/station.h"
#include "net/troubles.h"
#include "net/vswitch.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"

/* Commands that only read. Durations are in seconds. */

static JsonNode *query_status(struct command_call *call, GError **error)
{
	struct control *control = call->control;
	JsonObject *object = json_object_new();
	usec_t up = loop_now(control->network->loop) - control->started;
	struct gateway *gateway = gateway_find(control->network);

	json_object_set_string_member(object, "status", "running");
	json_object_set_boolean_member(object, "running", TRUE);
	json_object_set_string_member(object, "name", control->network->name);
	json_object_set_string_member(object, "version", USERNET_VERSION);
	json_object_set_int_member(object, "pid", getpid());
	json_object_set_int_member(object, "uptime", up / USEC_PER_SEC);
	json_object_set_string_member(object, "run-dir", control->run_dir);
	if (control->log_file)
		json_object_set_string_member(object, "log-file", control->log_file);
	if (control->sandbox)
		json_object_set_object_member(object, "sandbox", query_sandbox(control->sandbox));
	if (call->session->qmp)
		json_object_set_object_member(object, "control", qmp_describe(call->session->qmp));
	if (gateway) {
		const struct charge_book *charges = gateway_charges(gateway);
		const struct tcp *tcp = gateway_tcp(gateway);
		struct dns_stats dns;

		dns_stats(gateway_dns(gateway), &dns);
		json_object_set_int_member(object, "dns-waiting", dns.outstanding);
		json_object_set_int_member(object, "dns-dropped",
					   (gint64)(dns.dropped + dns.displaced));
		/* used by connections, sessions and forwards */
		json_object_set_int_member(object, "descriptors",
					   charge_book_held(charges, CHARGE_FDS));
		json_object_set_int_member(object, "tcp-connections", tcp_count(tcp));
		json_object_set_int_member(object, "tcp-bytes", (gint64)tcp_bytes(tcp));
	}
	return command_object(object);
}

static void set_v4(JsonObject *object, const char *key, struct in_addr addr)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &addr, text, sizeof(text));
	json_object_set_string_member(object, key, text);
}

static void set_v6(JsonObject *object, const char *key, const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	json_object_set_string_member(object, key, text);
}

static JsonObject *describe_gateway(struct netdev *netdev)
{
	struct gateway *gateway = gateway_from_netdev(netdev);
	const struct user_config *config = gateway_config(gateway);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "netdev", netdev->id);
	json_object_set_boolean_member(object, "restricted", config->restricted);
	json_object_set_boolean_member(object, "isolated", config->isolated);
	json_object_set_boolean_member(object, "dhcp", !config->no_dhcp);
	if (config->ipv4) {
		struct lease_pool *pool = dhcp_leases(gateway_dhcp(gateway));

		set_v4(object, "net", config->net);
		json_object_set_int_member(object, "prefix-length", config->net_len);
		set_v4(object, "host", config->host);
		set_v4(object, "dns", config->dns);
		set_v4(object, "dhcp-start", config->dhcp_start);
		set_v4(object, "dhcp-end", config->dhcp_end);
		json_object_set_int_member(object, "lease-time", config->lease_time);
		json_object_set_int_member(object, "pool-size", lease_pool_size(pool));
		json_object_set_int_member(object, "pool-bound", lease_pool_bound(pool));
	}
	if (config->ipv6) {
		set_v6(object, "ipv6-prefix", &config->net6);
		json_object_set_int_member(object, "ipv6-prefix-length", config->net6_len);
		set_v6(object, "ipv6-host", &config->host6);
		set_v6(object, "ipv6-dns", &config->dns6);
	}
	if (config->domainname)
		json_object_set_string_member(object, "domainname", config->domainname);
	if (config->mtu)
		json_object_set_int_member(object, "mtu", config->mtu);
	json_object_set_int_member(object, "max-guests", config->max_guests);
	if (gateway_nat(gateway))
		json_object_set_int_member(object, "instances",
					   nat_n_instances(gateway_nat(gateway)));
	return object;
}

/* Those from @first to before @end, base/limit.h. */
static void describe_limits(JsonObject *object, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		json_object_set_int_member(object, limit_name((enum limit)i),
					   limit_get((enum limit)i));
}

static JsonNode *query_network(struct command_call *call, GError **error)
{
	struct network *network = call->control->network;
	struct attachment *user = control_find_user(call->control, NULL, NULL);
	JsonObject *object = json_object_new(), *limits = json_object_new();
	int ports = 0;

	json_object_set_string_member(object, "name", network->name);
	list_for_each (port, vswitch_ports(network->vswitch), struct port, link)
		ports++;
	json_object_set_int_member(object, "ports", ports);
	json_object_set_int_member(object, "stations", vswitch_n_stations(network->vswitch));
	json_object_set_int_member(object, "max-stations", STATION_MAX);
	json_object_set_int_member(object, "guests", guest_count(network->guests));
	json_object_set_int_member(object, "max-guests", GUEST_MAX);
	describe_limits(limits, LIMIT_PER_PORT, LIMIT_COUNT);
	json_object_set_object_member(object, "limits", limits);
	if (user)
		json_object_set_object_member(object, "gateway", describe_gateway(user->netdev));
	return command_object(object);
}

static JsonObject *port_limits(void)
{
	JsonObject *object = json_object_new();

	describe_limits(object, 0, LIMIT_PER_PORT);
	return object;
}

static JsonNode *query_netdevs(struct command_call *call, GError **error)
{
	JsonArray *array = json_array_new();

	list_for_each (netdev, &call->control->network->netdevs, struct netdev, link) {
		JsonObject *object = json_object_new();
		JsonArray *ports = json_array_new();

		json_object_set_string_member(object, "id", netdev->id);
		json_object_set_string_member(object, "type", netdev->ops->kind);
		if (netdev->description)
			json_object_set_string_member(object, "description", netdev->description);
		json_object_set_boolean_member(object, "link", netdev->link_up);
		if (netdev_isolate(netdev))
			json_object_set_string_member(object, "isolate", netdev_isolate(netdev));
		json_object_set_boolean_member(object, "guard", !netdev->unguarded);
		if (netdev->uplink)
			json_object_set_boolean_member(object, "uplink", TRUE);
		json_object_set_int_member(object, "links-refused", (gint64)netdev->n_refused);
		json_object_set_object_member(object, "limits-per-port", port_limits());
		list_for_each (port, &netdev->ports, struct port, netdev_link)
			json_array_add_object_element(ports,
						      query_port(call->control->network, port));
		json_object_set_array_member(object, "ports", ports);
		json_array_add_object_element(array, object);
	}
	return command_array(array);
}

static JsonNode *query_guests(struct command_call *call, GError **error)
{
	struct network *network = call->control->network;
	JsonArray *array = json_array_new();

	/* Guests that are present first, then reserved ones. */
	list_for_each (guest, guest_list(network->guests), struct guest, link)
		json_array_add_object_element(array, query_guest(guest));
	list_for_each (reservation, reservation_list(network->reservations), struct reservation,
		       link) {
		if (!guest_by_mac(network->guests, reservation->mac))
			json_array_add_object_element(array, query_reservation(reservation));
	}
	return command_array(array);
}

struct lease_listing {
	JsonArray *array;
	struct network *network;
};

static void add_lease(void *data, const struct lease *lease)
{
	static const char *const states[] = {"offered", "bound", "expired", "declined"};
	struct lease_listing *listing = data;
	JsonObject *object = json_object_new();
	g_autofree char *mac = g_strdup_printf(MAC_FMT, MAC_ARGS(lease->mac));
	usec_t left = lease->expires - loop_now(listing->network->loop);
	enum lease_state state = lease->state;

	/* The pool detects an expired lease only when the address is needed. */
	if (state == LEASE_BOUND && left <= 0)
		state = LEASE_EXPIRED;
	set_v4(object, "address", lease->addr);
	json_object_set_string_member(object, "state",
				      lease->reserved && state == LEASE_EXPIRED ? "reserved"
										: states[state]);
	json_object_set_string_member(object, "mac", mac);
	if (lease->hostname[0])
		json_object_set_string_member(object, "hostname", lease->hostname);
	json_object_set_int_member(object, "expires-in", MAX(left, 0) / USEC_PER_SEC);
	list_for_each (port, vswitch_ports(listing->network->vswitch), struct port, link) {
		if (port->id == lease->port_id)
			json_object_set_string_member(object, "port", port->name);
	}
	json_array_add_object_element(listing->array, object);
}

static JsonNode *query_leases(struct command_call *call, GError **error)
{
	struct lease_listing listing = {json_array_new(), call->control->network};
	struct gateway *gateway = gateway_find(listing.network);

	if (gateway && gateway_config(gateway)->ipv4)
		lease_foreach(dhcp_leases(gateway_dhcp(gateway)), add_lease, &listing);
	return command_array(listing.array);
}

static JsonNode *query_forwards(struct command_call *call, GError **error)
{
	JsonArray *array = json_array_new();

	list_for_each (user, &call->control->attachments, struct attachment, link) {
		if (!user->forwards)
			continue;
		list_for_each (entry, forwards_entries(user->forwards), struct fwd_entry, link)
			json_array_add_object_element(array, query_forward(user, entry));
		list_for_each (each, guest_forwards_entries(user->guest_forwards),
			       struct guest_forward, link)
			json_array_add_object_element(array, query_guest_forward(user, each));
	}
	return command_array(array);
}

struct flow_listing {
	JsonArray *array;
	const struct attachment *user;
};

static void add_flow(void *data, struct conn *flow)
{
	struct flow_listing *listing = data;

	json_array_add_object_element(listing->array, query_connection(listing->user, flow));
}

static JsonNode *query_connections(struct command_call *call, GError **error)
{
	struct flow_listing listing = {json_array_new(), NULL};

	list_for_each (user, &call->control->attachments, struct attachment, link) {
		listing.user = user;
		if (user->forwards)
			conn_foreach(conntrack_conns(
					     gateway_conntrack(gateway_from_netdev(user->netdev))),
				     add_flow, &listing);
	}
	return command_array(listing.array);
}

static JsonNode *query_troubles(struct command_call *call, GError **error)
{
	struct network *network = call->control->network;
	JsonArray *array = json_array_new();

	list_for_each (trouble, troubles_list(network->troubles), struct trouble, link) {
		JsonObject *object = query_trouble(trouble);
		usec_t ago = loop_now(network->loop) - trouble->seen;

		json_object_set_string_member(object, "event", query_trouble_event(trouble));
		json_object_set_int_member(object, "seen-ago", ago / USEC_PER_SEC);
		json_array_add_object_element(array, object);
	}
	return command_array(array);
}

const struct command commands_query[] = {
	{.name = "query-status", .run = query_status, .result = RETURNS_OBJECT, .allow_oob = true},
	{.name = "query-network", .run = query_network, .result = RETURNS_OBJECT},
	{.name = "query-netdevs", .run = query_netdevs, .result = RETURNS_OBJECTS},
	{.name = "query-guests", .run = query_guests, .result = RETURNS_OBJECTS},
	{.name = "query-troubles", .run = query_troubles, .result = RETURNS_OBJECTS},
	{.name = "query-leases", .run = query_leases, .result = RETURNS_OBJECTS},
	{.name = "query-forwards", .run = query_forwards, .result = RETURNS_OBJECTS},
	{.name = "query-connections", .run = query_connections, .result = RETURNS_OBJECTS},
	{NULL},
};
