/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_VSWITCHBED_H
#define USERNET_TESTS_VSWITCHBED_H

#include <check.h>

#include "fakeport.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "testframe.h"

/* A switch with three ports of one netdev. */

#define MAC_A UINT64_C(0x525400000001)
#define MAC_B UINT64_C(0x525400000002)
#define MAC_C UINT64_C(0x525400000003)

static struct loop *loop;
static struct network *network;
static struct netdev lan;
static struct fakeport a, b, c;
static struct testframe t[8];

static void destroy_lan(struct netdev *netdev)
{
	netdev_remove_port(&a.port);
	netdev_remove_port(&b.port);
	netdev_remove_port(&c.port);
	netdev_fini(netdev);
}

static const struct netdev_ops lan_ops = {.kind = "test", .destroy = destroy_lan};

static void setup(void)
{
	loop = new_test_loop();
	network = network_new(loop, "test");
	netdev_init(&lan, &lan_ops, network, "lan");
	a = b = c = (struct fakeport){0};
	netdev_add_port(&lan, &a.port, &fakeport_ops, "peer of a");
	netdev_add_port(&lan, &b.port, &fakeport_ops, NULL);
	netdev_add_port(&lan, &c.port, &fakeport_ops, NULL);
}

static void teardown(void)
{
	network_free(network);
	loop_free(loop);
}

static void input(struct fakeport *from, mac_t dst, mac_t src)
{
	struct frame f = plain_frame(&t[0], dst, src);

	vswitch_input(&from->port, &f, 1);
}

/* Every port sends, so that the switch knows MAC_A to MAC_C; clears all counts. */
static void learn_all(void)
{
	input(&a, MAC_BROADCAST, MAC_A);
	input(&b, MAC_BROADCAST, MAC_B);
	input(&c, MAC_BROADCAST, MAC_C);
	fakeport_clear(&a);
	fakeport_clear(&b);
	fakeport_clear(&c);
	a.port.count = b.port.count = c.port.count = (struct port_counters){0};
}

#endif
