/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/gvproxy_api.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "ctl/attachment.h"
#include "ctl/control.h"
#include "ctl/doors/json_extent.h"
#include "ctl/forwards.h"
#include "ctl/options/json_text.h"
#include "dhcp/dhcp.h"
#include "dhcp/lease.h"
#include "gateway/gateway.h"
#include "net/mac.h"
#include "net/network.h"
#include "net/user_config.h"

/* HTTP's status codes, RFC 9110 section 15. */
enum { STATUS_OK = 200, STATUS_BAD = 400, STATUS_NOT_FOUND = 404, STATUS_FAILED = 500 };

/* The first struct forwards, or NULL. */
static struct forwards *find_forwards(struct gvproxy_api *api, GError **error)
{
	struct attachment *user = control_find_user(api->control, NULL, error);

	return user ? user->forwards : NULL;
}

/* As Go's http.Error() writes it. */
static unsigned fail(unsigned status, const char *text, char **answer)
{
	*answer = g_strconcat(text, "\n", NULL);
	return status;
}

static unsigned fail_by(const GError *error, char **answer)
{
	return fail(STATUS_FAILED, error->message, answer);
}

/* Takes ownership of @node. */
static unsigned show(JsonNode *node, char **answer)
{
	g_autofree char *text = json_to_string(node, FALSE);

	json_node_unref(node);
	*answer = g_strconcat(text, "\n", NULL);
	return STATUS_OK;
}

/* --- requests --- */

struct request {
	const char *protocol, *local, *remote; /* borrowed from root */
	JsonNode *root;
};

static void request_clear(struct request *request)
{
	g_clear_pointer(&request->root, json_node_unref);
}

/* "" when there is none. False: it is not a string. */
static bool read_word(JsonObject *object, const char *name, const char **word)
{
	JsonNode *node = json_object_get_member(object, name);

	*word = "";
	if (!node || JSON_NODE_HOLDS_NULL(node))
		return true;
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
		return false;
	*word = json_node_get_string(node);
	return true;
}

/* Go's decoder reads the first value; what follows it is ignored. */
static bool read_request(struct request *request, const char *body, char **answer)
{
	size_t len = strlen(body);
	enum json_extent extent = json_extent(body, &len);
	g_autofree char *text = g_strndup(body, len);
	g_autoptr(GError) error = NULL;
	JsonObject *object;

	*request = (struct request){.root = NULL};
	if (!body[strspn(body, " \t\r\n")]) {
		fail(STATUS_BAD, "EOF", answer);
		return false;
	}
	if (extent == JSON_EXTENT_INVALID) {
		fail(STATUS_BAD, "JSON parse error, or nested too deep", answer);
		return false;
	}
	if (extent == JSON_EXTENT_OPEN && strchr("{[", body[strspn(body, " \t\r\n")])) {
		fail(STATUS_BAD, "unexpected EOF", answer);
		return false;
	}
	request->root = json_text_parse(text, &error);
	if (!request->root) {
		fail(STATUS_BAD, error->message, answer);
		return false;
	}
	object = JSON_NODE_HOLDS_OBJECT(request->root) ? json_node_get_object(request->root) : NULL;
	if (!object || !read_word(object, "protocol", &request->protocol) ||
	    !read_word(object, "local", &request->local) ||
	    !read_word(object, "remote", &request->remote)) {
		fail(STATUS_BAD, "the body should be an object of strings: local, remote, protocol",
		     answer);
		return false;
	}
	if (!request->protocol[0])
		request->protocol = "tcp";
	return true;
}

/* --- from "HOST:PORT" to a rule --- */

/* Splits at the last colon. False: no port, or characters that no host has. */
static bool split_address(const char *text, char **host, const char **port)
{
	const char *colon = strrchr(text, ':');

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	for (const char *p = text; p < colon; p++) {
		if (!g_ascii_isalnum(*p) && !strchr("-.:[]%", *p))
			return false;
	}
	*host = g_strndup(text, (gsize)(colon - text));
	*port = colon + 1;
	return true;
}

