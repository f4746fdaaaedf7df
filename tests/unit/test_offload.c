/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "net/network.h"
#include "net/vswitch.h"
#include "svc/offload.h"
#include "svc/outbox.h"

static const struct ends *const flows[] = {&flow4, &flow6};

/* What reached libslirp's side: every segment checked, payload put together. */
struct taken {
	GByteArray *bytes;
	unsigned n;
	uint32_t next_seq, ack;
	bool v6;
	uint8_t flags;
};

static struct loop *loop;
static struct chunk_pool *pool;
static struct offload *offload;
static struct offload_guest guest;
static struct outbox outbox;
static struct port port;
static struct taken taken;
static uint8_t payload[70000];
static uint8_t room[64][70000];

static void deliver(void *owner, const struct packet *packet)
{
	struct taken *t = owner;

	ck_assert_int_eq(packet->v6, t->v6);
	ck_assert(l4_right(packet->frame, packet->len, packet->v6, packet->proto));
	ck_assert(packet->v6 || ip_right(packet->frame));
	/* Parsing it anew finds the same: the lengths inside are right. */
	ck_assert_uint_eq(parsed(packet->frame, packet->len).len, packet->len);
	t->n++;
	t->flags = packet->tcp_flags;
	t->ack = packet_u32(packet->frame + packet->l4 + 8);
	if (packet->len > packet->payload) {
		ck_assert_uint_eq(packet_u32(packet->frame + packet->l4 + 4), t->next_seq);
		g_byte_array_append(t->bytes, packet->frame + packet->payload,
				    packet->len - packet->payload);
		t->next_seq += packet->len - packet->payload;
	}
}

static void setup(void)
{
	loop = loop_new(NULL);
	pool = chunk_pool_new(loop);
	offload = offload_new(false, deliver);
	guest = (struct offload_guest){0};
	memset(&port, 0, sizeof(port));
	outbox_init(&outbox, pool, &port);
	taken = (struct taken){.bytes = g_byte_array_new()};
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 + i / 251);
}

static void teardown(void)
{
	g_byte_array_free(taken.bytes, TRUE);
	offload_free(offload);
	outbox_fini(&outbox);
	chunk_pool_free(pool);
	loop_free(loop);
}

static void from_guest(unsigned slot, const struct ends *flow, uint32_t seq, uint32_t ack,
		       uint8_t flags, const uint8_t *bytes, size_t len)
{
	size_t n = put_tcp(room[slot], flow, seq, ack, flags, NULL, 0, bytes, len);
	struct packet packet = parsed(room[slot], n);

	offload_from_guest(offload, &taken, &guest, &packet);
}

START_TEST(segments_in_order_arrive_as_one)
{
	for (unsigned f = 0; f < 2; f++) {
		taken.n = 0;
		taken.v6 = flows[f]->v6;
		g_byte_array_set_size(taken.bytes, 0);
		taken.next_seq = 0xfffff000; /* across the wrap */
		for (unsigned i = 0; i < 10; i++)
			from_guest(i, flows[f], 0xfffff000 + i * 1460, 100 + i,
				   TCP_FLAG_ACK | (i == 9 ? TCP_FLAG_PSH : 0), payload + i * 1460,
				   1460);
		ck_assert_uint_eq(taken.n, 0);
		offload_flush(offload);
		ck_assert_uint_eq(taken.n, 1);
		ck_assert_uint_eq(taken.ack, 109);
		ck_assert_uint_eq(taken.flags, TCP_FLAG_ACK | TCP_FLAG_PSH);
		ck_assert_uint_eq(taken.bytes->len, 14600);
		ck_assert_mem_eq(taken.bytes->data, payload, 14600);
	}
}
END_TEST

START_TEST(an_odd_segment_ends_the_merge_and_nothing_is_lost)
{
	uint32_t at = 0;
	static const size_t lens[] = {1460, 1001, 1460, 7, 1460, 1460};

	for (unsigned i = 0; i < G_N_ELEMENTS(lens); i++) {
		from_guest(i, &flow4, at, 1, TCP_FLAG_ACK, payload + at, lens[i]);
		at += (uint32_t)lens[i];
	}
	offload_flush(offload);
	ck_assert_uint_eq(taken.n, 3);
	ck_assert_uint_eq(taken.bytes->len, at);
	ck_assert_mem_eq(taken.bytes->data, payload, at);
}
END_TEST

