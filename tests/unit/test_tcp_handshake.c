/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcpbed.h"

/* --- outward --- */

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
	ck_assert(seen->flags & TCP_FLAG_PSH);
}
END_TEST

START_TEST(opens_outward_in_ipv6)
{
	guest_init(true);
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
	guest_sends("six", 3);
	host_writes("seven", 5);
	bed_turn();
	host_reads("six");
	ck_assert_uint_eq(seen_next()->len, 5);
}
END_TEST

START_TEST(opens_to_a_tcp_socket)
{
	guest_init(false);
	host_tcp();
	guest_opens(opt_all, sizeof(opt_all));
	guest_sends("hello", 5);
	bed_turn();
	host_reads("hello");
}
END_TEST

/* Bit 0: MSS, 1: SACK, 2: timestamps, 3: window scale. */
START_TEST(answers_the_options_that_are_offered)
{
	struct tcp_options offer = {
		.has_mss = _i & 1,
		.mss = 1400,
		.may_sack = _i & 2,
		.has_stamps = _i & 4,
		.stamp = 77,
		.has_shift = _i & 8,
		.shift = 7,
	};
	uint8_t bytes[40];
	struct seen *seen;

	guest_init(false);
	host_pair();
	guest_syn(bytes, tcp_options_write(bytes, &offer));
	bed_turn();
	seen = seen_next();
	ck_assert(seen->options.has_mss);
	ck_assert_uint_eq(seen->options.mss, 65495);
	ck_assert_int_eq(seen->options.may_sack, offer.may_sack);
	ck_assert_int_eq(seen->options.has_stamps, offer.has_stamps);
	ck_assert_uint_eq(seen->options.echo, offer.has_stamps ? 77 : 0);
	ck_assert_int_eq(seen->options.has_shift, offer.has_shift);
	ck_assert_uint_eq(seen->window, 65535);
	guest_heard_syn(seen);
	guest_acks(guest.rcv_nxt);
	guest_sends("x", 1);
	bed_turn();
	seen = seen_next();
	ck_assert_int_eq(seen->options.has_stamps, offer.has_stamps);
	if (offer.has_shift)
		ck_assert_uint_ge(seen->window << guest.peer_shift, TCP_WINDOW_MAX - 40);
	else
		ck_assert_uint_ge(seen->window, 64000);
}
END_TEST

START_TEST(a_guest_without_mss_gets_the_links)
{
	uint8_t *bytes = pattern(5000);

	guest_init(false);
	host_pair();
	guest_opens(opt_none, 0);
	host_writes(bytes, 5000);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 1460);
	g_free(bytes);
}
END_TEST

START_TEST(mtu_of_the_configuration_bounds_both_ways)
{
	uint8_t *bytes = pattern(5000);

	bed_teardown();
	bed_setup_with(1280);
	guest_init(false);
	host_pair();
	guest_syn(opt_mss, sizeof(opt_mss));
	bed_turn();
	ck_assert_uint_eq(seen_next()->options.mss, 1240);
	guest_heard_syn(last_seen);
	guest_acks(guest.rcv_nxt);
	host_writes(bytes, 5000);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 1240);
	g_free(bytes);
}
END_TEST

START_TEST(initial_sequence_numbers_differ_and_grow)
{
	uint32_t first, again, other;

	open_all();
	first = guest.irs;
	conn_end(conns, conn);
	bed_close_host();
	bed_turn();
	seen_clear();
	bed_pass(USEC_PER_SEC);
	guest.n_options = 0;
	guest.stamps = false;
	guest.iss += 5000;
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
	again = guest.irs;
	ck_assert_uint_eq(again - first, 250000); /* 4 us each */
	bed_close_host();
	bed_turn();
	seen_clear();
	guest_init(false);
	guest.ends.sport++;
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
	other = guest.irs;
	ck_assert_uint_gt(MIN(other - again, again - other), 1);
}
END_TEST

START_TEST(data_may_come_with_the_handshakes_ack)
{
	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	guest_heard_syn(seen_next());
	guest_sends("at once", 7);
	bed_turn();
	host_reads("at once");
}
END_TEST

START_TEST(syn_ack_is_sent_again_and_given_up)
{
	unsigned n = 0;

	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	seen_next();
	bed_pass(900 * USEC_PER_MSEC);
	ck_assert(seen_none());
	bed_pass(200 * USEC_PER_MSEC);
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	bed_pass(120 * USEC_PER_SEC);
	while (!(seen_next()->flags & TCP_FLAG_RST))
		n++;
	ck_assert_uint_eq(n, TCP_SYN_RETRIES - 1);
	ck_assert(host_at_end());
	ck_assert_ptr_null(conn->tcp);
}
END_TEST

