/* SPDX-License-Identifier: BSD-3-Clause */
#include "udpbed.h"

#include <netinet/udp.h>

#include "run_suite.h"

static uint8_t data[65536];

static void setup(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	bed_open();
}

static void teardown(void)
{
	bed_close();
}

START_TEST(questions_go_out_and_answers_come_back)
{
	bool v6 = _i;
	struct host host;
	struct ends ends;

	host_open(&host, v6);
	ends = bed_ends(v6, 4000, host.port);
	ck_assert_int_eq(bed_send(&ends, "hello", 5), DROP_N_REASONS);
	ck_assert_uint_eq(host_receive(&host), 5);
	ck_assert_mem_eq(host.data, "hello", 5);
	host_answer(&host, &host, "answer", 6);
	bed_expect(1);
	bed_check(0, host.port, 4000, "answer", 6);
	ck_assert_uint_eq(udp_count(bed.udp), 1);
	close(host.fd);
}
END_TEST

START_TEST(empty_datagrams_pass_both_ways)
{
	struct host host;
	struct ends ends;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	for (unsigned i = 0; i < 3; i++)
		bed_send(&ends, "", 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(host_receive(&host), 0);
	host_answer(&host, &host, "", 0);
	bed_expect(1);
	bed_check(0, host.port, 4000, "", 0);
	close(host.fd);
}
END_TEST

START_TEST(one_port_of_a_guest_is_one_port_of_the_host)
{
	struct host one, two;
	struct ends ends;

	host_open(&one, false);
	host_open(&two, false);
	ends = bed_ends(false, 4000, one.port);
	bed_send(&ends, "a", 1);
	ends.dport = two.port;
	bed_send(&ends, "b", 1);
	host_receive(&one);
	host_receive(&two);
	ck_assert_uint_eq(host_client_port(&one), host_client_port(&two));
	ck_assert_uint_eq(udp_count(bed.udp), 1);
	ends.sport = 4001;
	bed_send(&ends, "c", 1);
	host_receive(&two);
	ck_assert_uint_ne(host_client_port(&one), host_client_port(&two));
	ck_assert_uint_eq(udp_count(bed.udp), 2);
	close(one.fd);
	close(two.fd);
}
END_TEST

START_TEST(two_guests_may_have_the_same_port)
{
	struct ends first, second;
	struct packet packet;
	struct host host;
	uint16_t port;

	host_open(&host, false);
	first = bed_ends(false, 4000, host.port);
	second = first;
	second.src = "10.0.2.16";
	bed_send(&first, "a", 1);
	host_receive(&host);
	port = host_client_port(&host);
	bed_send(&second, "b", 1);
	host_receive(&host);
	ck_assert_uint_ne(host_client_port(&host), port);
	host_answer(&host, &host, "to b", 4);
	bed_expect(1);
	packet = bed_packet(0);
	ck_assert_uint_eq(address_v4(&packet.dst).s_addr, inet_addr("10.0.2.16"));
	close(host.fd);
}
END_TEST

/* RFC 4787 5: peers that the guest has not sent to are judged. */
/* What the conn of guest's and gateway's ports has counted towards the guest. */
static struct conn_count bed_peer_count(uint16_t guest_port, uint16_t peer_port)
{
	struct ends ends = bed_ends(false, guest_port, peer_port);
	struct packet packet;
	enum drop_reason why;
	size_t len;
	uint8_t *frame = bed_put(&ends, "", 0, &len);

	ck_assert(packet_parse(&packet, &(struct frame){frame, (uint32_t)len}, &why));
	return bed_conn(&packet)->count[CONN_TO_GUEST];
}

START_TEST(unknown_peers_are_judged)
{
	struct host host, stranger;
	struct ends ends;

	host_open(&host, false);
	host_open(&stranger, false);
	ends = bed_ends(false, 4000, host.port);
	bed_send(&ends, "hello", 5);
	host_receive(&host);
	host_answer(&stranger, &host, "stranger", 8);
	bed_expect(1);
	bed_check(0, stranger.port, 4000, "stranger", 8);
	ck_assert_uint_eq(bed_peer_count(4000, stranger.port).packets, 1);
	ck_assert_uint_eq(bed_peer_count(4000, stranger.port).bytes, 8);
	bed_forget();
	close(stranger.fd);

	bed.config.loopback = LOOPBACK_OFF;
	host_open(&stranger, false);
	host_answer(&stranger, &host, "stranger", 8);
	host_answer(&host, &host, "answer", 6);
	bed_expect(1);
	bed_check(0, host.port, 4000, "answer", 6);
	ck_assert_uint_eq(bed.gateway.port.count.drops[DROP_POLICY], 1);
	close(host.fd);
	close(stranger.fd);
}
END_TEST

START_TEST(runs_of_one_length_arrive_as_they_were_sent)
{
	static const uint16_t lens[] = {500, 500, 500, 200, 500, 500, 0, 500, 501, 501, 1, 500};
	bool v6 = _i;
	struct host host, other;
	struct ends ends;

	host_open(&host, v6);
	host_open(&other, v6);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < G_N_ELEMENTS(lens); i++) {
			ends = bed_ends(v6, 4000, host.port);
			bed_send(&ends, data + i, lens[i]);
			if (i != 5)
				continue;
			ends.dport = other.port;
			bed_send(&ends, data, 500);
		}
		for (unsigned i = 0; i < G_N_ELEMENTS(lens); i++) {
			ck_assert_uint_eq(host_receive(&host), lens[i]);
			ck_assert_mem_eq(host.data, data + i, lens[i]);
		}
		ck_assert_uint_eq(host_receive(&other), 500);
	}
	close(host.fd);
	close(other.fd);
}
END_TEST

