/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_GATEWAY_PRIV_H
#define USERNET_GATEWAY_GATEWAY_PRIV_H

#include "conntrack/local_service.h"
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
 *     gateway.c         its life: services opened, joined, closed; what others ask of it
 *     gateway_frames.c  the way of a frame: sorted, answered, or handed to the NAT
 *     gateway_hooks.c   what NAT, forwards, conntrack and guest table ask, and are told
 */
struct dns_ops;
struct conntrack_ops;
struct nat_ops;
struct reassembly;
struct lease_store;
struct served;
struct udp_forward_ops;

struct gateway {
	struct netdev netdev;
	struct port port;
	struct user_config config; /* strings and lists owned */
	mac_t mac;
	struct nat *nat;
	struct backlog *backlog;
	struct udp_forwards *udp_forwards;
	struct conntrack *conntrack;
	struct dhcp *dhcp;
	struct lease_store *lease_store;
	struct dhcpv6 dhcpv6;
	struct dns *dns;
	struct local_services *local_services;
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
	struct source source;
};

#define GATEWAY_PORT_DNS 53

/* gateway_frames.c; data is the gateway. */
extern const struct port_ops gateway_port_ops;
extern const struct dns_ops gateway_dns_ops;
/* LOOP_SERVICE: all that was noted in this turn. */
void gateway_serve(struct loop_task *task);

/* gateway_hooks.c; data is the gateway. */
extern const struct nat_ops gateway_nat_ops;
extern const struct udp_forward_ops gateway_udp_forward_ops;
extern const struct conntrack_ops gateway_gate_ops;
void gateway_on_network_event(struct network_observer *observer, const struct network_event *event);
/* @addr (v4-mapped or IPv6) is at @mac: whoever waits for it goes on. */
void gateway_address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac);

#endif
