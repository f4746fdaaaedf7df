/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/ndp.h"

#include "base/checksum.h"
#include "base/reader.h"
#include "net/served.h"
#include "net/user_config.h"
#include "packet/dns_name.h"
#include "packet/packet.h"

#define IP6_HEADER 40
#define HOP_LIMIT  255 /* shows that no router forwarded it: RFC 4861 6.1, 7.1 */

enum { TYPE_RS = 133, TYPE_RA = 134, TYPE_NS = 135, TYPE_NA = 136, TYPE_REDIRECT = 137 };
enum { NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20 };
enum {
	OPT_SOURCE_LLADDR = 1, /* RFC 4861 4.6 */
	OPT_TARGET_LLADDR = 2,
	OPT_PREFIX = 3,
	OPT_MTU = 5,
	OPT_RDNSS = 25, /* RFC 8106 5.1 */
	OPT_DNSSL = 31,
};
/* RFC 4861 4.2: ask DHCPv6 for the rest; addresses come by SLAAC (dhcp/dhcpv6.h). */
enum { RA_MANAGED = 0x80, RA_OTHER_CONFIG = 0x40 };
enum { PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };

/* Seconds. RFC 4861 6.2.1 suggests 30 and 7 days; these are libslirp's. */
#define PREFIX_VALID     86400
#define PREFIX_PREFERRED 14400

static const struct in6_addr all_nodes = {{{0xff, 0x02, [15] = 1}}};

void ndp_init(struct ndp *ndp, const struct user_config *config, mac_t gateway_mac,
	      const struct served *served)
{
	static const uint8_t prefix[8] = {0xfe, 0x80};

	*ndp = (struct ndp){
		.config = config,
		.mac = gateway_mac,
		.link_local = config->host6,
		.dns_link_local = config->dns6,
		.served = served,
	};
	memcpy(&ndp->link_local, prefix, 8);
	memcpy(&ndp->dns_link_local, prefix, 8);
}

bool ndp_owns(const struct ndp *ndp, const struct in6_addr *addr)
{
	return IN6_ARE_ADDR_EQUAL(addr, &ndp->config->host6) ||
	       IN6_ARE_ADDR_EQUAL(addr, &ndp->config->dns6) ||
	       IN6_ARE_ADDR_EQUAL(addr, &ndp->link_local) ||
	       IN6_ARE_ADDR_EQUAL(addr, &ndp->dns_link_local) ||
	       (ndp->served && served_has(ndp->served, addr));
}

/* --- parse --- */

static bool is_solicited_node(const struct in6_addr *addr)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	return memcmp(addr, prefix, sizeof prefix) == 0;
}

/* Walks the options and reads the link-layer address of @type. */
static bool parse_options(struct reader *r, uint8_t type, struct ndp_message *msg)
{
	while (r->rem) {
		struct reader value;
		uint8_t option, units;
		const uint8_t *mac;

		/* A length of 0 would loop: RFC 4861 4.6 discards the packet. */
		if (!read_u8(r, &option) || !read_u8(r, &units) || units == 0 ||
		    !read_sub(r, units * 8u - 2, &value))
			return false;
		if (option != type)
			continue;
		mac = read_bytes(&value, MAC_LEN);
		if (units != 1 || !mac || mac_is_multicast(mac_read(mac)))
			return false;
		msg->has_lladdr = true;
		msg->lladdr = mac_read(mac);
	}
	return true;
}

