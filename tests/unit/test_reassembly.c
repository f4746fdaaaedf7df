/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "packet/reassembly.h"
#include "run_suite.h"

static uint8_t whole[70000], pieces[64][2000];
static size_t lens[64], n_pieces;
static struct port port, other;
static struct reassembly *reassembly;

static void setup(void)
{
	memset(&port, 0, sizeof(port));
	memset(&other, 0, sizeof(other));
	port.id = 1;
	other.id = 2;
	reassembly = reassembly_new();
}

static void teardown(void)
{
	reassembly_free(reassembly);
}

/* Cuts a datagram of @len payload bytes into fragments of @most; returns its length. */
static size_t cut(uint16_t id, size_t len, size_t most)
{
	uint8_t *payload = g_malloc(len);
	size_t total, at = ETH_HEADER + 20;

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	total = put_udp(whole, &flow4, payload, len);
	g_free(payload);
	packet_put16(whole + ETH_HEADER + 4, id);
	for (n_pieces = 0; at < total; n_pieces++) {
		size_t n = MIN(most, total - at);
		uint8_t *piece = pieces[n_pieces];

		memcpy(piece, whole, ETH_HEADER + 20);
		memcpy(piece + ETH_HEADER + 20, whole + at, n);
		packet_put16(piece + ETH_HEADER + 2, (uint16_t)(20 + n));
		packet_put16(piece + ETH_HEADER + 6, (uint16_t)((at - ETH_HEADER - 20) / 8 |
								(at + n < total ? 0x2000 : 0)));
		lens[n_pieces] = ETH_HEADER + 20 + n;
		at += n;
	}
	return total;
}

/* The same in IPv6. */
static size_t cut6(uint32_t id, size_t len, size_t most)
{
	static uint8_t payload[70000];
	size_t total, at = ETH_HEADER + 40;

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	total = put_udp(whole, &flow6, payload, len);
	for (n_pieces = 0; at < total; n_pieces++) {
		size_t n = MIN(most, total - at);
		uint8_t *piece = pieces[n_pieces], *header = piece + ETH_HEADER + 40;

		memcpy(piece, whole, ETH_HEADER + 40);
		packet_put16(piece + ETH_HEADER + 4, (uint16_t)(8 + n));
		piece[ETH_HEADER + 6] = IPPROTO_FRAGMENT;
		header[0] = IPPROTO_UDP;
		header[1] = 0;
		packet_put16(header + 2,
			     (uint16_t)((at - ETH_HEADER - 40) | (at + n < total ? 1 : 0)));
		packet_put32(header + 4, id);
		memcpy(header + 8, whole + at, n);
		lens[n_pieces] = ETH_HEADER + 48 + n;
		at += n;
	}
	return total;
}

static bool add(struct port *from, size_t i, usec_t now, struct frame *out)
{
	struct packet packet = parsed(pieces[i], lens[i]);

	return reassembly_add(reassembly, from, &packet, now, out);
}

static void assert_whole(const struct frame *out, size_t total)
{
	struct packet packet;

	ck_assert_uint_eq(out->len, total);
	ck_assert(out->data[ETH_HEADER] >> 4 == 6 || ip_right(out->data));
	packet = parsed(out->data, out->len);
	ck_assert(!packet.fragment);
	ck_assert_mem_eq(out->data + packet.l4, whole + packet.l4, total - packet.l4);
}

START_TEST(fragments_in_any_order_make_the_datagram)
{
	size_t total = cut(1, 65507, 1480);
	struct frame out;

	ck_assert_uint_eq(n_pieces, 45);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&port, i, 0, &out), i == n_pieces - 1);
	assert_whole(&out, total);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&port, n_pieces - 1 - i, 0, &out), i == n_pieces - 1);
	assert_whole(&out, total);
}
END_TEST

START_TEST(ipv6_fragments_in_any_order_make_the_datagram)
{
	size_t total = cut6(0x12345678, 65535 - 40 - 8, 1448);
	struct frame out;

	ck_assert_uint_eq(n_pieces, 46);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&port, i, 0, &out), i == n_pieces - 1);
	assert_whole(&out, total);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&port, n_pieces - 1 - i, 0, &out), i == n_pieces - 1);
	assert_whole(&out, total);
	/* A whole datagram in one fragment (RFC 6946). */
	total = cut6(1, 100, 1448);
	ck_assert(add(&port, 0, 0, &out));
	assert_whole(&out, total);
	/* Too much, and a piece that is not a multiple of 8. */
	cut6(2, 3000, 1448);
	packet_put16(pieces[1] + ETH_HEADER + 42, 0xfff9);
	ck_assert(!add(&port, 1, 0, &out));
	cut6(3, 3000, 1444);
	ck_assert(!add(&port, 0, 0, &out));
	ck_assert_uint_eq(port.count.drops[DROP_MALFORMED], 2);
}
END_TEST

