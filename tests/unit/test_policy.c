/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "packet/packet.h"
#include "policy/policy.h"
#include "run_suite.h"

static struct policy *policy;
static GError *error;

static void setup(void)
{
	policy = policy_new();
}

static void teardown(void)
{
	g_clear_error(&error);
	policy_free(policy);
}

struct right {
	const char *text, *printed; /* NULL: as it stands */
};

static const struct right rights[] = {
	{"*", NULL},
	{"*:25", NULL},
	{"tcp:*", NULL},
	{"udp:*:53", NULL},
	{"icmp:*", NULL},
	{"icmp:10.0.0.0/8", NULL},
	{"icmp:[fd00::/8]", NULL},
	{"10.0.0.0/8", NULL},
	{"10.1.2.3", NULL},
	{"10.1.2.3/32", "10.1.2.3"},
	{"10.0.0.0/255.0.0.0", "10.0.0.0/8"},
	{"0.0.0.0/0", NULL},
	{"10.1.2.3:443", NULL},
	{"10.0.0.0/8:80..90", NULL},
	{"tcp:10.0.0.0/8:0x50", "tcp:10.0.0.0/8:80"},
	{"udp:10.0.0.0/9:1..65535", NULL},
	{"tcp:10.0.0.1:80..80", "tcp:10.0.0.1:80"},
	{"[::/0]", NULL},
	{"[fd00::/8]", NULL},
	{"[fd00::1]", NULL},
	{"[FD00:0::1/128]", "[fd00::1]"},
	{"[fd00::1]:22", NULL},
	{"tcp:[fd00::/8]:22..23", NULL},
	{"[fd80::/9]", NULL},
	{"[2001:db8::/33]", NULL},
	{"[::/1]", NULL},
	{"[::ffff:0:0:0/80]", NULL},
	{"10.1.2.3:443,80", "10.1.2.3:80,443"},
	{"10.1.2.3:80..90,85..95,96", "10.1.2.3:80..96"},
	{"example.org", NULL},
	{"Example.ORG.", "example.org"},
	{"example.org:443", NULL},
	{"tcp:*.pkg.example:80,443", NULL},
	{"*.example.com", NULL},
	{"*.com", NULL},
	{"git.", NULL},
	{"_dmarc.example.com", NULL},
	{"xn--bcher-kva.example", NULL},
	{"1.2.3.example", NULL},
	{"api.example.com+private", NULL},
	{"api.example.com:443+host+sni", "api.example.com:443+sni+host"},
	{"tcp:api.example.com:443+sni+private", "tcp:api.example.com:443+private+sni"},
	{"udp:api.example.com:443", NULL},
	{"icmp:api.example.com", NULL},
};

struct wrong {
	const char *text, *hint;
};

#define NET                                                                                        \
	" should be *, a network in numbers, such as 10.0.0.0/8, 192.0.2.1 or [fd00::/8], or a "   \
	"name with a dot"
#define PORT     " should be a number from 1 to 65535, or a range such as 8000..8010"
#define BRACKETS " should stand in brackets, as all of IPv6: "
#define BEHIND                                                                                     \
	" should not follow the ]: the length stands within, [fd00::/8], and ports behind a colon"

#define LABELS                                                                                     \
	" is not a host name: labels of letters, digits, - and _, 1 to 63 bytes each, 253 in all"
#define FIRST ": only the first label may be *, as in *.example.com"

