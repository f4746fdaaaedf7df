/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_argv.h"
#include "ctl_capture.h"
#include "ctl_client.h"
#include "ctl_complete.h"
#include "ctl_connect.h"
#include "ctl_doctor.h"
#include "ctl_enter.h"
#include "ctl_events.h"
#include "ctl_forwards.h"
#include "ctl_graph.h"
#include "ctl_log.h"
#include "ctl_names.h"
#include "ctl_networks.h"
#include "ctl_options.h"
#include "ctl_pipe.h"
#include "ctl_policy.h"
#include "ctl_quit.h"
#include "ctl_run.h"
#include "ctl_save.h"
#include "ctl_session.h"
#include "ctl_ssh.h"
#include "ctl_table.h"
#include "ctl_top.h"

/*
 * The command-line client of a running usernet: every command is a QMP request and a way to print
 * the answer.
 */

#define ANY_PARAMS INT_MIN

struct verb {
	const char *words; /* "hostfwd add" */
	const char *params;
	const char *help;
	int n_params; /* -N: at least N; or ANY_PARAMS */
	bool offline; /* needs no running network */
	int (*run)(struct ctl_session *session, char **params);
};

/* --- queries --- */

static int run_status(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL, network = NULL;
	int status = ctl_request(session, "query-status", NULL, &result);

	if (status == CTL_DONE)
		status = ctl_request(session, "query-network", NULL, &network);
	if (status != CTL_DONE)
		return status;
	json_object_set_member(json_node_get_object(result), "network", json_node_copy(network));
	if (!ctl_print_json(session, result))
		ctl_table_print_object(json_node_get_object(result), 0);
	return status;
}

static int run_netdevs(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"PORT", "name"},           {"PEER", "peer"},
		{"LINK", "link"},           {"UP-FOR", "up-for"},
		{"RX-FRAMES", "rx-frames"}, {"RX-BYTES", "rx-bytes"},
		{"TX-FRAMES", "tx-frames"}, {"TX-BYTES", "tx-bytes"},
		{"DROPS", "drops"},         {NULL, NULL},
	};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-netdevs", NULL, &result);
	JsonArray *array;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	array = json_node_get_array(result);
	for (unsigned i = 0; i < json_array_get_length(array); i++) {
		JsonObject *netdev = json_array_get_object_element(array, i);
		JsonArray *ports = json_object_get_array_member(netdev, "ports");
		g_autofree char *id = ctl_table_text(json_object_get_member(netdev, "id"));
		g_autofree char *type = ctl_table_text(json_object_get_member(netdev, "type"));
		g_autofree char *what =
			ctl_table_text(json_object_get_member(netdev, "description"));

		printf("%s%s: %s, %s%s\n", i ? "\n" : "", id, type, what,
		       json_object_get_boolean_member(netdev, "link") ? "" : ", link down");
		if (json_array_get_length(ports))
			ctl_table_print(ports, columns);
		else
			puts("no ports: no guest is connected");
	}
	return status;
}

/* Prints one line per trouble after the table of guests. */
static int show_troubles(struct ctl_session *session)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-troubles", NULL, &result);
	JsonArray *troubles = status == CTL_DONE ? json_node_get_array(result) : NULL;

	for (guint i = 0; troubles && i < json_array_get_length(troubles); i++) {
		JsonObject *trouble = json_array_get_object_element(troubles, i);
		g_autofree char *text = ctl_table_text(json_object_get_member(trouble, "text"));

		/* `usernetctl forwards` prints these. */
		if (!json_object_has_member(trouble, "rule"))
			printf("trouble: %s\n", text);
	}
	return status;
}

static int run_guests(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"MAC", "mac"},   {"NAME", "name"}, {"IPV4", "ipv4"},         {"IPV6", "ipv6"},
		{"PORT", "port"}, {"LINK", "link"}, {"SEEN-AGO", "seen-ago"}, {NULL, NULL},
	};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-guests", NULL, &result);
	JsonArray *guests;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	guests = json_node_get_array(result);
	if (json_array_get_length(guests))
		ctl_table_print(guests, columns);
	else
		puts("no guests");
	return show_troubles(session);
}

