/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/dhcpv6.h"

#include <glib.h>

#include "base/checksum.h"
#include "base/reader.h"
#include "net/user_config.h"
#include "packet/dns_name.h"

/* RFC 8415 7.3 */
enum {
	DHCPV6_SOLICIT = 1,
	DHCPV6_ADVERTISE = 2,
	DHCPV6_REQUEST = 3,
	DHCPV6_CONFIRM = 4,
	DHCPV6_RENEW = 5,
	DHCPV6_REBIND = 6,
	DHCPV6_REPLY = 7,
	DHCPV6_RELEASE = 8,
	DHCPV6_DECLINE = 9,
	DHCPV6_RECONFIGURE = 10,
	DHCPV6_INFORMATION_REQUEST = 11,
	DHCPV6_RELAY_REPLY = 13,
};

/* RFC 8415 21, RFC 3646 (23, 24) */
enum {
	OPT_CLIENT_ID = 1,
	OPT_SERVER_ID = 2,
	OPT_IA_NA = 3,
	OPT_IA_TA = 4,
	OPT_OPTION_REQUEST = 6,
	OPT_STATUS = 13,
	OPT_DNS = 23,
	OPT_DOMAINS = 24,
	OPT_IA_PD = 25,
	OPT_REFRESH_TIME = 32,
};

/* RFC 8415 21.13 */
enum {
	STATUS_SUCCESS = 0,
	STATUS_NO_ADDRS = 2,
	STATUS_NO_BINDING = 3,
	STATUS_USE_MULTICAST = 5,
	STATUS_NO_PREFIX = 6,
};

#define DUID_MAX     130 /* RFC 8415 11.1: a type, and 128 bytes at most */
#define DUID_LL      3   /* RFC 8415 11.4 */
#define DUID_LEN     10
#define HARDWARE     1     /* ethernet */
#define REFRESH_TIME 86400 /* seconds: IRT_DEFAULT (RFC 8415 7.6) */
#define IP6_HEADER   40
#define UDP_HEADER   8
#define HEADERS      (ETH_HEADER + IP6_HEADER + UDP_HEADER)
#define ASSOCIATIONS 8 /* of one message that are answered */

/* The message of a client, taken apart. Bytes are borrowed from the frame. */
struct query {
	uint8_t type, xid[3];
	const uint8_t *client_id, *server_id, *wanted;
	size_t client_id_len, server_id_len, wanted_len;
	unsigned n_ia;
	struct {
		uint16_t option;
		uint8_t iaid[4];
	} ia[ASSOCIATIONS];
	bool multicast;
};

/* What is written; beyond limit nothing is. */
struct writer {
	uint8_t *p;
	const uint8_t *limit;
};

static const struct in6_addr all_agents = {{{0xff, 0x02, [13] = 1, [15] = 2}}};
static const struct in6_addr all_servers = {{{0xff, 0x05, [13] = 1, [15] = 3}}};

void dhcpv6_init(struct dhcpv6 *dhcpv6, const struct user_config *config, mac_t gateway_mac)
{
	static const uint8_t prefix[8] = {0xfe, 0x80};

	dhcpv6->config = config;
	dhcpv6->mac = gateway_mac;
	dhcpv6->link_local = config->host6;
	memcpy(&dhcpv6->link_local, prefix, sizeof(prefix));
}

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

/* --- parse --- */

static bool take_ia(struct query *query, uint16_t option, struct reader value)
{
	const uint8_t *iaid = read_bytes(&value, 4);

	/* T1 and T2, which temporary ones have not (RFC 8415 21.4, 21.5, 21.21) */
	if (!iaid || (option != OPT_IA_TA && !read_skip(&value, 8)))
		return false;
	if (query->n_ia == ASSOCIATIONS)
		return true;
	query->ia[query->n_ia].option = option;
	memcpy(query->ia[query->n_ia++].iaid, iaid, 4);
	return true;
}