static const struct wrong wrongs[] = {
	{"", "''" NET},
	{"tcp:", "''" NET},
	{"any", "'any'" NET},
	{"sctp:10.0.0.0/8", "'sctp'" NET},
	{"TCP:10.0.0.1", "'TCP'" NET},
	{":80", "''" NET},
	{"80", "'80'" NET},
	{"10.0.0.0/33", "'10.0.0.0/33'" NET},
	{"10.0.0.0/-1", "'10.0.0.0/-1'" NET},
	{"10.0.0.0/", "'10.0.0.0/'" NET},
	{"10.0.0.0/255.0.255.0", "'10.0.0.0/255.0.255.0'" NET},
	{"10.0.0.0/8/8", "'10.0.0.0/8/8'" NET},
	{"10.0.0", "'10.0.0'" NET},
	{" 10.0.0.1", "' 10.0.0.1'" NET},
	{"10.0.0.1,10.0.0.2", "'10.0.0.1,10.0.0.2'" NET},
	{"10.0.0.1-10.0.0.9", "'10.0.0.1-10.0.0.9'" NET},
	{"*/8", "'*/8'" NET},
	{"[*]", "'[*]'" NET},
	{"[]", "'[]'" NET},
	{"[10.0.0.1]", "'[10.0.0.1]'" NET},
	{"[fd00::/129]", "'[fd00::/129]'" NET},
	{"[fd00::", "'[fd00::' lacks its ]"},
	{"[fd00::]/8", "'/8'" BEHIND},
	{"[fd00::]80", "'80'" BEHIND},
	{"fd00::/8", "'fd00::/8'" BRACKETS "[fd00::/8]"},
	{"tcp:::1", "'::1'" BRACKETS "[::1]"},
	{"fd00::1:443", "'fd00::1:443'" BRACKETS "[fd00::1:443]"},
	{"[::ffff:10.0.0.1]", "'[::ffff:10.0.0.1]' is IPv4: write it as such, without brackets"},
	{"[::ffff:10.0.0.0/104]",
	 "'[::ffff:10.0.0.0/104]' is IPv4: write it as such, without brackets"},
	{"10.1.2.3/8", "'10.1.2.3/8' has bits set beyond its length: the network is 10.0.0.0/8"},
	{"10.1.2.3/0", "'10.1.2.3/0' has bits set beyond its length: the network is 0.0.0.0/0"},
	{"10.0.0.1/31", "'10.0.0.1/31' has bits set beyond its length: the network is 10.0.0.0/31"},
	{"[fd00::1/8]", "'fd00::1/8' has bits set beyond its length: the network is [fd00::/8]"},
	{"[fd00::1/127]",
	 "'fd00::1/127' has bits set beyond its length: the network is [fd00::/127]"},
	{"10.0.0.1:", "port ''" PORT},
	{"10.0.0.1:0", "port '0'" PORT},
	{"10.0.0.1:65536", "port '65536'" PORT},
	{"10.0.0.1:https", "port 'https'" PORT},
	{"10.0.0.1:80-90", "port '80-90'" PORT},
	{"[::1]:80:90", "port '80:90'" PORT "; an IPv6 network stands in brackets"},
	{"10.0.0.1:90..80", "port '90..80' should be FIRST..LAST with the smaller number first"},
	{"10.0.0.1:0..80", "port '0..80' should be FIRST..LAST, both numbers from 1 to 65535"},
	{"icmp:10.0.0.1:80", "icmp has no ports: ':80' should go"},
	{"icmp:[::1]:80", "icmp has no ports: ':80' should go"},
	{"10.0.0.1:1,2,3,4,5,6,7,8,9", "there are more than 8 ports and ranges"},
	{"10.0.0.1:1,,2", "port ''" PORT},
	{"localhost", "'localhost'" NET},
	{"10.0.0.256", "'10.0.0.256'" NET},
	{"api.example.com/24", "'api.example.com/24'" NET},
	{"*.", "'*.'" LABELS},
	{"*..example.com", "'*..example.com'" LABELS},
	{"a..example.com", "'a..example.com'" LABELS},
	{"*.*.example.com", "'*.*.example.com'" FIRST},
	{"a.*.example.com", "'a.*.example.com'" FIRST},
	{"*a.example.com", "'*a.example.com'" FIRST},
	{"a b.example.com", "'a b.example.com'" NET},
	{"a\\046b.example.com", "'a\\046b.example.com'" LABELS},
	{"a$.example.com", "'a$.example.com'" LABELS},
	{"a.123456789012345678901234567890123456789012345678901234567890abcd.com",
	 "'a.123456789012345678901234567890123456789012345678901234567890abcd.com'" LABELS},
	{"a\xff.example.com", "'a\xff.example.com' is not UTF-8"},
	{"10.0.0.1+private", "+private is for names that are allowed: it should go"},
	{"*+sni", "+sni is for names that are allowed: it should go"},
	{"a.example.com+sni", "+sni is for names that are allowed: it should go"},
	{"icmp:a.example.com:443", "icmp has no ports: ':443' should go"},
};

