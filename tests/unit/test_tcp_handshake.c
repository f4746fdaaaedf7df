/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcpbed.h"

START_TEST(opens_outward_and_moves_bytes)
{
	struct seen *seen;

	open_all();
	guest_sends("hello", 5);
	bed_turn();
	host_reads("hello");
	seen = seen_next();
	ck_assert_uint_eq(seen->flags, TCP_FLAG_ACK);
	ck_assert_uint_eq(seen->ack, guest.nxt);
	ck_assert(seen_none());
	host_writes("world", 5);
	bed_turn();
	seen = seen_next();
	ck_assert_uint_eq(seen->seq, guest.rcv_nxt);
	ck_assert_uint_eq(seen->len, 5);
	ck_assert_int_eq(memcmp(seen->payload, "world", 5), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_handshake");
	TCase *tc = tcase_create("outward");

	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, opens_outward_and_moves_bytes);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
