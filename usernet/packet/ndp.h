/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_NDP_H
#define USERNET_PACKET_NDP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/loop.h"
#include "net/frame.h"
#include "net/port.h"

/*
 * IPv6 neighbour discovery (RFC 4861) as the gateway speaks it: a frame in, an answer frame out. No
 * sockets and no clock; the only state is the configuration.
 *
 * The gateway owns host6 and dns6 of the configuration, and the link-local address with the low 64
 * bits of each (fe80::2 and fe80::3 by default), as libslirp does (libslirp ip6.h in6_equal_router,
 * in6_equal_dns). Router advertisements come from the first of these.
 */
struct served;
struct user_config;

/*
 * The longest frame built here: the smallest IPv6 MTU, 1280 (RFC 8200 5), and the ethernet
 * header.
 */
#define NDP_FRAME_MAX (ETH_HEADER + 1280)

/*
 * Interval of unsolicited router advertisements. RFC 4861 6.2.1: MaxRtrAdvInterval is 4 to 1800 s,
 * 600 by default. Shorter here, so that a guest that missed a link change soon has a router again.
 */
#define NDP_RA_INTERVAL (200 * USEC_PER_SEC)
/*
 * Interval of the first three (RFC 4861 10, MAX_INITIAL_RTR_ADVERT_INTERVAL and
 * …ADVERTISEMENTS).
 */
#define NDP_RA_INITIAL_INTERVAL (16 * USEC_PER_SEC)
#define NDP_RA_INITIAL_COUNT    3
#define NDP_ROUTER_LIFETIME                                                                        \
	1800 /* seconds; AdvDefaultLifetime: at least 3 intervals, at most 9000 */

struct ndp {
	const struct user_config *config; /* borrowed */
	mac_t mac;                        /* the gateway's */
	struct in6_addr link_local;       /* fe80::2 */
	struct in6_addr dns_link_local;   /* fe80::3 */
	const struct served *served;      /* its other addresses; borrowed, may be NULL */
};

enum ndp_kind {
	NDP_NONE, /* not neighbour discovery */
	NDP_BAD,  /* to be discarded silently by RFC 4861 6.1 or 7.1 */
	NDP_ROUTER_SOLICIT,
	NDP_ROUTER_ADVERT,
	NDP_NEIGHBOUR_SOLICIT,
	NDP_NEIGHBOUR_ADVERT,
	NDP_REDIRECT,
};

struct ndp_message {
	enum ndp_kind kind;
	mac_t eth_src, eth_dst;
	struct in6_addr src, dst; /* src may be :: (duplicate address detection) */
	struct in6_addr target;   /* in solicitations, neighbour advertisements and redirects */
	bool has_lladdr;
	mac_t lladdr;                     /* source or target link-layer address option */
	bool router, solicited, override; /* flags of a neighbour advertisement */
	enum drop_reason why;             /* NDP_BAD: what to count */
};

/* @config and @served (further addresses; may be NULL) are borrowed. */
void ndp_init(struct ndp *ndp, const struct user_config *config, mac_t gateway_mac,
	      const struct served *served);
/* Is @addr one of the gateway's four or one of the served ones? */
bool ndp_owns(const struct ndp *ndp, const struct in6_addr *addr);

/*
 * Parses untagged frames. Checks lengths, hop limit 255, checksum, code, options (one of length 0
 * is NDP_BAD) and the address rules of each message. Returns msg->kind; the fields are set unless
 * it is NDP_NONE or NDP_BAD.
 */
enum ndp_kind ndp_parse(const struct frame *frame, struct ndp_message *msg);

/*
 * Writes the gateway's answer to @msg, at most NDP_FRAME_MAX bytes: a neighbour advertisement for
 * one of its addresses, or a router advertisement to a router solicitation. Returns the length; 0:
 * no answer.
 */
size_t ndp_answer(const struct ndp *ndp, const struct ndp_message *msg, uint8_t *out);

/* A router advertisement to all nodes, with the content that ndp_answer() sends. */
size_t ndp_build_ra(const struct ndp *ndp, uint8_t *out);

/*
 * The neighbour advertisement that answers @solicit: @mac owns the target. Used for the gateway's
 * addresses and to answer libslirp's solicitations for guests. @router: the R flag.
 */
size_t ndp_build_na(uint8_t *out, const struct ndp_message *solicit, mac_t mac, bool router);

/*
 * A neighbour solicitation for @target from @src at @mac, to the solicited-node address (RFC 4291
 * 2.7.1).
 */
size_t ndp_build_ns(uint8_t *out, mac_t mac, const struct in6_addr *src,
		    const struct in6_addr *target);

#endif
