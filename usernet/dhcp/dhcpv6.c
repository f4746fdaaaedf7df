/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/dhcpv6.h"

#include <glib.h>

#include "base/checksum.h"
#include "base/hash.h"
#include "dhcp/options6.h"
#include "net/guest.h"
#include "net/port.h"
#include "net/user_config.h"
#include "net/vswitch.h"

#define DUID_LL    3 /* RFC 8415 11.4 */
#define DUID_LEN   10
#define HARDWARE   1 /* ethernet */
#define IP6_HEADER 40
#define UDP_HEADER 8
#define HEADERS    (ETH_HEADER + IP6_HEADER + UDP_HEADER)
#define FOREVER    UINT32_MAX /* RFC 8415 7.7 */
/*
 * A port with more guests than this is not believed when it says that an address is in use: it
 * could say so of all addresses.
 */
#define BELIEVE 16

/* One message being answered. */
struct exchange {
	struct dhcpv6 *dhcpv6;
	const struct port *from;
	mac_t mac;
	usec_t now;
	const struct packet *packet;
	struct dhcpv6_query query;
	struct dhcpv6_writer w;
	struct dhcpv6_outcome *outcome;
};

static const struct in6_addr all_agents = {{{0xff, 0x02, [13] = 1, [15] = 2}}};
static const struct in6_addr all_servers = {{{0xff, 0x05, [13] = 1, [15] = 3}}};

/* --- addresses and their keys in the pool --- */

static struct in_addr low_of(const struct in6_addr *addr)
{
	return (struct in_addr){addr->s6_addr32[3]};
}

static struct in6_addr whole(const struct dhcpv6 *dhcpv6, struct in_addr low)
{
	struct in6_addr addr = dhcpv6->config->dhcp6_start;

	addr.s6_addr32[3] = low.s_addr;
	return addr;
}

static bool in_range(const struct dhcpv6 *dhcpv6, const struct in6_addr *addr)
{
	return memcmp(addr, &dhcpv6->config->dhcp6_start, 12) == 0 &&
	       lease_pool_has(dhcpv6->pool, low_of(addr));
}

static struct lease_pool *make_pool(const struct user_config *config)
{
	struct in_addr skip[3] = {{0}};
	unsigned n = 0;

	if (config->dhcp6_off || IN6_IS_ADDR_UNSPECIFIED(&config->dhcp6_start))
		return NULL;
	if (memcmp(&config->host6, &config->dhcp6_start, 12) == 0)
		skip[n++] = low_of(&config->host6);
	if (memcmp(&config->dns6, &config->dhcp6_start, 12) == 0)
		skip[n++] = low_of(&config->dns6);
	return lease_pool_new(low_of(&config->dhcp6_start), low_of(&config->dhcp6_end), skip);
}

void dhcpv6_init(struct dhcpv6 *dhcpv6, const struct user_config *config, mac_t gateway_mac)
{
	static const uint8_t prefix[8] = {0xfe, 0x80};

	*dhcpv6 = (struct dhcpv6){
		.config = config,
		.mac = gateway_mac,
		.link_local = config->host6,
		.pool = make_pool(config),
	};
	memcpy(&dhcpv6->link_local, prefix, sizeof(prefix));
	list_init(&dhcpv6->events.link);
	if (dhcpv6->pool)
		lease_pool_set_share(dhcpv6->pool, config->leases_per_port);
}

void dhcpv6_clear(struct dhcpv6 *dhcpv6)
{
	if (dhcpv6->network)
		list_remove(&dhcpv6->events.link);
	g_clear_pointer(&dhcpv6->pool, lease_pool_free);
}

/* --- addresses in use --- */

static bool in_use(void *data, struct in_addr low, mac_t mac)
{
	const struct dhcpv6 *dhcpv6 = data;
	struct in6_addr addr = whole(dhcpv6, low);
	const struct guest *guest = guest_by_v6(dhcpv6->network->guests, &addr);

	return guest && guest->mac != mac && guest->port->n_guests <= BELIEVE;
}