static bool parse_body(struct reader *r, uint8_t type, struct ndp_message *msg)
{
	uint8_t flags;

	switch (type) {
	case TYPE_RS:
		msg->kind = NDP_ROUTER_SOLICIT;
		if (!read_skip(r, 4) || !parse_options(r, OPT_SOURCE_LLADDR, msg))
			return false;
		return !IN6_IS_ADDR_UNSPECIFIED(&msg->src) || !msg->has_lladdr;
	case TYPE_RA:
		msg->kind = NDP_ROUTER_ADVERT;
		return IN6_IS_ADDR_LINKLOCAL(&msg->src) && read_skip(r, 12) &&
		       parse_options(r, OPT_SOURCE_LLADDR, msg);
	case TYPE_NS:
		msg->kind = NDP_NEIGHBOUR_SOLICIT;
		if (!read_skip(r, 4) || !read_copy(r, &msg->target, 16) ||
		    IN6_IS_ADDR_MULTICAST(&msg->target) ||
		    !parse_options(r, OPT_SOURCE_LLADDR, msg))
			return false;
		return !IN6_IS_ADDR_UNSPECIFIED(&msg->src) ||
		       (is_solicited_node(&msg->dst) && !msg->has_lladdr);
	case TYPE_NA:
		msg->kind = NDP_NEIGHBOUR_ADVERT;
		if (!read_u8(r, &flags) || !read_skip(r, 3) || !read_copy(r, &msg->target, 16) ||
		    IN6_IS_ADDR_MULTICAST(&msg->target) ||
		    !parse_options(r, OPT_TARGET_LLADDR, msg))
			return false;
		msg->router = flags & NA_ROUTER;
		msg->solicited = flags & NA_SOLICITED;
		msg->override = flags & NA_OVERRIDE;
		return !msg->solicited || !IN6_IS_ADDR_MULTICAST(&msg->dst);
	default:
		msg->kind = NDP_REDIRECT;
		return IN6_IS_ADDR_LINKLOCAL(&msg->src) && read_skip(r, 4) &&
		       read_copy(r, &msg->target, 16) && read_skip(r, 16) &&
		       parse_options(r, OPT_TARGET_LLADDR, msg);
	}
}

static enum ndp_kind bad(struct ndp_message *msg, enum drop_reason why)
{
	msg->kind = NDP_BAD;
	msg->why = why;
	return NDP_BAD;
}

enum ndp_kind ndp_parse(const struct frame *frame, struct ndp_message *msg)
{
	struct reader r = reader_init(frame->data, frame->len), body;
	const uint8_t *ip, *icmp;
	uint16_t len;
	csum_t sum;

	memset(msg, 0, sizeof *msg);
	if (!read_skip(&r, ETH_HEADER) || frame_ethertype(frame) != ETHERTYPE_V6)
		return NDP_NONE;
	ip = read_bytes(&r, IP6_HEADER);
	if (!ip || ip[0] >> 4 != 6 || ip[6] != IPPROTO_ICMPV6 || r.rem < 1 || r.p[0] < TYPE_RS ||
	    r.p[0] > TYPE_REDIRECT)
		return NDP_NONE;
	len = (uint16_t)(ip[4] << 8 | ip[5]);
	if (!read_sub(&r, len, &body))
		return bad(msg, DROP_TRUNCATED);
	icmp = read_bytes(&body, 4);
	if (!icmp)
		return bad(msg, DROP_TRUNCATED);
	msg->eth_dst = frame_dst(frame);
	msg->eth_src = frame_src(frame);
	memcpy(&msg->src, ip + 8, 16);
	memcpy(&msg->dst, ip + 24, 16);
	sum = csum_pseudo6(&msg->src, &msg->dst, IPPROTO_ICMPV6, len);
	if (ip[7] != HOP_LIMIT || icmp[1] != 0 || IN6_IS_ADDR_MULTICAST(&msg->src) ||
	    csum_fold(csum_add(sum, icmp, len)) != 0 || !parse_body(&body, icmp[0], msg))
		return bad(msg, DROP_MALFORMED);
	return msg->kind;
}

/* --- build --- */

static uint8_t *put_addr(uint8_t *p, const struct in6_addr *addr)
{
	memcpy(p, addr, sizeof *addr);
	return p + sizeof *addr;
}

static uint8_t *put_lladdr(uint8_t *p, uint8_t option, mac_t mac)
{
	*p++ = option;
	*p++ = 1;
	mac_write(p, mac);
	return p + MAC_LEN;
}

