/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/dissect.h"

#include "base/address.h"
#include "base/reader.h"

static struct dissect kind(enum dissect_kind what)
{
	return (struct dissect){.kind = what};
}

static struct dissect bad(enum drop_reason why)
{
	return (struct dissect){.kind = DISSECT_BAD, .why = why};
}

static struct dissect dissect_arp(struct reader r)
{
	struct dissect d = kind(DISSECT_ARP);
	uint16_t hardware, protocol, op;
	uint8_t hlen, plen;
	const uint8_t *mac;

	if (!read_u16(&r, &hardware) || !read_u16(&r, &protocol) || !read_u8(&r, &hlen) ||
	    !read_u8(&r, &plen) || !read_u16(&r, &op))
		return bad(DROP_TRUNCATED);
	/* RFC 826; Linux also takes hardware type 6 (IEEE 802) for ethernet. */
	if ((hardware != 1 && hardware != 6) || protocol != ETHERTYPE_V4 || hlen != MAC_LEN ||
	    plen != 4)
		return bad(DROP_MALFORMED);
	mac = read_bytes(&r, MAC_LEN);
	if (!mac || !read_copy(&r, &d.v4, 4) || !read_skip(&r, MAC_LEN + 4))
		return bad(DROP_TRUNCATED);
	d.mac = mac_read(mac);
	return d;
}

/*
 * A client listens on port 68 whatever the source port. A server answers a relay on port 67 with op
 * BOOTREPLY. A relay's own request, from 67 to 67, is not a server message.
 */
static struct dissect dissect_dhcp(struct reader r, uint16_t src, uint16_t dst)
{
	const uint8_t boot_request = 1; /* RFC 951 3 */
	uint8_t op = boot_request;

	if (dst == PORT_DHCP_CLIENT)
		return kind(DISSECT_SERVER);
	if (dst == PORT_DHCP_SERVER) {
		if (!read_skip(&r, 4) || !read_u8(&r, &op))
			return bad(DROP_TRUNCATED);
		return kind(op == boot_request ? DISSECT_CLIENT : DISSECT_SERVER);
	}
	return kind(src == PORT_DHCP_SERVER ? DISSECT_SERVER : DISSECT_NOTHING);
}

static struct dissect dissect_icmp(struct reader r)
{
	uint8_t type;

	if (!read_u8(&r, &type))
		return bad(DROP_TRUNCATED);
	return kind(type == ICMP_REDIRECT_ || type == ICMP_ROUTER_ADVERT_ ? DISSECT_SERVER
									  : DISSECT_NOTHING);
}

static struct dissect dissect_v4(struct reader r)
{
	const uint8_t *ip = read_bytes(&r, 20);
	uint16_t src, dst;

	if (!ip)
		return bad(DROP_TRUNCATED);
	/* Hosts ignore other versions and headers shorter than the minimum. */
	if (ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5 || (ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_ICMP))
		return kind(DISSECT_NOTHING);
	if (!read_skip(&r, (size_t)(ip[0] & 0xf) * 4 - 20))
		return bad(DROP_TRUNCATED);
	/* Only the first fragment has the ports: the next begins at offset 8 or later. */
	if ((ip[6] & 0x1f) || ip[7])
		return kind(DISSECT_NOTHING);
	if (ip[9] == IPPROTO_ICMP)
		return dissect_icmp(r);
	if (!read_u16(&r, &src) || !read_u16(&r, &dst))
		return bad(DROP_TRUNCATED);
	return dissect_dhcp(r, src, dst);
}

static struct dissect dissect_icmp6(struct reader r, const uint8_t *ip)
{
	struct dissect d = kind(DISSECT_NEIGHBOUR);
	uint8_t type;

	if (!read_u8(&r, &type))
		return bad(DROP_TRUNCATED);
	switch (type) {
	case ND_ROUTER_ADVERT_:
	case ND_REDIRECT_:
		return kind(DISSECT_SERVER);
	case ND_ROUTER_SOLICIT:
	case ND_NEIGHBOR_SOLICIT_:
		/*
		 * A source link-layer option makes the receiver cache the packet's source address.
		 */
		memcpy(&d.v6, ip + 8, 16);
		return r.rem < (type == ND_ROUTER_SOLICIT ? 7 : 23) ? bad(DROP_TRUNCATED) : d;
	case ND_NEIGHBOR_ADVERT_:
		if (!read_skip(&r, 7) || !read_copy(&r, &d.v6, 16))
			return bad(DROP_TRUNCATED);
		return d;
	default:
		return kind(DISSECT_NOTHING);
	}
}

