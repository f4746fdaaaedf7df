/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_graph.h"

#include <stdio.h>

/* What the queries answer; each is owned. */
struct answers {
	JsonNode *network, *netdevs, *guests, *forwards;
};

static const char *text_of(JsonObject *object, const char *key)
{
	return json_object_get_string_member_with_default(object, key, NULL);
}

/* A quoted string of DOT. The lines of a label are separated by \n in @text. */
static void print_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '\n') {
			fputs("\\n", stdout);
			continue;
		}
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/* @kind keeps names of different kinds apart. */
static void print_node(const char *kind, const char *name, const char *label, const char *style)
{
	g_autofree char *id = g_strdup_printf("%s %s", kind, name);

	putchar('\t');
	print_quoted(id);
	fputs(" [label=", stdout);
	print_quoted(label);
	printf("%s%s]\n", style[0] ? ", " : "", style);
}

static void print_edge(const char *from_kind, const char *from, const char *to_kind, const char *to,
		       const char *label, const char *style)
{
	g_autofree char *a = g_strdup_printf("%s %s", from_kind, from);
	g_autofree char *b = g_strdup_printf("%s %s", to_kind, to);

	putchar('\t');
	print_quoted(a);
	fputs(" -> ", stdout);
	print_quoted(b);
	fputs(" [label=", stdout);
	print_quoted(label);
	printf("%s%s]\n", style[0] ? ", " : "", style);
}

static void add_line(GString *label, const char *text)
{
	if (text && text[0])
		g_string_append_printf(label, "%s%s", label->len ? "\n" : "", text);
}

#define CABLE "dir=none"

static void print_gateway(JsonObject *network)
{
	JsonObject *gateway;
	g_autoptr(GString) label = g_string_new("gateway");
	const char *name = text_of(network, "name"), *id;
	bool restricted;

	if (!json_object_has_member(network, "gateway"))
		return;
	gateway = json_object_get_object_member(network, "gateway");
	id = text_of(gateway, "netdev");
	restricted = json_object_get_boolean_member_with_default(gateway, "restricted", FALSE);
	add_line(label, text_of(gateway, "host"));
	add_line(label, text_of(gateway, "ipv6-host"));
	print_node("netdev", id, label->str, "shape=box3d");
	print_edge("network", name, "netdev", id, "", CABLE);
	print_node("uplink", "host", "host and internet", "shape=egg");
	print_edge("netdev", id, "uplink", "host", restricted ? "NAT, restricted" : "NAT",
		   restricted ? "style=dashed" : "");
}

static char *network_label(JsonObject *network)
{
	g_autoptr(GString) label = g_string_new("network ");
	JsonObject *gateway = json_object_has_member(network, "gateway")
				      ? json_object_get_object_member(network, "gateway")
				      : NULL;

	g_string_append(label, text_of(network, "name"));
	if (gateway && text_of(gateway, "net"))
		g_string_append_printf(label, "\n%s/%d", text_of(gateway, "net"),
				       (int)json_object_get_int_member(gateway, "prefix-length"));
	if (gateway && text_of(gateway, "ipv6-prefix"))
		g_string_append_printf(
			label, "\n%s/%d", text_of(gateway, "ipv6-prefix"),
			(int)json_object_get_int_member(gateway, "ipv6-prefix-length"));
	return g_strdup(label->str);
}

/* The gateway has its own node. */
static void print_netdevs(JsonArray *netdevs, const char *network)
{
	for (guint i = 0; i < json_array_get_length(netdevs); i++) {
		JsonObject *netdev = json_array_get_object_element(netdevs, i);
		const char *id = text_of(netdev, "id"), *type = text_of(netdev, "type");
		g_autoptr(GString) label = g_string_new(NULL);

		if (!g_strcmp0(type, "user"))
			continue;
		g_string_append_printf(label, "%s: %s", id, type);
		add_line(label, text_of(netdev, "description"));
		print_node("netdev", id, label->str, "shape=component");
		print_edge("network", network, "netdev", id, "",
			   json_object_get_boolean_member(netdev, "link") ? CABLE
									  : CABLE ", style=dotted");
	}
}

/* What identifies the guest for its forwards. */
static const char *guest_key(JsonObject *guest)
{
	return text_of(guest, "mac");
}

