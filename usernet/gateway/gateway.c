/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/gateway.h"

#include <arpa/inet.h>

#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "conntrack/neighbour.h"
#include "dhcp/dhcp.h"
#include "dhcp/lease_store.h"
#include "dns/dns.h"
#include "forward/backlog.h"
#include "forward/guestfwd.h"
#include "gateway/gateway_priv.h"
#include "gateway/hostnet.h"
#include "net/guard.h"
#include "net/served.h"
#include "net/user_loopback.h"
#include "net/vswitch.h"
#include "packet/reassembly.h"
#include "slirp/nat.h"
#include "tcp/tcp.h"
#include "http/http.h"
#include "tftp/tftp.h"
#include "udp/forward.h"
#include "udp/udp.h"

static void advertise(struct loop_timer *timer)
{
	struct gateway *gateway = container_of(timer, struct gateway, advertise);
	struct loop *loop = gateway->netdev.network->loop;
	uint8_t *out = outbox_reserve(&gateway->outbox, NDP_FRAME_MAX);

	if (out)
		outbox_commit(&gateway->outbox, ndp_build_ra(&gateway->ndp, out));
	loop_task_defer(&gateway->service);
	gateway->n_advertised++;
	loop_timer_set(timer, loop_now(loop) + (gateway->n_advertised < NDP_RA_INITIAL_COUNT
							? NDP_RA_INITIAL_INTERVAL
							: NDP_RA_INTERVAL));
}

/* Opens what may fail: files, sockets, values that do not fit. */
static bool open_services(struct gateway *gateway, struct network *network, GError **error)
{
	const struct user_config *config = &gateway->config;

	gateway->charges = charge_book_new(config->max_guests);
	gateway->conntrack =
		conntrack_new(network, config, gateway->charges, &gateway->service, error);
	if (!gateway->conntrack)
		return false;
	gateway->conns = conntrack_conns(gateway->conntrack);
	gateway->served = served_new();
	ndp_init(&gateway->ndp, config, gateway->mac, gateway->served);
	dhcpv6_init(&gateway->dhcpv6, config, gateway->mac);
	dhcpv6_follow(&gateway->dhcpv6, network);
	gateway->reassembly = reassembly_new();
	gateway->dhcp = dhcp_new(config, gateway->mac);
	dhcp_set_reservations(gateway->dhcp, network->reservations);
	gateway->lease_store = lease_store_new(network, config, dhcp_leases(gateway->dhcp), error);
	if (!gateway->lease_store)
		return false;
	gateway->dns = dns_new(network, config, &gateway_dns_ops, gateway, error);
	if (!gateway->dns)
		return false;
	loop_timer_init(network->loop, &gateway->tftp_timer, gateway_tftp_due);
	if (config->tftp)
		gateway->tftp =
			tftp_new(config->tftp, user_config_mtu(config), &gateway->outbox, error);
	if (config->tftp && !gateway->tftp)
		return false;
	if (config->http)
		gateway->http = http_new(network->loop, config->http, error);
	return !config->http || gateway->http;
}

static void close_services(struct gateway *gateway)
{
	if (gateway->tftp)
		loop_timer_cancel(&gateway->tftp_timer);
	g_clear_pointer(&gateway->tftp, tftp_free);
	g_clear_pointer(&gateway->http, http_free);
	g_clear_pointer(&gateway->dns, dns_free);
	g_clear_pointer(&gateway->lease_store, lease_store_free);
	g_clear_pointer(&gateway->dhcp, dhcp_free);
	dhcpv6_clear(&gateway->dhcpv6);
	g_clear_pointer(&gateway->reassembly, reassembly_free);
	g_clear_pointer(&gateway->served, served_free);
	g_clear_pointer(&gateway->conntrack, conntrack_free);
	g_clear_pointer(&gateway->charges, charge_book_free);
}

static void close_paths(struct gateway *gateway)
{
	udp_forwards_free(gateway->udp_forwards);
	backlog_free(gateway->backlog);
	guestfwds_free(gateway->guestfwds);
	tcp_free(gateway->tcp);
	udp_free(gateway->udp);
	nat_free(gateway->nat);
	neighbours_free(gateway->neighbours);
}

