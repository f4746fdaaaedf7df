/* SPDX-License-Identifier: BSD-3-Clause */

#include "addresses.h"
#include "dns/zone.h"
#include "dnsmessage.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "run_suite.h"

static struct user_config config;
static struct network network;
static struct port port;
static struct dns_zone *zone;
static struct message query_bytes;
static uint8_t out[DNS_UDP_MAX];
static size_t out_len;

static void remake(void)
{
	g_autoptr(GError) error = NULL;

	dns_zone_free(zone);
	zone = dns_zone_new(&config, &network, &error);
	ck_assert_msg(zone != NULL, "%s", error ? error->message : "");
}

static struct guest *add_guest(unsigned n, const char *name, const char *addr)
{
	struct guest *guest = guest_seen(network.guests, UINT64_C(0x525400000000) + n, &port, 0);

	ck_assert_ptr_nonnull(guest);
	if (name)
		ck_assert(guest_set_name(network.guests, guest, name));
	if (addr)
		ck_assert(guest_set_v4(network.guests, guest, v4(addr), true));
	return guest;
}

static void add_v6(struct guest *guest, const char *addr)
{
	struct in6_addr in6 = v6(addr);

	ck_assert(guest_add_v6(network.guests, guest, &in6));
}

static void setup(void)
{
	struct guest *web;

	user_config_defaults(&config);
	ck_assert(user_config_resolve(&config, NULL));
	network.reservations = reservation_table_new("test");
	network.guests = guest_table_new();
	guest_table_reserve(network.guests, network.reservations);
	port_init(&port, NULL, NULL, "a");
	remake();
	web = add_guest(1, "web", "10.0.2.20");
	add_v6(web, "fe80::20");
	add_v6(web, "fec0::20");
	add_v6(web, "fec0::21");
	add_guest(2, NULL, "10.0.2.21");
	add_guest(3, "new", NULL);
}

static void teardown(void)
{
	g_clear_pointer(&zone, dns_zone_free);
	guest_table_free(network.guests);
	reservation_table_free(network.reservations);
	port_fini(&port);
}

static bool ask_routed(const char *name, unsigned type, bool routed)
{
	struct dns_query query;
	struct dns_writer w;
	bool ours;

	query_begin(&query_bytes, 1, name, type);
	ck_assert_int_eq(dns_query_parse(&query, query_bytes.data, query_bytes.len), DNS_NOERROR);
	dns_answer_begin(&w, out, sizeof out, &query);
	ours = dns_zone_answer(zone, &query, routed, &w);
	out_len = dns_answer_end(&w);
	return ours;
}

static bool ask(const char *name, unsigned type)
{
	return ask_routed(name, type, false);
}

#define assert_answer(name, type, rcode, records)                                                  \
	do {                                                                                       \
		ck_assert_msg(ask(name, type), "%s is not ours", name);                            \
		assert_records(out, out_len, records);                                             \
		ck_assert_msg(rcode_of(out) == rcode, "%s: rcode %u", name, rcode_of(out));        \
		ck_assert(dns_get16(out + 2) & DNS_AA);                                            \
	} while (0)

#define DOMAIN_SOA "NS usernet.internal 6;"

static void add_record(const char *name, const char *addr)
{
	g_autoptr(GError) error = NULL;

	ck_assert_msg(dns_zone_add(zone, name, addr, &error), "%s", error ? error->message : "");
}

static void assert_add_fails(const char *name, const char *addr, const char *why)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!dns_zone_add(zone, name, addr, &error));
	ck_assert_str_eq(error->message, why);
}

START_TEST(guest_is_found_with_and_without_domain)
{
	assert_answer("web", DNS_TYPE_A, DNS_NOERROR, "AN web 1 10.0.2.20;");
	assert_answer("WEB.Usernet.Internal", DNS_TYPE_A, DNS_NOERROR,
		      "AN web.usernet.internal 1 10.0.2.20;");
}
END_TEST

START_TEST(link_local_addresses_are_not_told)
{
	assert_answer("web", DNS_TYPE_AAAA, DNS_NOERROR, "AN web 28 fec0::20;AN web 28 fec0::21;");
}
END_TEST