static bool heard(void *data, const struct lease *lease, usec_t since)
{
	const struct dhcpv6 *dhcpv6 = data;

	return vswitch_heard(dhcpv6->network->vswitch, lease->mac) > since;
}

static void on_event(struct network_observer *observer, const struct network_event *event)
{
	struct dhcpv6 *dhcpv6 = container_of(observer, struct dhcpv6, events);

	if (event->kind == NETWORK_PORT_DOWN)
		lease_port_gone(dhcpv6->pool, event->port->id);
	else if (event->kind == NETWORK_GUEST_JOINED)
		lease_came_back(dhcpv6->pool, event->guest->mac, event->guest->port->id);
}

void dhcpv6_follow(struct dhcpv6 *dhcpv6, struct network *network)
{
	if (!dhcpv6->pool)
		return;
	dhcpv6->network = network;
	lease_pool_set_in_use(dhcpv6->pool, in_use, dhcpv6);
	lease_pool_set_heard(dhcpv6->pool, heard, dhcpv6);
	dhcpv6->events.event = on_event;
	network_observe(network, &dhcpv6->events);
}

/* --- messages for this server --- */

static bool is_multicast(const struct in6_addr *addr)
{
	return IN6_ARE_ADDR_EQUAL(addr, &all_agents) || IN6_ARE_ADDR_EQUAL(addr, &all_servers);
}

bool dhcpv6_is_for_us(const struct dhcpv6 *dhcpv6, const struct packet *packet)
{
	return packet->v6 && !packet->fragment && packet->proto == IPPROTO_UDP &&
	       packet->dport == DHCPV6_SERVER_PORT &&
	       (is_multicast(&packet->dst) ||
		IN6_ARE_ADDR_EQUAL(&packet->dst, &dhcpv6->config->host6) ||
		IN6_ARE_ADDR_EQUAL(&packet->dst, &dhcpv6->link_local));
}

static bool checksum_right(const struct packet *packet)
{
	uint32_t len = packet->len - packet->l4;

	/* A checksum of 0 means none, which IPv6 forbids (RFC 8200 8.1). */
	return packet_u16(packet->frame + packet->l4 + 6) != 0 &&
	       csum_fold(csum_add(csum_pseudo6(&packet->src, &packet->dst, IPPROTO_UDP, len),
				  packet->frame + packet->l4, len)) == 0;
}

static void make_duid(const struct dhcpv6 *dhcpv6, uint8_t duid[DUID_LEN])
{
	packet_put16(duid, DUID_LL);
	packet_put16(duid + 2, HARDWARE);
	mac_write(duid + 4, dhcpv6->mac);
}

static bool names_us(const struct dhcpv6 *dhcpv6, const struct dhcpv6_query *query)
{
	uint8_t duid[DUID_LEN];

	make_duid(dhcpv6, duid);
	return query->server_id.len == DUID_LEN && memcmp(query->server_id.p, duid, DUID_LEN) == 0;
}

/* --- associations --- */

/* The association's key in the pool: DUID and IAID. */
struct client_key {
	uint8_t id[DHCPV6_DUID_MAX + 4];
	struct lease_client client;
};

static void make_key(struct client_key *key, const struct exchange *x, const struct dhcpv6_ia *ia)
{
	size_t len = x->query.client_id.len;

	if (len)
		memcpy(key->id, x->query.client_id.p, len);
	memcpy(key->id + len, ia->iaid, 4);
	key->client = (struct lease_client){x->mac, key->id, len + 4, x->from->id, x->from->uplink};
}

/* Derived from the client, so that it is the same after a restart, without a file. */
static struct in_addr first_choice(const struct dhcpv6 *dhcpv6, const struct client_key *key)
{
	uint32_t start = ntohl(low_of(&dhcpv6->config->dhcp6_start).s_addr);
	uint32_t n = ntohl(low_of(&dhcpv6->config->dhcp6_end).s_addr) - start + 1;
	uint64_t sum = 0;

	for (size_t i = 0; i < key->client.client_id_len; i++)
		sum = hash_mix(sum * 31 + key->id[i] + 1);
	return (struct in_addr){htonl(start + (uint32_t)(n ? sum % n : sum))};
}