START_TEST(coalesced_datagrams_are_cut_for_the_guest)
{
	bool v6 = _i;
	struct host host;
	struct ends ends;
	int segment = 701;

	host_open(&host, v6);
	ends = bed_ends(v6, 4000, host.port);
	bed_send(&ends, "hello", 5);
	host_receive(&host);
	ck_assert_int_eq(setsockopt(host.fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	host_answer(&host, &host, data, 40 * 701 + 33);
	bed_expect(41);
	for (unsigned i = 0; i < 40; i++)
		bed_check(i, host.port, 4000, data + i * 701, 701);
	bed_check(40, host.port, 4000, data + 40 * 701, 33);
	close(host.fd);
}
END_TEST

/* Reassembles the fragments, which are in order. */
static size_t whole_of(uint8_t *out)
{
	size_t len = 0;

	for (unsigned i = 0; i < bed.got->len; i++) {
		struct packet packet = bed_packet(i);
		const uint8_t *word = packet.frame + (packet.v6 ? packet.l4 - 6 : ETH_HEADER + 6);
		uint16_t offset = packet_u16(word);
		size_t at = packet.v6 ? offset & 0xfff8 : (offset & 0x1fff) * 8u;

		ck_assert(packet.fragment);
		ck_assert_uint_le(packet.len, ETH_HEADER + 1500);
		ck_assert_uint_eq(at, len);
		ck_assert_int_eq(packet.v6 ? offset & 1 : offset >> 13,
				 i + 1 < bed.got->len ? 1 : 0);
		memcpy(out + len, packet.frame + packet.l4, packet.len - packet.l4);
		len += packet.len - packet.l4;
	}
	return len;
}

START_TEST(what_exceeds_the_mtu_comes_in_fragments)
{
	static uint8_t whole[65536];
	bool v6 = _i;
	struct host host;
	struct ends ends;

	host_open(&host, v6);
	ends = bed_ends(v6, 4000, host.port);
	bed_send(&ends, "hello", 5);
	host_receive(&host);
	host_answer(&host, &host, data, 9000);
	bed_expect(7);
	ck_assert_uint_eq(whole_of(whole), 9008);
	ck_assert_uint_eq(packet_u16(whole), host.port);
	ck_assert_mem_eq(whole + 8, data, 9000);
	close(host.fd);
}
END_TEST

/* As the gateway reassembles a guest's fragments. */
START_TEST(what_came_in_fragments_goes_out_whole)
{
	bool v6 = _i;
	struct host host;
	struct ends ends;

	host_open(&host, v6);
	ends = bed_ends(v6, 4000, host.port);
	bed_send(&ends, data, 60000);
	udp_flush(bed.udp);
	ck_assert_uint_eq(host_receive(&host), 60000);
	ck_assert_mem_eq(host.data, data, 60000);
	close(host.fd);
}
END_TEST

static void set_ttl(uint8_t *frame, bool v6, uint8_t ttl)
{
	uint16_t from, to;

	if (v6) {
		frame[ETH_HEADER + 7] = ttl;
		return;
	}
	memcpy(&from, frame + ETH_HEADER + 8, 2);
	frame[ETH_HEADER + 8] = ttl;
	memcpy(&to, frame + ETH_HEADER + 8, 2);
	csum_update16(frame + ETH_HEADER + 10, from, to);
}

static int received_hops(struct host *host, bool v6)
{
	char control[256];
	struct iovec iov = {host->data, sizeof(host->data)};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control,
				.msg_controllen = sizeof(control)};
	int hops = -1;

	run_loop(0);
	ck_assert_int_ge(recvmsg(host->fd, &header, 0), 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_type == (v6 ? IPV6_HOPLIMIT : IP_TTL))
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
	}
	return hops;
}