static bool refuse(GError **error, const char *format, const char *word)
{
	g_autoptr(GString) text = g_string_new(format);

	g_string_replace(text, "%s", word, 1);
	g_set_error_literal(error, USERNET_ERROR, ERROR_USAGE, text->str);
	return false;
}

/* *@rule is newly allocated. */
static bool inet_rule(const struct request *request, char **rule, GError **error)
{
	g_autofree char *host = NULL, *guest = NULL;
	const char *port, *guest_port;

	if (!split_address(request->local, &host, &port))
		return refuse(error, "local '%s' should be [ADDRESS]:PORT", request->local);
	if (!split_address(request->remote, &guest, &guest_port))
		return refuse(error, "invalid remote addr '%s': it should be ADDRESS:PORT",
			      request->remote);
	/* Go listens on both families. */
	*rule = g_strdup_printf("%s:%s:%s-%s:%s", request->protocol, host[0] ? host : "*", port,
				guest, guest_port);
	return true;
}

static bool unix_rule(const struct request *request, char **rule, GError **error)
{
	g_autoptr(GString) path = g_string_new(request->local);
	g_autofree char *scheme = g_strndup(request->remote, strcspn(request->remote, ":"));
	g_autofree char *guest = NULL;
	const char *port;

	if (strcmp(scheme, "tcp") != 0)
		return refuse(error,
			      "remote protocol for unix forwarder is not implemented: %s; use "
			      "tcp://ADDRESS:PORT",
			      scheme);
	if (!g_str_has_prefix(request->remote, "tcp://") ||
	    !split_address(request->remote + strlen("tcp://"), &guest, &port))
		return refuse(error, "remote '%s' should be tcp://ADDRESS:PORT", request->remote);
	/* The grammar of hostfwd=: a path in brackets has "]" doubled. */
	g_string_replace(path, "]", "]]", 0);
	*rule = g_strdup_printf("unix:[%s]-%s:%s", path->str, guest, port);
	return true;
}

static bool make_rule(const struct request *request, char **rule, GError **error)
{
	if (!strcmp(request->protocol, "tcp") || !strcmp(request->protocol, "udp"))
		return inet_rule(request, rule, error);
	if (!strcmp(request->protocol, "unix"))
		return unix_rule(request, rule, error);
	return refuse(error, "unknown protocol %s", request->protocol);
}

/* --- rows of "all" --- */

static const char *protocol_of(const struct fwd_rule *rule)
{
	return rule->host.sa.sa_family == AF_UNIX ? "unix" : rule->udp ? "udp" : "tcp";
}

struct row {
	char *local, *remote;
	const char *protocol;
	const struct fwd_entry *entry;
	struct door_rule *rule; /* NULL: added elsewhere */
};

static void free_row(gpointer data)
{
	struct row *row = data;

	g_free(row->local);
	g_free(row->remote);
	g_free(row);
}

static gint compare_rows(gconstpointer a, gconstpointer b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	int order = strcmp(x->local, y->local);

	return order ? order : strcmp(x->protocol, y->protocol);
}

/* A rule for both families is one row, with the address that names both. */
static char *local_text(const struct fwd_entry *entry, const struct fwd_listener *listener)
{
	const struct sockaddr_any *bound = &listener->bound;

	if (!entry->rule.both)
		return sockaddr_format(bound);
	return g_strdup_printf("%s:%u", bound->in.sin_addr.s_addr ? "localhost" : "",
			       ntohs(bound->in.sin_port));
}