static int run_leases(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"ADDRESS", "address"},
		{"MAC", "mac"},
		{"HOSTNAME", "hostname"},
		{"STATE", "state"},
		{"EXPIRES-IN", "expires-in"},
		{"PORT", "port"},
		{NULL, NULL},
	};

	return ctl_show_table(session, "query-leases", columns, "no leases");
}

/* --- changes --- */

static int run_hmp_line(struct ctl_session *session, const char *line, bool silence_is_success)
{
	g_autoptr(JsonNode) result = NULL;
	g_autoptr(GString) text = NULL;
	JsonObject *args = json_object_new();
	int status;

	json_object_set_string_member(args, "command-line", line);
	status = ctl_request(session, "human-monitor-command", args, &result);
	if (status != CTL_DONE)
		return status;
	text = g_string_new(json_node_get_string(result));
	if (silence_is_success && text->len) {
		const char *what;

		g_string_replace(text, "\r\n", "", 0);
		what = text->str;
		if (g_str_has_prefix(what, "Error: "))
			what += strlen("Error: ");
		fprintf(stderr, "usernetctl: %s\n", what);
		return CTL_REFUSED;
	}
	if (!ctl_print_json(session, result)) {
		g_string_replace(text, "\r\n", "\n", 0);
		fputs(text->str, stdout);
	}
	return status;
}

/* usernet parses the option string, through HMP. */
static int run_netdev_add(struct ctl_session *session, char **params)
{
	g_autoptr(GString) line = g_string_new(params[0]);

	g_string_replace(line, "\\", "\\\\", 0);
	g_string_replace(line, "\"", "\\\"", 0);
	g_string_prepend(line, "netdev_add \"");
	g_string_append(line, "\"");
	return run_hmp_line(session, line->str, true);
}

static int run_netdev_del(struct ctl_session *session, char **params)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "id", params[0]);
	return ctl_change(session, "netdev_del", args, NULL);
}

static int run_link(struct ctl_session *session, char **params)
{
	JsonObject *args;
	bool up = !strcmp(params[1], "up") || !strcmp(params[1], "on");

	if (!up && strcmp(params[1], "down") && strcmp(params[1], "off"))
		return ctl_usage("link %s '%s': up or down", params[0], params[1]);
	args = json_object_new();
	json_object_set_string_member(args, "name", params[0]);
	json_object_set_boolean_member(args, "up", up);
	return ctl_change(session, "set_link", args, NULL);
}

/* --- raw requests --- */

static int run_hmp(struct ctl_session *session, char **params)
{
	g_autofree char *line = g_strjoinv(" ", params);

	return run_hmp_line(session, line, false);
}

static int run_qmp(struct ctl_session *session, char **params)
{
	g_autofree char *text = g_strjoinv(" ", params);
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) node = json_from_string(text, &error), result = NULL;
	int status;

	if (!node || !JSON_NODE_HOLDS_OBJECT(node))
		return ctl_usage("qmp: not a JSON object: %s", text);
	status = ctl_request_node(session, node, &result);
	session->json = true;
	if (status == CTL_DONE)
		ctl_print_json(session, result);
	return status;
}

static int run_metrics(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-metrics", NULL, &result);

	if (status == CTL_DONE && !ctl_print_json(session, result))
		fputs(json_node_get_string(result), stdout);
	return status;
}

static int run_complete(struct ctl_session *session, char **params);

