/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_WIRE_H
#define USERNET_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The guest's end of a network: a stream netdev (u32 length, frame) or a datagram socket (a frame
 * each). Errors end the program.
 */
#define WIRE_PREFIX    4
#define WIRE_FRAME_MAX (65535 + 14)

struct wire {
	int fd;
	bool datagrams;
	uint8_t *input; /* an incomplete frame of a stream; or room for datagrams */
	size_t have;
};

/* @name: a unix stream's path, HOST:PORT of a TCP one, or fd:N, inherited and connected. */
void wire_open(struct wire *wire, const char *name);
void wire_close(struct wire *wire);

/* Writes the prefix of a frame of @len bytes at @at; the frame follows it. */
void wire_prefix(uint8_t *at, size_t len);

/* Sends all @len bytes of frames, each with its prefix. */
void wire_send(struct wire *wire, const uint8_t *frames, size_t len);

/* Waits, reads once, and passes each frame to @take. False: the network closed the link. */
bool wire_receive(struct wire *wire, void (*take)(void *data, const uint8_t *frame, size_t len),
		  void *data);

#endif
