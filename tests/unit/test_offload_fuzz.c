/* SPDX-License-Identifier: BSD-3-Clause */
#include "offloadpeer.h"
#include "run_suite.h"

#include <stdlib.h>

/*
 * A guest that says whatever it likes, on a few connections at once, and libslirps (two of one
 * guest, as shards.h has them) that keep to what libslirp does: they take a segment within their
 * window, answer what they do not know with a reset, send no more than they were told. Bytes are a
 * function of connection, way and sequence number, so that any of them can be checked wherever it
 * turns up. test_offload_tcp.c has the guests that are honest, and that nothing is lost to them.
 */
#define RUNS  150 /* OFFLOAD_RUNS says otherwise */
#define STEPS 300

/* --- the guest --- */

/* Of @near, most often something about it. */
static uint32_t number(uint32_t near, uint32_t far)
{
	switch (below(12)) {
	case 0:
		return g_rand_int(dice);
	case 1:
		return near - below(far);
	case 2:
		return near + below(far);
	case 3:
		return near - 1;
	case 4:
		return near + 1;
	case 5:
		return near + (1u << 31) - below(3);
	default:
		return near;
	}
}

static uint32_t a_length(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return below(100);
	case 3:
		return below(16500);
	case 4:
		return 1441;
	default:
		return 1440;
	}
}

static uint8_t some_flags(void)
{
	static const uint8_t likely[] = {
		TCP_FLAG_SYN,
		TCP_FLAG_SYN | TCP_FLAG_ACK,
		TCP_FLAG_RST,
		TCP_FLAG_RST | TCP_FLAG_ACK,
		TCP_FLAG_ACK | TCP_FLAG_FIN,
		TCP_FLAG_ACK | TCP_FLAG_FIN | TCP_FLAG_PSH,
	};

	if (once_in(20))
		return (uint8_t)below(256) & (uint8_t)~TCP_FLAG_URG; /* scrub takes it */
	if (once_in(8))
		return likely[below(G_N_ELEMENTS(likely))];
	return TCP_FLAG_ACK | (once_in(3) ? TCP_FLAG_PSH : 0);
}

static size_t some_options(uint8_t *options)
{
	static const uint16_t sizes[] = {0, 1, 64, 100, 536, 1440, 1460, 8960, 65495, 65535};
	uint16_t mss = sizes[below(G_N_ELEMENTS(sizes))];
	size_t n = 0;

	if (once_in(10)) { /* rubbish */
		n = 4 * below(11);
		for (size_t i = 0; i < n; i++)
			options[i] = once_in(2) ? (uint8_t)below(6) : (uint8_t)below(256);
		return n;
	}
	if (!once_in(4)) {
		options[n++] = 2;
		options[n++] = 4;
		options[n++] = (uint8_t)(mss >> 8);
		options[n++] = (uint8_t)mss;
	}
	if (!once_in(3)) {
		options[n++] = 1;
		options[n++] = 3;
		options[n++] = 3;
		options[n++] = (uint8_t)(once_in(5) ? below(256) : below(15));
	}
	return n;
}

static void guest_acts(unsigned key)
{
	static uint8_t frame[70000], bytes[20000], options[44];
	uint8_t flags = some_flags();
	uint32_t seq = number(guest_base[key], 400000), len = a_length();
	uint32_t ack = number(guest_heard[key], 100000);
	size_t n_options = flags & TCP_FLAG_SYN || once_in(30) ? some_options(options) : 0, n;
	struct owner *owner = &owners[once_in(20) ? 1 : 0];
	struct frame whole = {frame, 0};
	struct packet packet;
	enum drop_reason why;

	if (flags & TCP_FLAG_SYN && !once_in(4))
		len = 0;
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = byte_at(key, true, seq + (flags & TCP_FLAG_SYN ? 1 : 0) + i);
	n = put_tcp(frame, &keys[key], seq, ack, flags, options, n_options, bytes, len);
	if (once_in(4)) { /* and another window */
		uint8_t *tcp = frame + ETH_HEADER + (keys[key].v6 ? 40 : 20);
		uint16_t from, to;

		memcpy(&from, tcp + 14, 2);
		to = once_in(2) ? 0 : (uint16_t)g_rand_int(dice);
		csum_update16(tcp + 16, from, to);
		memcpy(tcp + 14, &to, 2);
	}
	if (once_in(40))
		frame[n - 1 - below(20)] ^= (uint8_t)(1 + below(255));
	if (flags & TCP_FLAG_SYN)
		len++;
	if (seq == guest_base[key])
		guest_base[key] += len;
	whole.len = (uint32_t)n;
	if (packet_parse(&packet, &whole, &why) && key_of(&packet, true) == key &&
	    packet.dport == keys[key].dport)
		offload_from_guest(offload, &owner->guest, &packet);
}