static void add_rows(GPtrArray *rows, const struct fwd_entry *entry, struct door_rule *rule)
{
	const char *protocol = protocol_of(&entry->rule);

	for (unsigned i = 0; i < entry->n_listeners; i++) {
		const struct fwd_listener *listener = &entry->listeners[i];
		g_autofree char *guest = NULL;
		struct row *row;

		if (entry->rule.both && listener->bound.sa.sa_family != AF_INET)
			continue;
		guest = sockaddr_format(&listener->guest);
		row = g_new0(struct row, 1);
		row->entry = entry;
		row->rule = rule;
		row->protocol = protocol;
		row->local = rule ? g_strdup(rule->local) : local_text(entry, listener);
		row->remote = rule                        ? g_strdup(rule->remote)
			      : !strcmp(protocol, "unix") ? g_strdup_printf("tcp://%s", guest)
							  : g_steal_pointer(&guest);
		g_ptr_array_add(rows, row);
	}
}

/* All rules, sorted. Newly allocated. */
static GPtrArray *list_rows(struct gvproxy_api *api)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
	struct forwards *forwards = find_forwards(api, NULL);
	g_autoptr(GHashTable) own = g_hash_table_new(NULL, NULL);

	door_rules_update(&api->rules, forwards);
	for (guint i = 0; i < api->rules.rules->len; i++) {
		struct door_rule *rule = g_ptr_array_index(api->rules.rules, i);

		g_hash_table_insert(own, (gpointer)rule->entry, rule);
	}
	if (forwards) {
		list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link)
			add_rows(rows, entry, g_hash_table_lookup(own, entry));
	}
	g_ptr_array_sort(rows, compare_rows);
	return rows;
}

static const struct row *find_row(const GPtrArray *rows, const struct request *request)
{
	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);

		if (!strcmp(row->local, request->local) &&
		    !strcmp(row->protocol, request->protocol))
			return row;
	}
	return NULL;
}

/* --- paths --- */

/* A remote without an address is the client's, which a unix socket does not have. */
static bool check_remote(const struct request *request, char **answer)
{
	g_autofree char *text =
		g_strdup_printf("address %s: missing port in address", request->remote);

	if (request->remote[0] == ':')
		fail(STATUS_BAD, "remote should be ADDRESS:PORT", answer);
	else if (!strchr(request->remote, ':'))
		fail(STATUS_BAD, text, answer);
	else
		return true;
	return false;
}

static unsigned run_expose(struct gvproxy_api *api, const struct request *request, char **answer)
{
	g_autoptr(GPtrArray) rows = list_rows(api);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct forwards *forwards;
	struct door_rule *rule;

	if (strcmp(request->protocol, "unix") != 0 && !check_remote(request, answer))
		return STATUS_BAD;
	if (find_row(rows, request)) {
		g_autofree char *why = g_strdup_printf("proxy already running for %s on %s",
						       request->protocol, request->local);

		return fail(STATUS_FAILED, why, answer);
	}
	forwards = find_forwards(api, &error);
	if (!forwards || !make_rule(request, &text, &error))
		return fail_by(error, answer);
	rule = door_rules_add(&api->rules, forwards, text, &error);
	if (!rule)
		return fail_by(error, answer);
	rule->local = g_strdup(request->local);
	rule->remote = g_strdup(request->remote);
	*answer = g_strdup("");
	return STATUS_OK;
}

