/* SPDX-License-Identifier: BSD-3-Clause */
#include "passt_network.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl_client.h"
#include "passt_log.h"
#include "passt_options.h"
#include "passt_ports.h"
#include "program.h"

struct passt_network {
	struct ctl_client *client;
	struct passt_log *log;
	char *name;       /* the network's name */
	char *id;         /* id of our netdev; also the name given to an unnamed guest */
	char *guest;      /* guest of the forwards when joining a network; "" on our own */
	pid_t pid;        /* the usernet we started; 0: it was already running */
	int err;          /* its stderr; -1: none */
	GPtrArray *rules; /* hostfwd rules added to a network that was already running */
	bool attached;
	bool named; /* we gave the guest its name */
};

/* --- requests --- */

/* Sets @error to "desc" of an error answer. */
static JsonNode *take_answer(JsonNode *answer, GError **error)
{
	g_autoptr(JsonNode) owned = answer;
	JsonObject *object = owned ? json_node_get_object(owned) : NULL;

	if (!owned)
		return NULL;
	if (json_object_has_member(object, "error")) {
		JsonObject *what = json_object_get_object_member(object, "error");

		g_set_error_literal(error, USERNET_ERROR, ERROR_FAILED,
				    json_object_get_string_member(what, "desc"));
		return NULL;
	}
	return json_node_copy(json_object_get_member(object, "return"));
}

/* The arguments are pairs of key and string value, terminated by NULL. NULL: @error. */
static G_GNUC_NULL_TERMINATED JsonNode *request(struct passt_network *network, int fd,
						GError **error, const char *command, ...)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new(), *arguments = json_object_new();
	const char *key;
	va_list args;

	va_start(args, command);
	while ((key = va_arg(args, const char *)))
		json_object_set_string_member(arguments, key, va_arg(args, const char *));
	va_end(args);
	json_object_set_string_member(object, "execute", command);
	json_object_set_object_member(object, "arguments", arguments);
	json_node_take_object(node, object);
	return take_answer(ctl_client_pass(network->client, node, fd, error), error);
}

static bool done(JsonNode *result)
{
	if (result)
		json_node_unref(result);
	return result != NULL;
}

/* Removes something at the end; ignores what is already gone. */
static void undo(struct passt_network *network, const char *command, const char *key,
		 const char *value)
{
	done(request(network, -1, NULL, command, key, value, NULL));
}

/* --- a network of our own --- */

/* Runs in the child. */
static G_GNUC_NORETURN void run_usernet(const char **words, int ready, int err)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fcntl(ready, F_SETFD, 0);
	/* Its standard output is for a user: the QEMU command lines. */
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
	dup2(STDIN_FILENO, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execvp(words[0], (char *const *)words);
	fprintf(stderr, "cannot run %s: %s; $USERNET names the usernet to start\n", words[0],
		g_strerror(errno));
	_exit(127);
}

static bool start(struct passt_network *network, const struct passt_options *options,
		  const char *netdev, int ready[2], int err[2], GError **error)
{
	g_autofree char *program = program_usernet();
	g_autofree char *ready_fd = g_strdup_printf("%d", ready[1]);
	const char *words[] = {program,       "--name",
			       network->name, "--state-dir",
			       "none",        "--exit-with-parent",
			       "--log-level", options->log_level,
			       "--ready-fd",  ready_fd,
			       "--netdev",    netdev,
			       NULL};

	network->pid = fork();
	if (network->pid == 0)
		run_usernet(words, ready[1], err[1]);
	if (network->pid > 0)
		return true;
	network->pid = 0;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "fork: %s", g_strerror(errno));
	return false;
}

/* Waits until usernet is ready or exits; passes on its messages. */
static bool wait_until_ready(struct passt_network *network, int ready)
{
	struct pollfd fds[] = {{.fd = ready, .events = POLLIN},
			       {.fd = network->err, .events = POLLIN}};
	char byte;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents && !passt_log_relay(network->log, network->err))
			fds[1].fd = -1;
		if (!fds[0].revents)
			continue;
		if (read(ready, &byte, 1) == 1)
			return true;
		while (passt_log_relay(network->log, network->err))
			;
		return false;
	}
}