static const struct verb verbs[] = {
	{"list", "", "the running networks of this user", 0, true, ctl_run_list},
	{"status", "", "the network, its addresses, the number of guests", 0, false, run_status},
	{"netdevs", "", "netdevs and their ports, frames passed and dropped", 0, false,
	 run_netdevs},
	{"guests", "", "the guests on the network", 0, false, run_guests},
	{"leases", "", "the addresses given by DHCP", 0, false, run_leases},
	{"forwards", "", "the port forwards", 0, false, ctl_run_forwards},
	{"connections", "", "connections through the gateway", 0, false, ctl_run_connections},
	{"top", "", "guests by their rates, until q is pressed", 0, false, ctl_run_top},
	{"doctor", "[GUEST]", "look for what is wrong, and say how to mend it", ANY_PARAMS, true,
	 ctl_run_doctor},
	{"graph", "", "the network as a graph, for dot of Graphviz", 0, false, ctl_run_graph},
	{"log", "[--follow]", "the messages of the network", 0, false, ctl_run_log},
	{"metrics", "", "counters as OpenMetrics text, for Prometheus", 0, false, run_metrics},
	{"policy add", "RULE [GUEST]",
	 "allow= or deny= a network: deny=10.0.0.0/8, allow=tcp:*:443", -1, false,
	 ctl_run_policy_add},
	{"policy remove", "RULE [GUEST]", "remove a rule", -1, false, ctl_run_policy_remove},
	{"policy host-loopback", "on|off|PORTS",
	 "set which loopback ports of the host guests reach", 1, false, ctl_run_host_loopback},
	{"policy host-addresses", "on|off", "set whether guests reach the host's other addresses",
	 1, false, ctl_run_host_addresses},
	{"policy log", "", "the last verdicts: what guests asked for, and whether it was allowed",
	 0, false, ctl_run_policy_log},
	{"policy learned", "[GUEST]", "the rules that allow what policy=learn has seen", ANY_PARAMS,
	 false, ctl_run_policy_learned},
	{"explain", "GUEST ADDRESS[:PORT]|NAME", "say whether the guest gets there, and why", 2,
	 false, ctl_run_explain},
	{"policy", "", "the rules, and how often each matched", 0, false, ctl_run_policy},
	{"hostfwd add", "[--id NETDEV] RULE", "forward [tcp|udp]:[ADDR]:PORT-[GUEST]:PORT", 1,
	 false, ctl_run_hostfwd_add},
	{"hostfwd remove", "[--id NETDEV] RULE",
	 "remove a forward: RULE as added, or its host side", 1, false, ctl_run_hostfwd_remove},
	{"guestfwd add", "[--id NETDEV] RULE",
	 "a server for guests: [tcp]:[ADDR]:PORT-cmd:COMMAND, -unix:PATH or -tcp:HOST:PORT", 1,
	 false, ctl_run_guestfwd_add},
	{"guestfwd remove", "[--id NETDEV] RULE", "remove one: [tcp]:[ADDR]:PORT", 1, false,
	 ctl_run_guestfwd_remove},
	{"connect", "[--id NETDEV] GUEST PORT", "connect standard input and output to a guest", 2,
	 false, ctl_run_connect},
	{"run", "[--guest NAME] QEMU [ARGUMENT...]",
	 "run QEMU as a guest; start the network if it does not run", -1, true, ctl_run_run},
	{"qemu-args", "[--format FORMAT] NAME [QEMU]", "print what run gives QEMU for a guest", -1,
	 false, ctl_run_qemu_args},
	{"ssh", "GUEST [ARGUMENT...]", "ssh to a guest, without a forward; [USER@]GUEST", -1, true,
	 ctl_run_ssh},
	{"ssh-config", "", "print lines for ~/.ssh/config: ssh GUEST.usernet", 0, true,
	 ctl_run_ssh_config},
	{"enter", "[OPTIONS] [-- COMMAND]",
	 "run a command, or $SHELL, on the network: any program of this machine", ANY_PARAMS, false,
	 ctl_run_enter},
	{"capture", "[-f FILTER] [-w FILE] [GUEST]",
	 "write frames as pcapng to FILE or standard output; GUEST may be a netdev", ANY_PARAMS,
	 false, ctl_run_capture},
	{"pipe", "[--transit] [-- COMMAND]",
	 "join by frames on standard input and output, or on those of COMMAND (ssh)", ANY_PARAMS,
	 false, ctl_run_pipe},
	{"netdev add", "NETDEV", "attach a netdev, like --netdev of usernet", 1, false,
	 run_netdev_add},
	{"netdev del", "ID", "detach a netdev", 1, false, run_netdev_del},
	{"link", "GUEST up|down", "plug or unplug the cable of a guest, port or netdev", 2, false,
	 run_link},
	{"guest add", "NAME[,mac=ADDR][,ip=ADDR][,port=NETDEV]",
	 "reserve name and addresses for a guest", 1, false, ctl_run_guest_add},
	{"guest remove", "NAME", "remove the reservation", 1, false, ctl_run_guest_remove},
	{"mac", "NAME", "print the MAC address for a guest's name; works offline", 1, true,
	 ctl_run_mac},
	{"dns add", "NAME ADDRESS", "add a name for an address; *.NAME for all subdomains", 2,
	 false, ctl_run_dns_add},
	{"dns remove", "NAME [ADDRESS]", "remove one address of a name, or all", -1, false,
	 ctl_run_dns_remove},
	{"dns status", "", "the name server's upstream servers and counters", 0, false,
	 ctl_run_dns_status},
	{"dns list", "", "the names that were added", 0, false, ctl_run_dns_list},
	{"reload", "", "read the configuration file again and apply it", 0, false, ctl_run_reload},
	{"save", "[FILE]", "write the current state to the configuration file; keeps its comments",
	 ANY_PARAMS, false, ctl_run_save},
	{"events", "", "print events until interrupted", 0, false, ctl_run_events},
	{"hmp", "LINE", "run a line of QEMU's human monitor", -1, false, run_hmp},
	{"qmp", "JSON", "run a QMP request; print its result", -1, false, run_qmp},
	{"quit", "", "stop the network", 0, false, ctl_run_quit},
	{"complete", "[WORD...]", "print what may complete a command line; for shells", ANY_PARAMS,
	 true, run_complete},
};

