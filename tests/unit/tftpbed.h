/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_TFTPBED_H
#define USERNET_TESTS_TFTPBED_H

/* A TFTP server of a directory of its own, two ports, and a client that looks at its answers. Each
 * program has its own. */
#include <glib/gstdio.h>
#include <stdlib.h>

#include "base/loop.h"
#include "packets.h"
#include "tftp/tftp.h"

#define MAC   UINT64_C(0x525400123456)
#define GUEST 4000 /* the client's port */

static char *dir, *served;
static struct loop *loop;
static struct chunk_pool *chunks;
static struct outbox outbox;
static struct port port, neighbour;
static struct tftp *tftp;
static usec_t now;
static struct ends to;
static uint8_t frame[2048];

/* The oldest answer not examined yet. */
static size_t seen;
static const uint8_t *message;
static size_t message_len;

static inline void write_file(const char *name, const void *data, size_t len)
{
	g_autofree char *path = g_build_filename(served, name, NULL);

	ck_assert(g_file_set_contents(path, data, (gssize)len, NULL));
}

static inline void serve(unsigned mtu)
{
	g_autoptr(GError) error = NULL;

	tftp_free(tftp);
	tftp = tftp_new(served, mtu, &outbox, &error);
	ck_assert_msg(tftp, "%s", error ? error->message : "");
}

static inline void setup(void)
{
	dir = g_dir_make_tmp("usernet-tftp-XXXXXX", NULL);
	served = g_build_filename(dir, "served", NULL);
	ck_assert_int_eq(g_mkdir(served, 0700), 0);
	loop = loop_new(NULL);
	chunks = chunk_pool_new(loop);
	memset(&port, 0, sizeof(port));
	memset(&neighbour, 0, sizeof(neighbour));
	port.id = 1;
	neighbour.id = 2;
	outbox_init(&outbox, chunks, &port);
	now = 1000;
	seen = 0;
	to = (struct ends){false, "10.0.2.15", "10.0.2.2", GUEST, TFTP_PORT};
	serve(1500);
}

static inline void remove_all(const char *path)
{
	g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
	const char *name;

	while (list && (name = g_dir_read_name(list))) {
		g_autofree char *inner = g_build_filename(path, name, NULL);

		if (!g_file_test(inner, G_FILE_TEST_IS_SYMLINK) &&
		    g_file_test(inner, G_FILE_TEST_IS_DIR))
			remove_all(inner);
		else
			g_unlink(inner);
	}
	g_rmdir(path);
}

static inline void teardown(void)
{
	g_clear_pointer(&tftp, tftp_free);
	outbox_fini(&outbox);
	chunk_pool_free(chunks);
	loop_free(loop);
	remove_all(dir);
	g_clear_pointer(&served, g_free);
	g_clear_pointer(&dir, g_free);
}

/* A datagram of the guest, as it came. */
static inline struct packet packet_of(const void *payload, size_t len)
{
	return parsed(frame, put_udp(frame, &to, payload, len));
}

static inline void say_from(struct port *from, const void *payload, size_t len)
{
	struct packet packet = packet_of(payload, len);

	ck_assert(tftp_takes(tftp, &packet));
	tftp_input(tftp, from, MAC, &packet, now);
}

#define say(bytes) say_from(&port, bytes, sizeof(bytes) - 1)

/* A request of @options, "blksize\0001400\0". */
#define ask(name, options) (to.dport = TFTP_PORT, say("\0\1" name "\0octet\0" options))

static inline bool answered(void)
{
	struct packet packet;
	enum drop_reason why;

	if (seen == outbox.n)
		return false;
	ck_assert(packet_parse(&packet, &outbox.frames[seen++], &why));
	ck_assert_uint_eq(mac_read(packet.frame), MAC);
	ck_assert_uint_eq(packet.dport, to.sport);
	ck_assert_uint_ge(packet.sport, TFTP_TRANSFER_PORT);
	ck_assert(l4_right(packet.frame, packet.len, to.v6, IPPROTO_UDP));
	message = packet.frame + packet.payload;
	message_len = packet.len - packet.payload;
	to.dport = packet.sport;
	return true;
}

static inline void expect_data(uint16_t block, size_t len)
{
	ck_assert(answered());
	ck_assert_uint_eq(packet_u16(message), 3);
	ck_assert_uint_eq(packet_u16(message + 2), block);
	ck_assert_uint_eq(message_len, 4 + len);
}

static inline void expect_error(unsigned code, const char *text)
{
	ck_assert(answered());
	ck_assert_uint_eq(packet_u16(message), 5);
	ck_assert_uint_eq(packet_u16(message + 2), code);
	ck_assert_str_eq((const char *)message + 4, text);
	ck_assert_uint_eq(message_len, 4 + strlen(text) + 1);
	ck_assert(!answered());
}

#define expect_oack(bytes)                                                                         \
	do {                                                                                       \
		ck_assert(answered());                                                             \
		ck_assert_uint_eq(message_len, sizeof("\0\6" bytes) - 1);                          \
		ck_assert_mem_eq(message, "\0\6" bytes, message_len);                              \
	} while (0)

/* In the turn of the message before. */
static inline void ack_at_once(uint16_t block)
{
	uint8_t bytes[4] = {0, 4, (uint8_t)(block >> 8), (uint8_t)block};

	say_from(&port, bytes, sizeof(bytes));
}

/* In a turn of its own. */
static inline void ack(uint16_t block)
{
	now++;
	ack_at_once(block);
}

static inline void pass(usec_t time)
{
	now += time;
	tftp_run(tftp, now);
}

#endif
