/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/spawner.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/segment.h"
#include "link/tap.h"
#include "net/netdev.h"
#include "net/network.h"

#define HELPER "/usr/lib/qemu/qemu-bridge-helper"
#define BRIDGE "br0"

/* QEMU qapi/net.json NetdevTapOptions */
static const struct opt_spec specs[] = {
	{.key = "ifname"},
	{.key = "fd"},
	{.key = "helper"},
	{.key = "br"},
	{.key = "sndbuf"},
	{.key = "vnet_hdr", .type = OPT_BOOL},
	{.key = "script", .flags = OPT_EMPTY},
	{.key = "downscript", .flags = OPT_EMPTY},
	{.key = "queues", .type = OPT_NUMBER, .min = 1, .max = G_MAXUINT32},
	{.key = "vhost", .type = OPT_BOOL},
	{.key = "vhostforce", .type = OPT_BOOL},
	{.key = "poll-us", .type = OPT_NUMBER, .min = 0, .max = G_MAXUINT32},
	{.key = "fds", .instead = "one fd= per tap netdev: usernet reads one queue"},
	{.key = "vhostfd", .instead = "a tap without vhost: frames pass through usernet"},
	{.key = "vhostfds", .instead = "a tap without vhost: frames pass through usernet"},
	SEGMENT_SPECS,
	{NULL},
};

static bool is_script(const char *text)
{
	return text && text[0] && strcmp(text, "no");
}

static bool refuse_scripts(const struct optstr *opts, GError **error)
{
	static const char *const keys[] = {"script", "downscript"};

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *text = optstr_get(opts, keys[i]);

		if (is_script(text))
			return error_usage(
				error,
				"%s=%s: usernet runs no scripts, because it has no right to "
				"configure interfaces; write %s=no",
				keys[i], text, keys[i]);
	}
	return true;
}

static bool refuse_vhost(const struct optstr *opts, GError **error)
{
	if (optstr_bool(opts, "vhost", false) || optstr_bool(opts, "vhostforce", false))
		return error_usage(error, "vhost=on: the kernel cannot move frames past usernet; "
					  "leave it out");
	if (optstr_number(opts, "poll-us", 0))
		return error_usage(error, "poll-us= is for vhost, which usernet does not use");
	if (optstr_number(opts, "queues", 1) > 1)
		return error_usage(error, "queues= more than 1: usernet reads one queue");
	return true;
}

/* "1048576", "64K", "0"; QEMU's size suffixes. */
static bool parse_size(const char *text, int *bytes)
{
	static const char suffixes[] = "BKMG";
	char *end;
	guint64 n = g_ascii_strtoull(text, &end, 10);
	const char *suffix = *end ? strchr(suffixes, g_ascii_toupper(*end)) : suffixes;

	if (end == text || !g_ascii_isdigit(text[0]) || !suffix || (*end && end[1]))
		return false;
	for (; suffix > suffixes; suffix--)
		n = n > G_MAXINT ? n : n * 1024;
	*bytes = (int)n;
	return n <= G_MAXINT;
}

static bool read_options(struct tap_config *config, const struct optstr *opts, GError **error)
{
	const char *fd = optstr_get(opts, "fd"), *ifname = optstr_get(opts, "ifname");
	const char *sndbuf = optstr_get(opts, "sndbuf"), *vnet_hdr = optstr_get(opts, "vnet_hdr");
	bool helper = optstr_get(opts, "helper") || optstr_get(opts, "br");

	if (fd &&
	    (ifname || helper || optstr_get(opts, "script") || optstr_get(opts, "downscript")))
		return error_usage(error, "ifname=, script=, downscript=, br= and helper= are "
					  "invalid with fd=");
	if (helper &&
	    (ifname || vnet_hdr || optstr_get(opts, "script") || optstr_get(opts, "downscript")))
		return error_usage(error, "ifname=, script=, downscript= and vnet_hdr= are invalid "
					  "with helper= and br=");
	*config = (struct tap_config){.id = optstr_get(opts, "id"), .ifname = ifname, .fd = -1};
	if (vnet_hdr)
		config->vnet_hdr =
			optstr_bool(opts, "vnet_hdr", true) ? TAP_VNET_HDR_ON : TAP_VNET_HDR_OFF;
	if (sndbuf && !parse_size(sndbuf, &config->sndbuf))
		return error_usage(error, "sndbuf=%s is not a size: bytes, or with K, M or G",
				   sndbuf);
	return refuse_scripts(opts, error) && refuse_vhost(opts, error);
}

static bool check(const struct optstr *opts, GError **error)
{
	struct tap_config config;

	return read_options(&config, opts, error);
}

char *netdev_tap_command(const struct optstr *opts)
{
	const char *helper = optstr_get(opts, "helper"), *bridge = optstr_get(opts, "br");
	g_autofree char *quoted = NULL;

	if (g_strcmp0(optstr_get(opts, "type"), "tap") || (!helper && !bridge))
		return NULL;
	quoted = g_shell_quote(bridge ? bridge : BRIDGE);
	return g_strdup_printf("exec %s --use-vnet --fd=1 --br=%s", helper ? helper : HELPER,
			       quoted);
}

/* The descriptor of a tap that a helper makes, or -1. */
static int ask_helper(struct network *network, const char *command, GError **error)
{
	uint32_t running;
	int fd, tap;

	if (!network->spawner) {
		error_usage(error, "helper= in a command needs --live-commands");
		return -1;
	}
	if (!spawner_takes(network->spawner, command, error))
		return -1;
	fd = spawner_run(network->spawner, command, &(struct spawner_env){.network = network->name},
			 &running, error);
	if (fd < 0)
		return -1;
	tap = tap_device_receive(fd, error);
	close(fd);
	spawner_end(network->spawner, running);
	if (tap < 0)
		g_prefix_error(error, "helper=: ");
	return tap;
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	const char *name = optstr_get(attachment->opts, "fd");
	g_autofree char *command = netdev_tap_command(attachment->opts);
	struct tap_config config;
	autofd int fd = -1;

	if (!read_options(&config, attachment->opts, error))
		return false;
	if (name || command) {
		fd = name ? fds->take(fds, name, error) : ask_helper(network, command, error);
		if (fd < 0)
			return false;
		config.fd = fd;
	}
	attachment->role = name ? ATTACHMENT_FD : ATTACHMENT_DIALS;
	attachment->netdev = tap_netdev_new(network, &config, error);
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

const struct netdev_kind netdev_kind_tap = {"tap", specs, check, build};
