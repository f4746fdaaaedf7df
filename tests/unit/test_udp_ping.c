/* SPDX-License-Identifier: BSD-3-Clause */
#include "udpbed.h"

#include "run_suite.h"

/* The host's loopback is at the gateway's address, and answers. */
static const struct ends ping4 = {false, "10.0.2.15", "10.0.2.2", 0, 0};
static const struct ends ping6 = {true, "fec0::15", "fec0::2", 0, 0};

static bool may_ping(bool v6)
{
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC,
			v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A request of @len bytes of payload; identifier and sequence number are not 0. */
static uint8_t *put_ping(bool v6, uint16_t ident, uint16_t seq, size_t len, size_t *total)
{
	const struct ends *ends = v6 ? &ping6 : &ping4;
	uint8_t *frame = g_malloc(100 + len), *icmp;
	uint16_t check;

	*total = put_echo(frame, ends, len);
	icmp = frame + *total - len - 8;
	packet_put16(icmp + 4, ident);
	packet_put16(icmp + 6, seq);
	for (size_t i = 0; i < len; i++)
		icmp[8 + i] = (uint8_t)(i * 3);
	memset(icmp + 2, 0, 2);
	check = csum_fold(
		csum_add(v6 ? l4_pseudo(frame, true, IPPROTO_ICMPV6, 8 + len) : 0, icmp, 8 + len));
	memcpy(icmp + 2, &check, 2);
	g_ptr_array_add(bed.sent, frame);
	return frame;
}

START_TEST(pings_are_answered_as_they_were_asked)
{
	bool v6 = _i;
	struct packet reply;
	uint8_t *frame;
	size_t len;

	if (!may_ping(v6))
		return;
	for (uint16_t seq = 1; seq < 4; seq++) {
		frame = put_ping(v6, 0x1234, seq, 48 + seq, &len);
		ck_assert_int_eq(bed_input(frame, len), DROP_N_REASONS);
		bed_expect(1);
		reply = bed_packet(0);
		if (!v6)
			ck_assert(csum_fold(csum_add(0, reply.frame + reply.l4,
						     reply.len - reply.l4)) == 0);
		ck_assert_uint_eq(ICMP_TYPE(&reply), v6 ? 129 : 0);
		ck_assert_uint_eq(packet_u16(reply.frame + reply.l4 + 4), 0x1234);
		ck_assert_uint_eq(packet_u16(reply.frame + reply.l4 + 6), seq);
		ck_assert_uint_eq(reply.len - reply.payload, 48u + seq);
		for (unsigned i = 0; i < 48; i++)
			ck_assert_uint_eq(reply.frame[reply.payload + i], (uint8_t)(i * 3));
		bed_forget();
	}
	ck_assert_uint_eq(udp_count(bed.udp), 1);
}
END_TEST

START_TEST(identifiers_are_sockets_of_their_own)
{
	size_t len;
	uint8_t *frame;

	if (!may_ping(false))
		return;
	frame = put_ping(false, 1, 1, 8, &len);
	bed_input(frame, len);
	frame = put_ping(false, 2, 1, 8, &len);
	bed_input(frame, len);
	bed_expect(2);
	ck_assert_uint_eq(udp_count(bed.udp), 2);
	ck_assert_uint_eq(packet_u16(bed_packet(0).frame + bed_packet(0).l4 + 4), 1);
	ck_assert_uint_eq(packet_u16(bed_packet(1).frame + bed_packet(1).l4 + 4), 2);
	conn_table_expire(bed.conns, loop_now(bed.loop) + CONN_DATAGRAMS + 1);
	ck_assert_uint_eq(udp_count(bed.udp), 0);
}
END_TEST

START_TEST(large_pings_are_answered_in_fragments)
{
	bool v6 = _i;
	size_t len;
	uint8_t *frame;

	if (!may_ping(v6))
		return;
	frame = put_ping(v6, 7, 1, 4000, &len);
	bed_input(frame, len);
	udp_flush(bed.udp);
	bed_expect(3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(bed_packet(i).fragment);
}
END_TEST

START_TEST(a_ping_that_goes_no_further_is_told_by_the_gateway)
{
	bool v6 = _i;
	static const uint8_t far4[] = {192, 0, 2, 1};
	struct in6_addr far6;
	struct packet error;
	uint8_t sent[200], *frame;
	size_t len;
	uint16_t from, to;

	frame = put_ping(v6, 7, 1, 20, &len);
	inet_pton(AF_INET6, "2001:db8::1", &far6);
	memcpy(frame + ETH_HEADER + (v6 ? 24 : 16), v6 ? far6.s6_addr : far4, v6 ? 16 : 4);
	memcpy(&from, frame + ETH_HEADER + 8, 2);
	frame[ETH_HEADER + (v6 ? 7 : 8)] = 1;
	memcpy(&to, frame + ETH_HEADER + 8, 2);
	if (!v6)
		csum_update16(frame + ETH_HEADER + 10, from, to);
	memcpy(sent, frame, len);
	ck_assert_int_eq(bed_input(frame, len), DROP_N_REASONS);
	bed_expect(1);
	error = bed_packet(0);
	ck_assert_uint_eq(error.frame[error.l4], v6 ? 3 : 11);
	ck_assert_mem_eq(error.frame + error.payload, sent + ETH_HEADER, len - ETH_HEADER);
	ck_assert_uint_eq(udp_count(bed.udp), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("udp_ping");
	TCase *tests = tcase_create("udp_ping");

	tcase_add_checked_fixture(tests, bed_open, bed_close);
	tcase_add_loop_test(tests, pings_are_answered_as_they_were_asked, 0, 2);
	tcase_add_test(tests, identifiers_are_sockets_of_their_own);
	tcase_add_loop_test(tests, large_pings_are_answered_in_fragments, 0, 2);
	tcase_add_loop_test(tests, a_ping_that_goes_no_further_is_told_by_the_gateway, 0, 2);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