START_TEST(what_is_out_of_order_is_not_merged_and_keeps_its_place)
{
	uint8_t flags[] = {TCP_FLAG_ACK, TCP_FLAG_ACK | TCP_FLAG_FIN};

	from_guest(0, &flow4, 0, 1, TCP_FLAG_ACK, payload, 1000);
	from_guest(1, &flow4, 1000, 1, flags[0], payload + 1000, 1000);
	from_guest(2, &flow4, 2000, 1, flags[1], payload + 2000, 10);
	ck_assert_uint_eq(taken.n, 2); /* the merge went before the FIN */
	ck_assert_uint_eq(taken.bytes->len, 2010);
	offload_flush(offload);
	ck_assert_uint_eq(taken.n, 2);
}
END_TEST

static bool saw_wrong;

static void deliver_wrong(void *owner, const struct packet *packet)
{
	saw_wrong = !l4_right(packet->frame, packet->len, packet->v6, packet->proto);
}

/* Merging must not launder damage: the sum of the whole is derived from those of its parts. */
START_TEST(a_wrong_checksum_stays_wrong)
{
	offload_free(offload);
	offload = offload_new(false, deliver_wrong);
	for (unsigned i = 0; i < 3; i++) {
		size_t n = put_tcp(room[i], &flow4, i * 1000, 1, TCP_FLAG_ACK, NULL, 0,
				   payload + i * 1000, 1000);
		struct packet packet;

		if (i == 1)
			room[i][200] ^= 1;
		packet = parsed(room[i], n);
		offload_from_guest(offload, &taken, &guest, &packet);
	}
	saw_wrong = false;
	offload_flush(offload);
	ck_assert(saw_wrong);
}
END_TEST

START_TEST(switched_off_it_hands_on_what_comes)
{
	offload_free(offload);
	offload = offload_new(true, deliver);
	for (unsigned i = 0; i < 3; i++)
		from_guest(i, &flow4, i * 1000, 1, TCP_FLAG_ACK, payload + i * 1000, 1000);
	ck_assert_uint_eq(taken.n, 3);
}
END_TEST

START_TEST(more_flows_than_merges_lose_nothing)
{
	struct ends many = flow4;
	struct taken each[20] = {0};

	for (unsigned i = 0; i < 20; i++)
		each[i].bytes = g_byte_array_new();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 20; i++) {
			size_t n;
			struct packet packet;

			many.sport = (uint16_t)(1000 + i);
			n = put_tcp(room[round * 20 + i], &many, round * 100, 1, TCP_FLAG_ACK, NULL,
				    0, payload + round * 100, 100);
			packet = parsed(room[round * 20 + i], n);
			offload_from_guest(offload, &each[i], &guest, &packet);
		}
	}
	offload_flush(offload);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_uint_eq(each[i].bytes->len, 300);
		ck_assert_mem_eq(each[i].bytes->data, payload, 300);
		g_byte_array_free(each[i].bytes, TRUE);
	}
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
		taken.v6 = flows[f]->v6;
		offload_from_guest(offload, &taken, &guest, &packet);
		ck_assert_uint_eq(guest.mss, 1400);
		n = put_tcp(room[0], flows[f], 5000, 9, TCP_FLAG_ACK | TCP_FLAG_PSH | TCP_FLAG_FIN,
			    NULL, 0, payload, 10001);
		outbox.n = 0;
		offload_to_guest(offload, &guest, 1500, room[0], n, &outbox);
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

	offload_to_guest(offload, &guest, 1500, room[0], n, &outbox);
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
	offload_to_guest(offload, &guest, 1500, room[0], n, &outbox);
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
	offload_to_guest(offload, &guest, 1500, room[0], n, &outbox);
	ck_assert_uint_eq(outbox.n, 1);
	ck_assert_uint_eq(outbox.frames[0].len, n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, segments_in_order_arrive_as_one);
	tcase_add_test(tcase, an_odd_segment_ends_the_merge_and_nothing_is_lost);
	tcase_add_test(tcase, what_is_out_of_order_is_not_merged_and_keeps_its_place);
	tcase_add_test(tcase, a_wrong_checksum_stays_wrong);
	tcase_add_test(tcase, switched_off_it_hands_on_what_comes);
	tcase_add_test(tcase, more_flows_than_merges_lose_nothing);
	tcase_add_test(tcase, large_segments_leave_at_the_guests_mss);
	tcase_add_test(tcase, large_datagrams_leave_in_fragments);
	tcase_add_test(tcase, a_guest_with_a_large_mtu_gets_them_whole);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
