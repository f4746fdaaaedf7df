/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FRAME_H
#define USERNET_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * An ethernet frame, without FCS: bytes borrowed until the end of the turn.
 *
 * In memory every frame is preceded by its length, 4 bytes big-endian, as QEMU's stream netdev
 * frames it (QEMU net/stream.c). The code that makes a frame writes the length (frame_set_prefix).
 * A stream port sends prefix and frame in place, and sends adjacent frames in one piece.
 *
 *      …│ len A │ frame A …… │ len B │ frame B …│
 *               ▲ .data                ▲ .data
 */
struct frame {
	const uint8_t *data;
	uint32_t len;
	/*
	 * What a kernel left to the network card (net/offload.h); 0 in most frames. The switch
	 * finishes it for ports that do not take such frames (port::takes_offload).
	 */
	uint16_t segment; /* TCP payload bytes per segment; 0: not to be cut */
	uint8_t sum;      /* enum frame_sum */
};

/* The TCP or UDP checksum of a frame. */
enum frame_sum {
	FRAME_SUM_THERE,   /* to be verified by the receiver */
	FRAME_SUM_MADE,    /* made by us or verified: right */
	FRAME_SUM_PARTIAL, /* the field holds the folded sum of the pseudo-header only */
};

#define FRAME_PREFIX 4
#define MAC_LEN      6
#define ETH_HEADER   14
/* QEMU's NET_BUFSIZE is 4096 + 65536. Fits a 64 KB IP packet, two VLAN tags and the header. */
#define FRAME_MAX (65535 + ETH_HEADER + 8)
/* The switch takes frames with at least an ethernet header; shorter ones are runts. */
#define FRAME_MIN ETH_HEADER
/*
 * The shortest ethernet frame without FCS (IEEE 802.3 4.4.2, minFrameSize). Frames to guests are
 * padded to this length: some NIC models drop or miscount shorter ones.
 */
#define FRAME_PADDED 60

enum {
	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_ARP_ = 0x0806,
	ETHERTYPE_V6 = 0x86dd,
};

/* A MAC address, comparable as a number (RFC 7042 canonical order in the low 48 bits). */
typedef uint64_t mac_t;

static inline mac_t mac_read(const uint8_t *p)
{
	return (mac_t)p[0] << 40 | (mac_t)p[1] << 32 | (mac_t)p[2] << 24 | (mac_t)p[3] << 16 |
	       (mac_t)p[4] << 8 | p[5];
}

static inline void mac_write(uint8_t *p, mac_t mac)
{
	for (int i = 0; i < MAC_LEN; i++)
		p[i] = (uint8_t)(mac >> (40 - 8 * i));
}

#define MAC_BROADCAST UINT64_C(0xffffffffffff)

/* Group bit: broadcast and multicast (IEEE 802). */
static inline bool mac_is_multicast(mac_t mac)
{
	return mac >> 40 & 1;
}

/* "52:54:00:12:34:56" */
#define MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m)                                                                                \
	(unsigned)((m) >> 40 & 0xff), (unsigned)((m) >> 32 & 0xff), (unsigned)((m) >> 24 & 0xff),  \
		(unsigned)((m) >> 16 & 0xff), (unsigned)((m) >> 8 & 0xff), (unsigned)((m)&0xff)

static inline mac_t frame_dst(const struct frame *f)
{
	return mac_read(f->data);
}

static inline mac_t frame_src(const struct frame *f)
{
	return mac_read(f->data + MAC_LEN);
}

static inline uint16_t frame_ethertype(const struct frame *f)
{
	return (uint16_t)(f->data[12] << 8 | f->data[13]);
}

/* Must the frame be cut or summed before it reaches a wire? */
static inline bool frame_is_unfinished(const struct frame *f)
{
	return f->segment || f->sum == FRAME_SUM_PARTIAL;
}

/* Writes the length prefix before @data. */
static inline void frame_set_prefix(uint8_t *data, uint32_t len)
{
	data[-4] = (uint8_t)(len >> 24);
	data[-3] = (uint8_t)(len >> 16);
	data[-2] = (uint8_t)(len >> 8);
	data[-1] = (uint8_t)len;
}

#endif
