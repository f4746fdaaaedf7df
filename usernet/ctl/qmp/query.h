/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_QUERY_H
#define USERNET_CTL_QMP_QUERY_H

#include <json-glib/json-glib.h>

#include "base/sockaddr.h"

/* JSON descriptions used by commands and events. The caller owns the results. */
struct attachment;
struct conn;
struct fwd_entry;
struct guest_forward;
struct guest;
struct network;
struct port;
struct reservation;
struct sandbox;
struct trouble;

JsonObject *query_guest_forward(const struct attachment *user, const struct guest_forward *entry);
JsonObject *query_forward(const struct attachment *user, const struct fwd_entry *entry);
JsonObject *query_guest(const struct guest *guest);
/* A reserved guest that is absent. */
JsonObject *query_reservation(const struct reservation *reservation);
/* As in its event; query_trouble_event() gives the event's name. */
JsonObject *query_trouble(const struct trouble *trouble);
const char *query_trouble_event(const struct trouble *trouble);
/* Which parts are in force, and why others are missing. */
JsonObject *query_sandbox(const struct sandbox *sandbox);
JsonObject *query_port(const struct network *network, const struct port *port);
JsonObject *query_connection(const struct attachment *user, const struct conn *flow);

/* "tcp" */
const char *query_protocol(uint8_t proto);
/* Prints a v4-mapped address as IPv4. */
void query_set_address(JsonObject *object, const char *key, const struct in6_addr *addr);
/* The guest's name, if it has one, and MAC address. NULL: sets nothing. */
void query_set_guest(JsonObject *object, const struct guest *guest);

/* The host part: "10.0.2.15", "::1"; "" if not inet. Newly allocated. */
char *sockaddr_host_text(const struct sockaddr_any *addr);
unsigned sockaddr_port_number(const struct sockaddr_any *addr);

#endif
