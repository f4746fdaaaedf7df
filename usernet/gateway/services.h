/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_SERVICES_H
#define USERNET_GATEWAY_SERVICES_H

#include <stdbool.h>

#include "dns/dns.h"
#include "net/frame.h"

/*
 * What the gateway answers itself: ARP, neighbour discovery, DHCP, pings to its addresses, DNS and
 * TFTP. Replies go to gateway::outbox. Packets are parsed; that the sender may ask is checked by
 * the caller, except where noted.
 */
struct gateway;
struct ndp_message;
struct packet;
struct port;

void serve_arp(struct gateway *gateway, const struct frame *frame);
/* A malformed message is dropped and counted. */
void serve_ndp(struct gateway *gateway, struct port *from, const struct ndp_message *message);
void serve_dhcp(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet);
void serve_dhcpv6(struct gateway *gateway, struct port *from, const struct packet *packet);
/* Checks the source address of a ping that needs fragments for its reply. */
void serve_echo(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet);
/* The guest that sent a query, or opened a TCP connection to the name server, with @packet. */
struct dns_client dns_client_of(const struct packet *packet, mac_t mac, unsigned port_id);
void serve_dns(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet);
void serve_tftp(struct gateway *gateway, struct port *from, mac_t mac, const struct packet *packet);

/* Whether @packet goes to an address of the gateway or of its name server. */
bool gateway_owns(const struct gateway *gateway, const struct packet *packet);

#endif
