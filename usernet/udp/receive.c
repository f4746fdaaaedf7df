/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/receive.h"

#include <errno.h>
#include <glib.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "base/address.h"
#include "net/outbox.h"
#include "packet/segment.h"

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h */
#endif

/* Prefix and headers, rounded up for alignment. */
#define HEADROOM 80
/* Bytes of payload read in place at most; with larger MTUs there would be few slots. */
#define SLOT_MAX   2048
#define SLOT_ALIGN 64
#define PACE_FIRST 4

G_STATIC_ASSERT(HEADROOM >= FRAME_PREFIX + ETH_HEADER + 40 + 8);

union control {
	size_t align; /* as struct cmsghdr */
	char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int))];
};

union name {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct udp_receiver {
	struct chunk_pool *pool;
	struct chunk *chunk;
	size_t used; /* bytes of the chunk */
	unsigned mtu;
	size_t room;   /* bytes of payload in a slot */
	size_t stride; /* distance of slots */
	struct mmsghdr headers[UDP_RECEIVE_MAX];
	struct iovec iov[UDP_RECEIVE_MAX][2];
	union name names[UDP_RECEIVE_MAX];
	union control controls[UDP_RECEIVE_MAX];
	struct udp_message messages[UDP_RECEIVE_MAX];
	uint8_t whole[PACKET_MAX];
	/* For data that does not fit slots; unused pages cost nothing. */
	uint8_t spill[UDP_RECEIVE_MAX][UDP_MESSAGE_MAX];
};

struct udp_receiver *udp_receiver_new(struct chunk_pool *pool, unsigned mtu)
{
	struct udp_receiver *receiver = g_malloc(sizeof(*receiver));

	memset(receiver, 0, offsetof(struct udp_receiver, whole));
	receiver->pool = pool;
	receiver->mtu = mtu;
	receiver->room = MIN(mtu - MIN(mtu, 28), SLOT_MAX) & ~(size_t)1;
	receiver->stride = (HEADROOM + receiver->room + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
	for (unsigned i = 0; i < UDP_RECEIVE_MAX; i++) {
		struct msghdr *header = &receiver->headers[i].msg_hdr;

		receiver->iov[i][0].iov_len = receiver->room;
		receiver->iov[i][1] = (struct iovec){receiver->spill[i], UDP_MESSAGE_MAX};
		header->msg_iov = receiver->iov[i];
		header->msg_iovlen = 2;
		header->msg_name = &receiver->names[i];
		header->msg_control = &receiver->controls[i];
	}
	return receiver;
}

void udp_receiver_free(struct udp_receiver *receiver)
{
	if (!receiver)
		return;
	udp_receiver_rest(receiver);
	g_free(receiver);
}

void udp_receiver_rest(struct udp_receiver *receiver)
{
	if (receiver->chunk)
		chunk_retire(receiver->pool, receiver->chunk);
	receiver->chunk = NULL;
}

static void read_control(struct udp_message *message, struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		const unsigned char *data = CMSG_DATA(c);
		int value = 0;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			/*
			 * spec_dst, not addr: a datagram to a broadcast address is answered from
			 * one of the host's (ip(7)).
			 */
			memcpy(&info, data, sizeof(info));
			message->local = address_map4(info.ipi_spec_dst.s_addr);
			continue;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, data, sizeof(info));
			if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
				message->local = info.ipi6_addr;
			continue;
		}
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			message->tos = *data; /* one byte (ip_sockglue.c ip_cmsg_recv_tos) */
			continue;
		}
		if (c->cmsg_len < CMSG_LEN(sizeof(value)))
			continue;
		memcpy(&value, data, sizeof(value));
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			message->segment = (uint16_t)value;
		else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			message->tos = (uint8_t)value;
		else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
			 (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			message->ttl = (uint8_t)value;
	}
}

static void read_message(struct udp_message *message, struct mmsghdr *received,
			 const union name *name)
{
	*message = (struct udp_message){.len = received->msg_len};
	if (name->sa.sa_family == AF_INET6) {
		message->from = name->in6.sin6_addr;
		message->port = ntohs(name->in6.sin6_port);
		message->scope = name->in6.sin6_scope_id;
	} else {
		message->from = address_map4(name->in.sin_addr.s_addr);
		message->port = ntohs(name->in.sin_port);
	}
	read_control(message, &received->msg_hdr);
	if (message->segment >= message->len)
		message->segment = 0;
}

/* Prepares @n messages in the free part of the chunk. */
static void prepare(struct udp_receiver *receiver, unsigned n)
{
	if (receiver->chunk && receiver->used + n * receiver->stride > CHUNK_SIZE)
		udp_receiver_rest(receiver);
	if (!receiver->chunk) {
		receiver->chunk = chunk_take(receiver->pool);
		receiver->used = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *header = &receiver->headers[i].msg_hdr;

		receiver->iov[i][0].iov_base =
			receiver->chunk->data + receiver->used + i * receiver->stride + HEADROOM;
		header->msg_namelen = sizeof(receiver->names[i]);
		header->msg_controllen = sizeof(receiver->controls[i]);
	}
}

