/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/limit.h"

#include <string.h>

#include "base/error.h"

unsigned limit_values[LIMIT_COUNT] = {
	[LIMIT_STATIONS] = 8192,    [LIMIT_GUESTS] = 8192,
	[LIMIT_HOLD] = 300, /* IEEE 802.1D ageing time */
	[LIMIT_FLOOD_RATE] = 20000, [LIMIT_FLOOD_BURST] = 40000,
	[LIMIT_RUN_TIME] = 100,     [LIMIT_UNANSWERED] = 128,
	[LIMIT_UDP_SOCKETS] = 8192, [LIMIT_TFTP] = 8,
	[LIMIT_DNS_QUERIES] = 512,  [LIMIT_DNS_TCP] = 16,
	[LIMIT_OPEN_NAMES] = 16384, [LIMIT_CONNS] = 131072,
	[LIMIT_OPENING] = 4096,     [LIMIT_BYTES] = 48u << 20,
	[LIMIT_PROCESSES] = 256,    [LIMIT_STATIONS_ALL] = 16384,
	[LIMIT_DNS_TCP_ALL] = 128,  [LIMIT_CLIENTS] = 64,
};

/* The largest values are those of tables and counters behind them. */
static const struct {
	const char *name;
	unsigned min, max;
} rows[LIMIT_COUNT] = {
	[LIMIT_STATIONS] = {"stations", 1, 65536},
	[LIMIT_GUESTS] = {"guests", 1, 16384},
	[LIMIT_HOLD] = {"address-hold", 10, 1000000}, /* IEEE 802.1D: 10 to 1,000,000 s */
	[LIMIT_FLOOD_RATE] = {"flooded-frames-per-second", 1, 10000000},
	[LIMIT_FLOOD_BURST] = {"flooded-frames-at-once", 1, 10000000},
	[LIMIT_RUN_TIME] = {"run-time", 10, 100000},
	[LIMIT_UNANSWERED] = {"unanswered-connections", 1, 65536},
	[LIMIT_UDP_SOCKETS] = {"udp-sockets", 1, 16384},
	[LIMIT_TFTP] = {"tftp-transfers", 1, 64},
	[LIMIT_DNS_QUERIES] = {"dns-queries-of-a-guest", 1, 1024},
	[LIMIT_DNS_TCP] = {"dns-tcp-connections", 1, 4096},
	[LIMIT_OPEN_NAMES] = {"open-names", 1, 65536},
	[LIMIT_CONNS] = {"connections", 64, 1048576},
	[LIMIT_OPENING] = {"opening-connections", 16, 65536},
	[LIMIT_BYTES] = {"buffered-bytes", 1 << 20, 1 << 30},
	[LIMIT_PROCESSES] = {"commands", 1, 4096},
	[LIMIT_STATIONS_ALL] = {"all-stations", 64, 65536},
	[LIMIT_DNS_TCP_ALL] = {"all-dns-tcp-connections", 1, 4096},
	[LIMIT_CLIENTS] = {"control-clients", 1, 1024},
};

const char *limit_name(enum limit limit)
{
	return rows[limit].name;
}

static bool unknown(const char *text, GError **error)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		g_string_append_printf(names, "%s%s", i ? ", " : "", rows[i].name);
	return error_usage(error, "limit '%s': write NAME=NUMBER; the names are %s", text,
			   names->str);
}

bool limit_parse(const char *text, bool set, GError **error)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : 0;
	guint64 number;

	for (unsigned i = 0; i < LIMIT_COUNT && value; i++) {
		if (strlen(rows[i].name) != len || memcmp(rows[i].name, text, len) != 0)
			continue;
		if (!g_ascii_string_to_unsigned(value + 1, 10, rows[i].min, rows[i].max, &number,
						NULL))
			return error_usage(error, "limit '%s': write a number from %u to %u", text,
					   rows[i].min, rows[i].max);
		if (set)
			limit_values[i] = (unsigned)number;
		return true;
	}
	return unknown(text, error);
}