static void gateway_destroy(struct netdev *netdev)
{
	struct gateway *gateway = container_of(netdev, struct gateway, netdev);

	list_remove(&gateway->observer.link);
	hostnet_free(gateway->hostnet);
	loop_timer_cancel(&gateway->advertise);
	other_gateway_clear(&gateway->other);
	guard_clear_gateway(netdev->network->guard);
	vswitch_set_isolated(netdev->network->vswitch, false);
	vswitch_set_fixed(netdev->network->vswitch, 0);
	vswitch_set_home(netdev->network->vswitch, 0);
	netdev_remove_port(&gateway->port);
	close_paths(gateway);
	close_services(gateway);
	/* Cancel it last: freeing the rest may defer it. */
	loop_task_cancel(&gateway->service);
	outbox_fini(&gateway->outbox);
	user_config_clear(&gateway->config);
	g_free(gateway->pending);
	netdev_fini(netdev);
	g_free(gateway);
}

/* QEMU net/slirp.c, net_slirp_init */
static char *gateway_info(const struct netdev *netdev, const struct port *port)
{
	const struct gateway *gateway = container_of(netdev, struct gateway, netdev);
	char net[INET_ADDRSTRLEN];

	return g_strdup_printf("net=%s,restrict=%s",
			       inet_ntop(AF_INET, &gateway->config.net, net, sizeof(net)),
			       gateway->config.restricted ? "on" : "off");
}

static const struct netdev_ops gateway_ops = {
	.info = gateway_info,
	.kind = "user",
	.destroy = gateway_destroy,
};

void gateway_set_isolated(struct gateway *gateway, bool isolated)
{
	gateway->config.isolated = isolated;
	vswitch_set_isolated(gateway->netdev.network->vswitch, isolated);
}

static void protect(struct gateway *gateway)
{
	struct guard *guard = gateway->netdev.network->guard;

	gateway_set_isolated(gateway, gateway->config.isolated);
	guard_set_gateway_mac(guard, gateway->mac);
	vswitch_set_fixed(gateway->netdev.network->vswitch, gateway->mac);
	if (gateway->config.ipv4) {
		guard_protect_v4(guard, gateway->config.host);
		guard_protect_v4(guard, gateway->config.dns);
	}
	if (gateway->config.ipv6) {
		guard_protect_v6(guard, &gateway->config.host6);
		guard_protect_v6(guard, &gateway->config.dns6);
		guard_protect_v6(guard, &gateway->ndp.link_local);
		guard_protect_v6(guard, &gateway->ndp.dns_link_local);
	}
}

/* Makes tcp, udp and, with offload=off, libslirp's NAT. */
static void open_paths(struct gateway *gateway, struct network *network)
{
	const struct user_config *config = &gateway->config;
	struct tcp_env tcp = {network,          config,
			      &gateway->outbox, gateway->conns,
			      gateway->charges, conntrack_judge(gateway->conntrack),
			      &gateway->service};
	struct udp_env udp = {
		network,        config,           &gateway->outbox, gateway->conntrack,
		gateway->conns, gateway->charges, &gateway->service};
	struct nat_env nat = {network,          config,
			      &gateway->outbox, gateway->conntrack,
			      gateway->charges, &gateway->service};

	gateway->neighbours = neighbours_new(network, config, gateway->conns, &gateway->outbox,
					     &gateway->service);
	gateway->tcp = tcp_new(&tcp);
	gateway->udp = udp_new(&udp); /* forwards need it even with offload=off */
	if (!config->offload)
		gateway->nat = nat_new(&nat);
	gateway->udp_forwards = udp_forwards_new(gateway->udp, gateway->neighbours);
}

/* Makes hostfwd and guestfwd. */
static void open_forwards(struct gateway *gateway, struct network *network)
{
	struct backlog_env backlog = {
		.network = network,
		.config = &gateway->config,
		.conns = gateway->conns,
		.charges = gateway->charges,
		.neighbours = gateway->neighbours,
		.tcp = gateway->tcp,
	};
	struct guestfwd_env guestfwd = {
		.network = network,
		.config = &gateway->config,
		.conns = gateway->conns,
		.tcp = gateway->tcp,
		.served = gateway->served,
		.pool = dhcp_leases(gateway->dhcp),
	};

	gateway->backlog = backlog_new(&backlog);
	gateway->guestfwds = guestfwds_new(&guestfwd);
}