static bool start_own(struct passt_network *network, const struct passt_options *options,
		      GError **error)
{
	g_autofree char *netdev = passt_options_netdev(options, network->rules);
	int ready[2] = {-1, -1}, err[2] = {-1, -1};
	bool ok = pipe2(ready, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0;

	if (!ok)
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "pipe: %s", g_strerror(errno));
	network->err = err[0];
	ok = ok && start(network, options, netdev, ready, err, error);
	for (int i = 0; i < 2; i++) {
		int *fd = i ? &err[1] : &ready[1];

		if (*fd >= 0)
			close(*fd);
	}
	if (ok && !wait_until_ready(network, ready[0])) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "usernet did not start");
		ok = false;
	}
	if (ready[0] >= 0)
		close(ready[0]);
	/* The rules end with the network: no need to remove them one by one. */
	g_ptr_array_set_size(network->rules, 0);
	return ok;
}

/* --- a running network --- */

/* The rule ends with our connection, however we end. */
static bool add_forward(struct passt_network *network, const char *rule, GError **error)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new(), *arguments = json_object_new();

	json_object_set_string_member(arguments, "rule", rule);
	json_object_set_boolean_member(arguments, "with-client", TRUE);
	json_object_set_string_member(object, "execute", "hostfwd-add");
	json_object_set_object_member(object, "arguments", arguments);
	json_node_take_object(node, object);
	return done(take_answer(ctl_client_request(network->client, node, error), error));
}

static bool add_forwards(struct passt_network *network, GPtrArray *rules, GError **error)
{
	for (guint i = 0; i < rules->len; i++) {
		char *rule = g_ptr_array_index(rules, i);

		if (!add_forward(network, rule, error))
			return false;
		g_ptr_array_add(network->rules, g_strdup(rule));
	}
	return true;
}

/* The host side of @rule, for hostfwd-remove. */
static char *host_side(const char *rule)
{
	const char *dash = strchr(rule, '-');

	return g_strndup(rule, (gsize)(dash - rule));
}

static void remove_forward(struct passt_network *network, const char *rule)
{
	g_autofree char *side = host_side(rule);

	undo(network, "hostfwd-remove", "rule", side);
}

/* Makes every rule lead to the guest @name. */
static void lead_to(struct passt_network *network, const char *name)
{
	for (guint i = 0; i < network->rules->len; i++) {
		char *rule = g_ptr_array_index(network->rules, i);
		g_autofree char *side = host_side(rule);
		char *led = g_strdup_printf("%s-%s%s", side, name, strrchr(rule, ':'));
		g_autoptr(GError) error = NULL;

		remove_forward(network, rule);
		if (!add_forward(network, led, &error))
			passt_log_say(network->log, "%s: %s", led, error->message);
		g_free(rule);
		g_ptr_array_index(network->rules, i) = led;
	}
}

/* The guest at our netdev with an IPv4 address; borrowed from @guests. */
static JsonObject *find_guest(const struct passt_network *network, JsonArray *guests)
{
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);

		if (json_object_has_member(guest, "ipv4") &&
		    !g_strcmp0(json_object_get_string_member_with_default(guest, "netdev", ""),
			       network->id))
			return guest;
	}
	return NULL;
}

bool passt_network_lead(struct passt_network *network)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) guests = NULL;
	JsonObject *guest;
	const char *name;

	if (!network->rules->len || !network->attached)
		return true;
	guests = request(network, -1, &error, "query-guests", NULL);
	guest = guests ? find_guest(network, json_node_get_array(guests)) : NULL;
	if (!guest)
		return false;
	name = json_object_get_string_member_with_default(guest, "name", NULL);
	if (name) {
		if (strcmp(name, network->guest))
			lead_to(network, name);
		g_free(network->guest);
		network->guest = g_strdup(name);
		return true;
	}
	/* The guest has no name: give it the one that the rules use. */
	network->named = done(request(network, -1, &error, "guest-add", "name", network->guest,
				      "mac", json_object_get_string_member(guest, "mac"), "ip",
				      json_object_get_string_member(guest, "ipv4"), NULL));
	if (!network->named)
		passt_log_say(network->log, "the forwards have no guest: %s", error->message);
	return true;
}

/* --- lifecycle --- */

