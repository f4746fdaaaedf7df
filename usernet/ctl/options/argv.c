/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/argv.h"

#include <string.h>

#include "base/error.h"
#include "ctl/options/help.h"
#include "ctl/options/settings.h"

/* Turns a check's "KEY 'VALUE': …" into an option; "Parameter 'KEY' …" stays as it is. */
static bool blame_option(GError **error)
{
	if (error && *error && !g_str_has_prefix((*error)->message, "Parameter"))
		g_prefix_error(error, "--");
	return false;
}

static bool usage(GError **error, const char *format, const char *what)
{
	g_autoptr(GString) text = g_string_new(format);

	g_string_replace(text, "%s", what, 1);
	g_set_error_literal(error, USERNET_ERROR, ERROR_USAGE, text->str);
	return false;
}

/* Values of the options that take one; the keys are those of settings.h. */
struct words {
	char *name, *run_dir, *state_dir, *pidfile, *ready_fd, *log_level, *log_file, *sandbox;
	char *slirp4netns_api, *gvproxy_api;
	char **qmp, **sandbox_paths, **limits;
	gboolean with_parent, live_commands, verbose, daemon, no_default_netdevs;
};

static void clear_words(struct words *words)
{
	g_free(words->name);
	g_free(words->run_dir);
	g_free(words->state_dir);
	g_free(words->pidfile);
	g_free(words->ready_fd);
	g_free(words->log_level);
	g_free(words->log_file);
	g_free(words->sandbox);
	g_free(words->slirp4netns_api);
	g_free(words->gvproxy_api);
	g_strfreev(words->qmp);
	g_strfreev(words->sandbox_paths);
	g_strfreev(words->limits);
}

static void note(struct options *options, const char *key, const char *value)
{
	if (value)
		optstr_add(options->settings, key, value, NULL);
}

static bool note_all(struct options *options, const struct words *words, GError **error)
{
	note(options, "name", words->name);
	note(options, "run-dir", words->run_dir);
	note(options, "state-dir", words->state_dir);
	note(options, "pidfile", words->pidfile);
	note(options, "ready-fd", words->ready_fd);
	note(options, "log-level", words->log_level);
	note(options, "log-file", words->log_file);
	note(options, "sandbox", words->sandbox);
	note(options, "slirp4netns-api", words->slirp4netns_api);
	note(options, "gvproxy-api", words->gvproxy_api);
	if (words->verbose && !words->log_level)
		note(options, "log-level", "debug");
	if (words->with_parent)
		note(options, "exit-with-parent", "on");
	if (words->live_commands)
		note(options, "live-commands", "on");
	if (words->daemon)
		note(options, "daemon", "on");
	if (words->no_default_netdevs)
		note(options, "no-default-netdevs", "on");
	for (char **qmp = words->qmp; qmp && *qmp; qmp++)
		note(options, "qmp", *qmp);
	for (char **path = words->sandbox_paths; path && *path; path++)
		note(options, "sandbox-path", *path);
	for (char **limit = words->limits; limit && *limit; limit++)
		note(options, "limit", *limit);
	return settings_check(options->settings, error) || blame_option(error);
}

