/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/sockaddr.h"
#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"

static void describe_gateway(GString *out, struct gateway *gateway)
{
	const struct user_config *config = gateway_config(gateway);
	char net[INET6_ADDRSTRLEN], host[INET6_ADDRSTRLEN];
	char dns[INET_ADDRSTRLEN], dns6[INET6_ADDRSTRLEN];
	char first[INET_ADDRSTRLEN], last[INET_ADDRSTRLEN];

	if (config->ipv4) {
		inet_ntop(AF_INET, &config->net, net, sizeof(net));
		inet_ntop(AF_INET, &config->host, host, sizeof(host));
		inet_ntop(AF_INET, &config->dns, dns, sizeof(dns));
		inet_ntop(AF_INET, &config->dhcp_start, first, sizeof(first));
		inet_ntop(AF_INET, &config->dhcp_end, last, sizeof(last));
		g_string_append_printf(out, "  IPv4 %s/%u, gateway %s, DNS %s", net,
				       config->net_len, host, dns);
		if (!config->no_dhcp)
			g_string_append_printf(out, ", DHCP %s to %s", first, last);
		g_string_append_c(out, '\n');
	}
	if (config->ipv6) {
		inet_ntop(AF_INET6, &config->net6, net, sizeof(net));
		inet_ntop(AF_INET6, &config->host6, host, sizeof(host));
		inet_ntop(AF_INET6, &config->dns6, dns6, sizeof(dns6));
		g_string_append_printf(out, "  IPv6 %s/%u, gateway %s, DNS %s\n", net,
				       config->net6_len, host, dns6);
	}
	if (config->no_dhcp)
		g_string_append(out, "  DHCP is off: guests need static addresses\n");
	if (config->restricted)
		g_string_append_printf(out,
				       "  restricted: guests reach only each other, the name "
				       "server %s, guestfwd servers and destinations of allow=; "
				       "clients of forwards reach guests; nothing else passes\n",
				       config->ipv4 ? dns : dns6);
}

static void describe_attachment(GString *out, const struct attachment *attachment)
{
	g_string_append_printf(
		out, "  %s: %s%s%s\n", attachment->netdev->id, attachment->netdev->ops->kind,
		attachment->netdev->description ? ", " : "",
		attachment->netdev->description ? attachment->netdev->description : "");
	if (!attachment->forwards)
		return;
	list_for_each (entry, forwards_entries(attachment->forwards), struct fwd_entry, link) {
		g_autofree char *rule = forwards_format(&entry->rule, &entry->bound);

		g_string_append_printf(out, "    forward %s\n", rule);
	}
	list_for_each (entry, guest_forwards_entries(attachment->guest_forwards),
		       struct guest_forward, link)
		g_string_append_printf(out, "    guestfwd %s\n", entry->text);
}

/* What happens to the guest when usernet restarts (measured with QEMU 7.2, 10.0, 11.1). */
static const char *restart_note(const struct attachment *attachment)
{
	bool stream = !strcmp(attachment->netdev->ops->kind, "stream");

	if (attachment->role == ATTACHMENT_DIALS_DIR)
		return "QEMU 7.2 or later; the guest survives a restart of usernet";
	if (attachment->role == ATTACHMENT_BUS || !strcmp(attachment->netdev->ops->kind, "dgram"))
		return "survives a restart of usernet once the guest has sent a frame";
	return stream ? "to survive a restart of usernet append ,reconnect=1 to the netdev with "
			"QEMU 8.0 to 9.1, ,reconnect-ms=500 with 9.2 or later; 7.2 cannot"
		      : "does not survive a restart of usernet";
}

static void describe_line(GString *out, const struct attachment *attachment, const char *run_dir)
{
	g_autofree char *line = attachment_qemu_line(attachment, run_dir);

	if (line)
		g_string_append_printf(out, "give QEMU, for %s (%s):\n  %s\n",
				       attachment->netdev->id, restart_note(attachment), line);
}

char *ready_text(struct control *control)
{
	GString *out = g_string_new(NULL);
	struct gateway *gateway = gateway_find(control->network);

	g_string_append_printf(out, "network %s is ready\n", control->network->name);
	if (gateway)
		describe_gateway(out, gateway);
	g_string_append_printf(out, "  control: %s/qmp.sock\n", control->run_dir);
	list_for_each (attachment, &control->attachments, struct attachment, link)
		describe_attachment(out, attachment);
	if (control->doors_added)
		g_string_append(out, "  no netdev for guests was given: the default ones are "
				     "there (--no-default-netdevs leaves them out)\n");
	/* Print the best line for guests first. */
	for (int pass = 0; pass < 2; pass++) {
		list_for_each (attachment, &control->attachments, struct attachment, link) {
			if ((attachment->role == ATTACHMENT_DIALS_DIR) == (pass == 0))
				describe_line(out, attachment, control->run_dir);
		}
	}
	return g_string_free(out, FALSE);
}

void ready_notify(int fd, const char *network)
{
	static const char line[] = "READY\n";
	g_autofree char *text = g_strdup_printf("READY=1\nMAINPID=%d\nSTATUS=Network %s is ready\n",
						(int)getpid(), network);

	if (fd >= 0) {
		if (write(fd, line, sizeof(line) - 1) < 0)
			log_warning("cannot write to --ready-fd %d: %s", fd, g_strerror(errno));
		close(fd);
	}
	notify_send(text, -1);
}