START_TEST(rules_read_and_print_the_same)
{
	const struct right *right = &rights[_i];
	const char *expected = right->printed ? right->printed : right->text;
	struct policy_rule rule, again;
	char *printed;

	ck_assert_msg(policy_rule_parse(&rule, true, right->text, &error), "%s",
		      error ? error->message : "");
	printed = policy_rule_format(&rule);
	ck_assert_str_eq(printed, expected);
	ck_assert(policy_rule_parse(&again, true, printed, NULL));
	ck_assert(policy_rule_same_flows(&rule, &again));
	ck_assert_int_eq(policy_rule_compare(&rule, &again), 0);
	g_free(printed);
}
END_TEST

START_TEST(bad_rules_are_told_what_would_be_right)
{
	const struct wrong *wrong = &wrongs[_i];
	char *expected = g_strdup_printf("deny=%s: %s", wrong->text, wrong->hint);
	struct policy_rule rule;

	ck_assert_msg(!policy_rule_parse(&rule, false, wrong->text, &error), "'%s' passed",
		      wrong->text);
	ck_assert_str_eq(error->message, expected);
	ck_assert(g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE));
	g_free(expected);
}
END_TEST

static void give(const char *said)
{
	bool allow = g_str_has_prefix(said, "allow=");

	ck_assert_msg(policy_add(policy, allow, strchr(said, '=') + 1, &error), "%s",
		      error ? error->message : "");
}

/* "allow", "deny" or "none" for a conn to @to, IPv4 or IPv6. */
static const char *verdict(uint8_t proto, const char *to, uint16_t port)
{
	const struct policy_rule *rule;
	struct in6_addr dst;
	struct in_addr v4;

	if (inet_pton(AF_INET, to, &v4) == 1)
		dst = address_map4(v4.s_addr);
	else
		ck_assert_int_eq(inet_pton(AF_INET6, to, &dst), 1);
	rule = policy_look(policy, &(struct policy_target){proto, dst, port, .n_names = 0}, NULL);
	if (rule)
		policy_hit(rule);
	return !rule ? "none" : rule->allow ? "allow" : "deny";
}

