/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/places.h"

#include <glib/gstdio.h>
#include <string.h>

#include "ctl/config/config.h"
#include "dns/resolv.h"
#include "fwd/guestfwd.h"
#include "fwd/rule.h"
#include "sandbox/sandbox.h"

/* What libc and the log read: time zone, names of groups. */
static void add_host(struct sandbox *sandbox)
{
	sandbox_allow(sandbox, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
	sandbox_allow(sandbox, "/dev/net/tun", SANDBOX_READ | SANDBOX_WRITE); /* taps */
	sandbox_allow(sandbox, "/dev/urandom", SANDBOX_READ); /* GLib's random numbers */
	sandbox_allow_around(sandbox, "/etc/localtime", SANDBOX_READ);
	sandbox_allow(sandbox, "/usr/share/zoneinfo", SANDBOX_READ);
	/* The mode of a socket. */
	sandbox_allow(sandbox, "/proc/self/fd", SANDBOX_REACH);
}

/* Editors replace a file rather than write to it, so its folder must be readable. */
static void add_files(const struct config *config, struct sandbox *sandbox)
{
	if (config->path) {
		g_autofree char *dir = g_path_get_dirname(config->path);

		/* The network's own file may be written later. Without the directory it is not
		 * read. */
		(void)!g_mkdir_with_parents(dir, 0700);
		sandbox_allow_around(sandbox, config->path, SANDBOX_READ);
	}
	if (config->settings.pidfile)
		sandbox_allow_around(sandbox, config->settings.pidfile, SANDBOX_REMOVE);
	for (char **path = config->settings.qmp; *path; path++)
		sandbox_allow_around(sandbox, *path, SANDBOX_SOCKETS);
	if (config->settings.slirp4netns_api)
		sandbox_allow_around(sandbox, config->settings.slirp4netns_api, SANDBOX_SOCKETS);
	if (config->settings.gvproxy_api)
		sandbox_allow_around(sandbox, config->settings.gvproxy_api, SANDBOX_SOCKETS);
	for (char **path = config->settings.sandbox_paths; *path; path++)
		sandbox_allow(sandbox, *path, SANDBOX_WRITE | SANDBOX_SOCKETS);
}

static void add_socket(const struct optstr *opts, const char *prefix, struct sandbox *sandbox)
{
	g_autofree char *path_key = g_strconcat(prefix, ".path", NULL);
	g_autofree char *abstract_key = g_strconcat(prefix, ".abstract", NULL);
	const char *path = optstr_get(opts, path_key);

	if (!path || optstr_bool(opts, abstract_key, false))
		return;
	if (g_str_has_suffix(path, "/")) {
		/* The directory is removed at the end. */
		g_autofree char *parent = g_strconcat(path, "..", NULL);

		sandbox_allow(sandbox, path, SANDBOX_LIST);
		sandbox_allow(sandbox, parent, SANDBOX_REMOVE);
	} else if (!strcmp(prefix, "local") || optstr_bool(opts, "server", false)) {
		sandbox_allow_around(sandbox, path, SANDBOX_SOCKETS);
	} else {
		sandbox_allow_around(sandbox, path, SANDBOX_REACH);
	}
}

static void add_forwards(const struct optstr *opts, struct sandbox *sandbox)
{
	g_autofree const char **hosts = optstr_all(opts, "hostfwd");
	g_autofree const char **guests = optstr_all(opts, "guestfwd");
	struct in_addr any = {0};

	for (unsigned i = 0; hosts[i]; i++) {
		struct fwd_rule rule;

		if (fwd_rule_parse(&rule, hosts[i], any, NULL) && rule.host.sa.sa_family == AF_UNIX)
			sandbox_allow_around(sandbox, rule.host.un.sun_path, SANDBOX_SOCKETS);
	}
	for (unsigned i = 0; guests[i]; i++) {
		struct fwd_guestfwd rule;

		if (!fwd_guestfwd_parse(&rule, guests[i], NULL))
			continue;
		if (rule.target == FWD_TARGET_SOCKET && rule.to.sa.sa_family == AF_UNIX)
			sandbox_allow_around(sandbox, rule.to.un.sun_path, SANDBOX_REACH);
		fwd_guestfwd_clear(&rule);
	}
}

static void add_gateway(const struct optstr *opts, struct sandbox *sandbox)
{
	const char *resolv = optstr_get(opts, "resolv-conf"), *tftp = optstr_get(opts, "tftp");
	const char *http = optstr_get(opts, "http");

	sandbox_allow_around(sandbox, resolv ? resolv : DNS_RESOLV_PATH, SANDBOX_READ);
	for (const char *const *behind = dns_resolv_behind; *behind; behind++)
		sandbox_allow_around(sandbox, *behind, SANDBOX_READ);
	if (tftp)
		sandbox_allow(sandbox, tftp, SANDBOX_READ);
	if (http)
		sandbox_allow(sandbox, http, SANDBOX_READ);
	add_forwards(opts, sandbox);
}

void config_places(const struct config *config, struct sandbox *sandbox)
{
	add_host(sandbox);
	add_files(config, sandbox);
	for (guint i = 0; i < config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->netdevs, i);
		const char *type = optstr_get(entry->opts, "type");

		if (!g_strcmp0(type, "user"))
			add_gateway(entry->opts, sandbox);
		add_socket(entry->opts, "addr", sandbox);
		add_socket(entry->opts, "local", sandbox);
		add_socket(entry->opts, "remote", sandbox);
	}
}
