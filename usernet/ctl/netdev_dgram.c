/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/address.h"
#include "ctl/options/segment.h"
#include "ctl/options/socket_file.h"
#include "link/dgram.h"
#include "net/netdev.h"

/* QEMU qapi/net.json NetdevDgramOptions */
static const struct opt_spec specs[] = {
	ADDRESS_SPECS("local"), ADDRESS_SPECS("remote"), SOCKET_FILE_SPECS, SEGMENT_SPECS, {NULL},
};

static bool is_multicast(const struct address *addr)
{
	return addr->type == ADDRESS_INET && addr->addr.sa.sa_family == AF_INET &&
	       IN_MULTICAST(ntohl(addr->addr.in.sin_addr.s_addr));
}

/* QEMU net/dgram.c net_init_dgram, and unix without remote, which is ours. */
static bool choose_mode(struct attachment *attachment, struct dgram_config *config,
			const struct optstr *opts, const struct address *local,
			const struct address *remote, GError **error)
{
	config->local = local->addr;
	config->remote = remote->addr;
	attachment->addr = remote->addr;
	if (is_multicast(remote)) {
		if (local->type != ADDRESS_NONE && local->type != ADDRESS_INET)
			return error_usage(
				error,
				"A multicast remote.host takes local.type=inet, or no local");
		config->mode = DGRAM_MULTICAST;
		attachment->role = ATTACHMENT_BUS;
		return true;
	}
	if (local->type == ADDRESS_NONE)
		return error_usage(error, "dgram requires local= parameter: local.type=unix, "
					  "inet or fd, unless remote.host is a multicast "
					  "address");
	if (local->type == ADDRESS_FD) {
		if (remote->type != ADDRESS_NONE)
			return error_usage(error,
					   "don't set remote with local.type=fd: the descriptor "
					   "is connected already");
		config->mode = DGRAM_FD;
		attachment->role = ATTACHMENT_FD;
		return true;
	}
	if (remote->type == ADDRESS_NONE && local->type == ADDRESS_UNIX) {
		config->mode = DGRAM_SERVER;
		attachment->role = ATTACHMENT_LISTENS;
		attachment->addr = local->addr;
		return true;
	}
	if (remote->type == ADDRESS_NONE)
		return error_usage(error, "type=inet requires remote parameter");
	if (remote->type != local->type)
		return error_usage(error, "local.type and remote.type must be the same");
	if (local->type == ADDRESS_INET && !optstr_get(opts, "local.port"))
		return error_usage(error, "Parameter 'local.port' is missing");
	config->mode = DGRAM_PAIR;
	attachment->role = ATTACHMENT_PAIR;
	return true;
}

/* Sets role and addr of @attachment. */
static bool read_options(struct attachment *attachment, struct dgram_config *config,
			 struct address *local, const struct optstr *opts, GError **error)
{
	struct address remote;

	*config = (struct dgram_config){.kind = "dgram", .id = optstr_get(opts, "id"), .fd = -1};
	if (!address_parse(local, opts, "local", ADDRESS_FOR_DATAGRAMS, error) ||
	    !address_parse(&remote, opts, "remote", ADDRESS_FOR_DATAGRAMS, error) ||
	    !choose_mode(attachment, config, opts, local, &remote, error) ||
	    !socket_file_parse(&config->file, opts, &local->addr, error))
		return false;
	if (remote.type == ADDRESS_FD)
		return error_usage(error, "remote.type does not accept value 'fd'");
	return true;
}

static bool check(const struct optstr *opts, GError **error)
{
	struct attachment attachment;
	struct dgram_config config;
	struct address local;

	return read_options(&attachment, &config, &local, opts, error);
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	struct dgram_config config;
	struct address local;
	autofd int fd = -1;

	if (!read_options(attachment, &config, &local, attachment->opts, error))
		return false;
	if (config.mode == DGRAM_FD) {
		fd = fds->take(fds, local.fd_name, error);
		if (fd < 0)
			return false;
		config.fd = fd;
	}
	attachment->netdev = dgram_netdev_new(network, &config, error);
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

const struct netdev_kind netdev_kind_dgram = {"dgram", specs, check, build};