START_TEST(a_repeated_syn_is_answered_again)
{
	uint32_t seq;

	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	seq = seen_next()->seq;
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->seq, seq);
}
END_TEST

START_TEST(a_wrong_ack_of_the_handshake_is_reset)
{
	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	seen_next();
	guest_says(TCP_FLAG_ACK, guest.nxt, 12345, NULL, 0);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST);
	ck_assert_uint_eq(last_seen->seq, 12345);
	ck_assert_ptr_nonnull(conn->tcp);
}
END_TEST

START_TEST(a_reset_in_the_handshake_ends_it)
{
	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	guest_says(TCP_FLAG_RST, guest.nxt, 0, NULL, 0);
	bed_turn();
	ck_assert_ptr_null(conn->tcp);
	ck_assert(host_at_end());
}
END_TEST

/* A loopback address whose connect is refused at once. */
static int refused_fd(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(addr);
	int holder = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	/* Bound and not listening: nobody else can get the port. */
	ck_assert_int_eq(bind(holder, (struct sockaddr *)&addr, len), 0);
	getsockname(holder, (struct sockaddr *)&addr, &len);
	ck_assert_int_lt(connect(fd, (struct sockaddr *)&addr, len), 0);
	close(holder);
	return fd;
}

START_TEST(a_refused_connect_is_a_reset)
{
	guest_init(false);
	next_fd = refused_fd();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST | TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->seq, 0);
	ck_assert_uint_eq(last_seen->ack, guest.iss + 1);
	ck_assert_ptr_null(conn->tcp);
	ck_assert(conn_is_closed(conn));
	next_error = ECONNREFUSED; /* at once */
	guest.ends.sport++;
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST | TCP_FLAG_ACK);
}
END_TEST

START_TEST(an_unreachable_destination_is_an_icmp_error)
{
	static const struct {
		int error;
		uint8_t code4, code6;
		bool reset;
	} all[] = {
		{ENETUNREACH, 0, 0, false}, {EHOSTUNREACH, 1, 3, false}, {EHOSTDOWN, 1, 3, false},
		{EACCES, 13, 1, false},     {EPERM, 13, 1, false},       {ETIMEDOUT, 1, 3, true},
	};

	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(all); i++) {
		bool v6 = i & 1;
		const uint8_t *icmp;

		guest_init(v6);
		guest.ends.sport = (uint16_t)(1000 + i);
		next_error = all[i / 2].error;
		guest_syn(opt_all, sizeof(opt_all));
		bed_turn();
		seen_next();
		ck_assert_uint_eq(last_seen->packet.proto, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
		icmp = last_seen->frame + last_seen->packet.l4;
		ck_assert_uint_eq(icmp[0], v6 ? 1 : 3);
		ck_assert_uint_eq(icmp[1], v6 ? all[i / 2].code6 : all[i / 2].code4);
		/* the guest's SYN is quoted */
		ck_assert_uint_eq(packet_u16(icmp + 8 + (v6 ? 40 : 20)), guest.ends.sport);
		ck_assert_uint_eq(packet_u32(icmp + 8 + (v6 ? 40 : 20) + 4), guest.iss);
		if (all[i / 2].reset)
			ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST | TCP_FLAG_ACK);
		ck_assert(seen_none());
	}
}
END_TEST

START_TEST(a_port_that_holds_its_share_is_refused)
{
	struct charge *charge = charge_get(charges, guest_side.id);
	unsigned n = charge_book_max(charges, CHARGE_OPENING);

	charge_force(charge, CHARGE_OPENING, n);
	guest_init(false);
	host_pair();
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST | TCP_FLAG_ACK);
	ck_assert_uint_eq(guest_side.count.drops[DROP_BUDGET], 1);
	ck_assert(host_at_end());
	charge_give(charge, CHARGE_OPENING, n);
	charge_put(charge);
}
END_TEST

/* --- inward --- */

static void client_opens(void)
{
	const struct conn_origin origin = {
		.opener = CONN_BY_FORWARD,
		.mac = GUEST_MAC,
		.port_id = guest_side.id,
	};
	struct conn_key key = {.proto = IPPROTO_TCP, .guest_port = 40000, .peer_port = 80};
	struct in_addr addr;

	inet_pton(AF_INET, flow4.src, &addr);
	key.guest = address_map4(addr.s_addr);
	inet_pton(AF_INET, flow4.dst, &addr);
	key.peer = address_map4(addr.s_addr);
	conn = conn_open(conns, &key, &origin, loop_now(loop));
	tcp_connect(tcp, conn, next_fd);
	next_fd = -1;
	bed_turn();
}

