/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/hmp.h"
#include "ctl/query.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "svc/gateway.h"
#include "svc/nat.h"

static void print_peer(GString *out, const char *name, int index, const char *type,
		       const char *info, bool up)
{
	/* As print_net_client within a hub (QEMU net/net.c, net/hub.c). */
	g_string_append_printf(out, " \\ %s: index=%d,type=%s,%s%s\n", name, index, type,
			       info ? info : "", up ? "" : ",link=down");
}

void hmp_info_network(struct control *control, GString *out)
{
	g_string_append(out, "hub 0\n");
	list_for_each (netdev, &control->network->netdevs, struct netdev, link) {
		int index = 0;

		print_peer(out, netdev->id, index++, netdev->ops->kind, netdev->description,
			   netdev->link_up);
		list_for_each (port, &netdev->ports, struct port, netdev_link)
			print_peer(out, port->name, index++, netdev->ops->kind, port->peer,
				   port->link_up);
	}
}

struct rows {
	GString *out;
	struct list *forwards; // heads fwd_entry::link
	GHashTable *shown;     /* fwd_entry: the NAT has a row for it */
};

/* Columns of slirp_connection_info (libslirp src/misc.c). */
static void print_row(GString *out, const char *protocol, const char *state, int fd,
		      const struct sockaddr_any *src, const struct sockaddr_any *dst,
		      unsigned recvq, unsigned sendq)
{
	g_autofree char *head = g_strdup_printf("  %s[%s]", protocol, state);
	g_autofree char *from = sockaddr_host_text(src);
	g_autofree char *to = sockaddr_host_text(dst);
	bool any = !strcmp(from, "0.0.0.0") || !strcmp(from, "::");

	g_string_append_printf(out, "%-19.19s %3d %15s ", head, fd, any ? "*" : from);
	if (!strcmp(protocol, "ICMP"))
		g_string_append_printf(out, " -    %15s  -   ", to);
	else
		g_string_append_printf(out, "%5u %15s %5u", sockaddr_port_number(src), to,
				       sockaddr_port_number(dst));
	g_string_append_printf(out, " %5u %5u\n", recvq, sendq);
}

static void print_flow(void *data, const struct nat_flow *flow)
{
	struct rows *rows = data;

	if (!strcmp(flow->state, "HOST_FORWARD")) {
		list_for_each (entry, rows->forwards, struct fwd_entry, link) {
			if (entry->bound.sa.sa_family == AF_INET &&
			    entry->rule.udp == !strcmp(flow->protocol, "UDP") &&
			    entry->bound.in.sin_port == flow->src.in.sin_port)
				g_hash_table_add(rows->shown, entry);
		}
	}
	print_row(rows->out, flow->protocol, flow->state, flow->fd, &flow->src, &flow->dst,
		  flow->recvq, flow->sendq);
}

void hmp_info_usernet(struct control *control, GString *out)
{
	list_for_each (user, &control->attachments, struct attachment, link) {
		struct rows rows = {.out = out};

		if (!user->forwards)
			continue;
		rows.forwards = forwards_entries(user->forwards);
		rows.shown = g_hash_table_new(NULL, NULL);
		g_string_append_printf(out,
				       "Hub -1 (%s):\n  Protocol[State]    FD  Source Address  Port"
				       "   Dest. Address  Port RecvQ SendQ\n",
				       user->netdev->id);
		nat_foreach_flow(gateway_nat(gateway_from_netdev(user->netdev)), print_flow, &rows);
		/* What libslirp's table leaves out: IPv6. */
		list_for_each (entry, rows.forwards, struct fwd_entry, link) {
			if (!g_hash_table_contains(rows.shown, entry))
				print_row(out, entry->rule.udp ? "UDP" : "TCP", "HOST_FORWARD", -1,
					  &entry->bound, &entry->rule.guest, 0, 0);
		}
		g_hash_table_unref(rows.shown);
	}
}
