/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/dhcp.h"

#include <string.h>

#include "dhcp/options.h"
#include "dhcp/wire.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packet/dns_name.h"

/* A client that never renews (BOOTP) keeps its address for this long after its last request. */
#define BOOTP_LEASE (7 * 86400 * USEC_PER_SEC)
/* Seconds. Shorter leases would only cause renewals (RFC 2131 3.3 leaves it to the server). */
#define LEASE_TIME_MIN     60
#define LEASE_TIME_FOREVER UINT32_MAX /* RFC 2131 3.3 */
#define HTYPE_ETHER        1

struct dhcp {
	const struct user_config *config;
	mac_t mac;
	struct lease_pool *pool;
	struct reservation_table *reservations; /* NULL: none */
	uint32_t mask;                          /* wire order */
};

/* One message being answered. */
struct exchange {
	struct dhcp *dhcp;
	struct port *port;
	mac_t src_mac;
	struct in_addr src;
	usec_t now;
	struct dhcp_message msg;
	struct dhcp_reply reply;
	struct lease_client client;
	struct in_addr requested, server_id;
	char hostname[DNS_LABEL_MAX + 1];      /* what the client may call itself */
	const struct reservation *reservation; /* the client's, or NULL */
	struct dhcp_outcome *outcome;
};

struct dhcp *dhcp_new(const struct user_config *config, mac_t gateway_mac)
{
	struct dhcp *dhcp = g_new0(struct dhcp, 1);
	struct in_addr skip[5] = {config->host};
	unsigned n = 1;

	dhcp->config = config;
	dhcp->mac = gateway_mac;
	dhcp->mask = htonl(config->net_len ? UINT32_MAX << (32 - config->net_len) : 0);
	skip[n++].s_addr = config->net.s_addr | ~dhcp->mask;
	if (config->dns.s_addr)
		skip[n++] = config->dns;
	if (config->net.s_addr & dhcp->mask)
		skip[n++].s_addr = config->net.s_addr & dhcp->mask;
	dhcp->pool = lease_pool_new(config->dhcp_start, config->dhcp_end, skip);
	lease_pool_set_share(dhcp->pool, config->leases_per_port);
	return dhcp;
}

void dhcp_free(struct dhcp *dhcp)
{
	if (!dhcp)
		return;
	lease_pool_free(dhcp->pool);
	g_free(dhcp);
}

void dhcp_set_reservations(struct dhcp *dhcp, struct reservation_table *table)
{
	dhcp->reservations = table;
}

struct lease_pool *dhcp_leases(struct dhcp *dhcp)
{
	return dhcp->pool;
}

void dhcp_address_used(struct dhcp *dhcp, struct in_addr addr, mac_t mac)
{
	lease_used(dhcp->pool, addr, mac);
}

static bool is_local(const struct dhcp *dhcp, struct in_addr addr)
{
	return ((addr.s_addr ^ dhcp->config->net.s_addr) & dhcp->mask) == 0;
}

static size_t drop(struct exchange *x, enum drop_reason why)
{
	port_drop(x->port, why, 1);
	return 0;
}

/* --- answers --- */

/* RFC 2131 4.1 */
static struct dhcp_route route_to(const struct exchange *x, enum dhcp_type type)
{
	const struct dhcp_message *msg = &x->msg;
	struct dhcp_route to = {
		.eth_src = x->dhcp->mac,
		.eth_dst = x->client.mac,
		.src = x->dhcp->config->host,
		.dport = DHCP_CLIENT_PORT,
	};

	if (msg->giaddr.s_addr) {
		to.dst = msg->giaddr;
		to.eth_dst = x->src_mac;
		to.dport = DHCP_SERVER_PORT;
	} else if (type != DHCP_NAK && msg->ciaddr.s_addr) {
		to.dst = msg->ciaddr;
	} else if (type == DHCP_NAK || msg->flags & DHCP_FLAG_BROADCAST) {
		to.dst.s_addr = INADDR_BROADCAST;
		to.eth_dst = MAC_BROADCAST;
	} else if (x->client.mac != x->src_mac) {
		/* Which of the two addresses it listens on is unknown. */
		to.dst = x->reply.yiaddr;
		to.eth_dst = MAC_BROADCAST;
	} else {
		to.dst = x->reply.yiaddr;
	}
	return to;
}

