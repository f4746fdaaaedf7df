/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "ctl/netdev_options.h"
#include "link/dgram.h"
#include "link/stream.h"
#include "net/netdev.h"

/* QEMU qapi/net.json NetdevSocketOptions */
static const struct opt_spec specs[] = {
	{.key = "listen"},    {.key = "connect"}, {.key = "mcast"}, {.key = "udp"},
	{.key = "localaddr"}, {.key = "fd"},      {NULL},
};

static bool build_stream(struct attachment *attachment, struct network *network, const char *key,
			 GError **error)
{
	struct stream_config config = {
		.kind = "socket", .id = optstr_get(attachment->opts, "id"), .fd = -1};
	bool listens = !strcmp(key, "listen");
	autofd int fd = -1;

	if (!address_parse_host_port(&config.addr, key, optstr_get(attachment->opts, key), error))
		return false;
	if (listens && !address_bind_port_0(&config.addr, &fd, error))
		return false;
	config.fd = fd;
	config.mode = listens ? STREAM_SERVER : STREAM_CLIENT;
	attachment->role = listens ? ATTACHMENT_LISTENS : ATTACHMENT_DIALS;
	attachment->addr = config.addr;
	attachment->netdev = stream_netdev_new(network, &config, error);
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

static bool build_dgram(struct attachment *attachment, struct network *network, const char *key,
			GError **error)
{
	struct dgram_config config = {
		.kind = "socket", .id = optstr_get(attachment->opts, "id"), .fd = -1};
	const char *local = optstr_get(attachment->opts, "localaddr");
	bool multicast = !strcmp(key, "mcast");

	if (!address_parse_host_port(&config.remote, key, optstr_get(attachment->opts, key), error))
		return false;
	if (multicast) {
		if (config.remote.sa.sa_family != AF_INET ||
		    !IN_MULTICAST(ntohl(config.remote.in.sin_addr.s_addr)))
			return netdev_options_fail(
				error,
				"mcast=%s: not an IPv4 multicast address (224.0.0.0 to "
				"239.255.255.255)",
				optstr_get(attachment->opts, key));
		/* The interface to send from: an address without a port (QEMU net/socket.c). */
		if (local && !sockaddr_inet(&config.local, local, "0", error)) {
			g_prefix_error(error, "localaddr=%s: ", local);
			return false;
		}
	} else {
		if (!local)
			return netdev_options_fail(error, "localaddr= is mandatory with udp=");
		if (!address_parse_host_port(&config.local, "localaddr", local, error))
			return false;
	}
	config.mode = multicast ? DGRAM_MULTICAST : DGRAM_PAIR;
	attachment->role = multicast ? ATTACHMENT_BUS : ATTACHMENT_PAIR;
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
		return netdev_options_fail(error, "fd=%s: not a socket (%s)",
					   optstr_get(attachment->opts, "fd"), g_strerror(errno));
	attachment->role = ATTACHMENT_FD;
	if (type == SOCK_DGRAM) {
		struct dgram_config config = {
			.kind = "socket", .id = id, .mode = DGRAM_FD, .fd = fd};

		attachment->netdev = dgram_netdev_new(network, &config, error);
	} else {
		struct stream_config config = {
			.kind = "socket", .id = id, .mode = STREAM_FD, .fd = fd};

		attachment->netdev = stream_netdev_new(network, &config, error);
	}
	if (!attachment->netdev)
		return false;
	steal_fd(&fd);
	return true;
}

static bool build(struct attachment *attachment, struct network *network, struct fd_source *fds,
		  GError **error)
{
	static const char *const ways[] = {"listen", "connect", "mcast", "udp", "fd"};
	const char *way = NULL;
	int n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		if (optstr_get(attachment->opts, ways[i])) {
			way = ways[i];
			n++;
		}
	}
	if (n != 1)
		return netdev_options_fail(
			error, "exactly one of listen=, connect=, mcast=, udp= or fd= is required");
	if (optstr_get(attachment->opts, "localaddr") && strcmp(way, "mcast") && strcmp(way, "udp"))
		return netdev_options_fail(error, "localaddr= is only valid with mcast= or udp=");
	if (!strcmp(way, "fd"))
		return build_fd(attachment, network, fds, error);
	if (!strcmp(way, "mcast") || !strcmp(way, "udp"))
		return build_dgram(attachment, network, way, error);
	return build_stream(attachment, network, way, error);
}

const struct netdev_kind netdev_kind_socket = {"socket", specs, build};
