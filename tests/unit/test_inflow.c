/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "base/checksum.h"
#include "packet/rewrite.h"
#include "run_suite.h"
#include "slirp/inflow.h"

/* Connections that came in: found from either side, and their segments' addresses. */

static struct inflow_table *table;
static struct in6_addr gateway4, gateway6;

static struct in6_addr addr(const char *text)
{
	struct in6_addr out;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return address_map4(v4.s_addr);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &out), 1);
	return out;
}

static void setup(void)
{
	table = inflow_table_new();
	gateway4 = addr("10.0.2.2");
	gateway6 = addr("fec0::2");
}

static void teardown(void)
{
	inflow_table_free(table);
}

static struct inflow flow_of(const char *guest, const char *seen, uint16_t seen_port, uint16_t nat)
{
	return (struct inflow){.guest = addr(guest),
			       .guest_port = 22,
			       .seen = addr(seen),
			       .seen_port = seen_port,
			       .nat_port = nat};
}

/* A TCP segment with a right checksum; its length. */
static size_t segment(uint8_t *frame, const char *from, uint16_t sport, const char *to,
		      uint16_t dport)
{
	struct in6_addr src = addr(from), dst = addr(to);
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&src);
	size_t l4 = ETH_HEADER + (v6 ? 40u : 20u), len = l4 + 20 + 5;
	uint8_t *ip = frame + ETH_HEADER, *tcp = frame + l4;
	uint16_t check;

	memset(frame, 0, len);
	packet_put16(frame + 12, v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	if (v6) {
		ip[0] = 0x60;
		packet_put16(ip + 4, 25);
		ip[6] = IPPROTO_TCP;
		memcpy(ip + 8, &src, 16);
		memcpy(ip + 24, &dst, 16);
	} else {
		ip[0] = 0x45;
		packet_put16(ip + 2, 45);
		ip[9] = IPPROTO_TCP;
		memcpy(ip + 12, &src.s6_addr[12], 4);
		memcpy(ip + 16, &dst.s6_addr[12], 4);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
	}
	packet_put16(tcp, sport);
	packet_put16(tcp + 2, dport);
	tcp[12] = 5 << 4;
	tcp[13] = TCP_FLAG_ACK;
	memcpy(tcp + 20, "hello", 5);
	check = csum_fold(csum_add(v6 ? csum_pseudo6(&src, &dst, IPPROTO_TCP, 25)
				      : csum_pseudo4(address_v4(&src).s_addr,
						     address_v4(&dst).s_addr, IPPROTO_TCP, 25),
				   tcp, 25));
	memcpy(tcp + 16, &check, 2);
	return len;
}

static struct inflow *find_from_guest(const char *guest, const char *seen, uint16_t port)
{
	struct packet packet = {.proto = IPPROTO_TCP, .sport = 22, .dport = port};

	packet.src = addr(guest);
	packet.dst = addr(seen);
	return inflow_from_guest(table, &packet);
}

START_TEST(an_inflow_is_found_from_the_guest_by_what_it_sees)
{
	struct inflow wanted = flow_of("10.0.2.15", "192.0.2.7", 4000, 50001);
	struct inflow *flow = inflow_add(table, &wanted, &gateway4);

	ck_assert_ptr_nonnull(flow);
	ck_assert_ptr_eq(find_from_guest("10.0.2.15", "192.0.2.7", 4000), flow);
	ck_assert_ptr_null(find_from_guest("10.0.2.15", "192.0.2.7", 4001));
	ck_assert_ptr_null(find_from_guest("10.0.2.16", "192.0.2.7", 4000));
	ck_assert_ptr_null(find_from_guest("10.0.2.15", "10.0.2.2", 50001));
	inflow_remove(table, flow);
	ck_assert_ptr_null(find_from_guest("10.0.2.15", "192.0.2.7", 4000));
	ck_assert_uint_eq(inflow_count(table), 0);
}
END_TEST

