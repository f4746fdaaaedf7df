/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "packet/packet.h"
#include "policy/policy.h"
#include "policy/private.h"
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

static void give(const char *said)
{
	bool allow = g_str_has_prefix(said, "allow=");

	ck_assert_msg(policy_add(policy, allow, strchr(said, '=') + 1, &error), "%s",
		      error ? error->message : "");
}

static struct in6_addr address(const char *text)
{
	struct in6_addr addr;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return address_map4(v4.s_addr);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

/* The rule that decides a conn to @to, which is called @first and (unless NULL) @second. */
static const char *rule_of(const char *to, const char *first, const char *second, uint8_t proto,
			   uint16_t port)
{
	const char *texts[] = {first, second};
	struct dns_name names[2];
	const struct dns_name *pointers[2];
	struct policy_target target = {.proto = proto, .port = port, .names = pointers};
	const struct policy_rule *rule;

	target.dst = address(to);
	target.is_private = private_address(&target.dst);
	for (unsigned i = 0; i < 2 && texts[i]; i++) {
		ck_assert(dns_name_parse(&names[i], texts[i]));
		pointers[i] = &names[i];
		target.n_names++;
	}
	rule = policy_look(policy, &target, NULL);
	return rule ? policy_text(rule) : "none";
}

#define assert_rule(to, name, port, is)                                                            \
	ck_assert_str_eq(rule_of(to, name, NULL, IPPROTO_TCP, port), is)

static const char *ask(const char *text)
{
	const struct policy_rule *rule = NULL;
	struct dns_name name;

	ck_assert(dns_name_parse(&name, text));
	switch (policy_ask(policy, &name, &rule)) {
	case POLICY_ALLOWS:
		return "allow";
	case POLICY_DENIES:
		return "deny";
	case POLICY_SILENT:
		break;
	}
	return "silent";
}

#define assert_ask(name, is) ck_assert_str_eq(ask(name), is)

START_TEST(wildcard_is_every_name_below_and_not_the_name)
{
	give("allow=*.example.com");
	assert_ask("a.example.com", "allow");
	assert_ask("a.b.c.EXAMPLE.com.", "allow");
	assert_ask("example.com", "silent");
	assert_ask("badexample.com", "silent");
	assert_ask("example.com.evil.org", "silent");
	assert_ask("com", "silent");
	assert_ask(".", "silent");
}
END_TEST

START_TEST(name_is_itself_only)
{
	give("allow=api.example.com:443");
	assert_ask("api.example.com", "allow");
	assert_ask("API.Example.Com.", "allow");
	assert_ask("x.api.example.com", "silent");
	assert_ask("example.com", "silent");
	assert_rule("192.0.2.1", "api.example.com", 443, "allow=api.example.com:443");
	assert_rule("192.0.2.1", "api.example.com", 80, "none");
	assert_rule("192.0.2.1", "other.example.com", 443, "none");
	assert_rule("192.0.2.1", NULL, 443, "none");
}
END_TEST

START_TEST(narrower_name_decides)
{
	give("allow=*.example.com");
	give("deny=*.ads.example.com");
	give("allow=ok.ads.example.com");
	give("deny=tracker.example.com");
	assert_ask("www.example.com", "allow");
	assert_ask("x.ads.example.com", "deny");
	assert_ask("ads.example.com", "allow");
	assert_ask("ok.ads.example.com", "allow");
	assert_ask("tracker.example.com", "deny");
	assert_ask("a.tracker.example.com", "allow");
	assert_rule("192.0.2.1", "x.ads.example.com", 1, "deny=*.ads.example.com");
	assert_rule("192.0.2.1", "ok.ads.example.com", 1, "allow=ok.ads.example.com");
}
END_TEST

START_TEST(names_are_between_addresses_and_networks)
{
	give("deny=*");
	give("deny=192.0.2.0/25");
	give("allow=api.example.com");
	give("deny=192.0.2.9");
	assert_rule("192.0.2.1", "api.example.com", 1, "allow=api.example.com");
	assert_rule("192.0.2.9", "api.example.com", 1, "deny=192.0.2.9");
	assert_rule("192.0.2.1", NULL, 1, "deny=192.0.2.0/25");
	assert_rule("192.0.2.200", NULL, 1, "deny=*");
}
END_TEST

START_TEST(names_of_one_address_open_their_own_ports)
{
	give("deny=*");
	give("allow=a.example.com:80");
	give("allow=b.example.com:443");
	ck_assert_str_eq(rule_of("192.0.2.1", "a.example.com", "b.example.com", IPPROTO_TCP, 80),
			 "allow=a.example.com:80");
	ck_assert_str_eq(rule_of("192.0.2.1", "a.example.com", "b.example.com", IPPROTO_TCP, 443),
			 "allow=b.example.com:443");
	ck_assert_str_eq(rule_of("192.0.2.1", "a.example.com", "b.example.com", IPPROTO_TCP, 22),
			 "deny=*");
}
END_TEST

START_TEST(deny_of_some_ports_leaves_the_name)
{
	give("allow=*.example.com");
	give("deny=mail.example.com:25");
	assert_ask("mail.example.com", "allow");
	assert_rule("192.0.2.1", "mail.example.com", 25, "deny=mail.example.com:25");
	assert_rule("192.0.2.1", "mail.example.com", 26, "allow=*.example.com");
}
END_TEST

static const char *const privates[] = {
	"10.0.0.1",
	"172.16.0.1",
	"192.168.1.1",
	"127.0.0.1",
	"0.0.0.0",
	"100.64.0.1",
	"169.254.169.254",
	"100.100.100.200",
	"192.0.0.192",
	"168.63.129.16",
	"224.0.0.1",
	"255.255.255.255",
	"198.18.0.1",
	"::1",
	"::",
	"fe80::1",
	"fd00:ec2::254",
	"fc00::1",
	"fec0::1",
	"ff02::1",
	"64:ff9b::a00:1",
	"64:ff9b::a9fe:a9fe",
	"64:ff9b:1::1",
	"2002:7f00:1::",
	"2002:a9fe:a9fe::1",
	"2001:0:0:0:0:0:5601:5601",
	"::10.0.0.1",
	"::ffff:0:10.0.0.1",
};
static const char *const publics[] = {"192.0.2.1",   "8.8.8.8",         "172.32.0.1",
				      "100.128.0.1", "168.63.129.17",   "2001:db8::1",
				      "2600::1",     "64:ff9b::808:808"};

START_TEST(private_addresses_need_private)
{
	give("allow=a.example.com");
	give("allow=b.example.com+private");
	for (unsigned i = 0; i < G_N_ELEMENTS(privates); i++) {
		assert_rule(privates[i], "a.example.com", 1, "none");
		assert_rule(privates[i], "b.example.com", 1, "allow=b.example.com+private");
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(publics); i++)
		assert_rule(publics[i], "a.example.com", 1, "allow=a.example.com");
}
END_TEST

START_TEST(what_a_wildcard_lets_spell_is_bounded)
{
	give("allow=*.example.com");
	give("allow=1.2.3.4.5.6.7.8.9.10.11.example.com");
	assert_ask("1.2.3.4.5.6.7.8.example.com", "allow");
	assert_ask("1.2.3.4.5.6.7.8.9.example.com", "deny");
	assert_ask("1.2.3.4.5.6.7.8.9.10.11.example.com", "allow");
	assert_ask("123456789012345678901234567890123456789012345678901234567890."
		   "1234567890123456789012345678901234567890123456789.example.com",
		   "allow");
	assert_ask("123456789012345678901234567890123456789012345678901234567890."
		   "123456789012345678901234567890123456789012345678901234567890.example.com",
		   "deny");
	assert_ask("a$b.example.com", "deny");
}
END_TEST

#ifdef USERNET_IDN
START_TEST(letters_beyond_ascii_are_a_labels)
{
	give("allow=b\xc3\xbc"
	     "cher.example");
	assert_ask("xn--bcher-kva.example", "allow");
	assert_rule("192.0.2.1", "xn--bcher-kva.example", 1, "allow=xn--bcher-kva.example");
	ck_assert(!policy_add(policy, true, "xn--bcher-kva.example", &error));
}
END_TEST
#endif

START_TEST(rule_with_other_marks_is_another_spelling)
{
	give("allow=a.example.com:443+sni");
	ck_assert(!policy_add(policy, true, "a.example.com:443", &error));
	ck_assert_str_eq(error->message, "allow=a.example.com:443: there is "
					 "allow=a.example.com:443+sni already");
	g_clear_error(&error);
	ck_assert(policy_has(policy, true, "a.example.com:443+sni"));
	ck_assert(!policy_has(policy, true, "a.example.com:443"));
	ck_assert(!policy_remove(policy, true, "a.example.com:443", &error));
	ck_assert(policy_remove(policy, true, "A.example.com:443+sni", NULL));
	ck_assert(policy_is_empty(policy));
	ck_assert(!policy_names_names(policy));
}
END_TEST

START_TEST(thousands_of_names_are_found)
{
	char text[64];

	for (unsigned i = 0; i < 5000; i++) {
		g_snprintf(text, sizeof(text), "allow=n%u.example.com:%u", i, 1 + i % 100);
		give(text);
		g_snprintf(text, sizeof(text), "deny=*.z%u.example.com", i);
		give(text);
	}
	assert_ask("n4999.example.com", "allow");
	assert_ask("a.z17.example.com", "deny");
	assert_ask("n5000.example.com", "silent");
	for (unsigned i = 0; i < 5000; i += 2) {
		g_snprintf(text, sizeof(text), "n%u.example.com:%u", i, 1 + i % 100);
		ck_assert(policy_remove(policy, true, text, NULL));
	}
	assert_ask("n4998.example.com", "silent");
	assert_ask("n4999.example.com", "allow");
}
END_TEST

START_TEST(rules_of_one_name_stay_when_one_goes)
{
	give("allow=a.example.com:80");
	give("allow=a.example.com:443");
	give("allow=a.example.com:1..9");
	ck_assert(policy_remove(policy, true, "a.example.com:80", NULL));
	assert_rule("192.0.2.1", "a.example.com", 443, "allow=a.example.com:443");
	assert_rule("192.0.2.1", "a.example.com", 80, "none");
	ck_assert(policy_remove(policy, true, "a.example.com:443", NULL));
	assert_rule("192.0.2.1", "a.example.com", 5, "allow=a.example.com:1..9");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy_names");
	TCase *tcase = tcase_create("policy_names");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, wildcard_is_every_name_below_and_not_the_name);
	tcase_add_test(tcase, name_is_itself_only);
	tcase_add_test(tcase, narrower_name_decides);
	tcase_add_test(tcase, names_are_between_addresses_and_networks);
	tcase_add_test(tcase, names_of_one_address_open_their_own_ports);
	tcase_add_test(tcase, deny_of_some_ports_leaves_the_name);
	tcase_add_test(tcase, private_addresses_need_private);
	tcase_add_test(tcase, what_a_wildcard_lets_spell_is_bounded);
#ifdef USERNET_IDN
	tcase_add_test(tcase, letters_beyond_ascii_are_a_labels);
#endif
	tcase_add_test(tcase, rule_with_other_marks_is_another_spelling);
	tcase_add_test(tcase, thousands_of_names_are_found);
	tcase_add_test(tcase, rules_of_one_name_stay_when_one_goes);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
