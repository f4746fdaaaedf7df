/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_doctor.h"

#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_networks.h"
#include "doctor_host.h"

/* What to do about each trouble: usernet-qmp(7), EVENTS. */
static const struct {
	const char *event, *mend;
} mends[] = {
	{"GUEST_MAC_CONFLICT",
	 "give each guest a MAC address of its own: usernetctl mac NAME prints one for QEMU's mac="},
	{"GUEST_ADDRESS_CONFLICT",
	 "give one of them another address, preferably by DHCP; usernetctl guest add "
	 "NAME,ip=ADDRESS reserves one"},
	{"GUEST_WRONG_SUBNET",
	 "let the guest ask DHCP, or set net= of the user netdev to the guest's subnet"},
	{"GUEST_WITHOUT_ADDRESS",
	 "configure the guest's network: start a DHCP client in it, such as dhclient or udhcpc -i "
	 "eth0"},
	{"BUDGET_EXHAUSTED",
	 "end what uses it up in the guest; usernetctl status and netdevs show the limits"},
	{"FORWARD_WAITING",
	 "start the guest, or correct the rule's guest: usernetctl hostfwd remove and add"},
};

#define GONE_MEND                                                                                  \
	"start it; if its QEMU runs, the guest may lack a driver for its network card, or QEMU "   \
	"gave up the link when usernet restarted: reconnect= (QEMU 9.2: reconnect-ms=) or the "    \
	"first line that usernet prints avoids that"

static const char *text_of(JsonObject *object, const char *key)
{
	return json_object_get_string_member_with_default(object, key, NULL);
}

static const char *mend_of(const char *event)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mends); i++) {
		if (!g_strcmp0(mends[i].event, event))
			return mends[i].mend;
	}
	return "see usernetctl(1), WHAT GOES WRONG";
}

/* The rows of a query; NULL: it failed. */
static JsonNode *ask(struct ctl_session *session, const char *command)
{
	JsonNode *result = NULL;

	return ctl_request(session, command, NULL, &result) == CTL_DONE ? result : NULL;
}

static bool is_called(JsonObject *guest, const char *name)
{
	return !g_strcmp0(text_of(guest, "name"), name) ||
	       !g_strcmp0(text_of(guest, "mac"), name) || !g_strcmp0(text_of(guest, "ipv4"), name);
}

/* --- the network --- */

/* @mac, @port: of the guest asked for; NULL: all. */
static void check_troubles(struct doctor *doctor, struct ctl_session *session, const char *mac,
			   const char *port)
{
	g_autoptr(JsonNode) answer = ask(session, "query-troubles");
	JsonArray *rows = answer ? json_node_get_array(answer) : NULL;

	for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (mac && g_strcmp0(text_of(row, "mac"), mac) &&
		    g_strcmp0(text_of(row, "port"), port))
			continue;
		doctor_found(doctor, mend_of(text_of(row, "event")), "%s", text_of(row, "text"));
	}
}

/* Guests that were here: with a lease, and without a port. */
static void check_leases(struct doctor *doctor, struct ctl_session *session, JsonArray *guests,
			 const char *name)
{
	g_autoptr(JsonNode) answer = ask(session, "query-leases");
	JsonArray *rows = answer ? json_node_get_array(answer) : NULL;

	for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
		JsonObject *lease = json_array_get_object_element(rows, i);
		const char *mac = text_of(lease, "mac"), *host = text_of(lease, "hostname");
		bool known = false;

		for (guint j = 0; j < json_array_get_length(guests); j++)
			known = known ||
				!g_strcmp0(text_of(json_array_get_object_element(guests, j), "mac"),
					   mac);
		if (known || g_strcmp0(text_of(lease, "state"), "bound") ||
		    (name && g_strcmp0(name, mac) && g_strcmp0(name, host) &&
		     g_strcmp0(name, text_of(lease, "address"))))
			continue;
		doctor_found(doctor, GONE_MEND, "%s%s%s, which has the lease of %s, is gone",
			     host ? host : "", host ? ", " : "", mac, text_of(lease, "address"));
	}
}

static const char *name_of(JsonObject *guest)
{
	return text_of(guest, "name") ? text_of(guest, "name") : text_of(guest, "mac");
}

static void check_guest(struct doctor *doctor, JsonObject *guest)
{
	const char *name = name_of(guest), *v4 = text_of(guest, "ipv4");
	g_autofree char *plug = g_strdup_printf("usernetctl link %s up", name);

	if (!json_object_get_boolean_member_with_default(guest, "here", FALSE)) {
		doctor_found(doctor, GONE_MEND, "the guest %s is not there", name);
		return;
	}
	if (!json_object_get_boolean_member_with_default(guest, "link", TRUE))
		doctor_found(doctor, plug, "the cable of %s is unplugged", name);
	doctor_well("%s is there: %s, at %s, seen %d s ago", name, v4 ? v4 : "no IPv4 address",
		    text_of(guest, "port"),
		    (int)json_object_get_int_member_with_default(guest, "seen-ago", 0));
}

