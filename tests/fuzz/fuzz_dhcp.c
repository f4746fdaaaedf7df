/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <glib.h>

#include "dhcp/dhcp.h"
#include "dhcp/wire.h"
#include "harness.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"

/*
 * A server with four addresses and a reservation, and clients that send the input: a byte (MAC and
 * port), two bytes (length), that many bytes of a message; repeated. Every answer must be a valid
 * message, and no address may belong to two clients.
 */
#define GATEWAY UINT64_C(0x52550a000202)
#define MAC(n)  (UINT64_C(0x525400000000) + (n))

static struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

static void check_answer(const uint8_t *frame, size_t len, const struct dhcp_outcome *outcome,
			 struct lease_pool *pool)
{
	static struct dhcp_message msg;
	enum drop_reason why;

	g_assert_cmpuint(len, <=, DHCP_FRAME_MAX);
	if (len) {
		g_assert_true(dhcp_parse(&msg, frame + DHCP_HEADERS, len - DHCP_HEADERS, &why));
		g_assert_cmpint(msg.op, ==, BOOTP_REPLY);
	}
	if (outcome->kind == DHCP_GRANTED) {
		const struct lease *lease = lease_by_addr(pool, outcome->addr);

		g_assert_nonnull(lease);
		g_assert_cmpint(lease->state, ==, LEASE_BOUND);
		g_assert_cmpuint(lease->mac, ==, outcome->mac);
		g_assert_cmpuint(len, >, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const search[] = {"lan", "example.org", NULL};
	struct user_route route = {.prefix = ip("192.168.7.0"), .len = 24, .via = ip("10.0.2.20")};
	struct user_config config;
	struct reservation_table *table = reservation_table_new("fuzz");
	struct reservation_spec spec = {.name = "web", .mac = MAC(1), .addr = ip("10.0.2.20")};
	struct port ports[2] = {{.id = 1}, {.id = 2}};
	struct dhcp_outcome outcome;
	static uint8_t out[DHCP_FRAME_MAX];
	struct dhcp *dhcp;
	usec_t now = 0;

	user_config_defaults(&config);
	config.dhcp_start = ip("10.0.2.15");
	config.dhcp_end = ip("10.0.2.18");
	config.host = ip("10.0.2.2");
	config.dns = ip("10.0.2.3");
	config.domainname = "lan";
	config.dnssearch = search;
	config.bootfile = "boot.ipxe";
	config.routes = &route;
	config.n_routes = 1;
	dhcp = dhcp_new(&config, GATEWAY);
	dhcp_set_reservations(dhcp, table);
	g_assert_nonnull(reservation_add(table, &spec, NULL));
	g_assert_nonnull(lease_reserve(dhcp_leases(dhcp), spec.mac, spec.addr, now));

	while (size >= 3) {
		uint8_t who = data[0];
		size_t len = MIN((size_t)(data[1] << 8 | data[2]), size - 3), n;

		n = dhcp_input(dhcp, &ports[who >> 7], MAC(who & 7), ip("0.0.0.0"), data + 3, len,
			       now, out, &outcome);
		check_answer(out, n, &outcome, dhcp_leases(dhcp));
		g_assert_cmpuint(lease_by_mac(dhcp_leases(dhcp), spec.mac)->addr.s_addr, ==,
				 spec.addr.s_addr);
		now += (who & 8 ? 7200 : 1) * USEC_PER_SEC;
		data += 3 + len;
		size -= 3 + len;
	}
	dhcp_free(dhcp);
	reservation_table_free(table);
	return 0;
}
