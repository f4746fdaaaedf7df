/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "link/tap_device.h"
#include "link/tap_merge.h"
#include "net/offload.h"
#include "run_suite.h"

#define ACK 0x10
#define PSH 0x08
#define FIN 0x01
#define GAP 8

static uint8_t big[70000], room[200000], flat[70000];
static uint8_t payload[60000];
static struct frame pieces[OFFLOAD_PIECES_MAX];

static void setup(void)
{
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + i / 251);
}

/* A TCP frame of @len bytes of payload as a kernel leaves it: the checksum is the pseudo-header's.
 */
static struct frame unfinished(const struct ends *ends, size_t len, uint16_t segment, uint8_t flags)
{
	struct frame f = {.data = big + GAP, .segment = segment, .sum = FRAME_SUM_PARTIAL};
	size_t l4 = ETH_HEADER + (ends->v6 ? 40 : 20);
	uint16_t check;

	f.len = (uint32_t)put_tcp(big + GAP, ends, 1000, 2000, flags, NULL, 0, payload, len);
	check = (uint16_t)~csum_fold(l4_pseudo(f.data, ends->v6, IPPROTO_TCP, 20 + len));
	memcpy(big + GAP + l4 + 16, &check, 2);
	return f;
}

static size_t finish(const struct frame *f)
{
	struct offload_at at;

	ck_assert(offload_locate(f, &at));
	ck_assert_uint_le(offload_room(f, &at, GAP), sizeof(room));
	return offload_finish(f, &at, room, GAP, pieces);
}

START_TEST(large_segment_is_cut_with_right_headers)
{
	const struct ends *ends = _i ? &flow6 : &flow4;
	struct frame f = unfinished(ends, 50001, 1448, ACK | PSH | FIN);
	size_t n = finish(&f), off = 0;

	ck_assert_uint_eq(n, 50001 / 1448 + 1);
	for (size_t i = 0; i < n; i++) {
		struct packet packet = parsed(pieces[i].data, pieces[i].len);
		size_t len = packet.len - packet.payload;

		ck_assert(l4_right(pieces[i].data, pieces[i].len, ends->v6, IPPROTO_TCP));
		ck_assert(ends->v6 || ip_right(pieces[i].data));
		ck_assert_uint_eq(packet_u32(pieces[i].data + packet.l4 + 4), 1000 + off);
		ck_assert_uint_eq(packet.tcp_flags, i + 1 < n ? ACK : ACK | PSH | FIN);
		ck_assert_int_eq(memcmp(pieces[i].data + packet.payload, payload + off, len), 0);
		ck_assert_uint_eq(packet_u32(pieces[i].data - 4), pieces[i].len);
		if (!ends->v6)
			ck_assert_uint_eq(packet_u16(pieces[i].data + 18), 0x1234 + i);
		off += len;
	}
	ck_assert_uint_eq(off, 50001);
}
END_TEST

START_TEST(partial_checksum_is_completed)
{
	const struct ends *ends = _i ? &flow6 : &flow4;
	struct frame f = unfinished(ends, 1001, 0, ACK);

	ck_assert_uint_eq(finish(&f), 1);
	ck_assert_uint_eq(pieces[0].len, f.len);
	ck_assert(l4_right(pieces[0].data, pieces[0].len, ends->v6, IPPROTO_TCP));
	ck_assert(!frame_is_unfinished(&pieces[0]));
}
END_TEST

/* Joins pieces, with or without their sums, into @flat, and cuts them again. */
START_TEST(pieces_are_joined_to_what_they_were_cut_from)
{
	const struct ends *ends = _i & 1 ? &flow6 : &flow4;
	struct frame f = unfinished(ends, 30000, 1400, ACK | PSH), joined;
	static struct tap_merge merge;
	size_t n = finish(&f), at = 0;

	ck_assert_uint_eq(n, 22);
	for (size_t i = 0; i < n && _i & 2; i++) {
		pieces[i].sum = FRAME_SUM_PARTIAL;
		packet_put16((uint8_t *)pieces[i].data + (_i & 1 ? 70 : 50), 0x1234);
	}
	ck_assert_uint_eq(tap_merge(&merge, pieces, n), n);
	for (unsigned i = 1; i < merge.n_iov; i++) {
		memcpy(flat + at, merge.iov[i].iov_base, merge.iov[i].iov_len);
		at += merge.iov[i].iov_len;
	}
	ck_assert_uint_eq(at, f.len);
	ck_assert_int_eq(memcmp(flat, f.data, at), 0);
	joined = (struct frame){.data = flat, .len = (uint32_t)at};
	ck_assert(tap_device_mark(&merge.header, flat, &joined));
	ck_assert_uint_eq(joined.segment, 1400);
	ck_assert_uint_eq(joined.sum, FRAME_SUM_PARTIAL);
}
END_TEST

START_TEST(only_segments_that_follow_each_other_are_joined)
{
	struct frame f = unfinished(&flow4, 7000, 1000, ACK);
	static struct tap_merge merge;
	size_t n = finish(&f);

	ck_assert_uint_eq(n, 7);
	packet_put32((uint8_t *)pieces[2].data + 38, 5); /* another sequence number */
	ck_assert_uint_eq(tap_merge(&merge, pieces, n), 2);
	ck_assert_uint_eq(tap_merge(&merge, pieces + 2, n - 2), 1);
	((uint8_t *)pieces[4].data)[47] |= PSH; /* ends a run */
	ck_assert_uint_eq(tap_merge(&merge, pieces + 3, n - 3), 2);
	pieces[6].sum = FRAME_SUM_THERE; /* perhaps wrong */
	ck_assert_uint_eq(tap_merge(&merge, pieces + 5, n - 5), 1);
}
END_TEST

START_TEST(marks_that_contradict_the_headers_are_refused)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					.gso_size = 1000,
					.csum_start = 34,
					.csum_offset = 16};
	struct frame f = unfinished(&flow4, 7000, 0, ACK);

	ck_assert(tap_device_mark(&header, big + GAP, &f));
	header.gso_size = OFFLOAD_SEGMENT_MIN - 1;
	ck_assert(!tap_device_mark(&header, big + GAP, &f));
	header.gso_size = 1000;
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	ck_assert(!tap_device_mark(&header, big + GAP, &f));
	header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	header.csum_start = 65000;
	ck_assert(!tap_device_mark(&header, big + GAP, &f));
	header.flags = 0;
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	ck_assert(!tap_device_mark(&header, big + GAP, &f));
}
END_TEST

START_TEST(cut_headers_are_not_located)
{
	const struct ends *ends = _i ? &flow6 : &flow4;
	struct frame f = unfinished(ends, 100, 0, ACK);
	struct offload_at at;

	for (uint32_t len = FRAME_MIN; len < f.len; len++) {
		uint8_t *copy = g_memdup2(f.data, len);
		struct frame cut = {.data = copy, .len = len};

		ck_assert(!offload_locate(&cut, &at));
		g_free(copy);
	}
	ck_assert(offload_locate(&f, &at));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, large_segment_is_cut_with_right_headers, 0, 2);
	tcase_add_loop_test(tcase, partial_checksum_is_completed, 0, 2);
	tcase_add_loop_test(tcase, pieces_are_joined_to_what_they_were_cut_from, 0, 4);
	tcase_add_test(tcase, only_segments_that_follow_each_other_are_joined);
	tcase_add_test(tcase, marks_that_contradict_the_headers_are_refused);
	tcase_add_loop_test(tcase, cut_headers_are_not_located, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
