/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_RECEIVE_H
#define USERNET_UDP_RECEIVE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/chunk.h"
#include "packet/udp.h"

/*
 * Reads datagrams in batches and makes frames of them. A datagram that fits the guest's MTU is read
 * to its place in the frame, with room for the headers in front, and is not copied. Larger ones,
 * and those that the kernel has coalesced (UDP_GRO), are copied once and summed meanwhile.
 *
 *   life:  udp_receiver_new -> per turn: (udp_receive -> udp_message_* )* -> udp_receiver_rest
 *          -> udp_receiver_free
 */
struct outbox;
struct udp_receiver;

#define UDP_MESSAGE_MAX  65535       /* bytes, as all lengths here */
#define UDP_RECEIVE_MAX  64          /* messages per read */
#define UDP_RECEIVE_READ (128 << 10) /* bytes that a read should bring */

/* How much to ask a socket for: at least as much as it had. Zero it first. */
struct udp_pace {
	uint16_t n;      /* messages */
	uint32_t length; /* bytes of the longest one of the last read */
};

/* A datagram; or several coalesced ones of one length; or an echo reply from its ICMP header on. */
struct udp_message {
	struct in6_addr from;  /* IPv4 is v4-mapped */
	struct in6_addr local; /* the host's address that it was sent to; :: if unknown */
	uint32_t scope;        /* interface of link-local addresses */
	uint16_t port;         /* host order */
	uint16_t segment;      /* bytes of each but the last; 0: a single datagram */
	uint8_t tos, ttl;      /* ttl: 0 if not requested */
	uint32_t len;
};

/* @mtu: the guests', in bytes. */
struct udp_receiver *udp_receiver_new(struct chunk_pool *pool, unsigned mtu);
void udp_receiver_free(struct udp_receiver *receiver);
/*
 * Returns the number of messages; 0: none, or an error, which is not repeated. *@more: there may be
 * more.
 */
unsigned udp_receive(struct udp_receiver *receiver, int fd, struct udp_pace *pace, bool *more);
/* Message @i; valid until the next udp_receive(). */
const struct udp_message *udp_message_get(const struct udp_receiver *receiver, unsigned i);
/* The number of datagrams in message @i. */
unsigned udp_message_count(const struct udp_message *message);
/*
 * Makes frames of message @i, in fragments above the MTU; once per message. @address's tos is
 * ignored: the message's is used.
 */
void udp_message_deliver(struct udp_receiver *receiver, unsigned i, struct outbox *outbox,
			 struct udp_address *address);
/* Copies its bytes to @to, which has room for udp_message::len. */
void udp_message_copy(const struct udp_receiver *receiver, unsigned i, uint8_t *to);
/* Returns memory to the pool; frames stay valid until the end of the turn. */
void udp_receiver_rest(struct udp_receiver *receiver);

#endif
