/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_RECEIVE_H
#define USERNET_UDP_RECEIVE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/chunk.h"
#include "packet/udp.h"

/*
 * Reads datagrams in batches, and makes frames of them. A datagram that fits the guest's MTU is
 * read to where its frame will be, with room for the headers in front; nothing copies it. What is
 * larger, or was coalesced by the kernel (UDP_GRO), is copied once, and summed on the way.
 *
 *   life:  udp_receiver_new -> per turn: (udp_receive -> udp_message_* )* -> udp_receiver_rest
 *          -> udp_receiver_free
 */
struct outbox;
struct udp_receiver;

#define UDP_RECEIVE_MAX  64          /* messages a read */
#define UDP_RECEIVE_READ (128 << 10) /* bytes that a read is meant to bring */

/* How much a socket is asked for at once: as much as it had, or more. Zero to begin with. */
struct udp_pace {
	uint16_t n;      /* messages */
	uint32_t length; /* of the longest one of the last read */
};

/* A datagram; several of one length, if coalesced; or an echo reply from its ICMP header on. */
struct udp_message {
	struct in6_addr from;  /* IPv4 is v4-mapped */
	struct in6_addr local; /* of the host's, which it was sent to; :: where it is not known */
	uint32_t scope;        /* of link-local addresses: the interface */
	uint16_t port;         /* host order */
	uint16_t segment;      /* length of each but the last; 0: it is one */
	uint8_t tos, ttl;      /* ttl: 0 where it is not asked for */
	uint32_t len;
};

/* @mtu: of guests, in bytes. */
struct udp_receiver *udp_receiver_new(struct chunk_pool *pool, unsigned mtu);
void udp_receiver_free(struct udp_receiver *receiver);
/* How many are there; 0: none, or an error, which is not repeated. *@more: there may be others. */
unsigned udp_receive(struct udp_receiver *receiver, int fd, struct udp_pace *pace, bool *more);
/* The @i-th; good until the next udp_receive(). */
const struct udp_message *udp_message_get(const struct udp_receiver *receiver, unsigned i);
/* How many datagrams the @i-th is. */
unsigned udp_message_count(const struct udp_message *message);
/* Makes frames of it, in fragments where they are due; once for each message. @address but for
 * tos, which is the message's. */
void udp_message_deliver(struct udp_receiver *receiver, unsigned i, struct outbox *outbox,
			 struct udp_address *address);
/* Its bytes at @to, which has room for udp_message::len. */
void udp_message_copy(const struct udp_receiver *receiver, unsigned i, uint8_t *to);
/* Gives back what it holds of the pool; frames stay until the end of the turn. */
void udp_receiver_rest(struct udp_receiver *receiver);

#endif