static void print_guests(JsonArray *guests, const char *network)
{
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);
		const char *netdev = text_of(guest, "netdev"), *port = text_of(guest, "port");
		bool here = json_object_get_boolean_member_with_default(guest, "here", FALSE);
		bool link = json_object_get_boolean_member_with_default(guest, "link", TRUE);
		g_autoptr(GString) label = g_string_new(NULL);

		add_line(label, text_of(guest, "name"));
		add_line(label, text_of(guest, "mac"));
		add_line(label, text_of(guest, "ipv4"));
		if (json_object_has_member(guest, "ipv6")) {
			JsonArray *v6 = json_object_get_array_member(guest, "ipv6");

			for (guint j = 0; j < json_array_get_length(v6); j++)
				add_line(label, json_array_get_string_element(v6, j));
		}
		print_node("guest", guest_key(guest), label->str,
			   here ? "shape=box" : "shape=box, style=dashed");
		if (here && netdev)
			print_edge("netdev", netdev, "guest", guest_key(guest), port ? port : "",
				   link ? CABLE : CABLE ", style=dotted");
		else
			print_edge("network", network, "guest", guest_key(guest), "not there",
				   CABLE ", style=dashed");
	}
}

static JsonObject *find_guest(JsonArray *guests, const char *name, const char *address)
{
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);

		if ((name && !g_strcmp0(text_of(guest, "name"), name)) ||
		    (address && !g_strcmp0(text_of(guest, "ipv4"), address)))
			return guest;
	}
	return NULL;
}

static void print_hostfwd(JsonObject *forward, JsonArray *guests)
{
	const char *rule = text_of(forward, "rule"), *address = text_of(forward, "guest-address");
	JsonObject *guest = find_guest(guests, text_of(forward, "guest-name"), address);
	g_autofree char *host =
		text_of(forward, "path")
			? g_strdup(text_of(forward, "path"))
			: g_strdup_printf("%s %s:%d", text_of(forward, "protocol"),
					  text_of(forward, "host-address"),
					  (int)json_object_get_int_member_with_default(
						  forward, "host-port", 0));
	g_autofree char *port = g_strdup_printf(
		":%d", (int)json_object_get_int_member_with_default(forward, "guest-port", 0));

	print_node("forward", rule, host, "shape=cds");
	if (guest)
		print_edge("forward", rule, "guest", guest_key(guest), port, "");
	else
		print_edge("forward", rule, "netdev", text_of(forward, "netdev"), port,
			   "style=dashed");
}

static void print_guestfwd(JsonObject *forward)
{
	const char *rule = text_of(forward, "rule"), *to = text_of(forward, "command");
	g_autofree char *server = g_strdup_printf(
		"%s:%d", text_of(forward, "server-address"),
		(int)json_object_get_int_member_with_default(forward, "server-port", 0));
	g_autofree char *label = g_strdup_printf("%s %s", to ? "command" : "socket",
						 to ? to : text_of(forward, "socket"));

	print_node("forward", rule, label, "shape=cds");
	print_edge("netdev", text_of(forward, "netdev"), "forward", rule, server, "");
}

static void print_all(const struct answers *answers)
{
	JsonObject *network = json_node_get_object(answers->network);
	JsonArray *guests = json_node_get_array(answers->guests);
	JsonArray *forwards = json_node_get_array(answers->forwards);
	const char *name = text_of(network, "name");
	g_autofree char *label = network_label(network);

	fputs("digraph ", stdout);
	print_quoted(name);
	puts(" {\n\trankdir=LR\n\tnode [fontname=\"sans-serif\", fontsize=11]\n"
	     "\tedge [fontname=\"sans-serif\", fontsize=9]");
	print_node("network", name, label, "shape=ellipse");
	print_gateway(network);
	print_netdevs(json_node_get_array(answers->netdevs), name);
	print_guests(guests, name);
	for (guint i = 0; i < json_array_get_length(forwards); i++) {
		JsonObject *forward = json_array_get_object_element(forwards, i);

		if (!g_strcmp0(text_of(forward, "type"), "hostfwd"))
			print_hostfwd(forward, guests);
		else
			print_guestfwd(forward);
	}
	puts("}");
}

int ctl_run_graph(struct ctl_session *session, char **params)
{
	struct answers answers = {0};
	const struct {
		const char *command;
		JsonNode **answer;
	} queries[] = {
		{"query-network", &answers.network},
		{"query-netdevs", &answers.netdevs},
		{"query-guests", &answers.guests},
		{"query-forwards", &answers.forwards},
	};
	int status = CTL_DONE;

	for (size_t i = 0; i < G_N_ELEMENTS(queries) && status == CTL_DONE; i++)
		status = ctl_request(session, queries[i].command, NULL, queries[i].answer);
	if (status == CTL_DONE)
		print_all(&answers);
	for (size_t i = 0; i < G_N_ELEMENTS(queries); i++)
		g_clear_pointer(queries[i].answer, json_node_unref);
	return status;
}
