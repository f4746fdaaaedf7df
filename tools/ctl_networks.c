/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_networks.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_client.h"

static JsonNode *ask(struct ctl_client *client, const char *command)
{
	g_autofree char *text = g_strdup_printf("{\"execute\":\"%s\"}", command);
	g_autoptr(JsonNode) request = json_from_string(text, NULL);
	g_autoptr(JsonNode) answer = ctl_client_request(client, request, NULL);
	JsonObject *object = answer ? json_node_get_object(answer) : NULL;

	return object && json_object_has_member(object, "return")
		       ? json_node_copy(json_object_get_member(object, "return"))
		       : NULL;
}

/* Describes the network at @socket; NULL: no answer. */
static JsonObject *describe(const char *socket)
{
	static const char *const taken[] = {"name", "pid", "uptime"};
	struct ctl_client *client = ctl_client_new(socket, NULL);
	g_autoptr(JsonNode) status = NULL, network = NULL;
	JsonObject *row;

	if (!client)
		return NULL;
	status = ask(client, "query-status");
	network = ask(client, "query-network");
	ctl_client_free(client);
	if (!status || !network)
		return NULL;
	row = json_object_new();
	for (size_t i = 0; i < G_N_ELEMENTS(taken); i++)
		json_object_set_member(row, taken[i],
				       json_node_copy(json_object_get_member(
					       json_node_get_object(status), taken[i])));
	json_object_set_int_member(
		row, "guests", json_object_get_int_member(json_node_get_object(network), "guests"));
	json_object_set_string_member(row, "socket", socket);
	return row;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_base(JsonArray *rows, const char *base)
{
	g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, compare_names);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *socket =
			g_strdup_printf("%s/%s/qmp.sock", base, (char *)names->pdata[i]);
		JsonObject *row = describe(socket);

		if (row)
			json_array_add_object_element(rows, row);
	}
}

static bool is_listed(JsonArray *rows, const char *socket)
{
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		if (!strcmp(json_object_get_string_member(json_array_get_object_element(rows, i),
							  "socket"),
			    socket))
			return true;
	}
	return false;
}

/* Does @socket lie in a run directory of ours? Each has a lock file. */
static bool is_of_a_network(const char *socket)
{
	g_autofree char *dir = g_path_get_dirname(socket);
	g_autofree char *lock = g_build_filename(dir, "lock", NULL);
	struct stat st;

	return g_str_has_suffix(socket, "/qmp.sock") && lstat(socket, &st) == 0 &&
	       st.st_uid == geteuid() && lstat(lock, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid();
}

/* Those started with --run-dir: the kernel knows the paths of all unix sockets. */
static void add_elsewhere(JsonArray *rows)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/net/unix", &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		const char *socket = strchr(*line, '/');
		JsonObject *row;

		if (!socket || is_listed(rows, socket) || !is_of_a_network(socket))
			continue;
		row = describe(socket);
		if (row)
			json_array_add_object_element(rows, row);
	}
}

static JsonArray *find_all(void)
{
	g_auto(GStrv) bases = ctl_client_bases();
	JsonArray *rows = json_array_new();

	for (char **base = bases; *base; base++)
		add_base(rows, *base);
	add_elsewhere(rows);
	return rows;
}

static const char *name_of(JsonArray *rows, guint i)
{
	return json_object_get_string_member(json_array_get_object_element(rows, i), "name");
}

char *ctl_networks_names(void)
{
	g_autoptr(JsonArray) rows = find_all();
	GString *out = json_array_get_length(rows) ? g_string_new(NULL) : NULL;

	for (guint i = 0; i < json_array_get_length(rows); i++)
		g_string_append_printf(out, "%s%s", i ? ", " : "", name_of(rows, i));
	return out ? g_string_free(out, FALSE) : NULL;
}

int ctl_run_list(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"NAME", "name"},     {"PID", "pid"},       {"UPTIME", "uptime"},
		{"GUESTS", "guests"}, {"SOCKET", "socket"}, {NULL, NULL},
	};
	g_autoptr(JsonArray) rows = find_all();
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);
	bool runs = !session->named;

	for (guint i = 0; i < json_array_get_length(rows); i++)
		runs = runs || !strcmp(name_of(rows, i), session->name);
	json_node_set_array(node, rows);
	if (!ctl_print_json(session, node)) {
		if (json_array_get_length(rows))
			ctl_table_print(rows, columns);
		else
			puts("no network runs");
	}
	if (runs)
		return CTL_DONE;
	fprintf(stderr, "usernetctl: the network '%s' does not run\n", session->name);
	return CTL_UNREACHABLE;
}