START_TEST(hops_are_kept_but_for_the_gateways_own)
{
	static const uint8_t hops[] = {9, 9, 200, 2, 9};
	bool v6 = _i;
	struct host host;
	struct ends local, beyond;
	int on = 1;

	host_open(&host, v6);
	setsockopt(host.fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL,
		   &on, sizeof(on));
	local = bed_ends(v6, 4000, host.port);
	beyond = local;
	beyond.dst = v6 ? "::1" : "127.0.0.1";
	for (unsigned i = 0; i < G_N_ELEMENTS(hops); i++) {
		size_t len;
		uint8_t *frame = bed_put(&local, "near", 4, &len);

		set_ttl(frame, v6, hops[i]);
		bed_input(frame, len);
		frame = bed_put(&beyond, "far", 3, &len);
		set_ttl(frame, v6, hops[i]);
		bed_input(frame, len);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(hops); i++) {
		ck_assert_int_eq(received_hops(&host, v6), hops[i]);
		ck_assert_int_eq(received_hops(&host, v6), hops[i] - 1);
	}
	close(host.fd);
}
END_TEST

START_TEST(the_last_hop_is_the_gateway)
{
	bool v6 = _i;
	struct ends ends = bed_ends(v6, 4000, 33434);
	uint8_t *frame;
	size_t len;
	struct packet error;

	ends.dst = v6 ? "2001:db8::1" : "192.0.2.1";
	frame = bed_put(&ends, "probe", 5, &len);
	set_ttl(frame, v6, 1);
	ck_assert_int_eq(bed_input(frame, len), DROP_N_REASONS);
	bed_expect(1);
	error = bed_packet(0);
	ck_assert_uint_eq(error.frame[error.l4], v6 ? 3 : 11);
	ck_assert_uint_eq(error.frame[error.l4 + 1], 0);
	ck_assert_uint_eq(udp_count(bed.udp), 0);
}
END_TEST

