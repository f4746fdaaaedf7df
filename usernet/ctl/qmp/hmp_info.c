/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/qmp/hmp.h"
#include "ctl/qmp/query.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"

/*
 * Prints a netdev like QEMU's print_net_client prints one without a NIC (QEMU net/net.c). Each
 * further peer of a server has its own line and index, like the queues of QEMU's netdevs.
 * "link=down" is our extension.
 */
static void print_peer(GString *out, const struct netdev *netdev, int index,
		       const struct port *port)
{
	g_autofree char *info = netdev->ops->info ? netdev->ops->info(netdev, port) : NULL;
	bool up = port ? port->link_up : netdev->link_up;

	g_string_append_printf(out, "%s: index=%d,type=%s,%s%s\n", netdev->id, index,
			       netdev->ops->kind, info ? info : "", up ? "" : ",link=down");
}

void hmp_info_network(struct control *control, GString *out)
{
	list_for_each (netdev, &control->network->netdevs, struct netdev, link) {
		int index = 0;

		list_for_each (port, &netdev->ports, struct port, netdev_link)
			print_peer(out, netdev, index++, port);
		if (!index)
			print_peer(out, netdev, 0, NULL);
	}
}

/* Columns of slirp_connection_info (libslirp src/misc.c). */
static void print_row(GString *out, const char *protocol, const char *state, int fd,
		      const struct sockaddr_any *src, const struct sockaddr_any *dst,
		      unsigned recvq, unsigned sendq)
{
	g_autofree char *head = g_strdup_printf("  %s[%s]", protocol, state);
	g_autofree char *from = sockaddr_host_text(src);
	g_autofree char *to = sockaddr_host_text(dst);
	bool any = !strcmp(from, "0.0.0.0") || !strcmp(from, "::");
	bool local = src->sa.sa_family == AF_UNIX;

	g_string_append_printf(out, "%-19.19s %3d %15s ", head, fd,
			       any     ? "*"
			       : local ? src->un.sun_path
				       : from);
	if (!strcmp(protocol, "ICMP"))
		g_string_append_printf(out, " -    %15s  -   ", to);
	else
		g_string_append_printf(out, "%5u %15s %5u", sockaddr_port_number(src), to,
				       sockaddr_port_number(dst));
	g_string_append_printf(out, " %5u %5u\n", recvq, sendq);
}

static void print_flow(void *data, const struct nat_flow *flow)
{
	print_row(data, flow->protocol, flow->state, flow->fd, &flow->src, &flow->dst, flow->recvq,
		  flow->sendq);
}

static void set_endpoint(struct sockaddr_any *out, const struct in6_addr *addr, uint16_t port)
{
	*out = (struct sockaddr_any){.len = sizeof(out->in6)};
	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		out->len = sizeof(out->in);
		out->in.sin_family = AF_INET;
		out->in.sin_addr = address_v4(addr);
		out->in.sin_port = htons(port);
	} else {
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_addr = *addr;
		out->in6.sin6_port = htons(port);
	}
}

/* Prints a flow of a fast path as a row of QEMU's table. */
static void print_conn(void *data, struct conn *conn)
{
	const char *state = conn_state_name(conn->state);
	struct sockaddr_any src, dst;
	unsigned recvq = 0, sendq = 0;
	int fd = -1;

	if (!conn->ops)
		return;
	if (conn->key.proto == IPPROTO_TCP) {
		fd = tcp_fd(conn);
		tcp_queues(conn, &recvq, &sendq);
	}
	set_endpoint(&src, &conn->key.guest, conn->key.guest_port);
	set_endpoint(&dst, &conn->key.peer, conn->key.peer_port);
	print_row(data, conn_protocol_name(conn), state ? state : "OPEN", fd, &src, &dst, recvq,
		  sendq);
}

static void print_forward(GString *out, const struct fwd_entry *entry)
{
	for (unsigned i = 0; i < entry->n_listeners; i++) {
		const struct fwd_listener *listener = &entry->listeners[i];

		print_row(out, entry->rule.udp ? "UDP" : "TCP", "HOST_FORWARD",
			  forwards_fd(listener), &listener->bound, &listener->guest, 0, 0);
	}
}

void hmp_info_usernet(struct control *control, GString *out)
{
	list_for_each (user, &control->attachments, struct attachment, link) {
		struct gateway *gateway = gateway_from_netdev(user->netdev);

		if (!user->forwards)
			continue;
		g_string_append_printf(out,
				       "Hub -1 (%s):\n  Protocol[State]    FD  Source Address  Port"
				       "   Dest. Address  Port RecvQ SendQ\n",
				       user->netdev->id);
		if (gateway_nat(gateway))
			nat_foreach_flow(gateway_nat(gateway), print_flow, out);
		conn_foreach(conntrack_conns(gateway_conntrack(gateway)), print_conn, out);
		list_for_each (entry, forwards_entries(user->forwards), struct fwd_entry, link)
			print_forward(out, entry);
	}
}
