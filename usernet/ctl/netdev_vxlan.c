/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/segment.h"
#include "link/vxlan.h"
#include "link/vxlan_header.h"

/* Ours, not QEMU's; the words are those of ip-link(8). */
static const struct opt_spec specs[] = {
	{.key = "vni", .type = OPT_NUMBER, .flags = OPT_REQUIRED, .min = 0, .max = VXLAN_VNI_MAX},
	{.key = "local"},
	{.key = "port", .type = OPT_NUMBER, .min = 1, .max = 65535},
	{.key = "remote", .flags = OPT_REPEATS},
	{.key = "unlisted", .type = OPT_BOOL},
	SEGMENT_SPECS,
	{NULL},
};

static bool parse_address(struct sockaddr_any *out, const char *key, const char *text, gint64 port,
			  GError **error)
{
	g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, port);

	if (text[0] && sockaddr_inet(out, text, digits, NULL))
		return true;
	return error_usage(error, "%s=%s is not an IPv4 or IPv6 address", key, text);
}

static bool is_group(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET ? IN_MULTICAST(ntohl(addr->in.sin_addr.s_addr))
					     : IN6_IS_ADDR_MULTICAST(&addr->in6.sin6_addr);
}

static bool is_any(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET ? addr->in.sin_addr.s_addr == INADDR_ANY
					     : IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
}

static bool has(const GArray *remotes, const struct sockaddr_any *addr)
{
	for (guint i = 0; i < remotes->len; i++) {
		if (sockaddr_equal(&g_array_index(remotes, struct sockaddr_any, i), addr))
			return true;
	}
	return false;
}

static bool add_remote(GArray *remotes, const char *text, gint64 port, GError **error)
{
	struct sockaddr_any addr;

	if (!parse_address(&addr, "remote", text, port, error))
		return false;
	if (is_group(&addr))
		return error_usage(error,
				   "remote=%s is a multicast group: name each remote instead, as "
				   "frames for all are sent to each",
				   text);
	if (is_any(&addr))
		return error_usage(error, "remote=%s is no host's address", text);
	if (remotes->len &&
	    g_array_index(remotes, struct sockaddr_any, 0).sa.sa_family != addr.sa.sa_family)
		return error_usage(error, "remote=%s: remotes must all be IPv4 or all be IPv6",
				   text);
	if (has(remotes, &addr))
		return error_usage(error, "remote=%s is given twice", text);
	if (remotes->len == VXLAN_MAX_REMOTES)
		return error_usage(error, "remote=%s: the limit is %d remotes", text,
				   VXLAN_MAX_REMOTES);
	g_array_append_val(remotes, addr);
	return true;
}

static bool read_remotes(GArray *remotes, const struct optstr *opts, gint64 port, GError **error)
{
	g_autofree const char **values = optstr_all(opts, "remote");

	for (size_t i = 0; values[i]; i++) {
		g_auto(GStrv) texts = g_strsplit(values[i], ";", -1);

		for (size_t k = 0; texts[k]; k++) {
			if (!add_remote(remotes, texts[k], port, error))
				return false;
		}
	}
	return true;
}

/* @remotes stays the owner of config->remotes. */
static bool read_options(struct vxlan_config *config, GArray *remotes, const struct optstr *opts,
			 GError **error)
{
	gint64 port = optstr_number(opts, "port", VXLAN_PORT);
	const char *local = optstr_get(opts, "local");

	if (!read_remotes(remotes, opts, port, error))
		return false;
	*config = (struct vxlan_config){
		.id = optstr_get(opts, "id"),
		.vni = (uint32_t)optstr_number(opts, "vni", 0),
		.remotes = (const struct sockaddr_any *)(void *)remotes->data,
		.n_remotes = remotes->len,
		.unlisted = optstr_bool(opts, "unlisted", false),
	};
	if (!remotes->len && !config->unlisted)
		return error_usage(error, "Parameter 'remote' is missing: write the addresses of "
					  "the other hosts, or unlisted=on");
	if (!local)
		local = remotes->len && config->remotes[0].sa.sa_family == AF_INET6 ? "::"
										    : "0.0.0.0";
	if (!parse_address(&config->local, "local", local, port, error))
		return false;
	if (remotes->len && config->local.sa.sa_family != config->remotes[0].sa.sa_family)
		return error_usage(error, "local=%s and remote= must both be IPv4 or both IPv6",
				   local);
	if (has(remotes, &config->local))
		return error_usage(error, "remote=%s is this host", local);
	return true;
}

static GArray *remotes_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(struct sockaddr_any));
}

static bool check(const struct optstr *opts, GError **error)
{
	g_autoptr(GArray) remotes = remotes_new();
	struct vxlan_config config;

	return read_options(&config, remotes, opts, error);
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	g_autoptr(GArray) remotes = remotes_new();
	struct vxlan_config config;

	if (!read_options(&config, remotes, attachment->opts, error))
		return false;
	attachment->role = ATTACHMENT_DIALS;
	attachment->netdev = vxlan_netdev_new(network, &config, error);
	return attachment->netdev;
}

const struct netdev_kind netdev_kind_vxlan = {"vxlan", specs, check, build};
