/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/hmp.h"

#include <string.h>

#include "base/error.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/forwards.h"
#include "ctl/version.h"

#define HMP_MAX_WORDS 8

struct hmp {
	struct control *control;
	struct fd_names *fds;
	GString *out;
	const char *words[HMP_MAX_WORDS + 1]; /* NULL-terminated; [0] is the command */
};

struct hmp_command {
	const char *name, *alias;
	unsigned min, max; /* number of words after the name */
	const char *params, *help;
	void (*run)(struct hmp *hmp);
};

static const struct hmp_command commands[9];
static const struct hmp_command infos[4];

static const struct hmp_command *find(const struct hmp_command *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name) || !g_strcmp0(table->alias, name))
			return table;
	}
	return NULL;
}

/* "name|alias params -- help", or "name  -- help" without parameters (QEMU monitor/hmp.c). */
static void print_help(struct hmp *hmp, const char *prefix, const struct hmp_command *command)
{
	g_string_append_printf(hmp->out, "%s%s%s%s %s -- %s\n", prefix, command->name,
			       command->alias ? "|" : "", command->alias ? command->alias : "",
			       command->params, command->help);
}

/* Like hmp_handle_error (QEMU monitor/hmp-cmds.c). */
static void print_error(struct hmp *hmp, GError *error)
{
	g_string_append_printf(hmp->out, "Error: %s\n", error->message);
	g_error_free(error);
}

static void run_help(struct hmp *hmp)
{
	const struct hmp_command *command;

	if (!hmp->words[1]) {
		for (command = commands; command->name; command++)
			print_help(hmp, "", command);
		return;
	}
	if (!strcmp(hmp->words[1], "info")) {
		for (command = infos; command->name; command++) {
			if (!hmp->words[2] || !strcmp(command->name, hmp->words[2]))
				print_help(hmp, "info ", command);
		}
		return;
	}
	command = find(commands, hmp->words[1]);
	if (command)
		print_help(hmp, "", command);
	else
		g_string_append_printf(hmp->out, "unknown command: '%s'\n", hmp->words[1]);
}

static void run_info(struct hmp *hmp)
{
	const struct hmp_command *info;

	if (!hmp->words[1]) {
		for (info = infos; info->name; info++)
			print_help(hmp, "info ", info);
		return;
	}
	info = find(infos, hmp->words[1]);
	if (info)
		info->run(hmp);
	else
		g_string_append_printf(hmp->out, "unknown command: 'info %s'\n", hmp->words[1]);
}

static void info_network(struct hmp *hmp)
{
	hmp_info_network(hmp->control, hmp->out);
}

static void info_usernet(struct hmp *hmp)
{
	hmp_info_usernet(hmp->control, hmp->out);
}

static void info_version(struct hmp *hmp)
{
	g_string_append(hmp->out, "usernet " USERNET_VERSION "\n");
}

/* [netdev_id] rule: the last word is the rule. NULL: an error was printed. */
static struct forwards *find_forwards(struct hmp *hmp, const char **rule)
{
	const char *id = hmp->words[2] ? hmp->words[1] : NULL;
	g_autoptr(GError) error = NULL;
	struct attachment *user = control_find_user(hmp->control, id, &error);

	*rule = hmp->words[2] ? hmp->words[2] : hmp->words[1];
	if (user)
		return user->forwards;
	g_string_append_printf(hmp->out, "%s\n", error->message);
	return NULL;
}

static void run_hostfwd_add(struct hmp *hmp)
{
	const char *rule;
	g_autoptr(GError) error = NULL;
	struct forwards *forwards = find_forwards(hmp, &rule);

	if (forwards && !forwards_add(forwards, rule, &error))
		g_string_append_printf(hmp->out, "%s\n", error->message);
}

static void run_hostfwd_remove(struct hmp *hmp)
{
	const char *rule;
	g_autoptr(GError) error = NULL;
	struct forwards *forwards = find_forwards(hmp, &rule);

	if (!forwards)
		return;
	if (forwards_remove(forwards, rule, &error))
		g_string_append_printf(hmp->out, "host forwarding rule for %s removed\n", rule);
	else if (g_error_matches(error, USERNET_ERROR, ERROR_NOT_FOUND))
		g_string_append_printf(hmp->out, "host forwarding rule for %s not found\n", rule);
	else
		g_string_append(hmp->out, "invalid format\n");
}

