/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "fwd/cursor.h"
#include "fwd/guestfwd.h"
#include "fwd/table.h"
#include "harness.h"
#include "policy/policy.h"

/*
 * Each line is parsed as every kind of rule. An accepted rule prints as one that parses to the same
 * rule and prints the same; a refused one has an error that names it. Rules are added to a table
 * and removed, and a guest moves: no listener is lost.
 */
#define RANGE_MAX 64 /* making tens of thousands of listeners is slow */

static unsigned n_bound;
static uint16_t next_port;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool fake_bind(void *data, struct fwd_listener *listener, GError **error)
{
	uint16_t port = fwd_get_port(&listener->bound);

	check(!listener->data);
	if (port % 13 == 12) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "no");
		return false;
	}
	/* Every port is new: the kernel's choice is free. */
	if (!port)
		fwd_set_port(&listener->bound, ++next_port);
	listener->data = &n_bound;
	n_bound++;
	return true;
}

static void fake_unbind(void *data, struct fwd_listener *listener)
{
	check(listener->data == &n_bound && n_bound);
	n_bound--;
}

static void fake_retarget(void *data, struct fwd_listener *listener,
			  const struct sockaddr_any *from)
{
	check(listener->data && fwd_get_port(from) == fwd_get_port(&listener->guest));
}

static bool fake_resolve(void *data, const char *name, struct fwd_guest *guest, GError **error)
{
	*guest = (struct fwd_guest){.v4 = {(uint32_t)strlen(name)}};
	return true;
}

static const struct fwd_backend backend = {
	.bind = fake_bind,
	.unbind = fake_unbind,
	.retarget = fake_retarget,
	.resolve = fake_resolve,
};

static void check_error(bool taken, const char *text, GError *error)
{
	check(taken == !error);
	if (error)
		check(strstr(error->message, text) != NULL);
	g_clear_error(&error);
}

static bool same(const struct fwd_rule *a, const struct fwd_rule *b)
{
	return a->udp == b->udp && a->both == b->both && a->n_ports == b->n_ports &&
	       sockaddr_equal(&a->host, &b->host) && sockaddr_equal(&a->guest, &b->guest) &&
	       !strcmp(a->guest_name, b->guest_name) && a->masquerade == b->masquerade;
}

static void check_inverse(const struct fwd_rule *rule)
{
	g_autofree char *text = fwd_rule_format(rule);
	g_autofree char *side = fwd_rule_format_host(rule);
	g_autofree char *again = NULL;
	struct fwd_rule other;

	check(fwd_rule_parse(&other, text, (struct in_addr){0}, NULL) && same(rule, &other));
	again = fwd_rule_format(&other);
	check(!strcmp(text, again));
	check(fwd_rule_parse_host(&other, side, (struct in_addr){0}, NULL));
	check(sockaddr_equal(&rule->host, &other.host) && rule->n_ports == other.n_ports);
}

static void check_table(struct fwd_table *table, const struct fwd_rule *rule)
{
	struct fwd_guest moved = {.v4 = {rule->n_ports}};
	const struct fwd_entry *entry;
	unsigned before = n_bound;
	GError *error = NULL;

	if (rule->n_ports > RANGE_MAX)
		return;
	entry = fwd_table_add(table, rule, &error);
	check(!entry == !!error);
	check(n_bound == before + (entry ? entry->n_listeners : 0));
	g_clear_error(&error);
	if (entry && rule->guest_name[0]) {
		check(fwd_table_guest_uses(table, rule->guest_name) > 0);
		fwd_table_guest_moved(table, rule->guest_name, &moved);
	}
}

static void check_hostfwd(struct fwd_table *table, const char *text)
{
	GError *error = NULL;
	struct fwd_rule rule;
	bool taken = fwd_rule_parse(&rule, text, (struct in_addr){0}, &error);

	check_error(taken, text, error);
	if (taken) {
		check_inverse(&rule);
		check_table(table, &rule);
	}
	error = NULL;
	taken = fwd_rule_parse_host(&rule, text, (struct in_addr){0}, &error);
	check_error(taken, text, error);
	if (taken)
		fwd_table_remove(table, &rule);
}

static void check_guestfwd(const char *text)
{
	GError *error = NULL;
	struct fwd_guestfwd rule, other;
	bool taken = fwd_guestfwd_parse(&rule, text, &error);
	g_autofree char *printed = taken ? fwd_guestfwd_format(&rule) : NULL;
	g_autofree char *again = NULL;

	check_error(taken, text, error);
	if (!taken)
		return;
	check(fwd_guestfwd_parse(&other, printed, NULL));
	check(rule.target == other.target && sockaddr_equal(&rule.server, &other.server));
	again = fwd_guestfwd_format(&other);
	check(!strcmp(printed, again));
	fwd_guestfwd_clear(&other);
	fwd_guestfwd_clear(&rule);
}

/* Looking for what the rule is about finds it, or a narrower one. */
static void check_lookup(struct policy *policy, const struct policy_rule *rule)
{
	struct dns_name below;
	const struct dns_name *names[] = {&rule->name.name};
	struct policy_target target = {.proto = rule->proto ? rule->proto : IPPROTO_TCP,
				       .dst = rule->net,
				       .port = rule->n_ports ? rule->ports[0].first : 0};
	const struct policy_rule *found;

	if (rule->by_name) {
		if (rule->name.below && !dns_name_prepend(&below, "a", &rule->name.name))
			return;
		target.dst = (struct in6_addr){.s6_addr = {0x20, 0x01}};
		target.names = names;
		target.n_names = 1;
		if (rule->name.below)
			names[0] = &below;
	}
	found = policy_look(policy, &target, NULL);
	check(found && policy_rule_compare(found, rule) <= 0);
}

static void check_policy(struct policy *policy, const char *text)
{
	GError *error = NULL;
	struct policy_rule rule, other;
	bool allow = strlen(text) % 2, taken = policy_rule_parse(&rule, allow, text, &error);
	g_autofree char *printed = taken ? policy_rule_format(&rule) : NULL;

	check_error(taken, text, error);
	if (!taken)
		return;
	check(policy_rule_parse(&other, allow, printed, NULL));
	check(policy_rule_same_flows(&rule, &other) && !policy_rule_compare(&rule, &other));
	/* A network contains its own first address, and a name stands for itself. */
	if (rule.by_name)
		check(policy_rule_matches_name(&rule, &rule.name.name) == !rule.name.below);
	else if (!rule.every)
		check(policy_rule_matches(&rule, rule.proto ? rule.proto : IPPROTO_TCP, &rule.net,
					  rule.n_ports ? rule.ports[0].first : 0));
	if (policy_add(policy, allow, text, NULL)) /* not if one says the opposite */
		check_lookup(policy, &rule);
	for (unsigned i = 1; i < policy_count(policy); i++) {
		uint64_t hits;

		check(policy_rule_compare(policy_nth(policy, i - 1, &hits),
					  policy_nth(policy, i, &hits)) <= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fwd_table *table = fwd_table_new(&backend, NULL, (struct in_addr){1});
	struct policy *policy = policy_new();
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 256);

	next_port = 30000;
	for (unsigned i = 0; lines[i]; i++) {
		check_hostfwd(table, lines[i]);
		check_guestfwd(lines[i]);
		check_policy(policy, lines[i]);
	}
	policy_free(policy);
	fwd_table_free(table);
	check(!n_bound);
	return 0;
}
