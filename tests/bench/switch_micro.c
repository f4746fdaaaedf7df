/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

/*
 * The cost of the switch alone: frames as a stream port reads them (256 KB, each after its length)
 * pass guard and switch into a port that only counts. No system calls.
 */
#define READ_SIZE (256 * 1024)
#define SECONDS   1

#define MAC_A UINT64_C(0x525400000001)
#define MAC_B UINT64_C(0x525400000002)

static uint64_t received;

static void count(struct port *port, const struct frame *frames, size_t n)
{
	received += n;
}

static const struct port_ops ops = {.send = count};
static struct port a, b;

static void destroy(struct netdev *netdev)
{
	netdev_remove_port(&a);
	netdev_remove_port(&b);
	netdev_fini(netdev);
}

static const struct netdev_ops netdev_ops = {.kind = "bench", .destroy = destroy};

static uint8_t buffer[READ_SIZE];
static struct frame frames[READ_SIZE / 64];

/* Frames of @size from @n_sources guests behind a, in turn, to b. */
static size_t fill(size_t size, unsigned n_sources)
{
	size_t n = 0;

	for (size_t at = 0; at + FRAME_PREFIX + size <= sizeof(buffer); n++) {
		uint8_t *data = buffer + at + FRAME_PREFIX;

		frame_set_prefix(data, (uint32_t)size);
		mac_write(data, MAC_B);
		mac_write(data + MAC_LEN, MAC_A + ((n % n_sources) << 8));
		data[12] = ETHERTYPE_V4 >> 8;
		data[13] = ETHERTYPE_V4 & 0xff;
		data[14] = 0x45;
		data[23] = n % 2 ? 17 : 6; /* TCP and UDP */
		frames[n] = (struct frame){.data = data, .len = (uint32_t)size};
		at += FRAME_PREFIX + size;
	}
	return n;
}

static void run(const char *what, size_t size, unsigned n_sources)
{
	size_t n = fill(size, n_sources);
	gint64 start = g_get_monotonic_time(), now;
	double mpps;

	received = 0;
	do {
		for (int i = 0; i < 16; i++)
			vswitch_input(&a, frames, n);
		now = g_get_monotonic_time();
	} while (now - start < SECONDS * G_USEC_PER_SEC);
	mpps = (double)received / (double)(now - start);
	printf("%-28s %5zu bytes %8.1f Mpps %8.1f Gbit/s %7.1f ns/frame\n", what, size, mpps,
	       mpps * (double)size * 8 / 1000, 1000 / mpps);
}

int main(void)
{
	g_autoptr(GError) error = NULL;
	struct loop *loop = loop_new(&error);
	struct network *network;
	struct netdev netdev;
	struct frame hello;

	if (!loop) {
		fprintf(stderr, "switch_micro: %s\n", error->message);
		return EXIT_FAILURE;
	}
	network = network_new(loop, "bench");
	netdev_init(&netdev, &netdev_ops, network, "bench");
	netdev_add_port(&netdev, &a, &ops, NULL);
	netdev_add_port(&netdev, &b, &ops, NULL);
	/* The switch learns where b's guest is. */
	fill(64, 1);
	mac_write(buffer + FRAME_PREFIX, MAC_A);
	mac_write(buffer + FRAME_PREFIX + MAC_LEN, MAC_B);
	hello = frames[0];
	vswitch_input(&b, &hello, 1);

	run("one pair", 64, 1);
	run("one pair", 1514, 1);
	run("64 sources in turn", 64, 64);
	run("1000 sources in turn", 64, 1000);
	network_free(network);
	loop_free(loop);
	return EXIT_SUCCESS;
}