static struct in_addr wish(const struct exchange *x, const struct dhcpv6_ia *ia,
			   const struct client_key *key)
{
	for (unsigned i = 0; i < ia->n_addrs; i++) {
		if (in_range(x->dhcpv6, &ia->addrs[i]))
			return low_of(&ia->addrs[i]);
	}
	return first_choice(x->dhcpv6, key);
}

static uint32_t seconds(const struct exchange *x)
{
	return x->dhcpv6->config->lease_time;
}

static usec_t expiry(const struct exchange *x)
{
	return seconds(x) == FOREVER ? LEASE_FOREVER : x->now + seconds(x) * USEC_PER_SEC;
}

/* For SOLICIT and REQUEST: an address for the association. */
static const struct lease *give(struct exchange *x, const struct dhcpv6_ia *ia, bool commit)
{
	struct lease_pool *pool = x->dhcpv6->pool;
	const struct lease *lease;
	struct client_key key;

	make_key(&key, x, ia);
	lease = lease_offer(pool, &key.client, wish(x, ia, &key), x->now);
	if (lease && commit)
		lease = lease_bind(pool, &key.client, lease->addr, NULL, expiry(x), x->now);
	if (!lease)
		x->outcome->refused = lease_pool_why(pool);
	return lease;
}

/* For RENEW and REBIND: the client's address, or one that it claims if nobody else has it. */
static const struct lease *prolong(struct exchange *x, const struct dhcpv6_ia *ia)
{
	struct lease_pool *pool = x->dhcpv6->pool;
	const struct lease *lease;
	struct client_key key;

	make_key(&key, x, ia);
	lease = lease_find(pool, &key.client, x->now);
	if (lease)
		return lease_bind(pool, &key.client, lease->addr, NULL, expiry(x), x->now);
	for (unsigned i = 0; i < ia->n_addrs && !lease; i++) {
		if (in_range(x->dhcpv6, &ia->addrs[i]))
			lease = lease_bind(pool, &key.client, low_of(&ia->addrs[i]), NULL,
					   expiry(x), x->now);
	}
	return lease;
}

/* Writes an association with @status and no address. */
static void put_refusal(struct exchange *x, const struct dhcpv6_ia *ia, uint16_t status)
{
	uint8_t *begun = dhcpv6_begin_ia(&x->w, ia, 0, 0);

	if (!begun)
		return;
	dhcpv6_put_status(&x->w, status);
	dhcpv6_end_ia(&x->w, begun);
}

static void put_lease(struct exchange *x, const struct dhcpv6_ia *ia, const struct lease *lease)
{
	struct in6_addr addr = whole(x->dhcpv6, lease->addr);
	uint32_t valid = seconds(x);
	uint8_t *begun;

	/* RFC 8415 21.4: T1 is half, T2 four fifths. */
	begun = valid == FOREVER ? dhcpv6_begin_ia(&x->w, ia, FOREVER, FOREVER)
				 : dhcpv6_begin_ia(&x->w, ia, valid / 2,
						   (uint32_t)((uint64_t)valid * 4 / 5));
	if (!begun)
		return;
	dhcpv6_put_addr(&x->w, &addr, valid, valid);
	/* Its other addresses get lifetime 0 (RFC 8415 18.3.4). */
	for (unsigned i = 0; i < ia->n_addrs && x->query.type != DHCPV6_SOLICIT; i++) {
		if (!IN6_ARE_ADDR_EQUAL(&ia->addrs[i], &addr))
			dhcpv6_put_addr(&x->w, &ia->addrs[i], 0, 0);
	}
	dhcpv6_end_ia(&x->w, begun);
	if (lease->state == LEASE_BOUND)
		x->outcome->granted[x->outcome->n_granted++] = addr;
}

static bool asks_anew(const struct exchange *x)
{
	return x->query.type == DHCPV6_SOLICIT || x->query.type == DHCPV6_REQUEST;
}