START_TEST(refusals_are_told_about_the_right_conversation)
{
	bool v6 = _i;
	struct host open, closed;
	struct ends ends;
	struct packet error;
	const uint8_t *quote;

	host_open(&open, v6);
	host_open(&closed, v6);
	close(closed.fd);
	ends = bed_ends(v6, 4000, open.port);
	bed_send(&ends, "a", 1);
	ends.dport = closed.port;
	bed_send(&ends, "lost", 4);
	ends.dport = open.port;
	bed_send(&ends, "b", 1);
	bed_expect(1);
	error = bed_packet(0);
	ck_assert_uint_eq(error.proto, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	ck_assert_uint_eq(error.frame[error.l4], v6 ? 1 : 3);
	ck_assert_uint_eq(error.frame[error.l4 + 1], v6 ? 4 : 3);
	if (!v6)
		ck_assert_uint_eq(address_v4(&error.src).s_addr, bed.config.host.s_addr);
	else
		ck_assert(IN6_ARE_ADDR_EQUAL(&error.src, &bed.config.host6));
	quote = error.frame + error.payload + (v6 ? 40 : 20);
	ck_assert_uint_eq(packet_u16(quote), 4000);
	ck_assert_uint_eq(packet_u16(quote + 2), closed.port);
	ck_assert_mem_eq(quote + 8, "lost", 4);
	/* No other datagram is lost. */
	host_receive(&open);
	host_receive(&open);
	bed_send(&ends, "c", 1);
	ck_assert_uint_eq(host_receive(&open), 1);
	ck_assert_mem_eq(open.data, "c", 1);
	close(open.fd);
}
END_TEST

START_TEST(checksums_are_verified_where_the_wire_may_corrupt)
{
	bool v6 = _i;
	struct host host;
	struct ends ends;
	uint8_t *frame;
	size_t len;

	host_open(&host, v6);
	ends = bed_ends(v6, 4000, host.port);
	for (unsigned i = 0; i < 2; i++) {
		bed.guest.port.unreliable = i;
		frame = bed_put(&ends, "spoilt", 6, &len);
		frame[len - 1] ^= 1;
		ck_assert_int_eq(bed_input(frame, len), i ? DROP_MALFORMED : DROP_N_REASONS);
	}
	host_receive(&host);
	ck_assert_int_eq(bed_send(&ends, "right", 5), DROP_N_REASONS);
	host_receive(&host);
	/* None: RFC 768 allows it, RFC 8200 8.1 does not. */
	for (unsigned i = 0; i < 2; i++) {
		bed.guest.port.unreliable = i;
		frame = bed_put(&ends, "none", 4, &len);
		memset(frame + len - 4 - 2, 0, 2);
		ck_assert_int_eq(bed_input(frame, len), v6 ? DROP_MALFORMED : DROP_N_REASONS);
	}
	close(host.fd);
}
END_TEST

START_TEST(the_type_of_service_is_kept_both_ways)
{
	struct host host;
	struct ends ends;
	uint8_t *frame;
	size_t len;
	uint16_t check;
	int tos = 0x2a;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	frame = bed_put(&ends, "marked", 6, &len);
	frame[ETH_HEADER + 1] = 0x28;
	memset(frame + ETH_HEADER + 10, 0, 2);
	check = csum_fold(csum_add(0, frame + ETH_HEADER, 20));
	memcpy(frame + ETH_HEADER + 10, &check, 2);
	bed_input(frame, len);
	host_receive(&host);
	setsockopt(host.fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	host_answer(&host, &host, "marked", 6);
	bed_expect(1);
	ck_assert_uint_eq(bed_packet(0).frame[ETH_HEADER + 1], 0x2a);
	close(host.fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("udp");
	TCase *tests = tcase_create("udp");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, questions_go_out_and_answers_come_back, 0, 2);
	tcase_add_test(tests, empty_datagrams_pass_both_ways);
	tcase_add_test(tests, one_port_of_a_guest_is_one_port_of_the_host);
	tcase_add_test(tests, two_guests_may_have_the_same_port);
	tcase_add_test(tests, unknown_peers_are_judged);
	tcase_add_loop_test(tests, runs_of_one_length_arrive_as_they_were_sent, 0, 2);
	tcase_add_loop_test(tests, coalesced_datagrams_are_cut_for_the_guest, 0, 2);
	tcase_add_loop_test(tests, what_exceeds_the_mtu_comes_in_fragments, 0, 2);
	tcase_add_loop_test(tests, what_came_in_fragments_goes_out_whole, 0, 2);
	tcase_add_loop_test(tests, hops_are_kept_but_for_the_gateways_own, 0, 2);
	tcase_add_loop_test(tests, the_last_hop_is_the_gateway, 0, 2);
	tcase_add_loop_test(tests, refusals_are_told_about_the_right_conversation, 0, 2);
	tcase_add_loop_test(tests, checksums_are_verified_where_the_wire_may_corrupt, 0, 2);
	tcase_add_test(tests, the_type_of_service_is_kept_both_ways);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