static unsigned run_unexpose(struct gvproxy_api *api, const struct request *request, char **answer)
{
	g_autoptr(GPtrArray) rows = list_rows(api);
	const struct row *row = find_row(rows, request);
	struct forwards *forwards = find_forwards(api, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	bool removed;

	if (!row || !forwards)
		return fail(STATUS_FAILED, "proxy not found", answer);
	if (row->entry->rule.n_ports > 1)
		return fail(STATUS_FAILED, "it is one port of a range: usernetctl hostfwd remove",
			    answer);
	text = fwd_entry_format(row->entry);
	removed = row->rule ? door_rules_remove(&api->rules, forwards, row->rule, &error)
			    : forwards_remove(forwards, text, &error);
	if (!removed)
		return fail_by(error, answer);
	*answer = g_strdup("");
	return STATUS_OK;
}

static unsigned change(struct gvproxy_api *api, const char *method, const char *body,
		       unsigned (*run)(struct gvproxy_api *api, const struct request *request,
				       char **answer),
		       char **answer)
{
	struct request request;
	unsigned status;

	if (strcmp(method, "POST") != 0)
		return fail(STATUS_BAD, "post only", answer);
	status = read_request(&request, body, answer) ? run(api, &request, answer) : STATUS_BAD;
	request_clear(&request);
	return status;
}

static unsigned expose(struct gvproxy_api *api, const char *method, const char *body, char **answer)
{
	return change(api, method, body, run_expose, answer);
}

static unsigned unexpose(struct gvproxy_api *api, const char *method, const char *body,
			 char **answer)
{
	return change(api, method, body, run_unexpose, answer);
}

static unsigned all(struct gvproxy_api *api, const char *method, const char *body, char **answer)
{
	g_autoptr(GPtrArray) rows = list_rows(api);
	JsonArray *array = json_array_new();
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);

	for (guint i = 0; i < rows->len; i++) {
		const struct row *row = g_ptr_array_index(rows, i);
		JsonObject *object = json_object_new();

		json_object_set_string_member(object, "local", row->local);
		json_object_set_string_member(object, "remote", row->remote);
		json_object_set_string_member(object, "protocol", row->protocol);
		json_array_add_object_element(array, object);
	}
	json_node_take_array(node, array);
	return show(node, answer);
}

static void set_mac(JsonObject *object, struct in_addr addr, mac_t mac)
{
	g_autofree char *text = g_strdup_printf(MAC_FMT, MAC_ARGS(mac));
	struct sockaddr_any ip = {.len = sizeof(ip.in)};
	g_autofree char *name = NULL;

	ip.in.sin_family = AF_INET;
	ip.in.sin_addr = addr;
	name = sockaddr_format(&ip);
	*strrchr(name, ':') = '\0';
	json_object_set_string_member(object, name, text);
}

struct lease_listing {
	JsonObject *object;
	usec_t now;
};

static void add_lease(void *data, const struct lease *lease)
{
	struct lease_listing *listing = data;

	if (lease->state == LEASE_BOUND && lease->expires > listing->now)
		set_mac(listing->object, lease->addr, lease->mac);
}

static unsigned leases(struct gvproxy_api *api, const char *method, const char *body, char **answer)
{
	struct network *network = api->control->network;
	struct gateway *gateway = gateway_find(network);
	struct lease_listing listing = {json_object_new(), loop_now(network->loop)};
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);

	if (gateway && gateway_config(gateway)->ipv4) {
		/* gvproxy shows its own, too. */
		set_mac(listing.object, gateway_config(gateway)->host,
			user_config_mac(gateway_config(gateway)));
		lease_foreach(dhcp_leases(gateway_dhcp(gateway)), add_lease, &listing);
	}
	json_node_take_object(node, listing.object);
	return show(node, answer);
}

unsigned gvproxy_api_run(struct gvproxy_api *api, const char *method, const char *path,
			 const char *body, char **answer)
{
	static const struct {
		const char *path;
		unsigned (*run)(struct gvproxy_api *api, const char *method, const char *body,
				char **answer);
	} paths[] = {
		{"/services/forwarder/all", all},
		{"/services/forwarder/expose", expose},
		{"/services/forwarder/unexpose", unexpose},
		{"/services/dhcp/leases", leases},
		{"/leases", leases},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		if (!strcmp(paths[i].path, path))
			return paths[i].run(api, method, body, answer);
	}
	return fail(STATUS_NOT_FOUND, "404 page not found", answer);
}

void gvproxy_api_init(struct gvproxy_api *api, struct control *control)
{
	api->control = control;
	door_rules_init(&api->rules);
}

void gvproxy_api_clear(struct gvproxy_api *api)
{
	door_rules_clear(&api->rules);
}