static void put_associations(struct exchange *x, bool commit)
{
	for (unsigned i = 0; i < x->query.n_ia; i++) {
		const struct dhcpv6_ia *ia = &x->query.ia[i];
		const struct lease *lease = NULL;
		uint16_t status = STATUS6_NO_BINDING;

		if (asks_anew(x))
			status = ia->option == OPT6_IA_PD ? STATUS6_NO_PREFIX : STATUS6_NO_ADDRS;
		if (ia->option == OPT6_IA_NA && x->dhcpv6->pool)
			lease = asks_anew(x) ? give(x, ia, commit) : prolong(x, ia);
		if (lease)
			put_lease(x, ia, lease);
		else
			put_refusal(x, ia, status);
	}
}

/* Answers RELEASE and DECLINE: success, and the unknown associations. */
static void put_farewell(struct exchange *x)
{
	bool (*end)(struct lease_pool *, const struct lease_client *, struct in_addr, usec_t) =
		x->query.type == DHCPV6_RELEASE ? lease_release : lease_decline;

	dhcpv6_put_status(&x->w, STATUS6_SUCCESS);
	for (unsigned i = 0; i < x->query.n_ia; i++) {
		const struct dhcpv6_ia *ia = &x->query.ia[i];
		struct client_key key;
		bool known = false;

		make_key(&key, x, ia);
		for (unsigned j = 0; j < ia->n_addrs && !known; j++) {
			known = ia->option == OPT6_IA_NA && x->dhcpv6->pool &&
				in_range(x->dhcpv6, &ia->addrs[j]) &&
				end(x->dhcpv6->pool, &key.client, low_of(&ia->addrs[j]), x->now);
			if (known)
				x->outcome->ended[x->outcome->n_ended++] = ia->addrs[j];
		}
		if (!known)
			put_refusal(x, ia, STATUS6_NO_BINDING);
	}
}

/* Are the client's addresses on this link? False: it names none. */
static bool put_confirmation(struct exchange *x)
{
	const struct user_config *config = x->dhcpv6->config;
	uint16_t status = STATUS6_SUCCESS;
	unsigned n = 0;

	for (unsigned i = 0; i < x->query.n_ia; i++) {
		for (unsigned j = 0; j < x->query.ia[i].n_addrs; j++, n++) {
			if (!address_in_prefix(&x->query.ia[i].addrs[j], &config->net6,
					       config->net6_len))
				status = STATUS6_NOT_ON_LINK;
		}
	}
	dhcpv6_put_status(&x->w, status);
	return n > 0;
}

/* --- answers --- */

/* Writes the headers of the message that ends at @end. */
static size_t finish(const struct dhcpv6 *dhcpv6, const struct packet *packet, uint8_t *out,
		     const uint8_t *end)
{
	const struct in6_addr *src = &dhcpv6->link_local;
	uint8_t *ip = out + ETH_HEADER, *udp = ip + IP6_HEADER;
	uint16_t len = (uint16_t)(end - udp), sum;

	/* Answer a global address from our global address. */
	if (!IN6_IS_ADDR_LINKLOCAL(&packet->src))
		src = &dhcpv6->config->host6;
	memcpy(out, packet->frame + MAC_LEN, MAC_LEN);
	mac_write(out + MAC_LEN, dhcpv6->mac);
	packet_put16(out + 12, ETHERTYPE_V6);
	packet_put32(ip, 6u << 28);
	packet_put16(ip + 4, len);
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, &packet->src, 16);
	packet_put16(udp, DHCPV6_SERVER_PORT);
	packet_put16(udp + 2, DHCPV6_CLIENT_PORT);
	packet_put16(udp + 4, len);
	packet_put16(udp + 6, 0);
	sum = csum_fold(csum_add(csum_pseudo6(src, &packet->src, IPPROTO_UDP, len), udp, len));
	if (sum == 0)
		sum = 0xffff;
	memcpy(udp + 6, &sum, 2);
	return (size_t)(end - out);
}

