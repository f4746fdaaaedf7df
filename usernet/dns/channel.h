/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_CHANNEL_H
#define USERNET_DNS_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "dns/wire.h"

/*
 * One name server. A query goes out by UDP, or by TCP if the answer does not fit into a datagram.
 * upstream.h decides which server is asked, when it is given up, and whether an answer is good.
 *
 * An answer must match values that an off-path attacker does not know (RFC 5452): the server's
 * address and port (sockets are connected), our port (one of several sockets, renewed often), the
 * id, the question, and the case of its letters, random for each query ("0x20"). A server that does
 * not keep the case is detected and asked without. Once it has kept it, an answer in another case
 * is not accepted: the query is repeated by TCP.
 *
 * Descriptors: at most DNS_CHANNEL_SOCKETS and as many retired ones, one stream, and none when
 * idle.
 */
struct dns_channel;
struct dns_attempt;

/* Queries under way: two for each client that may wait (dns.h). Further ones are refused. */
#define DNS_CHANNEL_MAX         8192
#define DNS_CHANNEL_SOCKETS     4    /* for UDP; each query uses a random one */
#define DNS_CHANNEL_USES        64   /* queries per socket before it is replaced */
#define DNS_CHANNEL_BURST       64   /* datagrams read from a socket per turn */
#define DNS_CHANNEL_DATAGRAM    4096 /* bytes; a longer answer is asked for again by TCP */
#define DNS_CHANNEL_STREAMED    256  /* queries under way by TCP */
#define DNS_CHANNEL_STREAM_WAIT (5 * USEC_PER_SEC)  /* a silent TCP connection is closed */
#define DNS_CHANNEL_IDLE        (10 * USEC_PER_SEC) /* the sockets are closed after this */

struct dns_channel *dns_channel_new(struct loop *loop, const struct sockaddr_any *server);
/* Not from within a dns_answer_fn. Remaining attempts are freed without a call. */
void dns_channel_free(struct dns_channel *channel);

/*
 * @answer NULL: the server is unreachable, or sent an error without the question. @answer is
 * borrowed and may be modified. @attempt is freed after the call.
 */
typedef void (*dns_answer_fn)(void *data, const struct dns_attempt *attempt, uint8_t *answer,
			      size_t len);

/*
 * Sends @query with its own id and letter case. @answer is called at most once, later, from the
 * loop; there is no time limit: call dns_attempt_abandon(). NULL: nothing was sent.
 */
struct dns_attempt *dns_channel_send(struct dns_channel *channel, const struct dns_query *query,
				     dns_answer_fn answer, void *data);
/* Frees @attempt; its callback is not called. */
void dns_attempt_abandon(struct dns_attempt *attempt);

#endif