static void reply_begin(struct exchange *x, enum dhcp_type type)
{
	struct dhcp_reply *reply = &x->reply;
	const struct dhcp_message *msg = &x->msg;

	/* Table 3 of RFC 2131. */
	memset(reply, 0, offsetof(struct dhcp_reply, data));
	reply->hlen = msg->hlen;
	reply->xid = msg->xid;
	reply->flags = msg->flags;
	reply->giaddr = msg->giaddr;
	memcpy(reply->chaddr, msg->chaddr, sizeof reply->chaddr);
	if (type == DHCP_BOOTP) {
		reply->plain_bootp = true;
		return;
	}
	dhcp_reply_add_u8(reply, DHCP_OPT_TYPE, type);
	dhcp_reply_add_addr(reply, DHCP_OPT_SERVER_ID, x->dhcp->config->host);
	if (msg->present[DHCP_OPT_CLIENT_ID]) {
		size_t len;
		const uint8_t *id = dhcp_option_get(msg, DHCP_OPT_CLIENT_ID, &len);

		dhcp_reply_add(reply, DHCP_OPT_CLIENT_ID, id, MIN(len, 255)); /* RFC 6842 */
	}
}

static size_t reply_send(struct exchange *x, enum dhcp_type type, uint8_t *out)
{
	struct dhcp_route route = route_to(x, type);
	uint16_t most = dhcp_option_u16(&x->msg, DHCP_OPT_MAX_SIZE, DHCP_IP_MIN);
	size_t len;

	if (x->dhcp->config->mtu)
		most = (uint16_t)MIN(most, x->dhcp->config->mtu);
	most = CLAMP(most, DHCP_IP_MIN, DHCP_IP_MAX);
	len = dhcp_reply_write(&x->reply, out + DHCP_HEADERS, most - DHCP_IP_OVERHEAD);
	return dhcp_frame_finish(out, len, &route);
}

static size_t send_nak(struct exchange *x, const char *why, uint8_t *out)
{
	reply_begin(x, DHCP_NAK);
	/* The relay must broadcast it: the client's address is invalid (RFC 2131 4.3.2). */
	if (x->msg.giaddr.s_addr)
		x->reply.flags |= DHCP_FLAG_BROADCAST;
	dhcp_reply_add(&x->reply, DHCP_OPT_MESSAGE, why, strlen(why));
	return reply_send(x, DHCP_NAK, out);
}

/* Seconds: what the client asks for, within our limits. */
static uint32_t lease_seconds(const struct exchange *x)
{
	uint32_t most = x->dhcp->config->lease_time;
	uint32_t wanted = dhcp_option_u32(&x->msg, DHCP_OPT_LEASE_TIME, most);

	return MIN(MAX(wanted, LEASE_TIME_MIN), most);
}

static usec_t lease_duration(const struct exchange *x)
{
	uint32_t seconds = lease_seconds(x);

	return seconds == LEASE_TIME_FOREVER ? LEASE_FOREVER : seconds * USEC_PER_SEC;
}

static void add_times(struct dhcp_reply *reply, uint32_t seconds)
{
	dhcp_reply_add_u32(reply, DHCP_OPT_LEASE_TIME, seconds);
	if (seconds == LEASE_TIME_FOREVER)
		return; /* never renewed */
	/* RFC 2131 4.4.5 */
	dhcp_reply_add_u32(reply, DHCP_OPT_T1, seconds / 2);
	dhcp_reply_add_u32(reply, DHCP_OPT_T2, (uint32_t)((uint64_t)seconds * 7 / 8));
}

static void add_options(struct exchange *x)
{
	struct dhcp_names names = {x->reservation ? x->reservation->name : NULL, x->hostname};

	dhcp_options_add(&x->reply, &x->msg, x->dhcp->config, &names);
}

/* Sends an OFFER, an ACK, or the answer to BOOTP. */
static size_t send_lease(struct exchange *x, enum dhcp_type type, struct in_addr addr, uint8_t *out)
{
	reply_begin(x, type);
	x->reply.yiaddr = addr;
	if (type == DHCP_ACK)
		x->reply.ciaddr = x->msg.ciaddr;
	if (type == DHCP_ACK && x->msg.type == DHCP_DISCOVER)
		dhcp_reply_add(&x->reply, DHCP_OPT_RAPID_COMMIT, "", 0);
	if (type != DHCP_BOOTP)
		add_times(&x->reply, lease_seconds(x));
	add_options(x);
	return reply_send(x, type, out);
}

static void tell(struct exchange *x, int kind, struct in_addr addr)
{
	x->outcome->kind = kind;
	x->outcome->mac = x->client.mac;
	x->outcome->addr = addr;
}