static bool find_rules(GPtrArray *rules, const struct passt_options *options, const char *guest,
		       GError **error)
{
	struct passt_host host;

	passt_host_init(&host);
	for (guint i = 0; i < options->specs->len; i++) {
		const struct passt_spec *spec = g_ptr_array_index(options->specs, i);

		if (options->denied[spec->udp])
			continue;
		if (!passt_ports_rules(rules, spec->text, spec->udp, options->any, guest, &host,
				       error)) {
			g_prefix_error(error, "%s: ", spec->udp ? "--udp-ports" : "--tcp-ports");
			return false;
		}
	}
	return true;
}

/* Joins the network @join; false without @error: it is not running. */
static bool join_running(struct passt_network *network, const struct passt_options *options,
			 const char *join, GError **error)
{
	g_autofree char *path = ctl_client_default_path(join);
	g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(g_free);

	network->client = ctl_client_new(path, NULL);
	if (!network->client)
		return false;
	g_free(network->name);
	network->name = g_strdup(join);
	network->guest = g_strdup(options->guest ? options->guest : network->id);
	if (options->shapes_network)
		passt_log_say(network->log,
			      "network %s runs already, and its own settings hold: addresses, "
			      "name servers, MTU and what is denied",
			      join);
	return find_rules(rules, options, network->guest, error) &&
	       add_forwards(network, rules, error);
}

static bool open_own(struct passt_network *network, const struct passt_options *options,
		     const char *join, GError **error)
{
	g_autofree char *path = ctl_client_default_path(network->name);

	if (join)
		passt_log_say(network->log,
			      "network %s does not run; the guest gets its own network", join);
	network->guest = g_strdup("");
	if (!find_rules(network->rules, options, "", error) || !start_own(network, options, error))
		return false;
	network->client = ctl_client_new(path, error);
	return network->client != NULL;
}

struct passt_network *passt_network_new(const struct passt_options *options, const char *join,
					struct passt_log *log, GError **error)
{
	struct passt_network *network = g_new0(struct passt_network, 1);
	GError *failed = NULL;

	network->log = log;
	network->id = g_strdup_printf("passt-%d", (int)getpid());
	network->name = g_strdup(network->id);
	network->err = -1;
	network->rules = g_ptr_array_new_with_free_func(g_free);
	if ((join && join_running(network, options, join, &failed)) ||
	    (!failed && open_own(network, options, join, &failed)))
		return network;
	g_propagate_error(error, failed);
	passt_network_free(network);
	return NULL;
}

void passt_network_free(struct passt_network *network)
{
	passt_network_detach(network);
	for (guint i = 0; network->client && i < network->rules->len; i++)
		remove_forward(network, g_ptr_array_index(network->rules, i));
	if (network->named)
		undo(network, "guest-remove", "name", network->guest);
	if (network->client)
		ctl_client_free(network->client);
	if (network->pid) {
		kill(network->pid, SIGTERM);
		while (waitpid(network->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (network->err >= 0)
		close(network->err);
	g_ptr_array_unref(network->rules);
	g_free(network->guest);
	g_free(network->name);
	g_free(network->id);
	g_free(network);
}

bool passt_network_attach(struct passt_network *network, int fd, GError **error)
{
	g_autoptr(JsonNode) command = NULL;
	g_autofree char *text = NULL;

	if (!done(request(network, fd, error, "getfd", "fdname", network->id, NULL)))
		return false;
	text = g_strdup_printf("{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"stream\","
			       "\"id\":\"%s\",\"addr\":{\"type\":\"fd\",\"str\":\"%s\"}}}",
			       network->id, network->id);
	command = json_from_string(text, NULL);
	network->attached =
		done(take_answer(ctl_client_request(network->client, command, error), error));
	return network->attached;
}

void passt_network_detach(struct passt_network *network)
{
	if (network->attached)
		undo(network, "netdev_del", "id", network->id);
	network->attached = false;
}

int passt_network_fd(const struct passt_network *network)
{
	return ctl_client_fd(network->client);
}

bool passt_network_read(struct passt_network *network)
{
	g_autoptr(JsonNode) event = ctl_client_read(network->client, NULL);

	return event != NULL;
}

int passt_network_stderr(const struct passt_network *network)
{
	return network->err;
}

const char *passt_network_name(const struct passt_network *network)
{
	return network->name;
}
