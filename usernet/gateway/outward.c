/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/outward.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "conntrack/charge.h"
#include "conntrack/conn_table.h"
#include "dns/dns.h"
#include "forward/guestfwd.h"
#include "gateway/gateway_priv.h"
#include "gateway/services.h"
#include "http/http.h"
#include "net/vswitch.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

/*
 * A SYN with a smaller TTL counts hops (traceroute -T), and keeps it. Others, which start at 64,
 * 128 or 255, go out with the host's own.
 */
#define HOPS_COUNTED 32

static bool is_name_server(const struct gateway *gateway, const struct packet *packet)
{
	return packet->dport == GATEWAY_PORT_DNS && gateway_is_name_server(gateway, &packet->dst);
}

static bool is_file_server(const struct gateway *gateway, const struct packet *packet)
{
	if (!gateway->http || packet->dport != HTTP_PORT)
		return false;
	return packet->v6 ? IN6_ARE_ADDR_EQUAL(&packet->dst, &gateway->config.host6)
			  : address_v4(&packet->dst).s_addr == gateway->config.host.s_addr;
}

bool outward_is_served(const struct gateway *gateway, const struct packet *packet)
{
	return packet->proto == IPPROTO_TCP &&
	       (is_name_server(gateway, packet) || is_file_server(gateway, packet) ||
		guestfwds_serve(gateway->guestfwds, packet));
}

/*
 * The gateway's address stands for the host's loopback (QEMU, libslirp socket.c
 * sotranslate_out).
 */
static void host_address(const struct gateway *gateway, const struct packet *syn,
			 struct sockaddr_any *to)
{
	const struct user_config *config = &gateway->config;

	*to = (struct sockaddr_any){.len = 0};
	if (syn->v6) {
		bool loopback = IN6_ARE_ADDR_EQUAL(&syn->dst, &config->host6);

		to->len = sizeof(to->in6);
		to->in6.sin6_family = AF_INET6;
		to->in6.sin6_addr = loopback ? in6addr_loopback : syn->dst;
		to->in6.sin6_port = htons(syn->dport);
	} else {
		struct in_addr dst = address_v4(&syn->dst);

		if (dst.s_addr == config->host.s_addr)
			dst.s_addr = htonl(INADDR_LOOPBACK);
		to->len = sizeof(to->in);
		to->in.sin_family = AF_INET;
		to->in.sin_addr = dst;
		to->in.sin_port = htons(syn->dport);
	}
}

/* As host_address() decided. */
static bool is_loopback(const struct sockaddr_any *to)
{
	return to->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&to->in6.sin6_addr)
					    : to->in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static void refuse(struct gateway *gateway, struct conn *conn, const struct packet *syn)
{
	gateway_answer_reset(gateway, syn);
	conn_end(gateway->conns, conn);
}

static void out_of_descriptors(struct gateway *gateway, struct conn *conn, const struct packet *syn)
{
	struct port *port = vswitch_lookup(gateway->netdev.network->vswitch, conn->mac);

	if (port)
		port_drop(port, drop_reason_no_room(), 1);
	refuse(gateway, conn, syn);
}

static bool take(struct gateway *gateway, struct conn *conn, const struct packet *syn, int fd)
{
	struct dns_client client;

	if (is_file_server(gateway, syn))
		return http_take(gateway->http, fd, conn->port_id, syn);
	client = dns_client_of(syn, conn->mac, conn->port_id);
	return dns_take_tcp(gateway->dns, fd, &client);
}

/* A socket pair joins the guest to the name server, or to that of files. */
static void open_server(struct gateway *gateway, struct conn *conn, const struct packet *syn)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		out_of_descriptors(gateway, conn, syn);
		return;
	}
	if (!take(gateway, conn, syn, pair[1])) {
		close(pair[0]);
		refuse(gateway, conn, syn);
		return;
	}
	tcp_accept(gateway->tcp, conn, syn, pair[0]);
}

void outward_open(struct gateway *gateway, struct conn *conn, const struct packet *syn)
{
	uint8_t hops = packet_hops(syn);
	struct sockaddr_any to, from;
	bool in_progress, bound = false;
	int fd;

	if (!charge_has_room(conn->charge, CHARGE_FDS, 1) ||
	    !charge_has_room(conn->charge, CHARGE_OPENING, 1)) {
		out_of_descriptors(gateway, conn, syn);
		return;
	}
	if (is_name_server(gateway, syn) || is_file_server(gateway, syn)) {
		open_server(gateway, conn, syn);
		return;
	}
	if (guestfwds_serve(gateway->guestfwds, syn)) {
		if (!guestfwds_open(gateway->guestfwds, conn, syn))
			refuse(gateway, conn, syn);
		return;
	}
	host_address(gateway, syn, &to);
	if (is_loopback(&to)) { /* the gateway itself */
		hops = 0;
	} else if (hops <= 1) {
		udp_tell_expired(gateway->udp, syn);
		conn_end(gateway->conns, conn);
		return;
	}
	/* The host's loopback sees connections of the host. */
	if (!is_loopback(&to))
		bound = outgoing_find(gateway->netdev.network, &gateway->config, conn->mac, syn->v6,
				      &from);
	fd = socket_connect_hops(&to, bound ? &from : NULL,
				 hops < HOPS_COUNTED ? MAX(hops, 1) - 1 : 0, &in_progress);
	if (fd < 0)
		tcp_refuse(gateway->tcp, conn, syn, errno);
	else
		tcp_accept(gateway->tcp, conn, syn, fd);
}
