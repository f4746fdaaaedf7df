/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/address.h"
#include "ctl/options/segment.h"
#include "ctl/options/socket_file.h"
#include "link/stream.h"
#include "net/netdev.h"

/* QEMU qapi/net.json NetdevStreamOptions; `abstract` alone as in QEMU's help. */
static const struct opt_spec specs[] = {
	{.key = "server", .type = OPT_BOOL},
	ADDRESS_SPECS("addr"),
	{.key = "abstract", .type = OPT_BOOL},
	{.key = "reconnect", .type = OPT_NUMBER, .min = 0, .max = G_MAXUINT32 / 1000},
	{.key = "reconnect-ms", .type = OPT_NUMBER, .min = 0, .max = G_MAXUINT32},
	SOCKET_FILE_SPECS,
	SEGMENT_SPECS,
	{NULL},
};

/* A path that ends with a slash: every socket in that directory. */
static bool is_directory(const struct address *addr)
{
	const char *path = addr->addr.un.sun_path;

	return addr->type == ADDRESS_UNIX && path[0] && path[strlen(path) - 1] == '/';
}

static bool read_options(struct stream_config *config, struct address *addr,
			 const struct optstr *opts, GError **error)
{
	bool server = optstr_bool(opts, "server", false);
	const char *seconds = optstr_get(opts, "reconnect");
	const char *msec = optstr_get(opts, "reconnect-ms");

	*config = (struct stream_config){.kind = "stream", .id = optstr_get(opts, "id"), .fd = -1};
	if (!address_parse(addr, opts, "addr", server ? ADDRESS_FOR_SERVER : ADDRESS_FOR_CLIENT,
			   error))
		return false;
	if (addr->type == ADDRESS_NONE)
		return error_usage(error, "Parameter 'addr' is missing: write addr.type=unix,"
					  "addr.path=PATH or addr.type=inet,addr.host=HOST,"
					  "addr.port=PORT");
	if (seconds && msec)
		return error_usage(error, "'reconnect' and 'reconnect-ms' are mutually exclusive");
	if (server && (seconds || msec))
		return error_usage(error,
				   "'%s' option is incompatible with socket in server listen mode",
				   seconds ? "reconnect" : "reconnect-ms");
	if (addr->type == ADDRESS_FD && (seconds || msec))
		return error_usage(error,
				   "Parameter '%s' is unexpected: a descriptor cannot be dialled "
				   "again",
				   seconds ? "reconnect" : "reconnect-ms");
	config->reconnect = optstr_number(opts, "reconnect", 0) * USEC_PER_SEC +
			    optstr_number(opts, "reconnect-ms", 0) * USEC_PER_MSEC;
	config->once = (seconds || msec) && !config->reconnect;
	config->listens = server;
	config->mptcp = addr->listen.mptcp;
	config->keepalive = addr->keepalive;
	config->mode = addr->type == ADDRESS_FD ? STREAM_FD
		       : server                 ? STREAM_SERVER
		       : is_directory(addr)     ? STREAM_DIR
						: STREAM_CLIENT;
	config->addr = addr->addr;
	return socket_file_parse(&config->file, opts, server ? &addr->addr : NULL, error);
}

static bool check(const struct optstr *opts, GError **error)
{
	struct stream_config config;
	struct address addr;

	return read_options(&config, &addr, opts, error);
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	struct stream_config config;
	struct address addr;
	autofd int fd = -1;

	if (!read_options(&config, &addr, attachment->opts, error))
		return false;
	if (config.mode == STREAM_FD) {
		fd = fds->take(fds, addr.fd_name, error);
		if (fd < 0)
			return false;
		attachment->role = ATTACHMENT_FD;
	} else {
		bool server = config.mode == STREAM_SERVER;

		if (server && !address_listen(&config.addr, &addr.listen, &fd, error))
			return false;
		attachment->role = server                      ? ATTACHMENT_LISTENS
				   : config.mode == STREAM_DIR ? ATTACHMENT_DIALS_DIR
							       : ATTACHMENT_DIALS;
		attachment->addr = config.addr;
	}
	config.fd = fd;
	attachment->netdev = stream_netdev_new(network, &config, error);
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

const struct netdev_kind netdev_kind_stream = {"stream", specs, check, build};
