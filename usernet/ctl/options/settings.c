/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/settings.h"

#include <string.h>

#include "base/error.h"
#include "base/limit.h"

const struct opt_spec setting_specs[] = {
	{.key = "name", .flags = OPT_EMPTY},
	{.key = "run-dir"},
	{.key = "state-dir"},
	{.key = "qmp", .flags = OPT_REPEATS},
	{.key = "slirp4netns-api"},
	{.key = "gvproxy-api"},
	{.key = "pidfile"},
	{.key = "ready-fd"},
	{.key = "exit-with-parent", .type = OPT_BOOL},
	{.key = "live-commands", .type = OPT_BOOL},
	{.key = "no-default-netdevs", .type = OPT_BOOL},
	{.key = "daemon", .type = OPT_BOOL},
	{.key = "log-file"},
	{.key = "log-level"},
	{.key = "sandbox"},
	{.key = "sandbox-path", .flags = OPT_REPEATS},
	{.key = "limit", .flags = OPT_REPEATS},
	{NULL},
};

static bool refuse(GError **error, const char *key, const char *value, const char *right)
{
	g_set_error(error, USERNET_ERROR, ERROR_USAGE, "%s '%s': %s", key, value, right);
	return false;
}

static bool check_name(const char *name, GError **error)
{
	bool ok = g_ascii_isalnum(name[0]) && strlen(name) <= NETWORK_NAME_MAX;

	for (const char *p = name; *p; p++)
		ok = ok && (g_ascii_isalnum(*p) || strchr("-_.", *p));
	return ok || refuse(error, "name", name,
			    "a name is a letter or digit, then letters, digits, '-', '_', '.', "
			    "at most 48");
}

static bool parse_log_level(const char *word, enum log_level *level)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};

	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++) {
		if (!strcmp(levels[i], word)) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* QEMU's -qmp unix:PATH[,server=on][,wait=off]: our socket is always a server and never waits. */
static bool check_qmp(const char *text, GError **error)
{
	const char *comma = strchr(text, ',');

	if (!g_str_has_prefix(text, "unix:") || !text[strlen("unix:")])
		return refuse(error, "qmp", text, "write unix:PATH");
	if (comma && strcmp(comma, ",server=on,wait=off") && strcmp(comma, ",server=on") &&
	    strcmp(comma, ",server,nowait"))
		return refuse(error, "qmp", text, "only ',server=on,wait=off' may follow the path");
	return true;
}

static char *qmp_path(const char *text)
{
	const char *path = text + strlen("unix:");

	return g_strndup(path, strcspn(path, ","));
}

bool settings_check(struct optstr *opts, GError **error)
{
	g_autofree const char **qmp = optstr_all(opts, "qmp");
	g_autofree const char **limits = optstr_all(opts, "limit");
	const char *name = optstr_get(opts, "name"), *level = optstr_get(opts, "log-level");
	const char *fd = optstr_get(opts, "ready-fd"), *sandbox = optstr_get(opts, "sandbox");
	enum sandbox_mode mode;
	enum log_level ignored;

	if (!optstr_check_plain(opts, "a network", setting_specs, error))
		return false;
	if (name && !check_name(name, error))
		return false;
	if (level && !parse_log_level(level, &ignored))
		return refuse(error, "log-level", level, "error, warning, info or debug");
	if (sandbox && !sandbox_mode_parse(sandbox, &mode))
		return refuse(error, "sandbox", sandbox, "on, full, require or off");
	if (fd && !g_ascii_string_to_unsigned(fd, 10, 1, 1 << 20, NULL, NULL))
		return refuse(error, "ready-fd", fd, "the number of an open descriptor");
	if (optstr_bool(opts, "daemon", false) && optstr_bool(opts, "exit-with-parent", false))
		return error_usage(error,
				   "exit-with-parent 'on': not with daemon, which has no parent");
	for (unsigned i = 0; qmp[i]; i++) {
		if (!check_qmp(qmp[i], error))
			return false;
	}
	for (unsigned i = 0; limits[i]; i++) {
		if (!limit_parse(limits[i], false, error))
			return false;
	}
	return true;
}

void settings_read(struct settings *settings, const struct optstr *opts)
{
	g_autofree const char **qmp = optstr_all(opts, "qmp");
	const char *name = optstr_get(opts, "name"), *level = optstr_get(opts, "log-level");
	const char *state_dir = optstr_get(opts, "state-dir");
	const char *sandbox = optstr_get(opts, "sandbox");
	g_autofree const char **paths = optstr_all(opts, "sandbox-path");
	g_autofree const char **limits = optstr_all(opts, "limit");
	unsigned n = 0;

	memset(settings, 0, sizeof(*settings));
	settings->name = g_strdup(name ? name : "default");
	settings->run_dir = g_strdup(optstr_get(opts, "run-dir"));
	settings->no_state = !g_strcmp0(state_dir, "none");
	settings->state_dir = settings->no_state ? NULL : g_strdup(state_dir);
	settings->slirp4netns_api = g_strdup(optstr_get(opts, "slirp4netns-api"));
	settings->gvproxy_api = g_strdup(optstr_get(opts, "gvproxy-api"));
	settings->pidfile = g_strdup(optstr_get(opts, "pidfile"));
	settings->ready_fd = (int)optstr_number(opts, "ready-fd", -1);
	settings->exit_with_parent = optstr_bool(opts, "exit-with-parent", false);
	settings->live_commands = optstr_bool(opts, "live-commands", false);
	settings->no_default_netdevs = optstr_bool(opts, "no-default-netdevs", false);
	settings->daemon = optstr_bool(opts, "daemon", false);
	settings->log_file = g_strdup(optstr_get(opts, "log-file"));
	settings->log_level = LOG_LEVEL_INFO;
	if (level)
		parse_log_level(level, &settings->log_level);
	if (sandbox)
		sandbox_mode_parse(sandbox, &settings->sandbox);
	settings->sandbox_paths = g_strdupv((char **)paths);
	settings->limits = g_strdupv((char **)limits);
	while (qmp[n])
		n++;
	settings->qmp = g_new0(char *, n + 1);
	for (unsigned i = 0; i < n; i++)
		settings->qmp[i] = qmp_path(qmp[i]);
}

void settings_add(struct optstr *opts, const struct optstr *from)
{
	for (const struct opt_spec *spec = setting_specs; spec->key; spec++) {
		g_autofree const char **values = optstr_all(from, spec->key);

		if (!(spec->flags & OPT_REPEATS) && optstr_get(opts, spec->key))
			continue;
		for (unsigned i = 0; values[i]; i++)
			optstr_add(opts, spec->key, values[i], NULL);
	}
}

void settings_apply_limits(const struct settings *settings)
{
	for (char **limit = settings->limits; *limit; limit++)
		limit_parse(*limit, true, NULL);
}

void settings_clear(struct settings *settings)
{
	g_free(settings->name);
	g_free(settings->run_dir);
	g_free(settings->state_dir);
	g_free(settings->pidfile);
	g_free(settings->slirp4netns_api);
	g_free(settings->gvproxy_api);
	g_free(settings->log_file);
	g_strfreev(settings->qmp);
	g_strfreev(settings->sandbox_paths);
	g_strfreev(settings->limits);
	memset(settings, 0, sizeof(*settings));
}