/* What offload has made for the guest. */
static void drain(void)
{
	for (size_t i = 0; i < outbox.n; i++) {
		struct packet p = parsed(outbox.frames[i].data, outbox.frames[i].len);
		unsigned key = key_of(&p, false);
		uint32_t end = packet_seq(&p) + p.len - p.payload;

		ck_assert_uint_lt(key, KEYS);
		ck_assert_msg(l4_right(p.frame, p.len, p.v6, IPPROTO_TCP),
			      "seed %u: a wrong sum, flags %x", seed_now, p.tcp_flags);
		ck_assert(p.v6 || ip_right(p.frame));
		check_bytes(&p, key, false);
		if (p.tcp_flags & TCP_FLAG_SYN)
			end++;
		if (!once_in(5) && !(p.tcp_flags & TCP_FLAG_RST))
			guest_heard[key] = end;
		if (p.tcp_flags & TCP_FLAG_ACK && once_in(4))
			guest_base[key] = packet_ack(&p);
	}
	outbox.n = 0;
	outbox.n_chunks = 0;
	if (outbox.chunk)
		chunk_retire(pool, outbox.chunk);
	outbox.chunk = NULL;
}

/* --- a run --- */

static void others_take(void)
{
	const unsigned all = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE;
	unsigned left;

	offload_uncharge(&offload->pool, &owners[0].guest, taken);
	taken = 0;
	if (once_in(2))
		return;
	taken = all - share.blocks;
	left = below(20);
	taken -= MIN(taken, left);
	ck_assert(offload_charge(&offload->pool, &owners[0].guest, taken));
}

static void begin(uint32_t seed)
{
	seed_now = seed;
	dice = g_rand_new_with_seed(seed);
	bed_has_clock = true;
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	pool = chunk_pool_new(loop);
	memset(&port, 0, sizeof(port));
	memset(owners, 0, sizeof(owners));
	outbox_init(&outbox, pool, &port);
	offload = offload_new(loop, &outbox, &ops, NULL, false);
	blocked = in_callback = false;
	taken = 0;
	share = (struct offload_share){0};
	for (unsigned i = 0; i < OWNERS; i++) {
		offload_guest_init(&owners[i].guest, &owners[i]);
		offload_guest_set_share(&owners[i].guest, &share);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		keys[i] = i == 2 ? flow6 : flow4;
		keys[i].sport = (uint16_t)(flow4.sport + i);
		guest_base[i] = g_rand_int(dice);
	}
}

static void end(void)
{
	others_take();
	offload_uncharge(&offload->pool, &owners[0].guest, taken);
	taken = 0;
	for (unsigned i = 0; i < OWNERS; i++)
		offload_forget(offload, &owners[i].guest);
	ck_assert_msg(offload_bytes(offload) == 0 && share.blocks == 0 && share.n_flows == 0,
		      "seed %u: bytes are left", seed_now);
	ck_assert_uint_eq(offload_n_flows(offload), 0);
	offload_free(offload);
	drain();
	outbox_fini(&outbox);
	g_main_context_iteration(NULL, FALSE);
	chunk_pool_free(pool);
	loop_free(loop);
	bed_has_clock = false;
	g_rand_free(dice);
}

