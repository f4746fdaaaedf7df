/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_GUARDBED_H
#define USERNET_TESTS_GUARDBED_H

#include <check.h>

#include "fakeport.h"
#include "net/guard.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/troubles.h"
#include "net/vswitch.h"
#include "run_suite.h"
#include "testframe.h"

/* A network with a gateway and two ports; pass() sends the frame in t from a. */
#define MAC_A       UINT64_C(0x525400000001)
#define MAC_B       UINT64_C(0x525400000002)
#define MAC_GATEWAY UINT64_C(0x525500000002)

static struct loop *loop;
static struct network *network;
static struct fakeport a, b;
static struct testframe t;

static inline void setup(void)
{
	struct in6_addr gateway6;

	loop = new_test_loop();
	network = network_new(loop, "test");
	port_init(&a.port, &fakeport_ops, NULL, "a");
	port_init(&b.port, &fakeport_ops, NULL, "b");
	guard_set_gateway_mac(network->guard, MAC_GATEWAY);
	guard_protect_v4(network->guard, (struct in_addr){inet_addr("10.0.2.2")});
	guard_protect_v4(network->guard, (struct in_addr){inet_addr("10.0.2.3")});
	ck_assert_int_eq(inet_pton(AF_INET6, "fec0::2", &gateway6), 1);
	guard_protect_v6(network->guard, &gateway6);
}

static inline void teardown(void)
{
	vswitch_remove_port(&a.port);
	vswitch_remove_port(&b.port);
	guest_forget_port(network->guests, &a.port);
	guest_forget_port(network->guests, &b.port);
	port_fini(&a.port);
	port_fini(&b.port);
	network_free(network);
	loop_free(loop);
}

static inline bool pass(void)
{
	struct frame f = finish(&t);

	return guard_pass(network->guard, &a.port, &f);
}

/* The frame in t is refused, and counted as @why. */
#define assert_refused(why)                                                                        \
	do {                                                                                       \
		uint64_t before = a.port.count.drops[why];                                         \
		ck_assert(!pass());                                                                \
		ck_assert_uint_eq(a.port.count.drops[why], before + 1);                            \
	} while (0)

static inline struct guest *by_v4(const char *addr)
{
	return guest_by_v4(network->guests, (struct in_addr){inet_addr(addr)});
}

static inline struct guest *by_v6(const char *addr)
{
	struct in6_addr a6;

	ck_assert_int_eq(inet_pton(AF_INET6, addr, &a6), 1);
	return guest_by_v6(network->guests, &a6);
}

static inline void arp(mac_t source, mac_t sender, const char *addr)
{
	put_ethernet(&t, MAC_BROADCAST, source, ETHERTYPE_ARP_);
	put_arp(&t, 1, sender, addr, "10.0.2.99");
}

static inline void reserve(const char *name, mac_t mac, const char *addr, const char *netdev)
{
	struct reservation_spec spec = {.name = name, .mac = mac, .netdev = netdev};

	spec.addr.s_addr = addr ? inet_addr(addr) : 0;
	ck_assert_ptr_nonnull(reservation_add(network->reservations, &spec, NULL));
}

static inline void nd(uint8_t type, const char *src, const char *target)
{
	put_ethernet(&t, UINT64_C(0x333300000001), MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_ICMPV6, src, "ff02::1");
	put_neighbour(&t, type, target);
}

/* What put_… wrote behind the ethernet header moves behind @n tags. */
static inline void tag(unsigned n)
{
	static const uint8_t one[4] = {0x81, 0x00, 0x00, 0x05};
	uint8_t *at = t.room + FRAME_PREFIX + 2 * MAC_LEN;

	for (unsigned i = 0; i < n; i++) {
		memmove(at + sizeof(one), at, t.len - 2 * MAC_LEN);
		memcpy(at, one, sizeof(one));
		t.len += sizeof(one);
	}
}

#endif