static bool bind_lease(struct exchange *x, struct in_addr addr, usec_t duration)
{
	usec_t expires = duration == LEASE_FOREVER ? LEASE_FOREVER : x->now + duration;
	const char *name = x->reservation ? x->reservation->name : x->hostname;
	const struct lease *lease =
		lease_bind(x->dhcp->pool, &x->client, addr, name[0] ? name : NULL, expires, x->now);

	if (!lease)
		return false;
	tell(x, DHCP_GRANTED, addr);
	g_strlcpy(x->outcome->hostname, lease->hostname, sizeof x->outcome->hostname);
	return true;
}

/* --- messages --- */

static size_t refuse(struct exchange *x)
{
	tell(x, DHCP_REFUSED, (struct in_addr){0});
	x->outcome->why = lease_pool_why(x->dhcp->pool);
	return drop(x, DROP_BUDGET);
}

static size_t on_discover(struct exchange *x, uint8_t *out)
{
	const struct lease *lease = lease_offer(x->dhcp->pool, &x->client, x->requested, x->now);

	if (!lease)
		return refuse(x);
	if (!x->msg.present[DHCP_OPT_RAPID_COMMIT])
		return send_lease(x, DHCP_OFFER, lease->addr, out);
	/* RFC 4039: no other server can have committed it. */
	if (!bind_lease(x, lease->addr, lease_duration(x)))
		return refuse(x);
	return send_lease(x, DHCP_ACK, x->outcome->addr, out);
}

/* RFC 1534 2, RFC 2131 4.3.1 on automatic allocation. */
static size_t on_bootp(struct exchange *x, uint8_t *out)
{
	const struct lease *lease = lease_offer(x->dhcp->pool, &x->client, x->msg.ciaddr, x->now);

	if (!lease || !bind_lease(x, lease->addr, BOOTP_LEASE))
		return refuse(x);
	return send_lease(x, DHCP_BOOTP, x->outcome->addr, out);
}

/* The client took another server's offer: free ours. */
static void withdraw_offer(struct exchange *x)
{
	const struct lease *lease = lease_find(x->dhcp->pool, &x->client, x->now);

	if (lease && lease->state == LEASE_OFFERED)
		lease_release(x->dhcp->pool, &x->client, lease->addr, x->now);
}

/*
 * Table 4 of RFC 2131:
 *
 *              selecting   init-reboot   renewing, rebinding
 *   server id  ours        none          none
 *   requested  the offer   its address   none
 *   ciaddr     0           0             its address
 *
 * There is no other server on this network. So an unknown client (this process may be younger than
 * its lease) gets what it asks for if nobody else has it, and a NAK otherwise.
 */
static size_t on_request(struct exchange *x, uint8_t *out)
{
	struct in_addr addr = x->msg.ciaddr.s_addr ? x->msg.ciaddr : x->requested;

	if (x->server_id.s_addr && x->server_id.s_addr != x->dhcp->config->host.s_addr) {
		withdraw_offer(x);
		return 0;
	}
	/* Some clients set both when they renew; two different addresses are an error. */
	if (!addr.s_addr || (x->msg.ciaddr.s_addr && x->requested.s_addr &&
			     x->msg.ciaddr.s_addr != x->requested.s_addr))
		return drop(x, DROP_MALFORMED);
	if (!is_local(x->dhcp, addr))
		return send_nak(x, "address is not on this network", out);
	if (!bind_lease(x, addr, lease_duration(x)))
		return send_nak(x, "address is not available", out);
	return send_lease(x, DHCP_ACK, addr, out);
}

static bool for_us(const struct exchange *x)
{
	return !x->server_id.s_addr || x->server_id.s_addr == x->dhcp->config->host.s_addr;
}

static size_t on_decline(struct exchange *x)
{
	if (!for_us(x))
		return 0;
	if (!x->requested.s_addr)
		return drop(x, DROP_MALFORMED);
	if (lease_decline(x->dhcp->pool, &x->client, x->requested, x->now))
		tell(x, DHCP_DECLINED, x->requested);
	return 0;
}

static size_t on_release(struct exchange *x)
{
	if (!for_us(x))
		return 0;
	if (!x->msg.ciaddr.s_addr)
		return drop(x, DROP_MALFORMED);
	if (lease_release(x->dhcp->pool, &x->client, x->msg.ciaddr, x->now))
		tell(x, DHCP_RELEASED, x->msg.ciaddr);
	return 0;
}

