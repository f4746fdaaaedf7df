/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl_client.h"
#include "ctl_names.h"
#include "program.h"
#include "qemu_command.h"
#include "qemu_netdev.h"
#include "qemu_options.h"

#define FIRST_GUEST "guest" /* then guest-2, guest-3 and so on */
#define START_TRIES 50      /* of 100 ms: another process may be starting the network */

static int fail(int status, const char *format, ...) G_GNUC_PRINTF(2, 3);
static int fail(int status, const char *format, ...)
{
	va_list args;

	fputs("usernetctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* --- the network --- */

static bool reach(struct ctl_session *session)
{
	g_autofree char *path = session->socket ? g_strdup(session->socket)
						: ctl_client_default_path(session->name);

	session->client = ctl_client_new(path, NULL);
	return session->client != NULL;
}

/* @commands: rules of the guest run commands, which must be allowed at the start. */
static int start_network(struct ctl_session *session, bool commands)
{
	g_autofree char *usernet = program_usernet();
	const char *words[] = {
		usernet, "--daemon", "--name", session->name, commands ? "--live-commands" : NULL,
		NULL};
	g_autoptr(GError) error = NULL;
	int status;

	if (session->socket)
		return fail(CTL_UNREACHABLE, "cannot reach usernet at %s", session->socket);
	if (!g_spawn_sync(NULL, (char **)words, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
				  G_SPAWN_CHILD_INHERITS_STDIN,
			  NULL, NULL, NULL, NULL, &status, &error))
		return fail(CTL_UNREACHABLE,
			    "cannot start the network: %s; $USERNET names the usernet to start",
			    error->message);
	for (int i = 0; i < START_TRIES; i++) {
		if (reach(session))
			return CTL_DONE;
		g_usleep(100000);
	}
	return fail(CTL_UNREACHABLE, "the network '%s' did not start", session->name);
}

/* "unix:PATH (server)": PATH; NULL: @what does not end so. */
static char *unix_path(const char *what, const char *end)
{
	if (!what || !g_str_has_prefix(what, "unix:/") || !g_str_has_suffix(what, end))
		return NULL;
	return g_strndup(what + strlen("unix:"), strlen(what) - strlen("unix:") - strlen(end));
}

/* Where the network takes guests; free both. */
static int find_doors(struct ctl_session *session, char **server, char **dir)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-netdevs", NULL, &result);
	JsonArray *rows = status == CTL_DONE ? json_node_get_array(result) : NULL;

	for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);
		const char *what =
			json_object_get_string_member_with_default(row, "description", NULL);

		if (g_strcmp0(json_object_get_string_member(row, "type"), "stream"))
			continue;
		if (!*server)
			*server = unix_path(what, " (server)");
		if (!*dir)
			*dir = unix_path(what, "* (client)");
	}
	return status;
}

/* --- the guest --- */

static bool is_here(JsonObject *row)
{
	return json_object_get_boolean_member_with_default(row, "here", FALSE);
}

/* NULL: there is none. */
static JsonObject *find_guest(JsonArray *rows, const char *name)
{
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (!g_ascii_strcasecmp(json_object_get_string_member_with_default(row, "name", ""),
					name))
			return row;
	}
	return NULL;
}

/*
 * Takes the guest's lock in the run directory. It is never given back: QEMU inherits the
 * descriptor, so the name is taken until QEMU ends, also before the guest sends its first frame.
 */
static bool take_name(const char *run_dir, const char *name)
{
	g_autofree char *file = g_strdup_printf("%s/%s.run", run_dir, name);
	int fd = open(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	close(fd);
	return false;
}

static bool is_free(JsonArray *rows, const char *run_dir, const char *name)
{
	JsonObject *row = find_guest(rows, name);

	return !(row && is_here(row)) && take_name(run_dir, name);
}

/* The first of guest, guest-2, guest-3 that does not run. */
static char *free_name(JsonArray *rows, const char *run_dir)
{
	char *name = g_strdup(FIRST_GUEST);

	for (unsigned n = 2; !is_free(rows, run_dir, name); n++) {
		g_free(name);
		name = g_strdup_printf(FIRST_GUEST "-%u", n);
	}
	return name;
}

/* For a QEMU that is about to start: chooses *@name if it is NULL, and makes sure it does not run.
 */
static int claim(struct ctl_session *session, JsonArray *rows, char **name)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-status", NULL, &result);
	const char *run_dir;

	if (status != CTL_DONE)
		return status;
	run_dir = json_object_get_string_member(json_node_get_object(result), "run-dir");
	if (!*name)
		*name = free_name(rows, run_dir);
	else if (!is_free(rows, run_dir, *name))
		return fail(CTL_REFUSED,
			    "the guest '%s' runs already; choose another name with --guest", *name);
	return CTL_DONE;
}

static int add_guest(struct ctl_session *session, const char *name, char **mac)
{
	JsonObject *args = json_object_new();
	g_autoptr(JsonNode) result = NULL;
	int status;

	json_object_set_string_member(args, "name", name);
	if (*mac)
		json_object_set_string_member(args, "mac", *mac);
	status = ctl_request(session, "guest-add", args, &result);
	if (status == CTL_DONE) {
		g_free(*mac);
		*mac = g_strdup(json_object_get_string_member(json_node_get_object(result), "mac"));
	}
	return status;
}

