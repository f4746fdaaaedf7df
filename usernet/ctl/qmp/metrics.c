/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <netinet/in.h>

#include "capture/captures.h"
#include "conntrack/charge.h"
#include "conntrack/conn_table.h"
#include "conntrack/conntrack.h"
#include "ctl/control.h"
#include "ctl/qmp/command.h"
#include "dhcp/dhcp.h"
#include "dns/dns.h"
#include "gateway/gateway.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/troubles.h"
#include "net/vswitch.h"
#include "tcp/tcp.h"

/* --- writing --- */

enum metric_type { COUNTER, GAUGE };

/* All samples of a family follow its head. @unit: the name's last word; NULL: none. */
static void family(GString *out, const char *name, enum metric_type type, const char *unit,
		   const char *help)
{
	g_string_append_printf(out, "# HELP usernet_%s %s\n# TYPE usernet_%s %s\n", name, help,
			       name, type == COUNTER ? "counter" : "gauge");
	if (unit)
		g_string_append_printf(out, "# UNIT usernet_%s %s\n", name, unit);
}

static void append_value(GString *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			g_string_append(out, "\\n");
		else if (*value == '"' || *value == '\\')
			g_string_append_printf(out, "\\%c", *value);
		else
			g_string_append_c(out, *value);
	}
}

/* Labels with a NULL value are left out. */
struct label {
	const char *name, *value;
};

static void sample(GString *out, const char *name, enum metric_type type,
		   const struct label *labels, size_t n, uint64_t value)
{
	const char *before = "{";

	g_string_append_printf(out, "usernet_%s%s", name, type == COUNTER ? "_total" : "");
	for (size_t i = 0; i < n; i++) {
		if (!labels[i].value)
			continue;
		g_string_append_printf(out, "%s%s=\"", before, labels[i].name);
		append_value(out, labels[i].value);
		g_string_append_c(out, '"');
		before = ",";
	}
	if (*before == ',')
		g_string_append_c(out, '}');
	g_string_append_printf(out, " %" G_GUINT64_FORMAT "\n", value);
}

static void single(GString *out, const char *name, enum metric_type type, const char *unit,
		   const char *help, uint64_t value)
{
	family(out, name, type, unit, help);
	sample(out, name, type, NULL, 0, value);
}

/* --- ports --- */

enum port_value {
	RX_FRAMES,
	RX_BYTES,
	TX_FRAMES,
	TX_BYTES,
	RESTS,
	LINK_UP,
	CONGESTED,
};

static uint64_t read_port(const struct port *port, enum port_value value)
{
	switch (value) {
	case RX_FRAMES:
		return port->count.rx_frames;
	case RX_BYTES:
		return port->count.rx_bytes;
	case TX_FRAMES:
		return port->count.tx_frames;
	case TX_BYTES:
		return port->count.tx_bytes;
	case RESTS:
		return port->count.rests;
	case LINK_UP:
		return port->link_up;
	case CONGESTED:
		return port->congested;
	}
	return 0;
}

/* The name of the only guest at a port. */
static const char *guest_name(const struct port *port)
{
	if (port->n_guests != 1)
		return NULL;
	return list_first(&port->guests, struct guest, port_link)->name;
}

#define PORT_LABELS 4

/* The last label is the caller's. */
static void set_labels(struct label *labels, const struct port *port)
{
	labels[0] = (struct label){"netdev", port->netdev ? port->netdev->id : NULL};
	labels[1] = (struct label){"port", port->name};
	labels[2] = (struct label){"guest", guest_name(port)};
	labels[3] = (struct label){0};
}

static void write_drops(GString *out, const struct network *network)
{
	struct label labels[PORT_LABELS];

	family(out, "port_dropped_frames", COUNTER, "frames", "Frames dropped, by reason.");
	list_for_each (port, vswitch_ports(network->vswitch), struct port, link) {
		set_labels(labels, port);
		for (int i = 0; i < DROP_N_REASONS; i++) {
			if (!port->count.drops[i])
				continue;
			labels[3] = (struct label){"reason", drop_reason_name((enum drop_reason)i)};
			sample(out, "port_dropped_frames", COUNTER, labels, PORT_LABELS,
			       port->count.drops[i]);
		}
	}
}

static void write_ports(GString *out, const struct network *network)
{
	static const struct {
		const char *name, *unit, *help;
		enum metric_type type;
		enum port_value value;
	} families[] = {
		{"port_received_frames", "frames", "Frames from the port's peer.", COUNTER,
		 RX_FRAMES},
		{"port_received_bytes", "bytes", "Bytes of these frames.", COUNTER, RX_BYTES},
		{"port_sent_frames", "frames", "Frames accepted for the port's peer.", COUNTER,
		 TX_FRAMES},
		{"port_sent_bytes", "bytes", "Bytes of these frames.", COUNTER, TX_BYTES},
		{"port_rests", NULL,
		 "Times the port was not read for a while, as its frames cost "
		 "too much.",
		 COUNTER, RESTS},
		{"port_link_up", NULL, "1: the cable is plugged.", GAUGE, LINK_UP},
		{"port_congested", NULL, "1: the peer does not take its frames fast enough.", GAUGE,
		 CONGESTED},
	};
	struct label labels[PORT_LABELS];

	for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
		family(out, families[i].name, families[i].type, families[i].unit, families[i].help);
		list_for_each (port, vswitch_ports(network->vswitch), struct port, link) {
			set_labels(labels, port);
			sample(out, families[i].name, families[i].type, labels, PORT_LABELS,
			       read_port(port, families[i].value));
		}
	}
	write_drops(out, network);
}

/* --- gateway --- */

enum { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_OTHER, N_PROTOS };

