/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_WIRE_H
#define USERNET_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The guest's end of a network: a stream netdev (u32 length, frame) or a datagram socket (a frame
 * each). Errors end the program: these are tools of a bench.
 */
#define WIRE_PREFIX    4
#define WIRE_FRAME_MAX (65535 + 14)

struct wire {
	int fd;
	bool datagrams;
	uint8_t *input; /* a stream's bytes that are no whole frame yet; or room for datagrams */
	size_t have;
};

/* @name: a unix stream's path, HOST:PORT of a TCP one, or fd:N, inherited and connected. */
void wire_open(struct wire *wire, const char *name);
void wire_close(struct wire *wire);

/* Writes the prefix of a frame of @len bytes at @at; the frame belongs behind it. */
void wire_prefix(uint8_t *at, size_t len);

/* Sends @len bytes of frames, each behind its prefix, all of them. */
void wire_send(struct wire *wire, const uint8_t *frames, size_t len);

/* Waits for one read's worth, and gives each frame to @take. False: the network hung up. */
bool wire_receive(struct wire *wire, void (*take)(void *data, const uint8_t *frame, size_t len),
		  void *data);

#endif
