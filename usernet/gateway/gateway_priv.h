/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_GATEWAY_PRIV_H
#define USERNET_GATEWAY_GATEWAY_PRIV_H

#include "dhcp/dhcpv6.h"
#include "gateway/gateway.h"
#include "gateway/source.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/outbox.h"
#include "packet/ndp.h"

/*
 * What the files of the gateway share:
 *
 *     gateway.c  its life: services opened, joined, closed; what others ask of it
 *     frames.c   the way of a frame: sorted, answered, or handed to a fast path or the NAT
 *     outward.c  where TCP that guests open leads
 *     source.c   which source addresses a guest may use
 *     events.c   what the network tells it
 */
struct charge_book;
struct conn_table;
struct dns_ops;
struct neighbours;
struct tcp;
struct udp;
struct reassembly;
struct lease_store;
struct served;
struct udp_forward_ops;

struct gateway {
	struct netdev netdev;
	struct port port;
	struct user_config config; /* strings and lists owned */
	mac_t mac;
	struct charge_book *charges;
	struct conn_table *conns; /* conntrack's */
	struct neighbours *neighbours;
	struct tcp *tcp;
	struct udp *udp; /* NULL with offload=off */
	struct nat *nat; /* NULL without */
	struct backlog *backlog;
	struct udp_forwards *udp_forwards;
	struct conntrack *conntrack;
	struct dhcp *dhcp;
	struct lease_store *lease_store;
	struct dhcpv6 dhcpv6;
	struct dns *dns;
	struct served *served;
	struct guestfwds *guestfwds;
	struct ndp ndp;
	struct reassembly *reassembly;
	struct outbox outbox;
	struct frame *pending; /* what send() noted; grown geometrically, kept */
	size_t n_pending, capacity;
	struct loop_task service;
	struct loop_timer advertise;
	unsigned n_advertised;
	struct network_observer observer;
	uint8_t scratch[PACKET_MAX]; /* a packet that scrub had to change */
	uint8_t bare[PACKET_MAX];    /* a packet without its IPv4 options */
	struct source source;
};

#define GATEWAY_PORT_DNS 53

/* frames.c; data is the gateway. */
extern const struct port_ops gateway_port_ops;
extern const struct dns_ops gateway_dns_ops;
/* LOOP_SERVICE: all that was noted in this turn. */
void gateway_serve(struct loop_task *task);

bool gateway_is_name_server(const struct gateway *gateway, const struct in6_addr *addr);
/* @packet belongs to no connection: it is answered with a reset. */
void gateway_answer_reset(struct gateway *gateway, const struct packet *packet);

/* events.c */
extern const struct udp_forward_ops gateway_udp_forward_ops;
void gateway_on_network_event(struct network_observer *observer, const struct network_event *event);
/* @addr (v4-mapped or IPv6) is at @mac: whoever waits for it goes on. */
void gateway_address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac);

#endif
