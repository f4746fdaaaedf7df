/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_TCP_H
#define USERNET_DNS_TCP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * DNS over TCP (RFC 1035 4.2.2, RFC 7766): a listener on the host's loopback, where the NAT takes
 * guests' connections to the name server. Queries may be many on a connection, and answers come as
 * they are ready. Bounded: connections, queries of one that wait, bytes it has not taken.
 */
struct dns_tcp;
struct dns_tcp_conn;

#define DNS_TCP_MAX     128         /* connections; then the one idle the longest goes */
#define DNS_TCP_WAITING 64          /* queries of one connection under way; then it is not read */
#define DNS_TCP_BACKLOG (64 * 1024) /* bytes to send; then it is not read */
#define DNS_TCP_PAUSE   (100 * USEC_PER_MSEC) /* of the listener, out of descriptors */
#define DNS_TCP_IDLE    (10 * USEC_PER_SEC)   /* RFC 7766 6.2.3: seconds */

/*
 * A query came. It must be answered with dns_tcp_answer() or dns_tcp_forget(), now or later, once.
 */
typedef void (*dns_tcp_query_fn)(void *data, struct dns_tcp_conn *conn, const uint8_t *message,
				 size_t len);

/* On a free port of ::1 (@v6) or 127.0.0.1. */
struct dns_tcp *dns_tcp_new(struct loop *loop, bool v6, dns_tcp_query_fn query, void *data,
			    GError **error);
void dns_tcp_free(struct dns_tcp *tcp);
uint16_t dns_tcp_listens(const struct dns_tcp *tcp);
unsigned dns_tcp_count(const struct dns_tcp *tcp);

/* @conn stays valid until each of its queries has had one of these, its peer gone or not. */
void dns_tcp_answer(struct dns_tcp_conn *conn, const uint8_t *message, size_t len);
/* There will be no answer. */
void dns_tcp_forget(struct dns_tcp_conn *conn);

#endif
