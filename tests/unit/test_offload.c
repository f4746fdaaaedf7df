/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "base/chunk.h"
#include "run_suite.h"
#include "tcp/offload.h"

/* What needs no connection: packets cut to what a guest takes. test_offload_tcp.c has the rest. */
static const struct ends *const flows[] = {&flow4, &flow6};

static struct loop *loop;
static struct chunk_pool *pool;
static struct offload *offload;
static struct offload_guest guest;
static struct outbox outbox;
static struct port port;
static unsigned n_delivered;
static uint8_t payload[70000];
static uint8_t room[4][70000];

static void deliver(void *owner, const struct packet *packet)
{
	n_delivered++;
}

static bool may_send(void *owner)
{
	return true;
}

static void wake(void *data)
{
}

static const struct offload_ops ops = {deliver, may_send, wake};

static void open_offload(bool off)
{
	offload = offload_new(loop, &outbox, &ops, NULL, off);
	offload_guest_init(&guest, NULL);
}

static void setup(void)
{
	loop = loop_new(NULL);
	pool = chunk_pool_new(loop);
	memset(&port, 0, sizeof(port));
	outbox_init(&outbox, pool, &port);
	open_offload(false);
	n_delivered = 0;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 + i / 251);
}

static void close_offload(void)
{
	offload_forget(offload, &guest);
	offload_free(offload);
}

static void teardown(void)
{
	close_offload();
	outbox_fini(&outbox);
	chunk_pool_free(pool);
	loop_free(loop);
}

START_TEST(switched_off_it_hands_on_what_comes)
{
	close_offload();
	open_offload(true);
	for (unsigned i = 0; i < 3; i++) {
		size_t n = put_tcp(room[i], &flow4, i * 1000, 1, i ? TCP_FLAG_ACK : TCP_FLAG_SYN,
				   NULL, 0, payload + i * 1000, 1000);
		struct packet packet = parsed(room[i], n);

		offload_from_guest(offload, &guest, &packet);
		ck_assert_uint_eq(n_delivered, i + 1);
	}
	ck_assert_uint_eq(offload_n_flows(offload), 0);
}
END_TEST

START_TEST(large_segments_leave_at_the_guests_mss)
{
	for (unsigned f = 0; f < 2; f++) {
		static const uint8_t mss[4] = {2, 4, 1400 >> 8, 1400 & 0xff};
		size_t n = put_tcp(room[0], flows[f], 1, 0, TCP_FLAG_SYN, mss, 4, NULL, 0);
		struct packet packet = parsed(room[0], n);
		uint32_t at = 0;

		guest.mss = 0;
		offload_from_guest(offload, &guest, &packet);
		ck_assert_uint_eq(guest.mss, 1400);
		n = put_tcp(room[0], flows[f], 5000, 9, TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN,
			    NULL, 0, payload, 10001);
		outbox.n = 0;
		offload_to_guest(offload, &guest, 1500, room[0], n);
		ck_assert_uint_eq(outbox.n, 8);
		for (size_t i = 0; i < outbox.n; i++) {
			const struct frame *frame = &outbox.frames[i];

			packet = parsed(frame->data, frame->len);
			ck_assert_uint_le(packet.len - packet.payload, 1400);
			ck_assert(l4_right(frame->data, frame->len, packet.v6, IPPROTO_TCP));
			ck_assert(packet.v6 || ip_right(frame->data));
			ck_assert_uint_eq(packet_u32(frame->data + packet.l4 + 4), 5000 + at);
			ck_assert_mem_eq(frame->data + packet.payload, payload + at,
					 packet.len - packet.payload);
			ck_assert_int_eq((packet.tcp_flags & TCP_FLAG_FIN) != 0, i + 1 == outbox.n);
			ck_assert_uint_eq(packet_u32(frame->data - FRAME_PREFIX), frame->len);
			at += packet.len - packet.payload;
		}
		ck_assert_uint_eq(at, 10001);
	}
}
END_TEST

START_TEST(large_datagrams_leave_in_fragments)
{
	size_t n = put_udp(room[0], &flow4, payload, 9000), at = 0;

	offload_to_guest(offload, &guest, 1500, room[0], n);
	ck_assert_uint_eq(outbox.n, 7);
	for (size_t i = 0; i < outbox.n; i++) {
		struct packet packet = parsed(outbox.frames[i].data, outbox.frames[i].len);
		uint16_t offset = packet_u16(packet.frame + ETH_HEADER + 6);

		ck_assert(packet.fragment);
		ck_assert_uint_le(packet.len, ETH_HEADER + 1500);
		ck_assert(ip_right(packet.frame));
		ck_assert_uint_eq((offset & 0x1fff) * 8u, at);
		ck_assert_int_eq((offset & 0x2000) != 0, i + 1 < outbox.n);
		ck_assert_mem_eq(packet.frame + packet.l4, room[0] + ETH_HEADER + 20 + at,
				 packet.len - packet.l4);
		at += packet.len - packet.l4;
	}
	ck_assert_uint_eq(at, 9008);

	outbox.n = 0;
	at = 0;
	n = put_udp(room[0], &flow6, payload, 9000);
	offload_to_guest(offload, &guest, 1500, room[0], n);
	for (size_t i = 0; i < outbox.n; i++) {
		const uint8_t *fragment = outbox.frames[i].data + ETH_HEADER + 40;
		size_t len = outbox.frames[i].len - ETH_HEADER - 48;

		ck_assert_uint_le(outbox.frames[i].len, ETH_HEADER + 1500);
		ck_assert_uint_eq(outbox.frames[i].data[ETH_HEADER + 6], IPPROTO_FRAGMENT);
		ck_assert_uint_eq(packet_u16(outbox.frames[i].data + ETH_HEADER + 4), len + 8);
		ck_assert_uint_eq(fragment[0], IPPROTO_UDP);
		ck_assert_uint_eq(packet_u16(fragment + 2), at | (i + 1 < outbox.n));
		ck_assert_mem_eq(fragment + 8, room[0] + ETH_HEADER + 40 + at, len);
		at += len;
	}
	ck_assert_uint_eq(at, 9008);
}
END_TEST

START_TEST(a_guest_with_a_large_mtu_gets_them_whole)
{
	size_t n;

	guest.mss = 65480;
	n = put_tcp(room[0], &flow4, 5000, 9, TCP_FLAG_ACK, NULL, 0, payload, 16000);
	offload_to_guest(offload, &guest, 1500, room[0], n);
	ck_assert_uint_eq(outbox.n, 1);
	ck_assert_uint_eq(outbox.frames[0].len, n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, switched_off_it_hands_on_what_comes);
	tcase_add_test(tcase, large_segments_leave_at_the_guests_mss);
	tcase_add_test(tcase, large_datagrams_leave_in_fragments);
	tcase_add_test(tcase, a_guest_with_a_large_mtu_gets_them_whole);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
