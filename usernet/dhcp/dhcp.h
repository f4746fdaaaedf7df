/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_DHCP_H
#define USERNET_DHCP_DHCP_H

#include <glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "dhcp/lease.h"
#include "net/frame.h"

/*
 * The DHCP server (RFC 2131, options RFC 2132, 3397, 3442, 4039, 4702). State and decisions are
 * here; wire.h reads and writes messages, lease.h is the pool of addresses.
 */
struct dhcp;
struct user_config;
struct port;
struct reservation_table;

/* @config must outlive the server. */
struct dhcp *dhcp_new(const struct user_config *config, mac_t gateway_mac);
void dhcp_free(struct dhcp *dhcp);
/*
 * Names in @table, which must outlive the server, are told to their guests and refused to others.
 * lease_reserve() handles their addresses. NULL: none.
 */
void dhcp_set_reservations(struct dhcp *dhcp, struct reservation_table *table);
struct lease_pool *dhcp_leases(struct dhcp *dhcp);
/* @mac was seen to use @addr. */
void dhcp_address_used(struct dhcp *dhcp, struct in_addr addr, mac_t mac);

/* The effect of a message, for the guest table and events. */
struct dhcp_outcome {
	enum {
		DHCP_NOTHING,
		DHCP_GRANTED,
		DHCP_RELEASED,
		DHCP_DECLINED,
		DHCP_REFUSED, /* no address was given; the reason */
	} kind;
	mac_t mac;
	struct in_addr addr;
	const char *why;
	char hostname[64]; /* the reservation's, else its own as an RFC 1123 label; "": none */
};

/*
 * @udp, @len: the UDP payload of a datagram from @src_mac (IPv4 source @src) at @port to port 67.
 * Writes a whole ethernet frame of at most DHCP_FRAME_MAX bytes to @out. Returns its length, 0 for
 * no answer. Ignored messages are counted in @port's drops.
 */
#define DHCP_FRAME_MAX 1514
size_t dhcp_input(struct dhcp *dhcp, struct port *port, mac_t src_mac, struct in_addr src,
		  const uint8_t *udp, size_t len, usec_t now, uint8_t *out,
		  struct dhcp_outcome *outcome);

#endif