static int run_complete(struct ctl_session *session, char **params)
{
	struct ctl_grammar grammar[G_N_ELEMENTS(verbs)];

	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
		grammar[i] = (struct ctl_grammar){verbs[i].words, verbs[i].params, verbs[i].help};
	return ctl_complete(grammar, G_N_ELEMENTS(verbs), params);
}

/* Finds the verb at the start of @args; *@params points after its words. */
static const struct verb *find_verb(char **args, char ***params)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_auto(GStrv) words = g_strsplit(verbs[i].words, " ", -1);
		unsigned n = 0;

		while (words[n] && args[n] && !strcmp(words[n], args[n]))
			n++;
		if (!words[n]) {
			*params = args + n;
			return &verbs[i];
		}
	}
	return NULL;
}

static char *describe_verbs(void)
{
	GString *out = g_string_new("Commands:\n");

	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_autofree char *left = g_strdup_printf("%s %s", verbs[i].words, verbs[i].params);

		g_string_append_printf(out, "  %-40s %s\n", left, verbs[i].help);
	}
	g_string_append(
		out,
		"\nExamples:\n"
		"  usernetctl list\n"
		"  usernetctl guests\n"
		"  usernetctl run --guest web -- qemu-system-x86_64 -m 512 disk.img\n"
		"  usernetctl ssh root@web\n"
		"  usernetctl hostfwd add tcp:127.0.0.1:2222-:22\n"
		"  usernetctl hostfwd remove tcp:127.0.0.1:2222\n"
		"  usernetctl netdev add stream,id=two,server=on,addr.type=unix,addr.path=/tmp/two.sock\n"
		"  usernetctl link 52:54:00:12:34:01 down\n"
		"  usernetctl guest add web,ip=10.0.2.20\n"
		"  usernetctl dns add '*.apps.usernet.internal' 10.0.2.20\n"
		"  usernetctl capture web -f 'port 53' | wireshark -k -i -\n"
		"  usernetctl save\n"
		"  usernetctl --name lab --json leases\n"
		"  usernetctl hmp info usernet\n"
		"  usernetctl enter -- curl http://web/\n"
		"  usernetctl pipe -- ssh HOST usernetctl pipe\n"
		"\nExit status: 0 done, 1 refused by usernet, 2 a mistake on the command line, 3 usernet\n"
		"cannot be reached. enter, pipe: that of COMMAND, 128 + N if signal N ended it, 125 if it\n"
		"cannot be set up, 126 and 127 if COMMAND cannot be run or found.\n");
	return g_string_free(out, FALSE);
}

/* Do the words of @args begin @verb, or @verb's words begin @args? */
static bool verb_is_meant(const struct verb *verb, char **args)
{
	g_auto(GStrv) words = g_strsplit(verb->words, " ", -1);

	for (unsigned i = 0; words[i] && args[i]; i++) {
		if (strcmp(words[i], args[i]) != 0)
			return false;
	}
	return true;
}

