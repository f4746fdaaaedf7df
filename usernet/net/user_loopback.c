/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/user_loopback.h"

#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (!strcmp(text, *words))
			return true;
	}
	return false;
}

bool user_loopback_parse(const char *text, enum loopback_mode *mode, struct port_range **ports,
			 GError **error)
{
	/* QEMU qapi/qapi-util.c qapi_bool_parse */
	static const char *const yes[] = {"on", "yes", "true", "y", NULL}, *const no[] = {
										   "off", "no",
										   "false", "n",
										   NULL};
	g_auto(GStrv) words = NULL;
	g_autofree struct port_range *ranges = NULL;
	unsigned n;

	*ports = NULL;
	*mode = is_one_of(text, yes) ? LOOPBACK_ON : LOOPBACK_OFF;
	if (*mode == LOOPBACK_ON || is_one_of(text, no))
		return true;
	words = g_strsplit(text, ";", -1);
	n = g_strv_length(words);
	if (n > USER_LOOPBACK_PORTS_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "host-loopback=: %u ports or ranges; %d is the limit", n,
			    USER_LOOPBACK_PORTS_MAX);
		return false;
	}
	ranges = g_new0(struct port_range, n + 1);
	for (unsigned i = 0; i < n; i++) {
		const char *right = port_range_parse(words[i], 1, &ranges[i]);

		if (right) {
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "Parameter 'host-loopback' expects 'on', 'off' or ports such "
				    "as 8080;5432;9000..9010, not '%s': '%s' should be %s",
				    text, words[i], right);
			return false;
		}
	}
	if (!n) {
		g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "Parameter 'host-loopback' expects 'on', 'off' or ports");
		return false;
	}
	*mode = LOOPBACK_PORTS;
	*ports = g_steal_pointer(&ranges);
	return true;
}

char *user_loopback_format(const struct user_config *config)
{
	GString *out;

	if (config->loopback != LOOPBACK_PORTS)
		return g_strdup(config->loopback == LOOPBACK_ON ? "on" : "off");
	out = g_string_new(NULL);
	for (const struct port_range *range = config->loopback_ports; range->last; range++) {
		char text[PORT_RANGE_TEXT];

		port_range_format(text, *range);
		g_string_append_printf(out, "%s%s", out->len ? ";" : "", text);
	}
	return g_string_free(out, FALSE);
}