static unsigned wanted(struct udp_pace *pace)
{
	unsigned n = pace->n ? pace->n : PACE_FIRST;

	if (pace->length > 0)
		n = MIN(n, UDP_RECEIVE_READ / pace->length);
	return CLAMP(n, 1, UDP_RECEIVE_MAX);
}

unsigned udp_receive(struct udp_receiver *receiver, int fd, struct udp_pace *pace, bool *more)
{
	unsigned max = wanted(pace);
	int n;

	*more = false;
	prepare(receiver, max);
	n = recvmmsg(fd, receiver->headers, max, MSG_DONTWAIT, NULL);
	/* A receive may return an error that the network reported, once. */
	if (n < 0 && errno != EAGAIN)
		n = recvmmsg(fd, receiver->headers, max, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	pace->length = 1;
	for (int i = 0; i < n; i++) {
		read_message(&receiver->messages[i], &receiver->headers[i], &receiver->names[i]);
		pace->length = MAX(pace->length, receiver->messages[i].len);
	}
	receiver->used += (unsigned)n * receiver->stride;
	*more = (unsigned)n == max;
	if (*more)
		pace->n = (uint16_t)MIN(2 * max, UDP_RECEIVE_MAX);
	else
		pace->n = (uint16_t)MAX(PACE_FIRST, 2 * n);
	return (unsigned)n;
}

const struct udp_message *udp_message_get(const struct udp_receiver *receiver, unsigned i)
{
	return &receiver->messages[i];
}

unsigned udp_message_count(const struct udp_message *message)
{
	return message->segment ? (message->len + message->segment - 1) / message->segment : 1;
}

/* Copies and sums @len bytes from @at on, which may continue in the spill area. */
static csum_t copy_out(const struct udp_receiver *receiver, unsigned i, uint32_t at, uint32_t len,
		       uint8_t *to)
{
	const uint8_t *slot = receiver->iov[i][0].iov_base;
	uint32_t room = (uint32_t)receiver->room, first = at < room ? MIN(len, room - at) : 0;
	csum_t sum = csum_copy(0, to, slot + MIN(at, room), first), rest;

	if (first == len)
		return sum;
	rest = csum_copy(0, to + first, receiver->spill[i] + (at + first - room), len - first);
	return sum + (first & 1 ? csum_swap(rest) : rest);
}

void udp_message_copy(const struct udp_receiver *receiver, unsigned i, uint8_t *to)
{
	copy_out(receiver, i, 0, receiver->messages[i].len, to);
}

static void deliver_large(struct udp_receiver *receiver, unsigned i, uint32_t at, uint32_t len,
			  struct outbox *outbox, const struct udp_address *address)
{
	size_t headers = udp_headers_len(udp_is_v6(address));
	struct frame frame = {receiver->whole, (uint32_t)(headers + len)};
	struct packet packet;
	enum drop_reason why;
	csum_t sum;

	if (headers + len > PACKET_MAX)
		return;
	sum = copy_out(receiver, i, at, len, receiver->whole + headers);
	udp_put_headers(receiver->whole, address, len, sum);
	if (packet_parse(&packet, &frame, &why))
		segment_packet(&packet, 0, receiver->mtu, outbox);
}

void udp_message_deliver(struct udp_receiver *receiver, unsigned i, struct outbox *outbox,
			 struct udp_address *address)
{
	const struct udp_message *message = &receiver->messages[i];
	size_t headers = udp_headers_len(udp_is_v6(address)),
	       most = ETH_HEADER + receiver->mtu - headers;
	uint32_t segment = message->segment ? message->segment : message->len;

	address->tos = message->tos;
	if (segment == message->len && segment <= MIN(receiver->room, most)) {
		uint8_t *payload = receiver->iov[i][0].iov_base, *frame = payload - headers;

		udp_put_headers(frame, address, segment, csum_add(0, payload, segment));
		outbox_append(outbox, frame, headers + segment);
		return;
	}
	for (uint32_t at = 0; at < message->len; at += segment) {
		uint32_t len = MIN(segment, message->len - at);
		uint8_t *frame;

		if (len > most) {
			deliver_large(receiver, i, at, len, outbox, address);
			continue;
		}
		frame = outbox_reserve(outbox, headers + len);
		if (!frame)
			return;
		udp_put_headers(frame, address, len,
				copy_out(receiver, i, at, len, frame + headers));
		outbox_commit(outbox, headers + len);
	}
}