/* *@mac: the MAC the guest must have, or NULL; gets the one it has. */
static int reserve(struct ctl_session *session, JsonArray *rows, const char *name, char **mac)
{
	JsonObject *row = find_guest(rows, name);
	const char *reserved;

	if (!row || !json_object_get_boolean_member_with_default(row, "reserved", FALSE))
		return add_guest(session, name, mac);
	reserved = json_object_get_string_member(row, "mac");
	if (*mac && g_ascii_strcasecmp(*mac, reserved) != 0)
		return fail(
			CTL_REFUSED,
			"the guest '%s' has the MAC address %s, and QEMU's command line says %s",
			name, reserved, *mac);
	g_free(*mac);
	*mac = g_strdup(reserved);
	return CTL_DONE;
}

/* --- its rules --- */

/* Replaces a rule that an earlier run left; an answer that there was none does not matter. */
static int put_rule(struct ctl_session *session, const char *kind, const char *rule,
		    const char *old, const char *guest)
{
	const char *steps[] = {"remove", "add"};
	int status = CTL_DONE;

	for (int i = 0; i < 2; i++) {
		g_autofree char *command = g_strdup_printf("%s-%s", kind, steps[i]);
		g_autoptr(JsonNode) request = json_node_new(JSON_NODE_OBJECT), result = NULL;
		JsonObject *object = json_object_new(), *args = json_object_new();

		json_object_set_string_member(args, "rule", i ? rule : old);
		if (guest)
			json_object_set_string_member(args, "guest", guest);
		else if (session->id)
			json_object_set_string_member(args, "id", session->id);
		json_object_set_string_member(object, "execute", command);
		json_object_set_object_member(object, "arguments", args);
		json_node_take_object(request, object);
		if (i == 0)
			result = ctl_client_request(session->client, request, NULL);
		else
			status = ctl_request_node(session, request, &result);
	}
	return status;
}

static int move_rules(struct ctl_session *session, const struct qemu_command *command,
		      const char *guest)
{
	int status = CTL_DONE;

	for (guint i = 0; status == CTL_DONE && i < command->hostfwd->len; i++) {
		g_autofree char *rule = qemu_command_forward(command->hostfwd->pdata[i], guest);

		status = put_rule(session, "hostfwd", rule, rule, NULL);
	}
	for (guint i = 0; status == CTL_DONE && i < command->guestfwd->len; i++) {
		const char *rule = command->guestfwd->pdata[i], *dash = strchr(rule, '-');
		g_autofree char *old =
			dash ? g_strndup(rule, (gsize)(dash - rule)) : g_strdup(rule);

		status = put_rule(session, "guestfwd", rule, old, NULL);
	}
	/* restrict=on of one guest; that of the network would hold for all. */
	if (status == CTL_DONE && command->restricted)
		status = put_rule(session, "policy", "deny=*", "deny=*", guest);
	for (guint i = 0; status == CTL_DONE && i < command->left->len; i++)
		fprintf(stderr,
			"usernetctl: not moved: %s; keys of the network go to usernet --netdev "
			"user,…\n",
			(char *)command->left->pdata[i]);
	return status;
}

/* --- QEMU --- */

static int ask_version(const char *program, struct qemu_version *version)
{
	const char *words[] = {program, "-version", NULL};
	g_autofree char *out = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_spawn_sync(NULL, (char **)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL,
			  NULL, &error))
		return fail(CTL_USAGE, "%s", error->message);
	if (!qemu_version_parse(out, version))
		return fail(CTL_USAGE,
			    "'%s -version' prints no version of QEMU; expected a "
			    "qemu-system program and its arguments",
			    program);
	return CTL_DONE;
}

/* The netdev's argument in *@netdev. */
static int choose_netdev(struct ctl_session *session, struct qemu_version version, const char *id,
			 const char *guest, char **netdev)
{
	g_autofree char *server = NULL, *dir = NULL;
	g_autoptr(GError) error = NULL;
	int status = find_doors(session, &server, &dir);
	struct qemu_doors doors = {server, dir};
	bool survives;

	if (status != CTL_DONE)
		return status;
	*netdev = qemu_netdev_text(version, &doors, id, guest, &survives, &error);
	if (!*netdev)
		return fail(CTL_REFUSED, "%s", error->message);
	if (!survives)
		fputs("usernetctl: this QEMU will not reconnect when usernet restarts: the network "
		      "has no stream netdev that connects to the sockets of a directory\n",
		      stderr);
	return CTL_DONE;
}

static bool runs_commands(const struct qemu_command *command)
{
	for (guint i = 0; i < command->guestfwd->len; i++) {
		if (strstr(command->guestfwd->pdata[i], "-cmd:"))
			return true;
	}
	return false;
}

