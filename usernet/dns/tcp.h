/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_TCP_H
#define USERNET_DNS_TCP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/dns.h"

/*
 * DNS over TCP (RFC 1035 4.2.2, RFC 7766) for guests, on connections that tcp/ joins by a socket
 * pair. A connection may carry many queries; answers go out as they come. Bounds: connections of a
 * port and of all, waiting queries of one, bytes that it has not taken.
 */
struct dns_tcp;
struct dns_tcp_conn;

/*
 * Connections. At a bound a new one replaces the longest silent one: of the same port, or in all of
 * the port that has the most.
 */
#define DNS_TCP_MAX      limit_get(LIMIT_DNS_TCP_ALL)
#define DNS_TCP_PER_PORT limit_get(LIMIT_DNS_TCP)
#define DNS_TCP_WAITING  64          /* queries under way per connection; then it is not read */
#define DNS_TCP_BACKLOG  (64 * 1024) /* bytes to send; above it is not read */
/* Bytes to send; with more it is closed. Room for the longest message beside a full backlog. */
#define DNS_TCP_UNREAD (256 * 1024)
#define DNS_TCP_IDLE   (10 * USEC_PER_SEC) /* RFC 7766 6.2.3: seconds */

/* A query came. Answer it once, now or later, by dns_tcp_answer() or dns_tcp_forget(). */
typedef void (*dns_tcp_query_fn)(void *data, struct dns_tcp_conn *conn, const uint8_t *message,
				 size_t len);

struct dns_tcp *dns_tcp_new(struct loop *loop, dns_tcp_query_fn query, void *data);
void dns_tcp_free(struct dns_tcp *tcp);
/*
 * @fd: a connected stream socket, non-blocking, always taken over. @client, copied, is its guest.
 * False: @fd is invalid.
 */
bool dns_tcp_take(struct dns_tcp *tcp, int fd, const struct dns_client *client);
unsigned dns_tcp_count(const struct dns_tcp *tcp);
/* Bytes that all connections hold: incomplete queries, and answers not taken. */
size_t dns_tcp_bytes(const struct dns_tcp *tcp);
/* Connections closed for newer ones, since the start. */
uint64_t dns_tcp_displaced(const struct dns_tcp *tcp);

const struct dns_client *dns_tcp_client(const struct dns_tcp_conn *conn);
/* @conn stays valid until each of its queries has had one of these, even if its peer has closed. */
void dns_tcp_answer(struct dns_tcp_conn *conn, const uint8_t *message, size_t len);
/* No answer will come. */
void dns_tcp_forget(struct dns_tcp_conn *conn);

#endif
