/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcppeer.h"

#include <stdlib.h>

/*
 * Data both ways at once over a wire that loses, duplicates and reorders, between a guest with
 * random options, windows and habits and a host that reads at random times. TCP_RUNS is the number
 * of runs.
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

/* --- a guest that sends anything --- */

static uint32_t below(GRand *dice, uint32_t n)
{
	return n ? g_rand_int(dice) % n : 0;
}

/* Usually near @near. */
static uint32_t number(GRand *dice, uint32_t near)
{
	switch (below(dice, 10)) {
	case 0:
		return g_rand_int(dice);
	case 1:
		return near - below(dice, 100000);
	case 2:
		return near + below(dice, 100000);
	case 3:
		return near - 1;
	case 4:
		return near + 1;
	case 5:
		return near + (1u << 31) - below(dice, 3);
	default:
		return near;
	}
}

static uint8_t some_flags(GRand *dice)
{
	static const uint8_t likely[] = {
		TCP_FLAG_SYN,
		TCP_FLAG_SYN | TCP_FLAG_ACK,
		TCP_FLAG_RST,
		TCP_FLAG_RST | TCP_FLAG_ACK,
		TCP_FLAG_ACK | TCP_FLAG_FIN,
	};

	if (!below(dice, 20))
		return (uint8_t)g_rand_int(dice);
	if (!below(dice, 12))
		return likely[below(dice, G_N_ELEMENTS(likely))];
	return TCP_FLAG_ACK | (below(dice, 3) ? 0 : TCP_FLAG_PSH);
}

static size_t some_options(GRand *dice, uint8_t *out, uint32_t una)
{
	struct tcp_options options = {
		.has_mss = !below(dice, 4),
		.mss = (uint16_t)g_rand_int(dice),
		.has_shift = !below(dice, 4),
		.shift = (uint8_t)below(dice, 20),
		.may_sack = !below(dice, 4),
		.has_stamps = below(dice, 2),
		.stamp = 1000 + below(dice, 10),
		.echo = g_rand_int(dice),
	};
	size_t n;

	options.n_sacks = below(dice, 3);
	for (unsigned i = 0; i < options.n_sacks; i++) {
		options.sacks[i].from = number(dice, una + below(dice, 20000));
		options.sacks[i].to = number(dice, options.sacks[i].from + below(dice, 5000));
	}
	if (options.has_mss + options.has_shift + options.may_sack + options.has_stamps > 2)
		options.n_sacks = MIN(options.n_sacks, 1);
	n = tcp_options_write(out, &options);
	if (!below(dice, 10) && n) /* and nonsense */
		out[below(dice, (uint32_t)n)] = (uint8_t)g_rand_int(dice);
	return n;
}

/* Invariants of a connection. */
static void check_conn(const struct tcp_conn *c)
{
	uint32_t out = 0, sacked = 0, lost = 0, resent = 0;

	if (c->phase != PHASE_OPEN)
		return;
	for (const struct block *block = c->first; block; block = block->next) {
		for (unsigned i = block->head; i < block->used; i++) {
			const struct slot *slot = &block->slots[i];

			out += slot_span(slot);
			sacked += slot->flags & SLOT_SACKED ? slot_span(slot) : 0;
			lost += slot->flags & SLOT_LOST ? slot_span(slot) : 0;
			resent += slot->flags & SLOT_RESENT ? slot_span(slot) : 0;
		}
	}
	ck_assert_uint_eq(sacked, c->sacked);
	ck_assert_uint_eq(lost, c->lost);
	ck_assert_uint_eq(resent, c->resent);
	ck_assert_uint_ge(out, down_out(c)); /* the first may be acknowledged in part */
	ck_assert_uint_le(c->cwnd, TCP_INFLIGHT_MAX);
	ck_assert(!seq_before(c->rcv_edge, c->rcv_nxt));
	ck_assert_uint_le(c->rcv_edge - c->up_nxt, TCP_WINDOW_MAX + 65536);
}

static void hostile_run(uint32_t seed)
{
	GRand *dice = g_rand_new_with_seed(seed);
	static uint8_t data[20000], options[60];
	struct tcp_conn *c;

	bed_setup();
	guest_init(g_rand_boolean(dice));
	for (int i = 0; i < 400; i++) {
		uint32_t seq = guest.iss, ack = 0, una = 0;
		uint8_t flags = some_flags(dice);
		bool opens = !conn || !conn->tcp;

		c = opens ? NULL : conn->tcp;
		if (opens && next_fd < 0) {
			bed_close_host();
			host_pair();
		}
		if (c) {
			seq = c->phase == PHASE_SYN_SENT ? guest.iss : c->rcv_nxt;
			ack = c->snd_nxt - (below(dice, 3) ? 0 : below(dice, 5000));
			una = c->snd_una;
			check_conn(c);
		}
		if (opens || !below(dice, 50))
			flags = TCP_FLAG_SYN;
		guest.window = below(dice, 3) ? 60000 : below(dice, 2000);
		guest.n_options = below(dice, 2) ? some_options(dice, options, una) : 0;
		guest.options = options;
		guest_says(flags, number(dice, seq), number(dice, ack), data,
			   below(dice, 3) ? below(dice, 2000) : below(dice, sizeof(data)));
		if (host_fd >= 0 && !below(dice, 3))
			send(host_fd, data, below(dice, sizeof(data)), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (host_fd >= 0 && !below(dice, 5))
			recv(host_fd, data, sizeof(data), MSG_DONTWAIT);
		if (host_fd >= 0 && !below(dice, 200))
			shutdown(host_fd, SHUT_WR);
		if (!below(dice, 200))
			bed_close_host();
		if (below(dice, 2))
			bed_turn();
		if (!below(dice, 20))
			bed_pass(below(dice, 2000000));
		seen_clear();
	}
	bed_turn();
	if (next_fd >= 0)
		close(next_fd);
	next_fd = -1;
	guest.options = NULL;
	g_rand_free(dice);
	bed_teardown();
}

START_TEST(a_hostile_guest_breaks_nothing)
{
	const char *seed = g_getenv("TCP_SEED");

	if (seed) {
		hostile_run((uint32_t)strtoul(seed, NULL, 10));
		return;
	}
	for (unsigned i = 0; i < 2 * n_runs(); i++) {
		if (g_getenv("TCP_VERBOSE"))
			g_printerr("seed %u\n", i + 1);
		hostile_run(i + 1);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_fuzz");
	TCase *tc = tcase_create("random");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, all_bytes_come_both_ways);
	tcase_add_test(tc, a_hostile_guest_breaks_nothing);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
