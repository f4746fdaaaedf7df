/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_TESTFRAME_H
#define USERNET_TESTS_TESTFRAME_H

#include <arpa/inet.h>
#include <glib.h>

#include "net/frame.h"

/* A frame written field by field, as by a guest: unwritten fields are zero. */
struct testframe {
	uint8_t room[FRAME_PREFIX + 256];
	size_t len;
};

static inline uint8_t *put_bytes(struct testframe *t, const void *data, size_t len)
{
	uint8_t *at = t->room + FRAME_PREFIX + t->len;

	g_assert(t->len + len <= sizeof(t->room) - FRAME_PREFIX);
	if (data)
		memcpy(at, data, len);
	t->len += len;
	return at;
}

static inline void put8(struct testframe *t, uint8_t v)
{
	put_bytes(t, &v, 1);
}

static inline void put16(struct testframe *t, uint16_t v)
{
	v = htons(v);
	put_bytes(t, &v, 2);
}

static inline void put_mac(struct testframe *t, mac_t mac)
{
	uint8_t bytes[MAC_LEN];

	mac_write(bytes, mac);
	put_bytes(t, bytes, MAC_LEN);
}

static inline void put_v4(struct testframe *t, const char *addr)
{
	struct in_addr a;

	g_assert(inet_pton(AF_INET, addr, &a) == 1);
	put_bytes(t, &a, sizeof(a));
}

static inline void put_v6(struct testframe *t, const char *addr)
{
	struct in6_addr a;

	g_assert(inet_pton(AF_INET6, addr, &a) == 1);
	put_bytes(t, &a, sizeof(a));
}

/* Starts a frame; @type may be a tag's, to be followed by put16(tag), put16(type). */
static inline void put_ethernet(struct testframe *t, mac_t dst, mac_t src, uint16_t type)
{
	memset(t, 0, sizeof(*t));
	put_mac(t, dst);
	put_mac(t, src);
	put16(t, type);
}

static inline void put_arp(struct testframe *t, uint16_t op, mac_t mac, const char *sender,
			   const char *target)
{
	put16(t, 1);
	put16(t, ETHERTYPE_V4);
	put8(t, MAC_LEN);
	put8(t, 4);
	put16(t, op);
	put_mac(t, mac);
	put_v4(t, sender);
	put_mac(t, 0);
	put_v4(t, target);
}

static inline void put_ip4(struct testframe *t, uint8_t protocol, const char *src, const char *dst)
{
	put8(t, 0x45);
	put_bytes(t, NULL, 7);
	put8(t, 64);
	put8(t, protocol);
	put16(t, 0);
	put_v4(t, src);
	put_v4(t, dst);
}

static inline void put_udp(struct testframe *t, uint16_t src, uint16_t dst)
{
	put16(t, src);
	put16(t, dst);
	put_bytes(t, NULL, 4);
}

static inline void put_ip6(struct testframe *t, uint8_t next, const char *src, const char *dst)
{
	put8(t, 0x60);
	put_bytes(t, NULL, 5);
	put8(t, next);
	put8(t, 255);
	put_v6(t, src);
	put_v6(t, dst);
}

/* Neighbour solicitation or advertisement (RFC 4861 4.3, 4.4), without options. */
static inline void put_neighbour(struct testframe *t, uint8_t type, const char *target)
{
	put8(t, type);
	put_bytes(t, NULL, 7);
	put_v6(t, target);
}

/* Valid as long as @t is, which must not move. */
static inline struct frame finish(struct testframe *t)
{
	frame_set_prefix(t->room + FRAME_PREFIX, (uint32_t)t->len);
	return (struct frame){.data = t->room + FRAME_PREFIX, .len = (uint32_t)t->len};
}

/* A plain IPv4 TCP frame of 64 bytes. */
static inline struct frame plain_frame(struct testframe *t, mac_t dst, mac_t src)
{
	put_ethernet(t, dst, src, ETHERTYPE_V4);
	put_ip4(t, 6, "10.0.2.15", "10.0.2.16");
	put_bytes(t, NULL, 64 - t->len);
	return finish(t);
}

#endif