static void client_arrives(bool inet)
{
	guest_init(false);
	if (inet)
		host_tcp();
	else
		host_pair();
	client_opens();
	seen_next();
	ck_assert_uint_eq(last_seen->flags, TCP_FLAG_SYN);
	ck_assert_int_eq(conn->state, CONN_SYN_RECEIVED);
}

static void guest_accepts(void)
{
	guest_heard_syn(last_seen);
	guest.options = opt_all;
	guest.n_options = sizeof(opt_all);
	guest_says(TCP_FLAG_SYN | TCP_FLAG_ACK, guest.nxt++, guest.rcv_nxt, NULL, 0);
	guest.options = NULL;
	guest.n_options = 0;
	bed_turn();
}

START_TEST(opens_inward_with_all_options)
{
	client_arrives(false);
	ck_assert(last_seen->options.has_mss);
	ck_assert(last_seen->options.may_sack);
	ck_assert(last_seen->options.has_stamps);
	ck_assert(last_seen->options.has_shift);
	host_writes("early", 5);
	bed_turn();
	ck_assert(seen_none());
	guest_accepts();
	ck_assert_int_eq(conn->state, CONN_ESTABLISHED);
	seen_next(); /* the handshake's ACK carries it */
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->len, 5);
	ck_assert(seen_none());
	guest_sends("hello", 5);
	bed_turn();
	host_reads("hello");
}
END_TEST

START_TEST(an_unanswered_client_is_reset)
{
	char byte;
	unsigned n = 0;

	client_arrives(true);
	bed_pass(TCP_CONNECT_TIMEOUT - USEC_PER_SEC);
	ck_assert_ptr_nonnull(conn->tcp);
	bed_pass(2 * USEC_PER_SEC);
	ck_assert_ptr_null(conn->tcp);
	while (!(seen_next()->flags & TCP_FLAG_RST))
		n++;
	ck_assert_uint_eq(n, 4); /* after 1, 3, 7, 15 s */
	ck_assert_int_lt(recv(host_fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(a_client_that_the_guest_refuses_is_reset)
{
	char byte;

	client_arrives(true);
	guest_says(TCP_FLAG_RST | TCP_FLAG_ACK, 0, last_seen->seq + 1, NULL, 0);
	bed_turn();
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_lt(recv(host_fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(a_wrong_answer_to_our_syn_is_reset)
{
	uint32_t seq;

	client_arrives(false);
	seq = last_seen->seq;
	guest_says(TCP_FLAG_ACK, 500, seq + 77, NULL, 0); /* of an older connection */
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST);
	ck_assert_uint_eq(last_seen->seq, seq + 77);
	/* a reset that acknowledges another SYN does not count */
	guest_says(TCP_FLAG_RST | TCP_FLAG_ACK, 0, seq + 77, NULL, 0);
	bed_turn();
	ck_assert_ptr_nonnull(conn->tcp);
}
END_TEST

START_TEST(both_may_open_at_once)
{
	client_arrives(false);
	guest_heard_syn(last_seen);
	guest_syn(opt_all, sizeof(opt_all));
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	guest_acks(guest.rcv_nxt);
	bed_turn();
	ck_assert_int_eq(conn->state, CONN_ESTABLISHED);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_handshake");
	TCase *tc = tcase_create("outward");

	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, opens_outward_and_moves_bytes);
	tcase_add_test(tc, opens_outward_in_ipv6);
	tcase_add_test(tc, opens_to_a_tcp_socket);
	tcase_add_loop_test(tc, answers_the_options_that_are_offered, 0, 16);
	tcase_add_test(tc, a_guest_without_mss_gets_the_links);
	tcase_add_test(tc, mtu_of_the_configuration_bounds_both_ways);
	tcase_add_test(tc, initial_sequence_numbers_differ_and_grow);
	tcase_add_test(tc, data_may_come_with_the_handshakes_ack);
	tcase_add_test(tc, syn_ack_is_sent_again_and_given_up);
	tcase_add_test(tc, a_repeated_syn_is_answered_again);
	tcase_add_test(tc, a_wrong_ack_of_the_handshake_is_reset);
	tcase_add_test(tc, a_reset_in_the_handshake_ends_it);
	tcase_add_test(tc, a_refused_connect_is_a_reset);
	tcase_add_test(tc, an_unreachable_destination_is_an_icmp_error);
	tcase_add_test(tc, a_port_that_holds_its_share_is_refused);
	suite_add_tcase(s, tc);
	tc = tcase_create("inward");
	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, opens_inward_with_all_options);
	tcase_add_test(tc, an_unanswered_client_is_reset);
	tcase_add_test(tc, a_client_that_the_guest_refuses_is_reset);
	tcase_add_test(tc, a_wrong_answer_to_our_syn_is_reset);
	tcase_add_test(tc, both_may_open_at_once);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
