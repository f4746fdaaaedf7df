/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_CHANNEL_H
#define USERNET_DNS_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * One name server, asked through c-ares on our loop: it matches answers to queries (id, source,
 * question) and turns to TCP for what UDP has no room for. To which server a query goes, when, and
 * whether the answer fits is dns_upstream.h's.
 *
 * c-ares is given one server per channel, one try, and hands through what the server said. Its
 * EDNS flag (which lets UDP answers be longer than 512 bytes) would also have it shorten our
 * query by 11 bytes when the server says FORMERR (ares_process.c, process_answer): it never sees
 * that rcode, see dns_channel.c.
 */
struct dns_channel;
struct dns_attempt;

/* When a silent server is given up, in milliseconds; whoever asks has lost patience long ago. */
#define DNS_CHANNEL_TIMEOUT 12000
/* Queries a silent server may be left with; more go to the next one. */
#define DNS_CHANNEL_MAX 4096
/* Datagrams read of one server in a turn. */
#define DNS_CHANNEL_BURST 64

/* NULL when c-ares has no memory for it. */
struct dns_channel *dns_channel_new(struct loop *loop, const struct sockaddr_any *server);
/* Not from within a dns_answer_fn. Attempts that are left are forgotten, silently. */
void dns_channel_free(struct dns_channel *channel);
const struct sockaddr_any *dns_channel_server(const struct dns_channel *channel);

/*
 * @answer NULL: the server is not to be reached, or had none. Borrowed, and may be written to.
 * @attempt is gone after the call.
 */
typedef void (*dns_answer_fn)(void *data, const struct dns_attempt *attempt, uint8_t *answer,
			      size_t len);

/*
 * Sends @query with an id that nobody can guess; @len is at least a header and a question. @answer
 * is called once, later; NULL when the query could not be sent: then it is not.
 */
struct dns_attempt *dns_channel_send(struct dns_channel *channel, const uint8_t *query, size_t len,
				     dns_answer_fn answer, void *data);
/* Its answer is not wanted any more. */
void dns_attempt_abandon(struct dns_attempt *attempt);

#endif
