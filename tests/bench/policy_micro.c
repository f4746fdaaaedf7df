/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdio.h>

#include "base/address.h"
#include "net/network.h"
#include "net/user_config.h"
#include "policy/table.h"

/*
 * What a new connection and a query cost in the policy: ns per verdict, with few and with many
 * rules and names. Packets of open connections are not judged.
 */
#define ROUNDS 200000
#define GUEST  0x525400123456

static struct network *network;
static struct user_config config;

static struct dns_name name_of(unsigned n)
{
	g_autofree char *text = g_strdup_printf("n%u.zone%u.example.com", n, n % 100);
	struct dns_name name;

	dns_name_parse(&name, text);
	return name;
}

static struct in6_addr address_of(unsigned n)
{
	return address_map4(g_htonl(0xcb000000 + n));
}

static void measure(unsigned n)
{
	struct policy_table *table = policy_table_new(network, &config);
	unsigned held = MIN(n, POLICY_OPEN_PER_GUEST), allowed = 0;
	gint64 since;

	policy_table_add(table, NULL, false, "*", NULL);
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *rule = g_strdup_printf("n%u.zone%u.example.com:443", i, i % 100);
		struct in6_addr addr = address_of(i);
		struct dns_name name = name_of(i);

		policy_table_add(table, NULL, true, rule, NULL);
		policy_table_open(table, i < n - held ? GUEST + 1 + i / 1000 : GUEST, &name, &addr,
				  3600);
	}
	since = g_get_monotonic_time();
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct policy_table_target target = {.proto = IPPROTO_TCP, .port = 443};

		target.dst = address_of(n - 1 - i % held);
		allowed += policy_table_look(table, GUEST, &target).allow;
	}
	printf("%6u rules and names: %5.0f ns a connection", n,
	       (double)(g_get_monotonic_time() - since) * 1000 / ROUNDS);
	g_assert(allowed == ROUNDS);
	{
		struct dns_name name = name_of(n - 1);

		since = g_get_monotonic_time();
		for (unsigned i = 0; i < ROUNDS; i++)
			allowed += policy_table_ask(table, GUEST, &name).allow;
		printf(", %5.0f ns a query\n",
		       (double)(g_get_monotonic_time() - since) * 1000 / ROUNDS);
	}
	policy_table_free(table);
}

int main(void)
{
	struct loop *loop = loop_new(NULL);

	user_config_defaults(&config);
	user_config_resolve(&config, NULL);
	network = network_new(loop, "bench");
	for (unsigned n = 1; n <= 10000; n *= 10)
		measure(n);
	network_free(network);
	loop_free(loop);
	return 0;
}
