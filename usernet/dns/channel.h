/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_CHANNEL_H
#define USERNET_DNS_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "dns/wire.h"

/*
 * One name server. A query goes out by UDP; by TCP when the answer has no room in a datagram. Which
 * server is asked, when it is given up, and whether an answer is good is upstream.h's.
 *
 * An answer must fit what nobody off the path knows (RFC 5452): the address and port of the server
 * (the sockets are connected), our port (one of several sockets, renewed often), the id, the
 * question, and the case of its letters, which is drawn for each query ("0x20"). A server that does
 * not keep the case is found out and asked without. Once it has kept it, an answer in another case
 * is not believed: the query is repeated by TCP.
 *
 * Descriptors: at most DNS_CHANNEL_SOCKETS and as many retired ones, one stream, and none when
 * idle.
 */
struct dns_channel;
struct dns_attempt;

/* Queries under way: two for each client that may wait (dns.h). More are not sent. */
#define DNS_CHANNEL_MAX         8192
#define DNS_CHANNEL_SOCKETS     4    /* for UDP; each query goes to one of them by chance */
#define DNS_CHANNEL_USES        64   /* queries of a socket; then a new one takes its place */
#define DNS_CHANNEL_BURST       64   /* datagrams read from a socket in a turn */
#define DNS_CHANNEL_DATAGRAM    4096 /* bytes; a longer one is asked for again by TCP */
#define DNS_CHANNEL_STREAMED    256  /* queries under way by TCP */
#define DNS_CHANNEL_STREAM_WAIT (5 * USEC_PER_SEC)  /* a silent TCP connection is closed */
#define DNS_CHANNEL_IDLE        (10 * USEC_PER_SEC) /* then the sockets are closed */

struct dns_channel *dns_channel_new(struct loop *loop, const struct sockaddr_any *server);
/* Not from within a dns_answer_fn. Attempts that are left are forgotten, silently. */
void dns_channel_free(struct dns_channel *channel);
const struct sockaddr_any *dns_channel_server(const struct dns_channel *channel);

/*
 * @answer NULL: the server cannot be reached, or said an error without repeating the question.
 * Borrowed, and may be written to. @attempt is gone after the call.
 */
typedef void (*dns_answer_fn)(void *data, const struct dns_attempt *attempt, uint8_t *answer,
			      size_t len);

/*
 * Sends @query with an id and letters' case of its own. @answer is called at most once, later, from
 * the loop; there is no time limit but dns_attempt_abandon(). NULL when nothing could be sent.
 */
struct dns_attempt *dns_channel_send(struct dns_channel *channel, const struct dns_query *query,
				     dns_answer_fn answer, void *data);
/* Its answer is not wanted any more; @attempt is gone. */
void dns_attempt_abandon(struct dns_attempt *attempt);

#endif