/* True: done for the one guest. */
static void check_guests(struct doctor *doctor, struct ctl_session *session, const char *name)
{
	g_autoptr(JsonNode) answer = ask(session, "query-guests");
	JsonArray *guests = answer ? json_node_get_array(answer) : NULL;
	unsigned before = doctor->n_found;
	bool any = false;

	if (!guests)
		return;
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);

		if (name && !is_called(guest, name))
			continue;
		any = true;
		check_guest(doctor, guest);
		if (name)
			check_troubles(doctor, session, text_of(guest, "mac"),
				       text_of(guest, "port"));
	}
	check_leases(doctor, session, guests, name);
	if (name && !any && doctor->n_found == before)
		doctor_found(doctor,
			     "usernetctl guests lists the guests that were seen; a guest whose "
			     "QEMU is connected may have no network configured",
			     "no guest is called %s", name);
	else if (!name && !any)
		doctor_well("there are no guests yet");
	if (!name)
		check_troubles(doctor, session, NULL, NULL);
}

static void check_netdevs(struct doctor *doctor, struct ctl_session *session)
{
	g_autoptr(JsonNode) answer = ask(session, "query-netdevs");
	JsonArray *rows = answer ? json_node_get_array(answer) : NULL;

	for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		const char *id = text_of(row, "id");
		g_autofree char *plug = g_strdup_printf("usernetctl link %s up", id);
		gint64 refused = json_object_get_int_member_with_default(row, "links-refused", 0);

		if (!json_object_get_boolean_member_with_default(row, "link", TRUE))
			doctor_found(doctor, plug, "the netdev %s is unplugged", id);
		if (refused)
			doctor_found(doctor,
				     "raise the limit of open files (ulimit -n), or attach "
				     "fewer guests to it",
				     "%s delayed or refused %d links at a limit", id, (int)refused);
	}
}

static void check_forwards(struct doctor *doctor, struct ctl_session *session)
{
	g_autoptr(JsonNode) answer = ask(session, "query-forwards");
	JsonArray *rows = answer ? json_node_get_array(answer) : NULL;

	for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		const char *address = text_of(row, "host-address");

		if (address && !g_strcmp0(text_of(row, "protocol"), "tcp"))
			doctor_host_port(doctor, address,
					 (uint16_t)json_object_get_int_member_with_default(
						 row, "host-port", 0),
					 text_of(row, "rule"));
	}
}

static void check_sandbox(struct doctor *doctor, struct ctl_session *session)
{
	g_autoptr(JsonNode) answer = ask(session, "query-status");
	JsonObject *status = answer ? json_node_get_object(answer) : NULL, *sandbox;
	JsonArray *missing;

	if (!status || !json_object_has_member(status, "sandbox"))
		return;
	sandbox = json_object_get_object_member(status, "sandbox");
	missing = json_object_has_member(sandbox, "missing")
			  ? json_object_get_array_member(sandbox, "missing")
			  : NULL;
	for (guint i = 0; missing && i < json_array_get_length(missing); i++)
		doctor_found(doctor, "usernet(8), The sandbox, says what each part needs",
			     "the sandbox lacks a part: %s",
			     json_array_get_string_element(missing, i));
}

/* The servers that the network's name server asks; without one, those of the host. */
static void check_resolvers(struct doctor *doctor, struct ctl_session *session)
{
	g_auto(GStrv) host = doctor_host_servers();
	g_autoptr(GPtrArray) servers = g_ptr_array_new();
	g_autoptr(JsonNode) network = session->client ? ask(session, "query-network") : NULL;
	g_autoptr(JsonNode) dns = NULL;

	if (network && !json_object_has_member(json_node_get_object(network), "gateway"))
		return;
	dns = network ? ask(session, "query-dns") : NULL;
	if (dns) {
		JsonArray *rows =
			json_object_get_array_member(json_node_get_object(dns), "servers");

		for (guint i = 0; i < json_array_get_length(rows); i++)
			g_ptr_array_add(servers, (void *)json_array_get_string_element(rows, i));
	}
	g_ptr_array_add(servers, NULL);
	doctor_host_resolvers(doctor, dns ? (const char *const *)servers->pdata
					  : (const char *const *)host);
}

/* --- all --- */

int ctl_run_doctor(struct ctl_session *session, char **params)
{
	const char *guest = params[0];
	struct doctor doctor = {0};
	g_autofree char *path = session->socket ? g_strdup(session->socket)
						: ctl_client_default_path(session->name);

	if (guest && params[1])
		return ctl_usage("doctor: one GUEST, not '%s' too", params[1]);
	session->client = ctl_client_new(path, NULL);
	if (!session->client) {
		g_autofree char *running = ctl_networks_names();
		g_autofree char *mend =
			g_strdup_printf("start it: usernet%s%s%s%s",
					strcmp(session->name, "default") ? " --name " : "",
					strcmp(session->name, "default") ? session->name : "",
					running ? "; running: " : "", running ? running : "");

		doctor_found(&doctor, mend, "the network %s does not run", session->name);
	}
	if (session->client)
		check_guests(&doctor, session, guest);
	if (session->client && !guest) {
		check_netdevs(&doctor, session);
		check_forwards(&doctor, session);
		check_sandbox(&doctor, session);
	}
	if (!guest) {
		doctor_host_pings(&doctor);
		doctor_host_limits(&doctor);
		doctor_host_kernel(&doctor);
		doctor_host_qemu(&doctor);
	}
	check_resolvers(&doctor, session);
	if (session->client)
		ctl_client_free(session->client);
	return doctor.n_found ? CTL_REFUSED : CTL_DONE;
}