static uint8_t *body_of(uint8_t *out)
{
	return out + ETH_HEADER + IP6_HEADER;
}

/* The ethernet address of a multicast group: RFC 2464 7. */
static mac_t multicast_mac(const struct in6_addr *group)
{
	uint8_t mac[MAC_LEN] = {0x33, 0x33};

	memcpy(mac + 2, &group->s6_addr[12], 4);
	return mac_read(mac);
}

/* Writes the headers of the ICMPv6 message that ends at @end and fills in its checksum. */
static size_t finish(uint8_t *out, const uint8_t *end, mac_t eth_dst, mac_t eth_src,
		     const struct in6_addr *dst, const struct in6_addr *src)
{
	uint8_t *icmp = body_of(out), *ip = out + ETH_HEADER;
	uint16_t len = (uint16_t)(end - icmp), sum;

	mac_write(out, eth_dst);
	mac_write(out + MAC_LEN, eth_src);
	packet_put16(out + 12, ETHERTYPE_V6);
	packet_put32(ip, 6u << 28);
	packet_put16(ip + 4, len);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = HOP_LIMIT;
	put_addr(put_addr(ip + 8, src), dst);
	packet_put16(icmp + 2, 0);
	sum = csum_fold(csum_add(csum_pseudo6(src, dst, IPPROTO_ICMPV6, len), icmp, len));
	memcpy(icmp + 2, &sum, 2);
	return (size_t)(end - out);
}

/*
 * RFC 8106 5.2: the domain, then the search list. Invalid names and those that do not fit are left
 * out.
 */
static uint8_t *put_dnssl(uint8_t *p, const uint8_t *limit, const struct user_config *config)
{
	uint8_t *start = p, *name = p + 8;

	if (limit - p < 16)
		return p;
	/*
	 * The length field counts units of 8 bytes up to 255; NDP_FRAME_MAX is less. Keep 7 bytes
	 * for padding.
	 */
	if (config->domainname)
		name += dns_name_write(name, (size_t)MAX(limit - 7 - name, 0), config->domainname);
	for (const char *const *s = config->dnssearch; s && *s; s++)
		if (!config->domainname || g_ascii_strcasecmp(*s, config->domainname) != 0)
			name += dns_name_write(name, (size_t)MAX(limit - 7 - name, 0), *s);
	for (const char *const *s = config->host_search; s && *s; s++)
		if (!user_config_offers(config, *s))
			name += dns_name_write(name, (size_t)MAX(limit - 7 - name, 0), *s);
	if (name == start + 8)
		return start;
	while ((name - start) % 8)
		*name++ = 0;
	p[0] = OPT_DNSSL;
	p[1] = (uint8_t)((name - start) / 8);
	packet_put16(p + 2, 0);
	packet_put32(p + 4, NDP_ROUTER_LIFETIME);
	return name;
}

