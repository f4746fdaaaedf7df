/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_TCP_LISTENER_H
#define USERNET_DNS_TCP_LISTENER_H

#include "dns/tcp.h"

/* A listener on the host's loopback, where the NAT takes guests' connections to the name server. */
struct dns_tcp_listener;

#define DNS_TCP_PAUSE (100 * USEC_PER_MSEC) /* out of descriptors */

/* On a free port of ::1 (@v6) or 127.0.0.1; connections go to @tcp. */
struct dns_tcp_listener *dns_tcp_listen(struct dns_tcp *tcp, struct loop *loop, bool v6,
					GError **error);
void dns_tcp_listener_free(struct dns_tcp_listener *listener);
uint16_t dns_tcp_listener_port(const struct dns_tcp_listener *listener);

#endif