static void step(void)
{
	static const unsigned times[] = {0, 1, 1, 1, 10, 250, 1000, 6000, 200000};

	if (once_in(10))
		blocked = !blocked;
	if (once_in(10))
		others_take();
	bed_now += times[below(G_N_ELEMENTS(times))] * USEC_PER_MSEC;
	g_main_context_iteration(NULL, FALSE);
	/* Whose time has come has had it. */
	n_wakes = 0;
	g_main_context_iteration(NULL, FALSE);
	ck_assert_msg(n_wakes == 0, "seed %u: a timer spins", seed_now);
	for (unsigned i = below(6); i > 0; i--)
		guest_acts(below(KEYS));
	for (unsigned i = below(4); i > 0; i--)
		peer_acts(&owners[once_in(8)], below(KEYS));
	n_delivered = 0;
	offload_flush(offload);
	ck_assert_msg(n_delivered < 200, "seed %u: %u segments in a turn", seed_now, n_delivered);
	ck_assert_uint_le(offload_bytes(offload), OFFLOAD_PORT_BYTES);
	drain();
	if (once_in(200))
		offload_forget(offload, &owners[below(OWNERS)].guest);
}

START_TEST(whatever_a_guest_says_is_bounded_and_changes_no_byte)
{
	const char *runs = g_getenv("OFFLOAD_RUNS"), *from = g_getenv("OFFLOAD_FROM");
	uint32_t n = runs ? (uint32_t)atoi(runs) : RUNS, first = from ? (uint32_t)atoi(from) : 0;

	for (uint32_t seed = first; seed < first + n; seed++) {
		begin(seed);
		for (unsigned i = 0; i < STEPS; i++)
			step();
		end();
	}
}
END_TEST

/* --- two libslirps --- */

START_TEST(a_name_used_anew_at_another_libslirp_is_that_ones)
{
	static uint8_t frame[2000];
	struct packet packet;
	struct peer *old = &owners[0].peers[0], *new = &owners[1].peers[0];

	for (unsigned way = 0; way < 2; way++) {
		struct owner *owner = &owners[way];

		if (way == 0)
			begin(7); /* neither refuses */
		packet = parsed(frame, put_tcp(frame, &keys[0], 1000 + way * 500000, 0,
					       TCP_FLAG_SYN, NULL, 0, NULL, 0));
		do {
			offload_from_guest(offload, &owner->guest, &packet);
		} while (!owner->peers[0].open);
		offload_flush(offload);
		drain();
	}
	ck_assert_msg(!old->open, "the old one is not told");
	ck_assert(new->open);
	/* What the old one has to say is not said in the name of the new one. */
	old->open = true;
	old->rcv_nxt = old->edge = 400000000;
	peer_say(&owners[0], 0, old->nxt, TCP_FLAG_ACK, 100);
	ck_assert_uint_eq(outbox.n, 0);
	old->open = false;
	n_delivered = 0;
	packet = parsed(frame, put_tcp(frame, &keys[0], 501001, new->iss + 1, TCP_FLAG_ACK, NULL, 0,
				       NULL, 0));
	offload_from_guest(offload, &owners[1].guest, &packet);
	new->edge = seq_max(new->edge, 501001 + 100);
	peer_say(&owners[1], 0, new->nxt, TCP_FLAG_ACK, 0);
	for (unsigned i = 0; i < 50; i++)
		frame[100 + i] = byte_at(0, true, 501001 + i);
	{
		uint8_t bytes[50];

		memcpy(bytes, frame + 100, sizeof(bytes));
		packet = parsed(frame, put_tcp(frame, &keys[0], 501001, new->iss + 1, TCP_FLAG_ACK,
					       NULL, 0, bytes, sizeof(bytes)));
	}
	offload_from_guest(offload, &owners[1].guest, &packet);
	offload_flush(offload);
	ck_assert_uint_eq(new->rcv_nxt, 501001 + 50);
	end();
}
END_TEST

static Suite *offload_suite(void)
{
	Suite *suite = suite_create("offload_fuzz");
	TCase *tcase = tcase_create("fuzz");

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, whatever_a_guest_says_is_bounded_and_changes_no_byte);
	tcase_add_test(tcase, a_name_used_anew_at_another_libslirp_is_that_ones);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(offload_suite());
}