/*
 * Skips one extension header; moves *@next and @r past it. False when it is truncated. For a later
 * fragment *@next becomes IPPROTO_NONE: the first fragment was checked.
 */
static bool skip_extension(struct reader *r, uint8_t *next)
{
	uint8_t what = *next, len;
	uint16_t offset;

	if (!read_u8(r, next) || !read_u8(r, &len))
		return false;
	if (what == IPPROTO_FRAGMENT) {
		if (!read_u16(r, &offset) || !read_skip(r, 4))
			return false;
		if (offset >> 3)
			*next = IPPROTO_NONE;
		return true;
	}
	if (what == IPPROTO_AH)
		return read_skip(r, ((size_t)len + 2) * 4 - 2); /* RFC 4302 2.2 */
	return read_skip(r, ((size_t)len + 1) * 8 - 2);         /* RFC 8200 4 */
}

static struct dissect dissect_v6(struct reader r)
{
	const uint8_t *ip = read_bytes(&r, 40);
	uint16_t src, dst;
	uint8_t next;

	if (!ip)
		return bad(DROP_TRUNCATED);
	next = ip[6];
	for (int i = 0; i <= DISSECT_MAX_EXTENSIONS; i++) {
		switch (next) {
		case IPPROTO_ICMPV6:
			return dissect_icmp6(r, ip);
		case IPPROTO_UDP:
			if (!read_u16(&r, &src) || !read_u16(&r, &dst))
				return bad(DROP_TRUNCATED);
			return kind(dst == PORT_DHCPV6_CLIENT ? DISSECT_SERVER : DISSECT_NOTHING);
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_FRAGMENT:
		case IPPROTO_AH:
		case IPPROTO_DSTOPTS:
		case IPPROTO_MH:
		case 139: /* HIP, RFC 7401 */
		case 140: /* Shim6, RFC 5533 */
			/* The first fragment must contain the whole header chain (RFC 7112). */
			if (!skip_extension(&r, &next))
				return bad(DROP_TRUNCATED);
			break;
		default:
			return kind(DISSECT_NOTHING);
		}
	}
	return bad(DROP_MALFORMED);
}

static struct in6_addr source_of(uint16_t type, const struct reader *r)
{
	struct in6_addr src = IN6ADDR_ANY_INIT;
	uint32_t v4;

	if (type == ETHERTYPE_V4 && r->rem >= 20) {
		memcpy(&v4, r->p + 12, sizeof(v4));
		if (v4)
			src = address_map4(v4);
	} else if (type == ETHERTYPE_V6 && r->rem >= 40) {
		memcpy(&src, r->p + 8, sizeof(src));
	}
	return src;
}

struct in6_addr dissect_source(const struct frame *frame)
{
	struct reader r = reader_init(frame->data + ETH_HEADER, frame->len - ETH_HEADER);

	return source_of(frame_ethertype(frame), &r);
}

struct dissect dissect_frame(const struct frame *frame)
{
	static const uint8_t snap[6] = {0xaa, 0xaa, 0x03}; /* RFC 1042 */
	struct reader r = reader_init(frame->data + 12, frame->len - 12);
	struct dissect d;
	uint16_t type;
	int tags = 0;

	if (!read_u16(&r, &type))
		return bad(DROP_TRUNCATED);
	while (type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG) {
		/* Hosts strip any number of priority tags, so refuse more than we look at. */
		if (++tags > DISSECT_MAX_TAGS)
			return bad(DROP_MALFORMED);
		if (!read_skip(&r, 2) || !read_u16(&r, &type))
			return bad(DROP_TRUNCATED);
	}
	if (type < 1536 && r.rem >= 8 && !memcmp(r.p, snap, sizeof(snap))) {
		(void)read_skip(&r, sizeof(snap));
		(void)read_u16(&r, &type);
	}
	switch (type) {
	case ETHERTYPE_ARP_:
		d = dissect_arp(r);
		break;
	case ETHERTYPE_V4:
		d = dissect_v4(r);
		break;
	case ETHERTYPE_V6:
		d = dissect_v6(r);
		break;
	case ETHERTYPE_GATEWAY:
		d = kind(DISSECT_GATEWAY);
		break;
	default:
		d = kind(DISSECT_NOTHING);
	}
	d.tagged = tags > 0;
	d.src = source_of(type, &r);
	return d;
}