static void run_netdev_add(struct hmp *hmp)
{
	GError *error = NULL;
	struct optstr *opts = optstr_parse_any(hmp->words[1], "type", &error);

	if (!opts ||
	    !control_add_netdev(hmp->control, opts, &hmp->fds->source, ORIGIN_LIVE, &error))
		print_error(hmp, error);
}

static void run_netdev_del(struct hmp *hmp)
{
	GError *error = NULL;

	if (!control_del_netdev(hmp->control, hmp->words[1], &error))
		print_error(hmp, error);
}

static void run_set_link(struct hmp *hmp)
{
	GError *error = NULL;
	bool up = !strcmp(hmp->words[2], "on");

	if (!up && strcmp(hmp->words[2], "off")) {
		g_string_append(hmp->out, "Expected 'on' or 'off'\n"
					  "Try \"help set_link\" for more information\n");
		return;
	}
	if (!control_set_link(hmp->control, hmp->words[1], up, &error))
		print_error(hmp, error);
}

static void run_quit(struct hmp *hmp)
{
	control_quit(hmp->control);
}

static const struct hmp_command commands[9] = {
	{"help", "?", 0, 2, "[cmd]", "show the help", run_help},
	{"hostfwd_add", NULL, 1, 2,
	 "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
	 "redirect TCP or UDP connections from host to guest", run_hostfwd_add},
	{"hostfwd_remove", NULL, 1, 2, "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
	 "remove host-to-guest TCP or UDP redirection", run_hostfwd_remove},
	{"info", NULL, 0, 2, "[subcommand]", "show information about the network", run_info},
	{"netdev_add", NULL, 1, 1,
	 "[user|stream|dgram|socket|tap|vde|vxlan],id=str[,prop=value][,...]",
	 "add host network device", run_netdev_add},
	{"netdev_del", NULL, 1, 1, "id", "remove host network device", run_netdev_del},
	{"quit", "q", 0, 0, "", "quit usernet", run_quit},
	{"set_link", NULL, 2, 2, "name on|off",
	 "change the link status of a netdev, a port or a guest", run_set_link},
	{NULL},
};

static const struct hmp_command infos[4] = {
	{"network", NULL, 0, 0, "", "show the network state", info_network},
	{"usernet", NULL, 0, 0, "", "show user network stack connection states", info_usernet},
	{"version", NULL, 0, 0, "", "show the version of usernet", info_version},
	{NULL},
};

/*
 * Splits words at blanks. A parameter in double quotes may contain blanks (QEMU monitor/hmp.c
 * get_str); command names and the names after `info` are never quoted (get_command_name).
 */
static unsigned split_words(char *line, const char **words)
{
	unsigned n = 0;
	char *p = line;

	while (n <= HMP_MAX_WORDS) {
		char *to;
		bool quoted, is_name;

		p += strspn(p, " \t\r\n");
		if (!*p)
			break;
		is_name = n == 0 || (n == 1 && !strcmp(words[0], "info"));
		quoted = *p == '"' && !is_name;
		p += quoted;
		words[n++] = to = p;
		while (*p && (quoted ? *p != '"' : !strchr(" \t\r\n", *p))) {
			if (quoted && *p == '\\' && p[1])
				p++;
			*to++ = *p++;
		}
		if (*p)
			p++;
		*to = '\0';
	}
	return n;
}

static void run_words(struct hmp *hmp, unsigned n)
{
	const struct hmp_command *command = find(commands, hmp->words[0]);

	if (!command) {
		g_string_append_printf(hmp->out, "unknown command: '%s'\n", hmp->words[0]);
	} else if (n - 1 < command->min || n - 1 > command->max) {
		g_string_append_printf(
			hmp->out, "%s: %s\nTry \"help %s\" for more information\n", command->name,
			n - 1 < command->min ? "string expected"
					     : "extraneous characters at the end of line",
			command->name);
	} else {
		command->run(hmp);
	}
}

char *hmp_run(struct control *control, struct fd_names *fds, const char *line)
{
	g_autofree char *copy = g_strdup(line);
	struct hmp hmp = {.control = control, .fds = fds, .out = g_string_new(NULL)};
	const char *words[HMP_MAX_WORDS + 2] = {NULL};
	unsigned n = split_words(copy, words);

	if (n > HMP_MAX_WORDS) {
		g_string_append(hmp.out, "too many words\n");
	} else if (n > 0) {
		memcpy(hmp.words, words, sizeof(hmp.words));
		run_words(&hmp, n);
	}
	g_string_replace(hmp.out, "\n", "\r\n", 0);
	return g_string_free(hmp.out, FALSE);
}