/* Does all but exec; *@argv is what to run. */
static int prepare(struct ctl_session *session, char **params, struct qemu_command *command,
		   char ***argv)
{
	g_autofree char *guest = NULL, *mac = g_strdup(command->mac), *netdev = NULL;
	g_autoptr(JsonNode) guests = NULL;
	struct qemu_version version;
	int status = ask_version(params[0], &version);

	if (session->guest)
		guest = g_strdup(session->guest);
	else if (command->name && ctl_names_is_host_name(command->name))
		guest = g_strdup(command->name);
	if (status == CTL_DONE && !reach(session))
		status = start_network(session, runs_commands(command));
	if (status == CTL_DONE)
		status = ctl_request(session, "query-guests", NULL, &guests);
	if (status == CTL_DONE)
		status = claim(session, json_node_get_array(guests), &guest);
	if (status == CTL_DONE)
		status = reserve(session, json_node_get_array(guests), guest, &mac);
	if (status == CTL_DONE)
		status = choose_netdev(session, version, command->id, guest, &netdev);
	if (status == CTL_DONE)
		status = move_rules(session, command, guest);
	if (status == CTL_DONE)
		*argv = qemu_command_write(command, netdev,
					   qemu_netdev_driver(params[0], command->machine), mac);
	return status;
}

int ctl_run_run(struct ctl_session *session, char **params)
{
	struct qemu_command *command;
	g_auto(GStrv) argv = NULL;
	int status;

	if (session->guest && !ctl_names_is_host_name(session->guest))
		return ctl_usage("--guest '%s': a guest's name is 1 to 63 letters, digits and '-'",
				 session->guest);
	command = qemu_command_read(params);
	status = prepare(session, params, command, &argv);
	qemu_command_free(command);
	if (session->client)
		ctl_client_free(session->client);
	session->client = NULL;
	if (status != CTL_DONE)
		return status;
	execvp(argv[0], argv);
	return fail(CTL_USAGE, "cannot run %s: %s", argv[0], g_strerror(errno));
}

/* --- qemu-args --- */

static void print_libvirt(char **args)
{
	puts("<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>");
	for (; *args; args++) {
		g_autofree char *text = g_markup_escape_text(*args, -1);

		printf("  <qemu:arg value='%s'/>\n", text);
	}
	puts("</qemu:commandline>");
}

static void print_json(char **args)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);
	JsonArray *array = json_array_new();
	g_autofree char *text = NULL;

	for (; *args; args++)
		json_array_add_string_element(array, *args);
	json_node_take_array(node, array);
	text = json_to_string(node, FALSE);
	puts(text);
}

static void print_shell(char **args)
{
	for (char **arg = args; *arg; arg++) {
		g_autofree char *quoted = g_shell_quote(*arg);
		bool plain = strspn(*arg, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_./,=:@%+") ==
			     strlen(*arg);

		printf("%s%s", arg == args ? "" : " ", plain ? *arg : quoted);
	}
	putchar('\n');
}

/* The QEMU of this machine's kind; without one the form that all from 7.2 take. */
static int version_for_args(const char *program, struct qemu_version *version)
{
	g_autofree char *name = NULL, *found = NULL;
	struct utsname machine;

	if (program)
		return ask_version(program, version);
	uname(&machine);
	name = g_strdup_printf("qemu-system-%s", machine.machine);
	found = g_find_program_in_path(name);
	if (found)
		return ask_version(found, version);
	*version = (struct qemu_version){7, 2};
	return CTL_DONE;
}

int ctl_run_qemu_args(struct ctl_session *session, char **params)
{
	static const struct {
		const char *name;
		void (*print)(char **args);
	} formats[] = {{"shell", print_shell}, {"libvirt", print_libvirt}, {"json", print_json}};
	const char *format = session->format ? session->format : session->json ? "json" : "shell";
	const char *nothing[] = {"qemu", NULL};
	struct qemu_version version;
	struct qemu_command *command;
	g_autofree char *mac = NULL, *netdev = NULL;
	g_autoptr(JsonNode) guests = NULL;
	g_auto(GStrv) argv = NULL;
	unsigned i = 0;
	int status;

	while (i < G_N_ELEMENTS(formats) && strcmp(formats[i].name, format) != 0)
		i++;
	if (i == G_N_ELEMENTS(formats))
		return ctl_usage("--format '%s': shell, libvirt or json", format);
	if (params[1] && params[2])
		return ctl_usage("qemu-args: unexpected '%s'", params[2]);
	status = version_for_args(params[1], &version);
	if (status == CTL_DONE)
		status = ctl_request(session, "query-guests", NULL, &guests);
	if (status == CTL_DONE)
		status = reserve(session, json_node_get_array(guests), params[0], &mac);
	command = qemu_command_read((char *const *)nothing);
	if (session->named) {
		g_autofree char *id = g_strdup_printf("usernet-%s", session->name);

		qemu_command_set_id(command, id);
	}
	if (status == CTL_DONE)
		status = choose_netdev(session, version, command->id, params[0], &netdev);
	if (status == CTL_DONE) {
		argv = qemu_command_write(
			command, netdev, qemu_netdev_driver(params[1] ? params[1] : "", NULL), mac);
		formats[i].print(argv + 1);
	}
	qemu_command_free(command);
	return status;
}