static bool take_option(struct query *query, uint16_t option, struct reader value)
{
	switch (option) {
	case OPT_CLIENT_ID:
		query->client_id = value.p;
		query->client_id_len = value.rem;
		return value.rem >= 3 && value.rem <= DUID_MAX;
	case OPT_SERVER_ID:
		query->server_id = value.p;
		query->server_id_len = value.rem;
		return value.rem >= 3 && value.rem <= DUID_MAX;
	case OPT_OPTION_REQUEST:
		query->wanted = value.p;
		query->wanted_len = value.rem;
		return value.rem % 2 == 0;
	case OPT_IA_NA:
	case OPT_IA_TA:
	case OPT_IA_PD:
		return take_ia(query, option, value);
	default:
		return true;
	}
}

static bool parse(struct query *query, struct reader r)
{
	memset(query, 0, sizeof(*query));
	if (!read_u8(&r, &query->type) || !read_copy(&r, query->xid, sizeof(query->xid)))
		return false;
	while (r.rem) {
		uint16_t option, len;
		struct reader value;

		if (!read_u16(&r, &option) || !read_u16(&r, &len) || !read_sub(&r, len, &value) ||
		    !take_option(query, option, value))
			return false;
	}
	return true;
}

static bool checksum_right(const struct packet *packet)
{
	uint32_t len = packet->len - packet->l4;

	/* 0 is none, which IPv6 does not have (RFC 8200 8.1). */
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

static bool names_us(const struct dhcpv6 *dhcpv6, const struct query *query)
{
	uint8_t duid[DUID_LEN];

	make_duid(dhcpv6, duid);
	return query->server_id_len == DUID_LEN && memcmp(query->server_id, duid, DUID_LEN) == 0;
}

/* --- build --- */

static bool put(struct writer *w, uint16_t option, const void *data, size_t len)
{
	if ((size_t)(w->limit - w->p) < 4 + len)
		return false;
	packet_put16(w->p, option);
	packet_put16(w->p + 2, (uint16_t)len);
	if (len)
		memcpy(w->p + 4, data, len);
	w->p += 4 + len;
	return true;
}

static void put_status(struct writer *w, uint16_t status)
{
	uint8_t code[2];

	packet_put16(code, status);
	put(w, OPT_STATUS, code, sizeof(code));
}

/* An association without anything in it but why: RFC 8415 18.3.9, 18.3.2, 18.3.4. */
static void put_ias(struct writer *w, const struct query *query)
{
	for (unsigned i = 0; i < query->n_ia; i++) {
		uint8_t value[18] = {0};
		struct writer inner = {value + (query->ia[i].option == OPT_IA_TA ? 4 : 12),
				       value + sizeof(value)};
		uint16_t status =
			query->ia[i].option == OPT_IA_PD ? STATUS_NO_PREFIX : STATUS_NO_ADDRS;

		if (query->type != DHCPV6_SOLICIT && query->type != DHCPV6_REQUEST)
			status = STATUS_NO_BINDING;
		memcpy(value, query->ia[i].iaid, 4);
		put_status(&inner, status);
		put(w, query->ia[i].option, value, (size_t)(inner.p - value));
	}
}

static void put_domains(struct writer *w, const struct user_config *config)
{
	uint8_t list[512];
	size_t used = 0;

	if (config->domainname)
		used = dns_name_write(list, sizeof(list), config->domainname);
	for (const char *const *s = config->dnssearch; s && *s; s++)
		if (!config->domainname || g_ascii_strcasecmp(*s, config->domainname) != 0)
			used += dns_name_write(list + used, sizeof(list) - used, *s);
	for (const char *const *s = config->host_search; s && *s; s++)
		if (!user_config_offers(config, *s))
			used += dns_name_write(list + used, sizeof(list) - used, *s);
	if (used)
		put(w, OPT_DOMAINS, list, used);
}

static bool wants(const struct query *query, uint16_t option)
{
	if (!query->wanted)
		return true;
	for (size_t i = 0; i + 1 < query->wanted_len; i += 2)
		if (packet_u16(query->wanted + i) == option)
			return true;
	return false;
}

static void put_configuration(struct writer *w, const struct query *query,
			      const struct user_config *config)
{
	uint8_t refresh[4];

	if (wants(query, OPT_DNS))
		put(w, OPT_DNS, &config->dns6, sizeof(config->dns6));
	if (wants(query, OPT_DOMAINS))
		put_domains(w, config);
	if (query->type == DHCPV6_INFORMATION_REQUEST) {
		packet_put32(refresh, REFRESH_TIME);
		put(w, OPT_REFRESH_TIME, refresh, sizeof(refresh));
	}
}

/* The headers in front of the message that ends at @end. */
static size_t finish(const struct dhcpv6 *dhcpv6, const struct packet *packet, uint8_t *out,
		     const uint8_t *end)
{
	const struct in6_addr *src = &dhcpv6->link_local;
	uint8_t *ip = out + ETH_HEADER, *udp = ip + IP6_HEADER;
	uint16_t len = (uint16_t)(end - udp), sum;

	/* Not for the wide world, from our address there. */
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

static size_t reply(const struct dhcpv6 *dhcpv6, const struct packet *packet,
		    const struct query *query, uint8_t *out)
{
	struct writer w = {out + HEADERS, out + DHCPV6_FRAME_MAX};
	bool to_multicast = query->multicast || query->type == DHCPV6_INFORMATION_REQUEST;
	uint8_t duid[DUID_LEN];

	*w.p++ = query->type == DHCPV6_SOLICIT ? DHCPV6_ADVERTISE : DHCPV6_REPLY;
	memcpy(w.p, query->xid, sizeof(query->xid));
	w.p += sizeof(query->xid);
	make_duid(dhcpv6, duid);
	put(&w, OPT_SERVER_ID, duid, sizeof(duid));
	if (query->client_id)
		put(&w, OPT_CLIENT_ID, query->client_id, query->client_id_len);
	if (!to_multicast) {
		put_status(&w, STATUS_USE_MULTICAST);
	} else if (query->type == DHCPV6_RELEASE || query->type == DHCPV6_DECLINE) {
		put_status(&w, STATUS_SUCCESS);
		put_ias(&w, query);
	} else {
		put_ias(&w, query);
		put_configuration(&w, query, dhcpv6->config);
	}
	return finish(dhcpv6, packet, out, w.p);
}

/* --- decide --- */

/* RFC 8415 16: which messages must be discarded. */
static bool is_valid(const struct query *query)
{
	switch (query->type) {
	case DHCPV6_SOLICIT:
	case DHCPV6_REBIND:
		return query->client_id && !query->server_id && query->multicast;
	case DHCPV6_REQUEST:
	case DHCPV6_RENEW:
	case DHCPV6_RELEASE:
	case DHCPV6_DECLINE:
		return query->client_id && query->server_id;
	case DHCPV6_INFORMATION_REQUEST:
		return query->n_ia == 0;
	default:
		return false;
	}
}

size_t dhcpv6_answer(const struct dhcpv6 *dhcpv6, const struct packet *packet, uint8_t *out,
		     enum drop_reason *why)
{
	struct query query;

	*why = DROP_MALFORMED;
	if (!checksum_right(packet) || IN6_IS_ADDR_UNSPECIFIED(&packet->src) ||
	    IN6_IS_ADDR_MULTICAST(&packet->src) || IN6_IS_ADDR_LOOPBACK(&packet->src))
		return 0;
	if (!parse(&query,
		   reader_init(packet->frame + packet->payload, packet->len - packet->payload))) {
		*why = DROP_TRUNCATED;
		return 0;
	}
	query.multicast = is_multicast(&packet->dst);
	switch (query.type) {
	case DHCPV6_ADVERTISE:
	case DHCPV6_REPLY:
	case DHCPV6_RECONFIGURE:
	case DHCPV6_RELAY_REPLY:
		*why = DROP_ROGUE_SERVER;
		return 0;
	case DHCPV6_CONFIRM: /* we cannot tell, so we say nothing (RFC 8415 18.3.3) */
		*why = DROP_N_REASONS;
		return 0;
	case DHCPV6_SOLICIT:
	case DHCPV6_REQUEST:
	case DHCPV6_RENEW:
	case DHCPV6_REBIND:
	case DHCPV6_RELEASE:
	case DHCPV6_DECLINE:
	case DHCPV6_INFORMATION_REQUEST:
		break;
	default:
		*why = DROP_UNSUPPORTED;
		return 0;
	}
	if (!is_valid(&query))
		return 0;
	*why = DROP_N_REASONS;
	/* To another server. */
	if (query.server_id && !names_us(dhcpv6, &query))
		return 0;
	return reply(dhcpv6, packet, &query, out);
}