static void count_conn(void *data, struct conn *conn)
{
	uint64_t *counts = data;

	switch (conn->key.proto) {
	case IPPROTO_TCP:
		counts[PROTO_TCP]++;
		break;
	case IPPROTO_UDP:
		counts[PROTO_UDP]++;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		counts[PROTO_ICMP]++;
		break;
	default:
		counts[PROTO_OTHER]++;
	}
}

static void write_conns(GString *out, struct gateway *gateway)
{
	static const char *const names[N_PROTOS] = {"tcp", "udp", "icmp", "other"};
	const struct charge_book *charges = gateway_charges(gateway);
	const struct tcp *tcp = gateway_tcp(gateway);
	uint64_t counts[N_PROTOS] = {0};

	conn_foreach(conntrack_conns(gateway_conntrack(gateway)), count_conn, counts);
	family(out, "connections", GAUGE, NULL, "Connections through the gateway.");
	for (int i = 0; i < N_PROTOS; i++)
		sample(out, "connections", GAUGE, &(struct label){"protocol", names[i]}, 1,
		       counts[i]);
	single(out, "tcp_buffer_bytes", GAUGE, "bytes", "Memory of TCP connections.",
	       (uint64_t)tcp_bytes(tcp));
	single(out, "connection_descriptors", GAUGE, NULL,
	       "Descriptors that connections and forwards hold.",
	       charge_book_held(charges, CHARGE_FDS));
}

static void write_leases(GString *out, struct gateway *gateway)
{
	struct lease_pool *pool = dhcp_leases(gateway_dhcp(gateway));

	single(out, "lease_pool_addresses", GAUGE, NULL, "Addresses that DHCP can give.",
	       lease_pool_size(pool));
	single(out, "leases", GAUGE, NULL, "Addresses that guests have leased.",
	       lease_pool_bound(pool));
}

static void write_dns(GString *out, struct gateway *gateway)
{
	struct dns_stats stats;

	dns_stats(gateway_dns(gateway), &stats);
	family(out, "dns_queries", COUNTER, NULL, "Queries of guests to the name server.");
	sample(out, "dns_queries", COUNTER, &(struct label){"transport", "udp"}, 1,
	       stats.queries_udp);
	sample(out, "dns_queries", COUNTER, &(struct label){"transport", "tcp"}, 1,
	       stats.queries_tcp);
	family(out, "dns_handled", COUNTER, NULL,
	       "Queries by how they were handled: from the network's names, from the cache, sent "
	       "to a server, joined to an equal one, refused, or dropped.");
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "local"}, 1, stats.local);
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "cached"}, 1, stats.cached);
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "forwarded"}, 1,
	       stats.forwarded);
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "shared"}, 1, stats.shared);
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "refused"}, 1, stats.refused);
	sample(out, "dns_handled", COUNTER, &(struct label){"way", "dropped"}, 1, stats.dropped);
	single(out, "dns_failed", COUNTER, NULL, "Queries that no server answered.", stats.failed);
	single(out, "dns_timeouts", COUNTER, NULL, "Servers that did not answer in time.",
	       stats.timeouts);
	single(out, "dns_waiting", GAUGE, NULL, "Queries that wait for a server now.",
	       stats.outstanding);
}

/* --- the rest --- */

static void add_capture(void *data, struct capture *capture)
{
	struct capture_counts *sum = data;
	struct capture_counts counts = capture_counts(capture);

	sum->frames++;
	sum->lost += counts.lost;
}

static void write_network(GString *out, struct control *control)
{
	const struct network *network = control->network;
	const struct label labels[] = {{"name", network->name}, {"version", USERNET_VERSION}};
	struct capture_counts captures = {0};
	unsigned troubles = 0;

	family(out, "network", GAUGE, NULL, "Always 1; the labels name the network.");
	sample(out, "network", GAUGE, labels, G_N_ELEMENTS(labels), 1);
	single(out, "uptime_seconds", GAUGE, "seconds", "Since the network started.",
	       (uint64_t)((loop_now(network->loop) - control->started) / USEC_PER_SEC));
	single(out, "guests", GAUGE, NULL, "Guests on the network.", guest_count(network->guests));
	single(out, "stations", GAUGE, NULL, "MAC addresses that the switch knows.",
	       vswitch_n_stations(network->vswitch));
	list_for_each (trouble, troubles_list(network->troubles), struct trouble, link)
		troubles++;
	single(out, "troubles", GAUGE, NULL, "Entries of query-troubles.", troubles);
	captures_foreach(control->captures, add_capture, &captures);
	single(out, "captures", GAUGE, NULL, "Captures that run.", captures.frames);
	single(out, "captures_lost_frames", GAUGE, "frames", "Frames that these have lost.",
	       captures.lost);
}

/* OpenMetrics text (draft-richih-opsawg-openmetrics), newly allocated. */
static char *metrics_text(struct control *control)
{
	struct gateway *gateway = gateway_find(control->network);
	GString *out = g_string_new(NULL);

	write_network(out, control);
	write_ports(out, control->network);
	if (gateway) {
		write_conns(out, gateway);
		if (gateway_config(gateway)->ipv4)
			write_leases(out, gateway);
		write_dns(out, gateway);
	}
	g_string_append(out, "# EOF\n");
	return g_string_free(out, FALSE);
}

/* --- the command --- */

static JsonNode *query_metrics(struct command_call *call, GError **error)
{
	g_autofree char *text = metrics_text(call->control);
	JsonNode *node = json_node_new(JSON_NODE_VALUE);

	json_node_set_string(node, text);
	return node;
}

const struct command commands_metrics[] = {
	{"query-metrics", query_metrics, .result = RETURNS_STRING},
	{NULL},
};