#define assert_tcp(to, port, is) ck_assert_str_eq(verdict(IPPROTO_TCP, to, port), is)
#define assert_udp(to, port, is) ck_assert_str_eq(verdict(IPPROTO_UDP, to, port), is)
#define assert_ping(to, is)                                                                        \
	ck_assert_str_eq(verdict(strchr(to, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP, to, 0), is)

START_TEST(every_flow_of_a_network_is_meant_where_nothing_else_is_said)
{
	give("deny=10.0.0.0/8");
	assert_tcp("10.255.255.255", 1, "deny");
	assert_udp("10.0.0.0", 65535, "deny");
	assert_ping("10.1.2.3", "deny");
	ck_assert_str_eq(verdict(132, "10.1.2.3", 0), "deny"); /* SCTP */
	assert_tcp("9.255.255.255", 1, "none");
	assert_tcp("11.0.0.0", 1, "none");
}
END_TEST

START_TEST(ports_are_tcps_and_udps)
{
	give("deny=10.0.0.0/8:80..90");
	assert_tcp("10.0.0.1", 80, "deny");
	assert_udp("10.0.0.1", 90, "deny");
	assert_tcp("10.0.0.1", 79, "none");
	assert_tcp("10.0.0.1", 91, "none");
	assert_ping("10.0.0.1", "none");
	ck_assert_str_eq(verdict(132, "10.0.0.1", 80), "none");
}
END_TEST

START_TEST(protocol_named_is_the_only_one)
{
	give("deny=tcp:*");
	assert_tcp("192.0.2.1", 1, "deny");
	assert_udp("192.0.2.1", 1, "none");
	assert_ping("192.0.2.1", "none");
	give("deny=icmp:*");
	assert_ping("192.0.2.1", "deny");
	assert_ping("2001:db8::1", "deny");
}
END_TEST

START_TEST(families_do_not_mix)
{
	give("deny=0.0.0.0/0");
	assert_tcp("192.0.2.1", 1, "deny");
	assert_tcp("2001:db8::1", 1, "none");
	give("allow=[::/0]");
	assert_tcp("192.0.2.1", 1, "deny");
	assert_tcp("2001:db8::1", 1, "allow");
	/* Nor is the IPv4-mapped range IPv6's. */
	give("allow=[::/64]");
	assert_tcp("192.0.2.1", 1, "deny");
}
END_TEST

START_TEST(lengths_that_split_a_byte)
{
	give("deny=10.128.0.0/9");
	give("deny=[2001:db8:8000::/33]");
	assert_tcp("10.128.0.0", 1, "deny");
	assert_tcp("10.127.255.255", 1, "none");
	assert_tcp("2001:db8:ffff::", 1, "deny");
	assert_tcp("2001:db8:7fff::", 1, "none");
}
END_TEST

static const char *const said[] = {
	"deny=*",
	"allow=tcp:*:443",
	"deny=10.0.0.0/8",
	"allow=10.1.0.0/16",
	"deny=10.1.2.3:22",
	"allow=10.1.2.3",
	"deny=udp:10.1.2.3:53",
	"allow=10.1.2.3:53",
	"allow=10.9.9.9:80..90",
	"deny=10.9.9.9:85..95",
};

static void assert_narrowest_decides(void)
{
	assert_tcp("192.0.2.1", 80, "deny");
	assert_tcp("192.0.2.1", 443, "allow");
	assert_udp("192.0.2.1", 443, "deny");
	assert_tcp("2001:db8::1", 443, "allow");
	assert_tcp("10.2.0.1", 443, "deny"); /* the network decides before the port */
	assert_tcp("10.1.9.9", 80, "allow");
	assert_tcp("10.1.2.3", 22, "deny");
	assert_tcp("10.1.2.3", 23, "allow");
	assert_udp("10.1.2.3", 53, "deny");
	assert_tcp("10.1.2.3", 53, "allow");
	assert_tcp("10.9.9.9", 84, "allow");
	assert_tcp("10.9.9.9", 85, "deny"); /* equally many ports: deny */
}

START_TEST(narrowest_rule_decides_whatever_the_order)
{
	/* Each rotation of the list, forwards and backwards. */
	unsigned n = G_N_ELEMENTS(said);

	for (unsigned i = 0; i < n; i++)
		give(said[(_i / 2 + (_i % 2 ? n - i : i)) % n]);
	ck_assert_uint_eq(policy_count(policy), n);
	assert_narrowest_decides();
}
END_TEST

START_TEST(same_flows_have_one_rule)
{
	give("deny=10.0.0.0/8:80");
	ck_assert(!policy_add(policy, false, "10.0.0.0/255.0.0.0:0x50", &error));
	ck_assert_str_eq(error->message, "deny=10.0.0.0/255.0.0.0:0x50: there is "
					 "deny=10.0.0.0/8:80 already");
	g_clear_error(&error);
	ck_assert(!policy_add(policy, true, "10.0.0.0/8:80..80", &error));
	ck_assert_str_eq(error->message,
			 "allow=10.0.0.0/8:80..80: there is deny=10.0.0.0/8:80, which says the "
			 "opposite; one of them should go");
	g_clear_error(&error);
	ck_assert(!policy_add(policy, true, "x", &error));
	ck_assert_uint_eq(policy_count(policy), 1);
	give("allow=tcp:10.0.0.0/8:80");
	assert_tcp("10.0.0.1", 80, "allow");
	assert_udp("10.0.0.1", 80, "deny");
}
END_TEST

START_TEST(rules_are_removed_however_they_are_written)
{
	give("deny=10.0.0.0/8");
	give("allow=10.1.0.0/16");
	give("deny=*:25");
	ck_assert(!policy_remove(policy, true, "10.0.0.0/8", &error));
	ck_assert_str_eq(error->message, "allow=10.0.0.0/8: there is no such rule");
	g_clear_error(&error);
	ck_assert(!policy_remove(policy, false, "10.0.0.0/9", &error));
	g_clear_error(&error);
	ck_assert(!policy_remove(policy, false, "10/8", &error));
	ck_assert(policy_remove(policy, true, "10.1.0.0/255.255.0.0", NULL));
	assert_tcp("10.1.0.1", 80, "deny");
	ck_assert(policy_remove(policy, false, "10.0.0.0/8", NULL));
	assert_tcp("10.1.0.1", 80, "none");
	assert_tcp("10.1.0.1", 25, "deny");
	ck_assert(!policy_is_empty(policy));
	ck_assert(policy_remove(policy, false, "*:25", NULL));
	ck_assert(policy_is_empty(policy));
}
END_TEST

START_TEST(rules_count_what_they_decide)
{
	const struct policy_rule *rule;
	uint64_t hits;

	give("deny=10.0.0.0/8");
	assert_tcp("10.0.0.1", 80, "deny");
	assert_tcp("10.0.0.2", 80, "deny");
	give("allow=10.0.0.1");
	assert_tcp("10.0.0.1", 80, "allow");
	rule = policy_nth(policy, 0, &hits);
	ck_assert(rule->allow);
	ck_assert_uint_eq(hits, 1);
	rule = policy_nth(policy, 1, &hits);
	ck_assert(!rule->allow);
	ck_assert_uint_eq(hits, 2);
	ck_assert(policy_remove(policy, true, "10.0.0.1", NULL));
	policy_nth(policy, 0, &hits);
	ck_assert_uint_eq(hits, 2);
	ck_assert_ptr_null(policy_nth(policy, 1, &hits));
}
END_TEST

START_TEST(copy_has_the_rules_and_no_counts)
{
	struct policy *copy;
	uint64_t hits;

	give("deny=10.0.0.0/8");
	assert_tcp("10.0.0.1", 80, "deny");
	copy = policy_copy(policy);
	ck_assert_uint_eq(policy_count(copy), 1);
	ck_assert_ptr_nonnull(policy_nth(copy, 0, &hits));
	ck_assert_uint_eq(hits, 0);
	ck_assert(policy_remove(copy, false, "10.0.0.0/8", NULL));
	ck_assert_uint_eq(policy_count(policy), 1);
	policy_free(copy);
}
END_TEST

START_TEST(allow_alone_is_told_to_be_without_effect)
{
	ck_assert(policy_check(policy, false, NULL));
	give("allow=10.0.0.0/8");
	ck_assert(policy_check(policy, true, NULL));
	ck_assert(!policy_check(policy, false, &error));
	ck_assert_str_eq(error->message,
			 "allow=10.0.0.0/8: nothing is denied, so it allows nothing more; "
			 "deny=* (or restrict=on) denies the rest");
	give("deny=10.0.0.0/24");
	ck_assert(policy_check(policy, false, NULL));
}
END_TEST

START_TEST(rules_are_bounded)
{
	for (unsigned i = 0; i < POLICY_MAX; i++) {
		char *text = g_strdup_printf("10.%u.%u.0/24", i >> 8, i & 255);

		ck_assert(policy_add(policy, false, text, NULL));
		g_free(text);
	}
	ck_assert(!policy_add(policy, false, "10.201.0.0/24", &error));
	ck_assert_str_eq(error->message,
			 "deny=10.201.0.0/24: there are 16384 rules already, which is the limit");
	assert_tcp("10.0.255.1", 1, "deny");
	assert_tcp("10.0.0.1", 1, "deny");
	ck_assert(policy_remove(policy, false, "10.0.7.0/24", NULL));
	give("deny=10.201.0.0/24");
	assert_tcp("10.201.0.1", 1, "deny");
	assert_tcp("10.0.7.1", 1, "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, rules_read_and_print_the_same, 0, G_N_ELEMENTS(rights));
	tcase_add_loop_test(tcase, bad_rules_are_told_what_would_be_right, 0, G_N_ELEMENTS(wrongs));
	tcase_add_test(tcase, every_flow_of_a_network_is_meant_where_nothing_else_is_said);
	tcase_add_test(tcase, ports_are_tcps_and_udps);
	tcase_add_test(tcase, protocol_named_is_the_only_one);
	tcase_add_test(tcase, families_do_not_mix);
	tcase_add_test(tcase, lengths_that_split_a_byte);
	tcase_add_loop_test(tcase, narrowest_rule_decides_whatever_the_order, 0,
			    2 * G_N_ELEMENTS(said));
	tcase_add_test(tcase, same_flows_have_one_rule);
	tcase_add_test(tcase, rules_are_removed_however_they_are_written);
	tcase_add_test(tcase, rules_count_what_they_decide);
	tcase_add_test(tcase, copy_has_the_rules_and_no_counts);
	tcase_add_test(tcase, allow_alone_is_told_to_be_without_effect);
	tcase_add_test(tcase, rules_are_bounded);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
