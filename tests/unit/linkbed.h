/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_LINKBED_H
#define USERNET_TESTS_LINKBED_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "net/vswitch.h"

/* A network in a loop of its own, and a directory for sockets. Guests are plain descriptors. */
static GMainContext *context;
static struct loop *loop;
static struct network *network;
static char *dir;

static inline void bed_setup(void)
{
	context = g_main_context_new();
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	loop_attach(loop, context);
	network = network_new(loop, "test");
	dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	ck_assert_ptr_nonnull(dir);
}

static inline void bed_teardown(void)
{
	network_free(network);
	loop_free(loop);
	g_main_context_unref(context);
	ck_assert_msg(rmdir(dir) == 0, "something is left in %s", dir);
	g_clear_pointer(&dir, g_free);
}

static inline gboolean bed_too_late(gpointer late)
{
	*(bool *)late = true;
	return G_SOURCE_REMOVE;
}

/* Turns the loop until @condition holds; it must within ten seconds. */
#define run_until(condition)                                                                       \
	do {                                                                                       \
		bool late_ = false;                                                                \
		GSource *limit_ = g_timeout_source_new_seconds(10);                                \
                                                                                                   \
		g_source_set_callback(limit_, bed_too_late, &late_, NULL);                         \
		g_source_attach(limit_, context);                                                  \
		while (!(condition)) {                                                             \
			g_main_context_iteration(context, TRUE);                                   \
			ck_assert_msg(!late_, "never: %s", #condition);                            \
		}                                                                                  \
		g_source_destroy(limit_);                                                          \
		g_source_unref(limit_);                                                            \
	} while (0)

/* Handles everything that is ready. */
static inline void run_idle(void)
{
	for (int i = 0; i < 20; i++)
		g_main_context_iteration(context, FALSE);
}

static inline struct sockaddr_any unix_address(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct sockaddr_any addr;

	ck_assert(sockaddr_unix(&addr, path, false, NULL));
	return addr;
}

static inline unsigned count_ports(void)
{
	unsigned n = 0;

	list_for_each (port, vswitch_ports(network->vswitch), struct port, link)
		n++;
	return n;
}

static inline struct port *port_named(const char *name)
{
	struct port *port = network_find_port(network, name);

	ck_assert_msg(port, "no port %s", name);
	return port;
}

/* An ethernet frame of @len bytes; the payload counts up from @seed. */
static inline void fill_frame(uint8_t *frame, size_t len, mac_t dst, mac_t src, uint8_t seed)
{
	uint8_t header[ETH_HEADER];

	mac_write(header, dst);
	mac_write(header + MAC_LEN, src);
	header[12] = 0x88;
	header[13] = 0xb5; /* IEEE 802 local experimental: nothing parses it */
	for (size_t i = 0; i < len; i++)
		frame[i] = i < sizeof(header) ? header[i] : (uint8_t)(seed + i);
}

#define MAC_A UINT64_C(0x52540000000a)
#define MAC_B UINT64_C(0x52540000000b)
#define MAC_C UINT64_C(0x52540000000c)

#endif