/* As if libslirp had spoken to the guest: the same segment, but for its source. */
static void check_rewrite(const char *guest, const char *seen, const struct in6_addr *gateway,
			  const char *gateway_text)
{
	struct inflow wanted = flow_of(guest, seen, 4000, 50001);
	struct inflow *flow = inflow_add(table, &wanted, gateway);
	uint8_t frame[128], right[128], before[128];
	size_t len = segment(frame, gateway_text, 50001, guest, 22),
	       l4 = rewrite_find_tcp(frame, len);

	segment(right, seen, 4000, guest, 22);
	memcpy(before, frame, len);
	ck_assert_ptr_eq(inflow_to_guest(table, gateway, frame, len), flow);
	ck_assert_mem_eq(frame, right, len);
	rewrite_src(frame, l4, gateway, 50001);
	ck_assert_mem_eq(frame, before, len);
	/* And the other way round. */
	segment(frame, guest, 22, seen, 4000);
	segment(right, guest, 22, gateway_text, 50001);
	rewrite_dst(frame, l4, gateway, 50001);
	ck_assert_mem_eq(frame, right, len);
}

START_TEST(a_segment_is_right_with_the_clients_address)
{
	check_rewrite("10.0.2.15", "192.0.2.7", &gateway4, "10.0.2.2");
	check_rewrite("fec0::15", "2001:db8::7", &gateway6, "fec0::2");
}
END_TEST

START_TEST(other_segments_stay_as_they_are)
{
	struct inflow wanted = flow_of("10.0.2.15", "192.0.2.7", 4000, 50001);
	uint8_t frame[128], before[128];
	size_t len;

	inflow_add(table, &wanted, &gateway4);
	/* Another port, another sender, another guest, too short, no TCP. */
	static const struct {
		const char *from, *to;
		uint16_t port;
	} others[] = {{"10.0.2.2", "10.0.2.15", 50002},
		      {"192.0.2.1", "10.0.2.15", 50001},
		      {"10.0.2.2", "10.0.2.16", 50001}};

	for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
		len = segment(frame, others[i].from, others[i].port, others[i].to, 22);
		memcpy(before, frame, len);
		ck_assert_ptr_null(inflow_to_guest(table, &gateway4, frame, len));
		ck_assert_mem_eq(frame, before, len);
	}
	segment(frame, "10.0.2.2", 50001, "10.0.2.15", 22);
	ck_assert_ptr_null(inflow_to_guest(table, &gateway4, frame, ETH_HEADER + 39));
	frame[ETH_HEADER + 9] = IPPROTO_UDP;
	ck_assert_ptr_null(inflow_to_guest(table, &gateway4, frame, 128));
}
END_TEST

START_TEST(a_client_seen_already_is_masqueraded)
{
	struct inflow first = flow_of("10.0.2.15", "192.0.2.7", 4000, 50001);
	struct inflow second = flow_of("10.0.2.15", "192.0.2.7", 4000, 50002);
	struct inflow *a = inflow_add(table, &first, &gateway4);
	struct inflow *b = inflow_add(table, &second, &gateway4);
	uint8_t frame[128], before[128];
	size_t len = segment(frame, "10.0.2.2", 50002, "10.0.2.15", 22);

	ck_assert(!a->masqueraded && b->masqueraded);
	ck_assert_ptr_eq(find_from_guest("10.0.2.15", "10.0.2.2", 50002), b);
	memcpy(before, frame, len);
	ck_assert_ptr_eq(inflow_to_guest(table, &gateway4, frame, len), b);
	ck_assert_mem_eq(frame, before, len);
	/* libslirp would take two of one port for one. */
	ck_assert_ptr_null(inflow_add(table, &second, &gateway4));
}
END_TEST

START_TEST(an_inflow_is_found_by_its_descriptor_while_it_has_it)
{
	struct inflow wanted = flow_of("10.0.2.15", "192.0.2.7", 4000, 50001);
	struct inflow *flow = inflow_add(table, &wanted, &gateway4);

	ck_assert_ptr_null(inflow_by_fd(table, 7));
	inflow_set_fd(table, flow, 7);
	ck_assert_ptr_eq(inflow_by_fd(table, 7), flow);
	ck_assert_ptr_null(inflow_by_fd(table, 6));
	ck_assert_ptr_null(inflow_by_fd(table, -1));
	ck_assert_ptr_null(inflow_by_fd(table, 100000));
	inflow_remove(table, flow);
	ck_assert_ptr_null(inflow_by_fd(table, 7));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inflow");
	TCase *tcase = tcase_create("inflow");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_inflow_is_found_from_the_guest_by_what_it_sees);
	tcase_add_test(tcase, a_segment_is_right_with_the_clients_address);
	tcase_add_test(tcase, other_segments_stay_as_they_are);
	tcase_add_test(tcase, a_client_seen_already_is_masqueraded);
	tcase_add_test(tcase, an_inflow_is_found_by_its_descriptor_while_it_has_it);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