START_TEST(any_brings_both_kinds_of_address)
{
	assert_answer("web", DNS_TYPE_ANY, DNS_NOERROR,
		      "AN web 1 10.0.2.20;AN web 28 fec0::20;AN web 28 fec0::21;");
}
END_TEST

START_TEST(type_that_a_guest_has_not_is_no_data)
{
	assert_answer("web.usernet.internal", DNS_TYPE_MX, DNS_NOERROR, DOMAIN_SOA);
	assert_answer("new.usernet.internal", DNS_TYPE_A, DNS_NOERROR, DOMAIN_SOA);
	assert_answer("web", DNS_TYPE_TXT, DNS_NOERROR, "NS web 6;");
}
END_TEST

START_TEST(unknown_names_of_ours_do_not_exist)
{
	assert_answer("nobody.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
	assert_answer("a.web.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
}
END_TEST

START_TEST(single_label_that_nobody_has_is_for_the_hosts_servers)
{
	ck_assert(!ask("nas", DNS_TYPE_A));
	ck_assert(!ask("nas", DNS_TYPE_HTTPS));
	ck_assert(!ask("com", DNS_TYPE_SOA));
	/* Our names do not exist there, for any type. */
	assert_answer("web", DNS_TYPE_MX, DNS_NOERROR, "NS web 6;");
	config.restricted = true;
	assert_answer("nas", DNS_TYPE_A, DNS_NXDOMAIN, "NS . 6;");
	config.restricted = false;
	config.dns_host_search = false;
	assert_answer("nas", DNS_TYPE_A, DNS_NXDOMAIN, "NS . 6;");
	assert_answer("nas", DNS_TYPE_HTTPS, DNS_NXDOMAIN, "NS . 6;");
}
END_TEST

START_TEST(local_names_are_the_guests_and_then_the_hosts)
{
	assert_answer("web.local", DNS_TYPE_A, DNS_NOERROR, "AN web.local 1 10.0.2.20;");
	assert_answer("web.local", DNS_TYPE_MX, DNS_NOERROR, "NS local 6;");
	ck_assert(!ask("printer.local", DNS_TYPE_A));
	ck_assert(!ask("local", DNS_TYPE_SOA));
	ck_assert(!ask("a.web.local", DNS_TYPE_A));
	ck_assert(!ask_routed("web.local", DNS_TYPE_A, true));
	config.dns_host_search = false;
	assert_answer("web.local", DNS_TYPE_A, DNS_NOERROR, "AN web.local 1 10.0.2.20;");
	assert_answer("printer.local", DNS_TYPE_A, DNS_NXDOMAIN, "NS local 6;");
	assert_answer("a.web.local", DNS_TYPE_A, DNS_NXDOMAIN, "NS local 6;");
}
END_TEST

START_TEST(guest_that_left_or_was_renamed_is_not_found)
{
	guest_set_name(network.guests, guest_by_name(network.guests, "web"), "www");
	ck_assert(!ask("web", DNS_TYPE_A));
	assert_answer("web.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
	assert_answer("www", DNS_TYPE_A, DNS_NOERROR, "AN www 1 10.0.2.20;");
	guest_forget_port(network.guests, &port);
	assert_answer("www.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
}
END_TEST

START_TEST(reserved_guest_is_found_before_it_comes)
{
	struct reservation_spec spec = {.name = "db", .addr = v4("10.0.2.30")};
	g_autoptr(GError) error = NULL;

	ck_assert_msg(reservation_add(network.reservations, &spec, &error) != NULL, "%s",
		      error ? error->message : "");
	assert_answer("db", DNS_TYPE_A, DNS_NOERROR, "AN db 1 10.0.2.30;");
	assert_answer("30.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 30.2.0.10.in-addr.arpa 12 db.usernet.internal;");
	ck_assert(reservation_remove(network.reservations, "db"));
	assert_answer("db.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
}
END_TEST

START_TEST(gateway_has_its_names)
{
	assert_answer("gateway", DNS_TYPE_A, DNS_NOERROR, "AN gateway 1 10.0.2.2;");
	assert_answer("host", DNS_TYPE_AAAA, DNS_NOERROR, "AN host 28 fec0::2;");
	assert_answer("dns.usernet.internal", DNS_TYPE_A, DNS_NOERROR,
		      "AN dns.usernet.internal 1 10.0.2.3;");
	config.ipv6 = false;
	assert_answer("gateway", DNS_TYPE_AAAA, DNS_NOERROR, "NS gateway 6;");
}
END_TEST

START_TEST(domain_has_soa_and_ns)
{
	assert_answer("usernet.internal", DNS_TYPE_SOA, DNS_NOERROR, "AN usernet.internal 6;");
	assert_answer("usernet.internal", DNS_TYPE_NS, DNS_NOERROR,
		      "AN usernet.internal 2 dns.usernet.internal;");
	assert_answer("usernet.internal", DNS_TYPE_A, DNS_NOERROR, DOMAIN_SOA);
}
END_TEST

START_TEST(domainname_is_obeyed)
{
	config.domainname = "lab.example";
	remake();
	assert_answer("web.lab.example", DNS_TYPE_A, DNS_NOERROR,
		      "AN web.lab.example 1 10.0.2.20;");
	ck_assert(!ask("web.usernet.internal", DNS_TYPE_A));
}
END_TEST

START_TEST(domainname_that_is_none_is_refused)
{
	g_autoptr(GError) error = NULL;

	config.domainname = "a..b";
	ck_assert_ptr_null(dns_zone_new(&config, &network, &error));
	ck_assert(g_str_has_prefix(error->message, "user: domainname: 'a..b' is not"));
}
END_TEST

START_TEST(addresses_have_names)
{
	assert_answer("20.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 20.2.0.10.in-addr.arpa 12 web.usernet.internal;");
	assert_answer("2.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 2.2.0.10.in-addr.arpa 12 gateway.usernet.internal;");
	assert_answer("1.0.0.127.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 1.0.0.127.in-addr.arpa 12 localhost;");
	assert_answer("0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.e.f.ip6.arpa",
		      DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.e.f.ip6.arpa"
		      " 12 web.usernet.internal;");
}
END_TEST

#define REVERSE_SOA "NS 2.0.10.in-addr.arpa 6;"

START_TEST(address_without_name_does_not_exist)
{
	assert_answer("21.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	assert_answer("99.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	assert_answer("x.20.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	assert_answer("300.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	assert_answer("020.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	assert_answer("20.2.0.10.in-addr.arpa", DNS_TYPE_TXT, DNS_NOERROR, REVERSE_SOA);
	assert_answer("2.0.10.in-addr.arpa", DNS_TYPE_SOA, DNS_NOERROR,
		      "AN 2.0.10.in-addr.arpa 6;");
}
END_TEST

START_TEST(reverse_zone_follows_the_prefix)
{
	config.net = v4("10.0.16.0");
	config.net_len = 20;
	remake();
	assert_answer("1.31.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN,
		      "NS 31.0.10.in-addr.arpa 6;");
	ck_assert(!ask("1.32.0.10.in-addr.arpa", DNS_TYPE_PTR));
	ck_assert(!ask("0.10.in-addr.arpa", DNS_TYPE_SOA));
	config.net = v4("10.0.0.0");
	config.net_len = 8;
	remake();
	/* Something may be below it. */
	assert_answer("32.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR, "NS 10.in-addr.arpa 6;");
	config.net = v4("192.168.7.128");
	config.net_len = 26;
	remake();
	assert_answer("129.7.168.192.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN,
		      "NS 7.168.192.in-addr.arpa 6;");
	ck_assert(!ask("1.7.168.192.in-addr.arpa", DNS_TYPE_PTR));
}
END_TEST

START_TEST(names_of_the_world_are_not_ours)
{
	ck_assert(!ask("www.example.org", DNS_TYPE_A));
	ck_assert(!ask("usernet.internal.example.org", DNS_TYPE_A));
	ck_assert(!ask("xusernet.internal", DNS_TYPE_A));
	ck_assert(!ask("8.8.8.8.in-addr.arpa", DNS_TYPE_PTR));
	ck_assert(!ask(".", DNS_TYPE_NS));
	/* A guest's validating resolver needs these of top-level domains. */
	ck_assert(!ask("org", DNS_TYPE_DS));
	ck_assert(!ask("org", DNS_TYPE_DNSKEY));
}
END_TEST

START_TEST(reserved_names_do_not_leave)
{
	assert_answer("localhost", DNS_TYPE_A, DNS_NOERROR, "AN localhost 1 127.0.0.1;");
	assert_answer("a.localhost", DNS_TYPE_AAAA, DNS_NOERROR, "AN a.localhost 28 ::1;");
	assert_answer("localhost", DNS_TYPE_MX, DNS_NOERROR, "NS localhost 6;");
	assert_answer("x.invalid", DNS_TYPE_A, DNS_NXDOMAIN, "NS invalid 6;");
	assert_answer("abc.onion", DNS_TYPE_A, DNS_NXDOMAIN, "NS onion 6;");
	assert_answer("_dns.resolver.arpa", DNS_TYPE_SVCB, DNS_NOERROR, "NS resolver.arpa 6;");
}
END_TEST

START_TEST(reserved_name_with_servers_of_its_own_is_theirs)
{
	ck_assert(!ask_routed("printer.local", DNS_TYPE_A, true));
	ck_assert(ask_routed("localhost", DNS_TYPE_A, true));
	ck_assert(ask_routed("web.usernet.internal", DNS_TYPE_A, true));
}
END_TEST

START_TEST(live_record_is_found_until_removed)
{
	add_record("db", "10.0.2.77");
	add_record("db", "fec0::77");
	assert_answer("db", DNS_TYPE_A, DNS_NOERROR, "AN db 1 10.0.2.77;");
	assert_answer("db.usernet.internal", DNS_TYPE_AAAA, DNS_NOERROR,
		      "AN db.usernet.internal 28 fec0::77;");
	assert_answer("77.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NOERROR,
		      "AN 77.2.0.10.in-addr.arpa 12 db.usernet.internal;");
	ck_assert(dns_zone_remove(zone, "db", "10.0.2.77", NULL));
	assert_answer("db.usernet.internal", DNS_TYPE_A, DNS_NOERROR, DOMAIN_SOA);
	ck_assert(dns_zone_remove(zone, "db", NULL, NULL));
	assert_answer("db.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
	assert_answer("77.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
	ck_assert_uint_eq(dns_records_count(dns_zone_records(zone)), 0);
}
END_TEST

START_TEST(live_record_covers_a_name_of_the_world)
{
	add_record("www.example.org", "10.0.2.77");
	assert_answer("www.example.org", DNS_TYPE_A, DNS_NOERROR,
		      "AN www.example.org 1 10.0.2.77;");
	/* Otherwise the guest would reach the real one by IPv6. */
	assert_answer("www.example.org", DNS_TYPE_AAAA, DNS_NOERROR, "NS www.example.org 6;");
	ck_assert(!ask("www.example.org", DNS_TYPE_MX));
	ck_assert(!ask("example.org", DNS_TYPE_A));
}
END_TEST

START_TEST(wildcard_answers_for_names_without_their_own)
{
	add_record("*.apps.example.org", "10.0.2.80");
	add_record("a.apps.example.org", "10.0.2.81");
	add_record("*.usernet.internal", "10.0.2.82");
	assert_answer("x.y.apps.example.org", DNS_TYPE_A, DNS_NOERROR,
		      "AN x.y.apps.example.org 1 10.0.2.80;");
	assert_answer("a.apps.example.org", DNS_TYPE_A, DNS_NOERROR,
		      "AN a.apps.example.org 1 10.0.2.81;");
	ck_assert(!ask("apps.example.org", DNS_TYPE_A));
	assert_answer("anything", DNS_TYPE_A, DNS_NOERROR, "AN anything 1 10.0.2.82;");
	assert_answer("web", DNS_TYPE_A, DNS_NOERROR, "AN web 1 10.0.2.20;");
	assert_answer("80.2.0.10.in-addr.arpa", DNS_TYPE_PTR, DNS_NXDOMAIN, REVERSE_SOA);
}
END_TEST

START_TEST(name_above_a_record_exists)
{
	add_record("a.b.usernet.internal", "10.0.2.77");
	assert_answer("b.usernet.internal", DNS_TYPE_A, DNS_NOERROR, DOMAIN_SOA);
	assert_answer("c.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
	ck_assert(dns_zone_remove(zone, "a.b.usernet.internal", NULL, NULL));
	assert_answer("b.usernet.internal", DNS_TYPE_A, DNS_NXDOMAIN, DOMAIN_SOA);
}
END_TEST

START_TEST(wrong_records_are_refused_with_a_reason)
{
	assert_add_fails("", "10.0.2.77",
			 "'' is not a name like 'db', 'db.example.org' or '*.example.org'");
	assert_add_fails("*", "10.0.2.77",
			 "'*' is not a name like 'db', 'db.example.org' or '*.example.org'");
	assert_add_fails("db", "10.0.2", "'10.0.2' is not an IPv4 or IPv6 address");
	assert_add_fails("gateway", "10.0.2.77", "'gateway' is a name of the gateway's own");
	add_record("db", "10.0.2.77");
	assert_add_fails("db", "10.0.2.77", "'db': the name has that address already");
	ck_assert(!dns_zone_remove(zone, "db", "10.0.2.78", NULL));
	ck_assert(!dns_zone_remove(zone, "cache", NULL, NULL));
}
END_TEST

START_TEST(records_of_a_name_are_bounded)
{
	char addr[INET_ADDRSTRLEN];

	for (int i = 0; i < DNS_RECORDS_PER_NAME_MAX; i++) {
		g_snprintf(addr, sizeof addr, "10.0.2.%d", i + 1);
		add_record("db", addr);
	}
	assert_add_fails("db", "10.0.2.200",
			 "'db': the name has 32 addresses already, which is the limit");
	ck_assert(ask("db", DNS_TYPE_A));
	ck_assert_uint_eq(count_of(out, DNS_ANSWER), DNS_RECORDS_PER_NAME_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_zone");
	TCase *tc = tcase_create("dns_zone");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, guest_is_found_with_and_without_domain);
	tcase_add_test(tc, link_local_addresses_are_not_told);
	tcase_add_test(tc, any_brings_both_kinds_of_address);
	tcase_add_test(tc, type_that_a_guest_has_not_is_no_data);
	tcase_add_test(tc, unknown_names_of_ours_do_not_exist);
	tcase_add_test(tc, single_label_that_nobody_has_is_for_the_hosts_servers);
	tcase_add_test(tc, local_names_are_the_guests_and_then_the_hosts);
	tcase_add_test(tc, guest_that_left_or_was_renamed_is_not_found);
	tcase_add_test(tc, reserved_guest_is_found_before_it_comes);
	tcase_add_test(tc, gateway_has_its_names);
	tcase_add_test(tc, domain_has_soa_and_ns);
	tcase_add_test(tc, domainname_is_obeyed);
	tcase_add_test(tc, domainname_that_is_none_is_refused);
	tcase_add_test(tc, addresses_have_names);
	tcase_add_test(tc, address_without_name_does_not_exist);
	tcase_add_test(tc, reverse_zone_follows_the_prefix);
	tcase_add_test(tc, names_of_the_world_are_not_ours);
	tcase_add_test(tc, reserved_names_do_not_leave);
	tcase_add_test(tc, reserved_name_with_servers_of_its_own_is_theirs);
	tcase_add_test(tc, live_record_is_found_until_removed);
	tcase_add_test(tc, live_record_covers_a_name_of_the_world);
	tcase_add_test(tc, wildcard_answers_for_names_without_their_own);
	tcase_add_test(tc, name_above_a_record_exists);
	tcase_add_test(tc, wrong_records_are_refused_with_a_reason);
	tcase_add_test(tc, records_of_a_name_are_bounded);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
