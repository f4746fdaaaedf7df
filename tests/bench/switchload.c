/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter.h"
#include "wire.h"

/*
 * Measures a switch: two guests (wire.h), one that sends frames of one size as fast as it can, one
 * that counts what arrives, and the CPU time of a process (the switch) meanwhile. Frames are
 * unicast between two MAC addresses that were learned before the clock starts.
 */

#define BUFFER_SIZE (256 * 1024)
/* Before the clock starts: caches and queues fill. */
#define WARM_UP 0.3

static const uint8_t mac_a[6] = {0x52, 0x54, 0x00, 0xbe, 0x00, 0x0a};
static const uint8_t mac_b[6] = {0x52, 0x54, 0x00, 0xbe, 0x00, 0x0b};

/* Writes one frame with its prefix; returns the bytes used. */
static size_t put_frame(uint8_t *at, size_t size, const uint8_t *to, const uint8_t *from)
{
	wire_prefix(at, size);
	memset(at + WIRE_PREFIX, 0, size);
	memcpy(at + WIRE_PREFIX, to, 6);
	memcpy(at + WIRE_PREFIX + 6, from, 6);
	/* "Local Experimental Ethertype 1", IEEE 802: gateways ignore it. */
	at[WIRE_PREFIX + 12] = 0x88;
	at[WIRE_PREFIX + 13] = 0xb5;
	return WIRE_PREFIX + size;
}

struct receiver {
	struct wire wire;
	size_t size;
	uint64_t frames; /* of the size looked for */
};

static void count(void *data, const uint8_t *frame, size_t len)
{
	struct receiver *receiver = data;

	(void)frame;
	receiver->frames += len == receiver->size;
}

static void receive(struct receiver *receiver)
{
	if (!wire_receive(&receiver->wire, count, receiver))
		die("the switch hung up");
}

/* Each end sends the other a frame, so that the switch learns both. */
static void teach(struct wire *a, struct wire *b)
{
	uint8_t frame[WIRE_PREFIX + 60];

	put_frame(frame, 60, mac_b, mac_a);
	wire_send(a, frame, sizeof frame);
	put_frame(frame, 60, mac_a, mac_b);
	wire_send(b, frame, sizeof frame);
	usleep(200 * 1000);
}

__attribute__((noreturn)) static void blast(struct wire *wire, size_t size)
{
	uint8_t *buffer = malloc(BUFFER_SIZE);
	size_t len = 0;

	if (!buffer)
		die("out of memory");
	while (len + WIRE_PREFIX + size <= BUFFER_SIZE)
		len += put_frame(buffer + len, size, mac_b, mac_a);
	for (;;)
		wire_send(wire, buffer, len);
}

int main(int argc, char **argv)
{
	struct receiver receiver = {0};
	double started, seconds, cpu;
	uint64_t frames;
	struct wire from;
	pid_t sender;

	if (argc != 6) {
		fprintf(stderr,
			"Usage: switchload FROM TO SIZE SECONDS PID\n"
			"Sends frames of SIZE bytes from one wire (a unix path, fd:N) to another, counts\n"
			"what arrives, and prints it and the CPU seconds of PID as JSON.\n");
		return 2;
	}
	receiver.size = strtoul(argv[3], NULL, 10);
	seconds = strtod(argv[4], NULL);
	if (receiver.size < 60 || receiver.size > WIRE_FRAME_MAX)
		die("SIZE is from 60 to 65549");
	wire_open(&from, argv[1]);
	wire_open(&receiver.wire, argv[2]);
	teach(&from, &receiver.wire);

	sender = fork();
	if (sender < 0)
		die("fork: %s", strerror(errno));
	if (sender == 0)
		blast(&from, receiver.size);

	started = now();
	while (now() - started < WARM_UP)
		receive(&receiver);
	cpu = cpu_seconds(argv[5]);
	frames = receiver.frames;
	started = now();
	while (now() - started < seconds)
		receive(&receiver);
	seconds = now() - started;
	frames = receiver.frames - frames;
	cpu = cpu_seconds(argv[5]) - cpu;
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	wire_close(&from);
	wire_close(&receiver.wire);
	printf("{\"seconds\": %.3f, \"frames\": %llu, \"mpps\": %.4f, \"gbps\": %.4f, "
	       "\"cpu\": %.3f}\n",
	       seconds, (unsigned long long)frames, (double)frames / seconds / 1e6,
	       (double)frames * (double)receiver.size * 8 / seconds / 1e9, cpu);
	return 0;
}
