/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "run_suite.h"

/* RFC 1071 section 4.1, byte by byte, in wire order. */
static uint16_t reference(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void fill(uint8_t *p, size_t len, unsigned seed)
{
	srand(seed);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(rand() >> 7);
}

START_TEST(sum_of_the_rfc_1071_example_is_right)
{
	/* Section 3: 0001 f203 f4f5 f6f7 sum to ddf2. */
	const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	ck_assert_uint_eq(csum_fold(csum_add(0, bytes, sizeof(bytes))), htons((uint16_t)~0xddf2));
}
END_TEST

START_TEST(sums_of_all_lengths_and_alignments_are_right)
{
	uint8_t bytes[200];

	fill(bytes, sizeof(bytes), 1);
	for (size_t at = 0; at < 16; at++)
		for (size_t len = 0; at + len <= sizeof(bytes); len++)
			ck_assert_uint_eq(csum_fold(csum_add(0, bytes + at, len)),
					  reference(bytes + at, len));
}
END_TEST

START_TEST(sum_of_a_large_buffer_of_ones_keeps_all_carries)
{
	static uint8_t bytes[65535];

	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(csum_fold(csum_add(0, bytes, sizeof(bytes))),
			  reference(bytes, sizeof(bytes)));
	ck_assert_uint_eq(csum_fold(csum_add(UINT64_MAX, bytes, 2)), 0);
}
END_TEST

START_TEST(sums_of_even_parts_add_up)
{
	uint8_t bytes[301];
	uint16_t whole;

	fill(bytes, sizeof(bytes), 2);
	whole = reference(bytes, sizeof(bytes));
	for (size_t cut = 0; cut < sizeof(bytes); cut += 2) {
		csum_t head = csum_add(0, bytes, cut);
		csum_t tail = csum_add(0, bytes + cut, sizeof(bytes) - cut);

		ck_assert_uint_eq(csum_fold(head + tail), whole);
		ck_assert_uint_eq(csum_fold(csum_add(head, bytes + cut, sizeof(bytes) - cut)),
				  whole);
	}
}
END_TEST

START_TEST(update_equals_summing_anew)
{
	uint8_t bytes[40];

	for (unsigned seed = 1; seed < 2000; seed++) {
		uint16_t check, from, to;

		fill(bytes, sizeof(bytes), seed);
		memset(bytes + 10, 0, 2);
		check = csum_fold(csum_add(0, bytes, sizeof(bytes)));
		memcpy(bytes + 10, &check, 2);
		memcpy(&from, bytes + 20, 2);
		to = (uint16_t)rand();
		if (seed % 10 == 0)
			to = from;
		if (seed % 10 == 1)
			to = (uint16_t)~from;
		memcpy(bytes + 20, &to, 2);
		csum_update16(bytes + 10, from, to);
		/* The sum over a message with a correct checksum is all ones. */
		ck_assert_uint_eq(csum_fold(csum_add(0, bytes, sizeof(bytes))), 0);
	}
}
END_TEST

START_TEST(update_of_the_rfc_1624_example_gives_the_positive_zero)
{
	/* Section 4: HC = dd2f, m = 5555, m' = 3285 gives 0000, not ffff. */
	uint16_t check = htons(0xdd2f);

	csum_update16(&check, htons(0x5555), htons(0x3285));
	ck_assert_uint_eq(check, 0);
}
END_TEST

START_TEST(pseudo_header_of_ipv4_equals_its_bytes)
{
	const uint8_t bytes[] = {10, 0, 2, 15, 192, 168, 255, 254, 0, 17, 0x12, 0x34};
	uint32_t src, dst;

	memcpy(&src, bytes, 4);
	memcpy(&dst, bytes + 4, 4);
	ck_assert_uint_eq(csum_fold(csum_pseudo4(src, dst, 17, 0x1234)),
			  reference(bytes, sizeof(bytes)));
}
END_TEST

START_TEST(pseudo_header_of_ipv6_equals_its_bytes)
{
	uint8_t bytes[40];

	fill(bytes, 32, 3);
	memcpy(bytes + 32, "\x00\x01\x23\x45\x00\x00\x00\x06", 8);
	ck_assert_uint_eq(csum_fold(csum_pseudo6(bytes, bytes + 16, 6, 0x12345)),
			  reference(bytes, sizeof(bytes)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checksum");
	TCase *tc = tcase_create("checksum");

	tcase_add_test(tc, sum_of_the_rfc_1071_example_is_right);
	tcase_add_test(tc, sums_of_all_lengths_and_alignments_are_right);
	tcase_add_test(tc, sum_of_a_large_buffer_of_ones_keeps_all_carries);
	tcase_add_test(tc, sums_of_even_parts_add_up);
	tcase_add_test(tc, update_equals_summing_anew);
	tcase_add_test(tc, update_of_the_rfc_1624_example_gives_the_positive_zero);
	tcase_add_test(tc, pseudo_header_of_ipv4_equals_its_bytes);
	tcase_add_test(tc, pseudo_header_of_ipv6_equals_its_bytes);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
