/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcppeer.h"

#include <stdlib.h>

/*
 * Bytes both ways at once over a wire that loses, doubles and disorders, between a guest of random
 * options, windows and habits and a host that reads when it likes. TCP_RUNS says how many runs.
 */
static unsigned n_runs(void)
{
	const char *text = g_getenv("TCP_RUNS");

	return text ? (unsigned)atoi(text) : 40;
}

static void random_run(uint32_t seed)
{
	static const uint32_t sizes[] = {64, 536, 1460, 1460, 8960, 65495};
	static const uint32_t rooms[] = {2000, 20000, 65535, 300000, 1000000};
	GRand *dice = g_rand_new_with_seed(seed);
	bool v6 = g_rand_boolean(dice);

	bed_setup();
	peer_init(seed, (uint64_t)g_rand_int_range(dice, 0, 2000000),
		  (uint64_t)g_rand_int_range(dice, 0, 2000000));
	peer->mss = sizes[g_rand_int_range(dice, 0, G_N_ELEMENTS(sizes))];
	peer->mss = MIN(peer->mss, v6 ? 65475 : 65495);
	peer->capacity = rooms[g_rand_int_range(dice, 0, G_N_ELEMENTS(rooms))];
	if (peer->mss == 64 || peer->capacity == 2000) {
		peer->up_total /= 10;
		peer->down_total /= 10;
	}
	peer->sacks = g_rand_boolean(dice);
	peer->stamps = g_rand_boolean(dice);
	peer->scales = g_rand_boolean(dice);
	peer->loss = g_rand_boolean(dice) ? g_rand_double(dice) * 0.1 : 0;
	peer->twice = g_rand_boolean(dice) ? g_rand_double(dice) * 0.1 : 0;
	peer->disorder = g_rand_boolean(dice) ? g_rand_double(dice) * 0.2 : 0;
	peer->host_pause = g_rand_boolean(dice) ? g_rand_double(dice) : 0;
	g_rand_free(dice);
	peer_opens(v6);
	if (!peer_run(600000))
		ck_abort_msg("seed %u: %s", seed, peer_state());
	ck_assert_uint_eq(peer->host_read, peer->up_total);
	ck_assert_uint_eq(peer->rcv, peer->down_total);
	peer_fini();
	bed_teardown();
}

START_TEST(all_bytes_come_both_ways)
{
	const char *seed = g_getenv("TCP_SEED");

	if (seed) {
		random_run((uint32_t)strtoul(seed, NULL, 10));
		return;
	}
	for (unsigned i = 0; i < n_runs(); i++) {
		if (g_getenv("TCP_VERBOSE"))
			g_printerr("seed %u\n", i + 1);
		random_run(i + 1);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_fuzz");
	TCase *tc = tcase_create("random");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, all_bytes_come_both_ways);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