static bool parse(struct options *options, struct words *words, int *argc, char ***argv,
		  GError **error)
{
	gboolean help = FALSE, version = FALSE;
	/* FILENAME: raw bytes in any locale. */
	GOptionEntry entries[] = {
		{"netdev", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->netdevs,
		 "Attach NETDEV; may be given several times", "NETDEV"},
		{"guest", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->guests,
		 "Reserve name and addresses for GUEST; may be given several times", "GUEST"},
		{"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
		 "Read this file (default: $XDG_CONFIG_HOME/usernet/NAME.conf, if it exists)",
		 "FILE"},
		{"name", 0, 0, G_OPTION_ARG_FILENAME, &words->name,
		 "Name of the network (default: default)", "NAME"},
		{"run-dir", 0, 0, G_OPTION_ARG_FILENAME, &words->run_dir,
		 "Directory of sockets and lock (default: $XDG_RUNTIME_DIR/usernet/NAME)", "DIR"},
		{"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &words->state_dir,
		 "Directory of leases (default: $XDG_STATE_HOME/usernet/NAME); none: do not save",
		 "DIR|none"},
		{"qmp", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words->qmp,
		 "Another QMP socket in addition to RUN/qmp.sock", "unix:PATH"},
		{"slirp4netns-api", 0, 0, G_OPTION_ARG_FILENAME, &words->slirp4netns_api,
		 "A socket for clients of slirp4netns, which add and remove forwards", "PATH"},
		{"gvproxy-api", 0, 0, G_OPTION_ARG_FILENAME, &words->gvproxy_api,
		 "A socket for clients of gvproxy: forwards and leases, by HTTP", "PATH"},
		{"pidfile", 0, 0, G_OPTION_ARG_FILENAME, &words->pidfile,
		 "Write the process id to this file", "PATH"},
		{"ready-fd", 0, 0, G_OPTION_ARG_FILENAME, &words->ready_fd,
		 "Write a line to this descriptor when ready for guests, then close it", "N"},
		{"exit-with-parent", 0, 0, G_OPTION_ARG_NONE, &words->with_parent,
		 "Exit when the parent process exits", NULL},
		{"live-commands", 0, 0, G_OPTION_ARG_NONE, &words->live_commands,
		 "Allow guestfwd rules added later to run commands not known at start", NULL},
		{"no-default-netdevs", 0, 0, G_OPTION_ARG_NONE, &words->no_default_netdevs,
		 "Do not add the default netdevs", NULL},
		{"daemon", 0, 0, G_OPTION_ARG_NONE, &words->daemon,
		 "Go to the background when ready for guests", NULL},
		{"sandbox", 0, 0, G_OPTION_ARG_FILENAME, &words->sandbox,
		 "Give up rights before guests are served: on (default), full (also namespaces), "
		 "require (refuse to start without), off",
		 "on|full|require|off"},
		{"sandbox-path", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words->sandbox_paths,
		 "Also allow sockets and files in this directory while running", "DIR"},
		{"limit", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words->limits,
		 "Change a limit; may be given several times (usernet(8), LIMITS)", "NAME=NUMBER"},
		{"log-file", 0, 0, G_OPTION_ARG_FILENAME, &words->log_file,
		 "Append messages to this file instead of stderr (with --daemon: STATE-DIR/log)",
		 "FILE"},
		{"log-level", 0, 0, G_OPTION_ARG_FILENAME, &words->log_level,
		 "error, warning, info (default) or debug", "LEVEL"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &words->verbose, "Same as --log-level debug",
		 NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL},
		{0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new("[-- COMMAND [ARGUMENT...]]");
	g_autofree char *description =
		g_strconcat(help_netdevs, help_ours, help_links, help_taps, help_rest, NULL);
	bool ok;

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_summary(context, help_summary);
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	ok = g_option_context_parse(context, argc, argv, error);
	if (!ok && error && *error) {
		g_autofree char *text = g_strdup((*error)->message);

		g_clear_error(error);
		usage(error, "%s; usernet --help shows what there is", text);
	}
	options->help = help;
	options->version = version;
	if (ok && help)
		options->help_text = g_option_context_get_help(context, TRUE, NULL);
	return ok;
}

/* GLib would drop the "--" only if no option of the command follows. */
static bool take_command(struct options *options, int *argc, char **argv, GError **error)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		if (i + 1 == *argc)
			return usage(error, "a command must follow '%s'", argv[i]);
		options->command = g_strdupv(argv + i + 1);
		*argc = i;
		argv[i] = NULL;
	}
	return true;
}

bool options_parse(struct options *options, int *argc, char ***argv, GError **error)
{
	struct words words = {0};
	bool ok;

	memset(options, 0, sizeof(*options));
	options->settings = optstr_new(NULL);
	ok = take_command(options, argc, *argv, error) && parse(options, &words, argc, argv, error);
	if (ok && !options->help && !options->version) {
		if (*argc > 1)
			ok = usage(error, "unexpected argument '%s'; options begin with --",
				   (*argv)[1]);
		else
			ok = note_all(options, &words, error);
	}
	clear_words(&words);
	return ok;
}

void options_clear(struct options *options)
{
	optstr_free(options->settings);
	g_strfreev(options->netdevs);
	g_strfreev(options->guests);
	g_strfreev(options->command);
	g_free(options->config);
	g_free(options->help_text);
}