/* Prints the commands that @args may mean; false: there is none. */
static bool print_verbs(FILE *out, char **args)
{
	bool any = false;

	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		const struct verb *verb = &verbs[i];

		if (!verb_is_meant(verb, args))
			continue;
		fprintf(out, "  usernetctl %s%s%s\n      %s\n", verb->words,
			verb->params[0] ? " " : "", verb->params, verb->help);
		any = true;
	}
	return any;
}

static int show_help(GOptionContext *context, char **args)
{
	g_autofree char *all = NULL;

	if (args && print_verbs(stdout, args)) {
		puts("Options: usernetctl --help. More on each command: usernetctl(1).");
		return CTL_DONE;
	}
	all = g_option_context_get_help(context, TRUE, NULL);
	fputs(all, stdout);
	return CTL_DONE;
}

static int unknown_verb(char **args)
{
	char *first[] = {args[0], NULL};
	int status = ctl_usage("unknown command '%s%s%s'", args[0], args[1] ? " " : "",
			       args[1] ? args[1] : "");

	print_verbs(stderr, first);
	return status;
}

static int unreachable(const char *name, const char *socket, GError *error)
{
	g_autofree char *running = NULL;

	fprintf(stderr, "usernetctl: cannot reach usernet: %s\n", error->message);
	if (socket)
		fprintf(stderr, "Is it running? It prints its control socket when it starts.\n");
	else
		fprintf(stderr, "Is the network '%s' running? Start it with: usernet%s%s\n", name,
			strcmp(name, "default") ? " --name " : "",
			strcmp(name, "default") ? name : "");
	running = socket ? NULL : ctl_networks_names();
	if (running)
		fprintf(stderr, "Running: %s\n", running);
	g_error_free(error);
	return CTL_UNREACHABLE;
}

static int run_verb(char **args, const char *name, const char *socket, struct ctl_session *session)
{
	char **params;
	const struct verb *verb = find_verb(args, &params);
	g_autofree char *path = NULL;
	GError *error = NULL;
	int n, status;

	if (!verb)
		return unknown_verb(args);
	n = (int)g_strv_length(params);
	if (verb->n_params == ANY_PARAMS ? false
	    : verb->n_params < 0         ? n < -verb->n_params
					 : n != verb->n_params)
		return ctl_usage("%s: write usernetctl %s%s%s", verb->words, verb->words,
				 verb->params[0] ? " " : "", verb->params);
	session->name = name;
	session->socket = socket;
	if (verb->offline)
		return verb->run(session, params);
	path = socket ? g_strdup(socket) : ctl_client_default_path(name);
	session->client = ctl_client_new(path, &error);
	if (!session->client)
		return unreachable(name, socket, error);
	status = verb->run(session, params);
	ctl_client_free(session->client);
	return status;
}

int main(int argc, char **argv)
{
	struct ctl_options *options = &ctl_options;
	g_autofree char *verb_help = describe_verbs();
	g_autofree char **words = NULL;
	char **left;
	g_autoptr(GOptionContext) context = g_option_context_new("COMMAND");
	g_autoptr(GError) error = NULL;
	struct ctl_session session = {.enter = &options->enter};

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_summary(context, "Shows and changes a running usernet.");
	g_option_context_set_description(context, verb_help);
	g_option_context_add_main_entries(context, ctl_option_entries, NULL);
	words = left = ctl_argv_protect(&argc, argv);
	if (!g_option_context_parse(context, &argc, &left, &error))
		return ctl_usage("%s", error->message);
	if (options->version) {
		puts("usernetctl " USERNET_VERSION);
		return CTL_DONE;
	}
	if (options->help)
		return show_help(context, options->words);
	if (!options->words)
		return ctl_usage("a command is missing");
	session.json = options->json;
	session.transit = options->transit;
	session.follow = options->follow;
	session.id = options->id;
	session.filter = options->filter;
	session.file = options->file;
	session.named = options->name;
	session.socket = options->socket;
	session.guest = options->guest;
	session.format = options->format;
	return run_verb(options->words, options->name ? options->name : "default", options->socket,
			&session);
}