/* RFC 2131 4.3.5: no yiaddr, no lease times; goes to ciaddr. */
static size_t on_inform(struct exchange *x, uint8_t *out)
{
	if (!x->msg.ciaddr.s_addr)
		x->msg.ciaddr = x->src; /* some clients leave it out */
	if (!x->msg.ciaddr.s_addr || !is_local(x->dhcp, x->msg.ciaddr))
		return drop(x, DROP_MALFORMED);
	reply_begin(x, DHCP_ACK);
	x->reply.ciaddr = x->msg.ciaddr;
	add_options(x);
	return reply_send(x, DHCP_ACK, out);
}

/*
 * May the sender speak for this client? A relay speaks for others, and a bonded card or a probe
 * sends from another MAC address than it names, which RFC 2131 allows. A client at another port, or
 * with a reservation, must speak for itself. False: dropped and counted.
 */
static bool check_client(struct exchange *x)
{
	const struct lease *lease;
	const struct port *other;

	if (x->msg.giaddr.s_addr && (!is_local(x->dhcp, x->msg.giaddr) ||
				     x->msg.giaddr.s_addr == x->dhcp->config->host.s_addr)) {
		drop(x, DROP_POLICY); /* the subnet behind it is not ours */
		return false;
	}
	if (x->client.mac == x->src_mac)
		return true;
	lease = lease_find(x->dhcp->pool, &x->client, x->now);
	other = x->port->vswitch ? vswitch_lookup(x->port->vswitch, x->client.mac) : NULL;
	if ((!x->msg.giaddr.s_addr && (x->reservation || x->dhcp->config->dhcp_strict)) ||
	    (other && other != x->port) ||
	    (lease && lease->port_id && lease->port_id != x->port->id)) {
		drop(x, DROP_SPOOFED);
		return false;
	}
	return true;
}

/* Finds the names to use: the client's own, cleaned, and its reservation's. */
static void find_names(struct exchange *x)
{
	struct reservation_table *table = x->dhcp->reservations;

	dhcp_options_hostname(x->hostname, &x->msg);
	x->reservation = table ? reservation_by_mac(table, x->client.mac) : NULL;
	if (table && !reservation_allows_name(table, x->client.mac, x->hostname))
		x->hostname[0] = '\0';
}

static size_t dispatch(struct exchange *x, uint8_t *out)
{
	switch (x->msg.type) {
	case DHCP_BOOTP:
		return on_bootp(x, out);
	case DHCP_DISCOVER:
		return on_discover(x, out);
	case DHCP_REQUEST:
		return on_request(x, out);
	case DHCP_DECLINE:
		return on_decline(x);
	case DHCP_RELEASE:
		return on_release(x);
	case DHCP_INFORM:
		return on_inform(x, out);
	case DHCP_OFFER:
	case DHCP_ACK:
	case DHCP_NAK:
		return drop(x, DROP_ROGUE_SERVER);
	default:
		return drop(x, DROP_UNSUPPORTED); /* lease queries and others */
	}
}

size_t dhcp_input(struct dhcp *dhcp, struct port *port, mac_t src_mac, struct in_addr src,
		  const uint8_t *udp, size_t len, usec_t now, uint8_t *out,
		  struct dhcp_outcome *outcome)
{
	struct exchange x;
	enum drop_reason why;
	size_t id_len;

	memset(outcome, 0, sizeof *outcome);
	x.dhcp = dhcp;
	x.port = port;
	x.src_mac = src_mac;
	x.src = src;
	x.now = now;
	x.outcome = outcome;
	if (!dhcp_parse(&x.msg, udp, len, &why))
		return drop(&x, why);
	if (x.msg.op != BOOTP_REQUEST)
		return drop(&x, x.msg.op == BOOTP_REPLY ? DROP_ROGUE_SERVER : DROP_MALFORMED);
	if (x.msg.htype != HTYPE_ETHER || x.msg.hlen != MAC_LEN)
		return drop(&x, DROP_UNSUPPORTED);

	x.requested = dhcp_option_addr(&x.msg, DHCP_OPT_REQUESTED_ADDR);
	x.server_id = dhcp_option_addr(&x.msg, DHCP_OPT_SERVER_ID);
	x.client.mac = mac_read(x.msg.chaddr);
	x.client.client_id = dhcp_option_get(&x.msg, DHCP_OPT_CLIENT_ID, &id_len);
	/* RFC 2132 9.14: at least two bytes. */
	x.client.client_id_len = id_len >= 2 ? id_len : 0;
	x.client.port_id = port->id;
	x.client.uplink = port->uplink;
	if (x.client.mac == 0 || mac_is_multicast(x.client.mac))
		return drop(&x, DROP_BAD_SOURCE);
	find_names(&x);
	return check_client(&x) ? dispatch(&x, out) : 0;
}