START_TEST(datagrams_of_different_ids_and_families_are_kept_apart)
{
	struct frame out;

	cut6(0x10001, 2000, 1448);
	ck_assert(!add(&port, 0, 0, &out));
	cut6(0x20001, 2000, 1448);
	ck_assert(!add(&port, 1, 0, &out));
	cut(1, 2000, 1480);
	ck_assert(!add(&port, 1, 0, &out));
	cut6(0x10001, 2000, 1448);
	ck_assert(add(&port, 1, 0, &out));
	cut(1, 2000, 1480);
	ck_assert(add(&port, 0, 0, &out));
	ck_assert_uint_eq(port.count.drops[DROP_FRAGMENT], 0);
}
END_TEST

START_TEST(overlap_ends_the_datagram)
{
	struct frame out;

	cut(1, 4000, 1480);
	ck_assert(!add(&port, 0, 0, &out));
	ck_assert(!add(&port, 0, 0, &out));
	ck_assert_uint_eq(port.count.drops[DROP_FRAGMENT], 1);
	ck_assert(!add(&port, 1, 0, &out));
	ck_assert(!add(&port, 2, 0, &out));
}
END_TEST

START_TEST(a_datagram_longer_than_ip_allows_is_malformed)
{
	struct frame out;

	cut(1, 3000, 1480);
	packet_put16(pieces[1] + ETH_HEADER + 6, 0x2000 | 0x1fff);
	ck_assert(!add(&port, 1, 0, &out));
	ck_assert_uint_eq(port.count.drops[DROP_MALFORMED], 1);
}
END_TEST

START_TEST(one_port_cannot_use_up_the_table)
{
	struct frame out;
	size_t total;

	for (uint16_t id = 0; id < 1000; id++) {
		cut(id, 3000, 1480);
		ck_assert(!add(&port, 0, 0, &out));
	}
	ck_assert_uint_eq(port.count.drops[DROP_FRAGMENT], 1000 - REASSEMBLY_MAX_PER_PORT);
	total = cut(1, 3000, 1480);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&other, i, 0, &out), i == n_pieces - 1);
	assert_whole(&out, total);
	/* An unfinished datagram is dropped after its time. */
	cut(2000, 3000, 1480);
	for (size_t i = 0; i < n_pieces; i++)
		ck_assert_int_eq(add(&port, i, REASSEMBLY_TIMEOUT, &out), i == n_pieces - 1);
}
END_TEST

START_TEST(tiny_fragments_are_bounded)
{
	struct frame out;

	cut(1, 8 * 64 - 8, 8);
	ck_assert_uint_eq(n_pieces, 64);
	for (size_t i = 0; i < 64; i++)
		ck_assert_int_eq(add(&port, i, 0, &out), i == 63);
	/* One more piece than the bound. */
	cut(2, 8 * 64 - 8, 8);
	for (size_t i = 0; i < 63; i++)
		add(&port, i, 0, &out);
	packet_put16(pieces[63] + ETH_HEADER + 6, 0x2000 | 63);
	ck_assert(!add(&port, 63, 0, &out));
	packet_put16(pieces[63] + ETH_HEADER + 6, 64);
	ck_assert(!add(&port, 63, 0, &out));
	ck_assert_uint_eq(port.count.drops[DROP_FRAGMENT], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reassembly");
	TCase *tcase = tcase_create("reassembly");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, fragments_in_any_order_make_the_datagram);
	tcase_add_test(tcase, ipv6_fragments_in_any_order_make_the_datagram);
	tcase_add_test(tcase, datagrams_of_different_ids_and_families_are_kept_apart);
	tcase_add_test(tcase, overlap_ends_the_datagram);
	tcase_add_test(tcase, a_datagram_longer_than_ip_allows_is_malformed);
	tcase_add_test(tcase, one_port_cannot_use_up_the_table);
	tcase_add_test(tcase, tiny_fragments_are_bounded);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
