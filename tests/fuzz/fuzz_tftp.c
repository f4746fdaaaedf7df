/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <unistd.h>

#include "harness.h"
#include "net/outbox.h"
#include "tftp/tftp.h"

/*
 * The input is a sequence of datagrams of one client. Before each, one byte gives its length, and
 * one its port and time: port 69, or that of the last answer. Answers must be valid datagrams, and
 * transfers few.
 */
#define MAC UINT64_C(0x525400123456)

static const char *folder(void)
{
	static char *dir;

	if (!dir) {
		g_autofree char *file = NULL;

		dir = g_dir_make_tmp("usernet-fuzz-XXXXXX", NULL);
		g_assert_nonnull(dir);
		file = g_build_filename(dir, "f", NULL);
		g_assert_true(g_file_set_contents(file, "one\ntwo\rthree", -1, NULL));
	}
	return dir;
}

static size_t put_datagram(uint8_t *frame, uint16_t dport, const uint8_t *data, size_t len)
{
	uint8_t *ip = frame + ETH_HEADER;

	memset(frame, 0, ETH_HEADER + 28);
	mac_write(frame, 0x52550a000202);
	mac_write(frame + MAC_LEN, MAC);
	packet_put16(frame + 12, ETHERTYPE_V4);
	ip[0] = 0x45;
	packet_put16(ip + 2, (uint16_t)(28 + len));
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	packet_put32(ip + 12, 0x0a00020f);
	packet_put32(ip + 16, 0x0a000202);
	packet_put16(ip + 20, 4000);
	packet_put16(ip + 22, dport);
	packet_put16(ip + 24, (uint16_t)(8 + len));
	memcpy(ip + 28, data, len);
	return ETH_HEADER + 28 + len;
}

static void check_answers(const struct outbox *outbox, size_t from, uint16_t *port)
{
	for (size_t i = from; i < outbox->n; i++) {
		struct packet packet;
		enum drop_reason why;

		g_assert_true(packet_parse(&packet, &outbox->frames[i], &why));
		g_assert_cmpuint(packet.sport, >=, TFTP_TRANSFER_PORT);
		*port = packet.sport;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	struct loop *loop = loop_new(NULL);
	struct chunk_pool *chunks = chunk_pool_new(loop);
	struct port port = {.id = 1};
	struct outbox outbox;
	struct tftp *tftp;
	uint16_t answered = TFTP_PORT;
	usec_t now = 1000;

	outbox_init(&outbox, chunks, &port);
	tftp = tftp_new(folder(), 1500, &outbox, &error);
	g_assert_nonnull(tftp);
	while (size >= 2) {
		size_t len = MIN(data[0], size - 2), n = outbox.n;
		uint16_t dport = data[1] & 1 ? answered : TFTP_PORT;
		uint8_t frame[ETH_HEADER + 28 + 256];
		struct frame f = {frame, (uint32_t)put_datagram(frame, dport, data + 2, len)};
		struct packet packet;
		enum drop_reason why;

		g_assert_true(packet_parse(&packet, &f, &why));
		if (tftp_takes(tftp, &packet))
			tftp_input(tftp, &port, MAC, &packet, now);
		now += (data[1] >> 1) * USEC_PER_SEC / 16;
		tftp_run(tftp, now);
		g_assert_cmpuint(tftp_transfers(tftp), <=, TFTP_MAX_PER_PORT);
		check_answers(&outbox, n, &answered);
		data += 2 + len;
		size -= 2 + len;
	}
	tftp_free(tftp);
	outbox_fini(&outbox);
	chunk_pool_free(chunks);
	loop_free(loop);
	return 0;
}
