/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_WIRE6_H
#define USERNET_DHCP_WIRE6_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/reader.h"
#include "packet/packet.h"

/* DHCPv6 messages (RFC 8415): parses and builds them. Makes no decisions. */

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

/* RFC 8415 21, RFC 3646 (23, 24), RFC 5970 (59 to 61) */
enum {
	OPT6_CLIENT_ID = 1,
	OPT6_SERVER_ID = 2,
	OPT6_IA_NA = 3,
	OPT6_IA_TA = 4,
	OPT6_IA_ADDR = 5,
	OPT6_OPTION_REQUEST = 6,
	OPT6_STATUS = 13,
	OPT6_RAPID_COMMIT = 14,
	OPT6_USER_CLASS = 15,
	OPT6_VENDOR_CLASS = 16,
	OPT6_DNS = 23,
	OPT6_DOMAINS = 24,
	OPT6_IA_PD = 25,
	OPT6_REFRESH_TIME = 32,
	OPT6_BOOT_URL = 59,
	OPT6_BOOT_PARAM = 60,
	OPT6_ARCH = 61,
};

/* RFC 8415 21.13 */
enum {
	STATUS6_SUCCESS = 0,
	STATUS6_NO_ADDRS = 2,
	STATUS6_NO_BINDING = 3,
	STATUS6_NOT_ON_LINK = 4,
	STATUS6_USE_MULTICAST = 5,
	STATUS6_NO_PREFIX = 6,
};

#define DHCPV6_DUID_MAX 130 /* RFC 8415 11.1: a type, and 128 bytes at most */
/* Of one message; further ones are not answered. */
#define DHCPV6_ASSOCIATIONS 8
#define DHCPV6_ADDRESSES    4 /* of one association */

/* Bytes borrowed from the frame. NULL: absent. */
struct dhcpv6_bytes {
	const uint8_t *p;
	size_t len;
};

struct dhcpv6_ia {
	uint16_t option; /* OPT6_IA_NA, _TA, _PD */
	uint8_t iaid[4];
	unsigned n_addrs;
	struct in6_addr addrs[DHCPV6_ADDRESSES];
};

/* The message of a client. */
struct dhcpv6_query {
	uint8_t type, xid[3];
	struct dhcpv6_bytes client_id, server_id, wanted, user_class, vendor_class, archs;
	bool rapid_commit;
	bool multicast; /* set by the caller: sent to a multicast address */
	unsigned n_ia;
	struct dhcpv6_ia ia[DHCPV6_ASSOCIATIONS];
};

/* False: an option is truncated or has an invalid length. */
bool dhcpv6_parse(struct dhcpv6_query *query, struct reader r);
/* Does it ask for @option? A query without a list asks for all. */
bool dhcpv6_wants(const struct dhcpv6_query *query, uint16_t option);

/* Writes options; nothing is written beyond limit. */
struct dhcpv6_writer {
	uint8_t *p;
	const uint8_t *limit;
};

/* False, with nothing written: no room. */
bool dhcpv6_put(struct dhcpv6_writer *w, uint16_t option, const void *data, size_t len);
void dhcpv6_put_status(struct dhcpv6_writer *w, uint16_t status);
/* Begins an association; its contents follow until dhcpv6_end_ia(). NULL: no room. */
uint8_t *dhcpv6_begin_ia(struct dhcpv6_writer *w, const struct dhcpv6_ia *ia, uint32_t t1,
			 uint32_t t2);
void dhcpv6_end_ia(struct dhcpv6_writer *w, uint8_t *begun);
/* Lifetimes in seconds. */
void dhcpv6_put_addr(struct dhcpv6_writer *w, const struct in6_addr *addr, uint32_t preferred,
		     uint32_t valid);

#endif
