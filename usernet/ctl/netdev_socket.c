/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/address.h"
#include "ctl/options/segment.h"
#include "link/dgram.h"
#include "link/stream.h"
#include "net/netdev.h"

/* QEMU qapi/net.json NetdevSocketOptions */
static const struct opt_spec specs[] = {
	{.key = "listen"},    {.key = "connect"}, {.key = "mcast"}, {.key = "udp"},
	{.key = "localaddr"}, {.key = "fd"},      SEGMENT_SPECS,    {NULL},
};

static bool read_stream(struct stream_config *config, const struct optstr *opts, const char *key,
			GError **error)
{
	*config = (struct stream_config){.kind = "socket",
					 .id = optstr_get(opts, "id"),
					 .keepalive = TCP_KEEPALIVE_DEFAULT,
					 .fd = -1};
	config->mode = strcmp(key, "listen") ? STREAM_CLIENT : STREAM_SERVER;
	return address_parse_host_port(&config->addr, key, optstr_get(opts, key), error);
}

static bool build_stream(struct attachment *attachment, struct network *network, const char *key,
			 GError **error)
{
	struct stream_config config;
	bool listens = !strcmp(key, "listen");
	struct tcp_listen alone = {0};
	autofd int fd = -1;

	if (!read_stream(&config, attachment->opts, key, error))
		return false;
	if (listens && !address_listen(&config.addr, &alone, &fd, error))
		return false;
	config.fd = fd;
	attachment->role = listens ? ATTACHMENT_LISTENS : ATTACHMENT_DIALS;
	attachment->addr = config.addr;
	attachment->netdev = stream_netdev_new(network, &config, error);
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

static bool read_dgram(struct dgram_config *config, const struct optstr *opts, const char *key,
		       GError **error)
{
	const char *local = optstr_get(opts, "localaddr");
	bool multicast = !strcmp(key, "mcast");

	*config = (struct dgram_config){.kind = "socket", .id = optstr_get(opts, "id"), .fd = -1};
	config->mode = multicast ? DGRAM_MULTICAST : DGRAM_PAIR;
	if (!address_parse_host_port(&config->remote, key, optstr_get(opts, key), error))
		return false;
	if (multicast) {
		if (config->remote.sa.sa_family != AF_INET ||
		    !IN_MULTICAST(ntohl(config->remote.in.sin_addr.s_addr)))
			return error_usage(error,
					   "mcast=%s: not an IPv4 multicast address (224.0.0.0 to "
					   "239.255.255.255)",
					   optstr_get(opts, key));
		/* The interface to send from: an address without a port (QEMU net/socket.c). */
		if (local && !sockaddr_inet(&config->local, local, "0", error)) {
			g_prefix_error(error, "localaddr=%s: ", local);
			return error_blame_usage(error);
		}
	} else {
		if (!local)
			return error_usage(error, "localaddr= is mandatory with udp=");
		if (!address_parse_host_port(&config->local, "localaddr", local, error))
			return false;
	}
	return true;
}

static bool build_dgram(struct attachment *attachment, struct network *network, const char *key,
			GError **error)
{
	struct dgram_config config;

	if (!read_dgram(&config, attachment->opts, key, error))
		return false;
	attachment->role = config.mode == DGRAM_MULTICAST ? ATTACHMENT_BUS : ATTACHMENT_PAIR;
	attachment->addr = config.remote;
	attachment->netdev = dgram_netdev_new(network, &config, error);
	return attachment->netdev != NULL;
}

/* The socket's own type decides, as in QEMU. */
static bool build_fd(struct attachment *attachment, struct network *network, struct fd_source *fds,
		     GError **error)
{
	const char *id = optstr_get(attachment->opts, "id");
	autofd int fd = fds->take(fds, optstr_get(attachment->opts, "fd"), error);
	int type = 0;
	socklen_t len = sizeof(type);

	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return error_usage(error, "fd=%s: not a socket (%s)",
				   optstr_get(attachment->opts, "fd"), g_strerror(errno));
	attachment->role = ATTACHMENT_FD;
	if (type == SOCK_DGRAM) {
		struct dgram_config config = {
			.kind = "socket", .id = id, .mode = DGRAM_FD, .fd = fd};

		attachment->netdev = dgram_netdev_new(network, &config, error);
	} else {
		struct stream_config config = {.kind = "socket",
					       .id = id,
					       .mode = STREAM_FD,
					       .keepalive = TCP_KEEPALIVE_DEFAULT,
					       .fd = fd};

		attachment->netdev = stream_netdev_new(network, &config, error);
	}
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

static bool is_dgram(const char *way)
{
	return !strcmp(way, "mcast") || !strcmp(way, "udp");
}

/* The key that says what kind of socket it is. */
static const char *find_way(const struct optstr *opts, GError **error)
{
	static const char *const ways[] = {"listen", "connect", "mcast", "udp", "fd"};
	const char *way = NULL;
	int n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		if (optstr_get(opts, ways[i])) {
			way = ways[i];
			n++;
		}
	}
	if (n != 1) {
		error_usage(error,
			    "exactly one of listen=, connect=, mcast=, udp= or fd= is required");
		return NULL;
	}
	if (optstr_get(opts, "localaddr") && !is_dgram(way)) {
		error_usage(error, "localaddr= is only valid with mcast= or udp=");
		return NULL;
	}
	return way;
}

static bool check(const struct optstr *opts, GError **error)
{
	const char *way = find_way(opts, error);
	struct stream_config stream;
	struct dgram_config dgram;

	if (!way || !strcmp(way, "fd"))
		return way != NULL;
	return is_dgram(way) ? read_dgram(&dgram, opts, way, error)
			     : read_stream(&stream, opts, way, error);
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	const char *way = find_way(attachment->opts, error);

	if (!way)
		return false;
	if (!strcmp(way, "fd"))
		return build_fd(attachment, network, fds, error);
	if (is_dgram(way))
		return build_dgram(attachment, network, way, error);
	return build_stream(attachment, network, way, error);
}

const struct netdev_kind netdev_kind_socket = {"socket", specs, check, build};
