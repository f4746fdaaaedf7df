/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CAPTURE_PCAPNG_H
#define USERNET_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes the blocks of a pcapng file (draft-ietf-opsawg-pcapng) in the byte order of the host.
 * Times are microseconds since 1970. Each function returns the length of its block, or 0 if it does
 * not fit into @room. Texts may be NULL, and are cut at PCAPNG_TEXT_MAX bytes.
 */
#define PCAPNG_TEXT_MAX 256
/* A block without the frame's bytes has at most this many. */
#define PCAPNG_BLOCK_MAX 1024

size_t pcapng_section(uint8_t *out, size_t room, const char *application, const char *comment);
/* Its number is that of the interfaces before it. @snap_len 0: no limit. */
size_t pcapng_interface(uint8_t *out, size_t room, const char *name, const char *description,
			uint32_t snap_len);

struct pcapng_packet {
	uint32_t interface;
	uint64_t time;
	const uint8_t *data;
	uint32_t kept, len; /* bytes kept, and of the frame */
	uint32_t flags;     /* PCAPNG_IN, PCAPNG_OUT */
	const char *comment;
};
#define PCAPNG_IN  1 /* epb_flags, direction */
#define PCAPNG_OUT 2
size_t pcapng_packet(uint8_t *out, size_t room, const struct pcapng_packet *packet);

struct pcapng_counts {
	uint32_t interface;
	uint64_t time, begin, end;
	uint64_t received; /* isb_ifrecv */
	uint64_t lost;     /* isb_ifdrop */
};
size_t pcapng_statistics(uint8_t *out, size_t room, const struct pcapng_counts *counts);

#endif
