/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QUERY_H
#define USERNET_CTL_QUERY_H

#include <json-glib/json-glib.h>

#include "base/sockaddr.h"

/* What commands and events show of things, as JSON. The caller owns what is returned. */
struct attachment;
struct fwd_entry;
struct guest;
struct nat_flow;
struct network;
struct port;
struct reservation;

JsonObject *query_forward(const struct attachment *user, const struct fwd_entry *entry);
JsonObject *query_guest(const struct guest *guest);
/* A guest that has not come yet. */
JsonObject *query_reservation(const struct reservation *reservation);
JsonObject *query_port(const struct network *network, const struct port *port);
JsonObject *query_flow(const struct attachment *user, const struct nat_flow *flow);

/* The host part alone: "10.0.2.15", "::1"; "" for what is not inet. Newly allocated. */
char *sockaddr_host_text(const struct sockaddr_any *addr);
unsigned sockaddr_port_number(const struct sockaddr_any *addr);

#endif