static size_t reply(struct exchange *x, uint8_t *out)
{
	const struct dhcpv6_query *query = &x->query;
	bool to_multicast = query->multicast || query->type == DHCPV6_INFORMATION_REQUEST;
	bool rapid = query->type == DHCPV6_SOLICIT && query->rapid_commit && x->dhcpv6->pool;
	uint8_t duid[DUID_LEN];

	x->w = (struct dhcpv6_writer){out + HEADERS, out + DHCPV6_FRAME_MAX};
	*x->w.p++ = query->type == DHCPV6_SOLICIT && !rapid ? DHCPV6_ADVERTISE : DHCPV6_REPLY;
	memcpy(x->w.p, query->xid, sizeof(query->xid));
	x->w.p += sizeof(query->xid);
	make_duid(x->dhcpv6, duid);
	dhcpv6_put(&x->w, OPT6_SERVER_ID, duid, sizeof(duid));
	if (query->client_id.p)
		dhcpv6_put(&x->w, OPT6_CLIENT_ID, query->client_id.p, query->client_id.len);
	if (!to_multicast) {
		dhcpv6_put_status(&x->w, STATUS6_USE_MULTICAST);
	} else if (query->type == DHCPV6_RELEASE || query->type == DHCPV6_DECLINE) {
		put_farewell(x);
	} else if (query->type == DHCPV6_CONFIRM) {
		if (!put_confirmation(x))
			return 0;
	} else {
		if (rapid)
			dhcpv6_put(&x->w, OPT6_RAPID_COMMIT, NULL, 0);
		put_associations(x, rapid || query->type == DHCPV6_REQUEST);
		dhcpv6_options_add(&x->w, query, x->dhcpv6->config);
	}
	return finish(x->dhcpv6, x->packet, out, x->w.p);
}

/* --- decide --- */

/* RFC 8415 16: messages that must be discarded are not valid. */
static bool is_valid(const struct dhcpv6_query *query)
{
	switch (query->type) {
	case DHCPV6_SOLICIT:
	case DHCPV6_CONFIRM:
	case DHCPV6_REBIND:
		return query->client_id.p && !query->server_id.p && query->multicast;
	case DHCPV6_REQUEST:
	case DHCPV6_RENEW:
	case DHCPV6_RELEASE:
	case DHCPV6_DECLINE:
		return query->client_id.p && query->server_id.p;
	case DHCPV6_INFORMATION_REQUEST:
		return query->n_ia == 0;
	default:
		return false;
	}
}

size_t dhcpv6_answer(struct dhcpv6 *dhcpv6, const struct port *from, const struct packet *packet,
		     usec_t now, uint8_t *out, struct dhcpv6_outcome *outcome)
{
	struct exchange x = {
		.dhcpv6 = dhcpv6,
		.from = from,
		.mac = mac_read(packet->frame + MAC_LEN),
		.now = now,
		.packet = packet,
		.outcome = outcome,
	};

	*outcome = (struct dhcpv6_outcome){.why = DROP_MALFORMED};
	if (!checksum_right(packet) || IN6_IS_ADDR_UNSPECIFIED(&packet->src) ||
	    IN6_IS_ADDR_MULTICAST(&packet->src) || IN6_IS_ADDR_LOOPBACK(&packet->src))
		return 0;
	if (!dhcpv6_parse(&x.query, reader_init(packet->frame + packet->payload,
						packet->len - packet->payload))) {
		outcome->why = DROP_TRUNCATED;
		return 0;
	}
	x.query.multicast = is_multicast(&packet->dst);
	switch (x.query.type) {
	case DHCPV6_ADVERTISE:
	case DHCPV6_REPLY:
	case DHCPV6_RECONFIGURE:
	case DHCPV6_RELAY_REPLY:
		outcome->why = DROP_ROGUE_SERVER;
		return 0;
	case DHCPV6_SOLICIT:
	case DHCPV6_REQUEST:
	case DHCPV6_CONFIRM:
	case DHCPV6_RENEW:
	case DHCPV6_REBIND:
	case DHCPV6_RELEASE:
	case DHCPV6_DECLINE:
	case DHCPV6_INFORMATION_REQUEST:
		break;
	default:
		outcome->why = DROP_UNSUPPORTED;
		return 0;
	}
	if (!is_valid(&x.query))
		return 0;
	outcome->why = DROP_N_REASONS;
	/* The message is for another server. */
	if (x.query.server_id.p && !names_us(dhcpv6, &x.query))
		return 0;
	return reply(&x, out);
}
