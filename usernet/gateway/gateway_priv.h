/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_GATEWAY_PRIV_H
#define USERNET_GATEWAY_GATEWAY_PRIV_H

#include "dhcp/dhcpv6.h"
#include "gateway/gateway.h"
#include "gateway/other_gateway.h"
#include "gateway/source.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/outbox.h"
#include "packet/ndp.h"

/*
 * Shared by the files of the gateway:
 *
 *     gateway.c  its life: services opened, joined, closed; functions for others
 *     frames.c   the way of a frame: sorted, answered, or passed to a fast path or libslirp
 *     services.c  what the gateway answers itself
 *     names.c    which names may be asked for, and what they open
 *     outward.c  where guests' TCP connections lead
 *     source.c   which source addresses a guest may use
 *     events.c   network events that it follows
 *     other_gateway.c  which of two gateways serves DHCP
 */
struct charge_book;
struct conn_table;
struct dns_ops;
struct hostnet;
struct neighbours;
struct tcp;
struct udp;
struct reassembly;
struct lease_store;
struct served;
struct tftp;
struct http;

struct gateway {
	struct netdev netdev;
	struct port port;
	struct user_config config; /* strings and lists owned */
	mac_t mac;
	struct charge_book *charges;
	struct conn_table *conns; /* conntrack's */
	struct neighbours *neighbours;
	struct tcp *tcp;
	struct udp *udp; /* with offload=off for forwards only */
	struct nat *nat; /* NULL unless offload=off */
	struct backlog *backlog;
	struct udp_forwards *udp_forwards;
	struct conntrack *conntrack;
	struct dhcp *dhcp;
	struct lease_store *lease_store;
	usec_t refusal_told; /* when a refused lease was last reported */
	struct dhcpv6 dhcpv6;
	struct dns *dns;
	struct hostnet *hostnet; /* NULL: changes are not noticed */
	struct tftp *tftp;       /* NULL: no tftp= */
	struct loop_timer tftp_timer;
	struct http *http; /* NULL: no http= */
	struct served *served;
	struct guestfwds *guestfwds;
	struct ndp ndp;
	struct reassembly *reassembly;
	struct outbox outbox;
	struct frame *pending; /* frames that gateway_send() noted; grown geometrically, kept */
	size_t n_pending, capacity;
	struct loop_task service;
	struct loop_timer advertise;
	unsigned n_advertised;
	struct other_gateway other;
	struct network_observer observer;
	uint8_t scratch[PACKET_MAX]; /* a packet without URG, a large echo reply */
	uint8_t bare[PACKET_MAX];    /* a packet without its IPv4 options */
	struct source source;
};

#define GATEWAY_PORT_DNS 53

/* Defined in frames.c; data is the gateway. */
extern const struct port_ops gateway_port_ops;
/* Defined in services.c; data is the gateway. */
extern const struct dns_ops gateway_dns_ops;
/* services.c: fires for gateway::tftp_timer. */
void gateway_tftp_due(struct loop_timer *timer);
/* LOOP_SERVICE: serves the frames noted in this turn. */
void gateway_serve(struct loop_task *task);

bool gateway_is_name_server(const struct gateway *gateway, const struct in6_addr *addr);
/* Answers @packet, which belongs to no connection, with a reset. */
void gateway_answer_reset(struct gateway *gateway, const struct packet *packet);

/* events.c */
void gateway_on_network_event(struct network_observer *observer, const struct network_event *event);
/* @data: the gateway. The host's network has changed (hostnet.h). */
void gateway_host_changed(void *data);
/* @addr (v4-mapped or IPv6) is at @mac: what waits for it continues. */
void gateway_address_found(struct gateway *gateway, const struct in6_addr *addr, mac_t mac);

#endif