static size_t build_ra(const struct ndp *ndp, uint8_t *out, mac_t eth_dst,
		       const struct in6_addr *dst)
{
	const struct user_config *config = ndp->config;
	uint8_t *p = body_of(out);
	struct in6_addr prefix = config->net6;

	*p++ = TYPE_RA;
	*p++ = 0;
	p = packet_put16(p, 0);
	*p++ = 64; /* hop limit for guests */
	*p = config->no_dhcp ? 0 : RA_OTHER_CONFIG;
	*p++ |= config->dhcp6_managed && !config->no_dhcp ? RA_MANAGED : 0;
	/* With restrict=on neither DHCP nor an advertisement names a router. */
	p = packet_put16(p, config->restricted ? 0 : NDP_ROUTER_LIFETIME);
	p = packet_put32(p, 0); /* reachable and retransmission time: unspecified */
	p = packet_put32(p, 0);
	p = put_lladdr(p, OPT_SOURCE_LLADDR, ndp->mac);

	for (unsigned bit = config->net6_len; bit < 128; bit++)
		prefix.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	*p++ = OPT_PREFIX;
	*p++ = 4;
	*p++ = (uint8_t)config->net6_len;
	/* SLAAC needs 64-bit interface identifiers on ethernet (RFC 4862 5.5.3 d, RFC 2464 4). */
	*p++ = PREFIX_ON_LINK | (config->net6_len == 64 ? PREFIX_AUTONOMOUS : 0);
	p = packet_put32(p, PREFIX_VALID);
	p = packet_put32(p, PREFIX_PREFERRED);
	p = packet_put32(p, 0);
	p = put_addr(p, &prefix);

	/* Guests ignore an MTU below 1280 (RFC 4861 6.3.4). */
	if (config->mtu >= 1280) {
		*p++ = OPT_MTU;
		*p++ = 1;
		p = packet_put16(p, 0);
		p = packet_put32(p, config->mtu);
	}
	*p++ = OPT_RDNSS;
	*p++ = 3;
	p = packet_put16(p, 0);
	p = packet_put32(p, NDP_ROUTER_LIFETIME);
	p = put_addr(p, &config->dns6);
	p = put_dnssl(p, out + NDP_FRAME_MAX, config);
	return finish(out, p, eth_dst, ndp->mac, dst, &ndp->link_local);
}

size_t ndp_build_ra(const struct ndp *ndp, uint8_t *out)
{
	return build_ra(ndp, out, multicast_mac(&all_nodes), &all_nodes);
}

size_t ndp_build_na(uint8_t *out, const struct ndp_message *solicit, mac_t mac, bool router)
{
	/* An address check (DAD) has no source address: answer all nodes (RFC 4861 7.2.4). */
	bool probe = IN6_IS_ADDR_UNSPECIFIED(&solicit->src);
	uint8_t flags = NA_OVERRIDE | (router ? NA_ROUTER : 0) | (probe ? 0 : NA_SOLICITED);
	const struct in6_addr *dst = probe ? &all_nodes : &solicit->src;
	uint8_t *p = body_of(out);

	p = packet_put32(p, (uint32_t)TYPE_NA << 24);
	p = packet_put32(p, (uint32_t)flags << 24);
	p = put_addr(p, &solicit->target);
	p = put_lladdr(p, OPT_TARGET_LLADDR, mac);
	return finish(out, p, probe ? multicast_mac(dst) : solicit->eth_src, mac, dst,
		      &solicit->target);
}

size_t ndp_build_ns(uint8_t *out, mac_t mac, const struct in6_addr *src,
		    const struct in6_addr *target)
{
	struct in6_addr group = {{{0xff, 0x02, [11] = 0x01, [12] = 0xff}}};
	uint8_t *p = body_of(out);

	memcpy(&group.s6_addr[13], &target->s6_addr[13], 3);
	p = packet_put32(p, (uint32_t)TYPE_NS << 24);
	p = packet_put32(p, 0);
	p = put_addr(p, target);
	p = put_lladdr(p, OPT_SOURCE_LLADDR, mac);
	return finish(out, p, multicast_mac(&group), mac, &group, src);
}

size_t ndp_answer(const struct ndp *ndp, const struct ndp_message *msg, uint8_t *out)
{
	switch (msg->kind) {
	case NDP_NEIGHBOUR_SOLICIT:
		/* Ignore the gateway's own solicitations. */
		if (!ndp_owns(ndp, &msg->target) || msg->eth_src == ndp->mac)
			return 0;
		return ndp_build_na(out, msg, ndp->mac, true);
	case NDP_ROUTER_SOLICIT:
		if (msg->eth_src == ndp->mac)
			return 0;
		/*
		 * Answer the asker alone if it has an address: others need not wake up (RFC 4861
		 * 6.2.6).
		 */
		if (IN6_IS_ADDR_UNSPECIFIED(&msg->src))
			return ndp_build_ra(ndp, out);
		return build_ra(ndp, out, msg->eth_src, &msg->src);
	default:
		return 0;
	}
}