struct netdev *gateway_new(struct network *network, const struct user_config *config,
			   GError **error)
{
	struct user_config resolved = *config;
	struct gateway *gateway, *other = gateway_find(network);
	char net[INET_ADDRSTRLEN];

	if (!netdev_check_id(network, config->id, error) || !user_config_resolve(&resolved, error))
		return NULL;
	if (other) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "user: the network has a gateway already, '%s'; a network has one",
			    other->netdev.id);
		return NULL;
	}
	gateway = g_new0(struct gateway, 1);
	loop_task_init(network->loop, &gateway->service, LOOP_SERVICE, gateway_serve);
	user_config_copy(&gateway->config, &resolved);
	gateway->mac = user_config_mac(&resolved);
	outgoing_warn(&resolved.outgoing, config->id);
	if (!open_services(gateway, network, error)) {
		close_services(gateway);
		user_config_clear(&gateway->config);
		g_free(gateway);
		return NULL;
	}
	netdev_init(&gateway->netdev, &gateway_ops, network, config->id);
	gateway->netdev.description = g_strdup_printf(
		"net=%s/%u,restrict=%s", inet_ntop(AF_INET, &resolved.net, net, sizeof(net)),
		resolved.net_len, resolved.restricted ? "on" : "off");
	outbox_init(&gateway->outbox, network->chunks, &gateway->port);
	gateway->outbox.src = gateway->mac;
	open_paths(gateway, network);
	open_forwards(gateway, network);
	gateway->source = (struct source){
		.network = network,
		.config = &gateway->config,
		.ndp = &gateway->ndp,
		.conns = gateway->conns,
		.served = gateway->served,
	};
	loop_timer_init(network->loop, &gateway->advertise, advertise);
	protect(gateway);
	netdev_add_port(&gateway->netdev, &gateway->port, &gateway_port_ops, NULL);
	gateway->port.trusted = true;
	/* libslirp and checksum=verify need whole checksums. */
	gateway->port.takes_offload = !gateway->nat && !gateway->config.verify_checksums;
	gateway->observer.event = gateway_on_network_event;
	other_gateway_init(&gateway->other, network, &gateway->config, &gateway->outbox,
			   &gateway->service);
	network_observe(network, &gateway->observer);
	gateway->hostnet = hostnet_new(network->loop, gateway_host_changed, gateway);
	if (gateway->config.ipv6)
		loop_timer_set(&gateway->advertise, loop_now(network->loop));
	return &gateway->netdev;
}

struct gateway *gateway_from_netdev(struct netdev *netdev)
{
	return netdev->ops == &gateway_ops ? container_of(netdev, struct gateway, netdev) : NULL;
}

struct gateway *gateway_find(struct network *network)
{
	list_for_each (netdev, &network->netdevs, struct netdev, link) {
		if (netdev->ops == &gateway_ops)
			return gateway_from_netdev(netdev);
	}
	return NULL;
}

const struct user_config *gateway_config(const struct gateway *gateway)
{
	return &gateway->config;
}

struct nat *gateway_nat(struct gateway *gateway)
{
	return gateway->nat;
}

struct tcp *gateway_tcp(struct gateway *gateway)
{
	return gateway->tcp;
}

struct charge_book *gateway_charges(struct gateway *gateway)
{
	return gateway->charges;
}

struct udp_forwards *gateway_udp_forwards(struct gateway *gateway)
{
	return gateway->udp_forwards;
}

struct guestfwds *gateway_guestfwds(struct gateway *gateway)
{
	return gateway->guestfwds;
}

struct backlog *gateway_backlog(struct gateway *gateway)
{
	return gateway->backlog;
}

struct dhcp *gateway_dhcp(struct gateway *gateway)
{
	return gateway->dhcp;
}

struct conntrack *gateway_conntrack(struct gateway *gateway)
{
	return gateway->conntrack;
}

bool gateway_set_loopback(struct gateway *gateway, const char *text, GError **error)
{
	struct port_range *ports;
	enum loopback_mode mode;

	if (!user_loopback_parse(text, &mode, &ports, error))
		return false;
	g_free((struct port_range *)gateway->config.loopback_ports);
	gateway->config.loopback = mode;
	gateway->config.loopback_ports = ports;
	conntrack_rejudge(gateway->conntrack);
	return true;
}

bool gateway_set_host_addresses(struct gateway *gateway, bool reachable, GError **error)
{
	if (!reachable && !conntrack_knows_host_addresses(gateway->conntrack)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "host-addresses=off: there was no rtnetlink socket to be had at start");
		return false;
	}
	gateway->config.host_addresses = reachable;
	conntrack_rejudge(gateway->conntrack);
	return true;
}

struct dns *gateway_dns(struct gateway *gateway)
{
	return gateway->dns;
}
