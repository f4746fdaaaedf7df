/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/info.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* libslirp writes 0.0.0.0 as "*", and a missing port as "-" or "*". */
static bool parse_address(const char *host, const char *port, struct sockaddr_any *addr)
{
	guint64 number = 0;

	memset(addr, 0, sizeof(*addr));
	addr->len = sizeof(addr->in);
	addr->in.sin_family = AF_INET;
	if (strcmp(host, "*") != 0 && inet_pton(AF_INET, host, &addr->in.sin_addr) != 1)
		return false;
	if (strcmp(port, "-") != 0 && strcmp(port, "*") != 0 &&
	    !g_ascii_string_to_unsigned(port, 10, 0, 65535, &number, NULL))
		return false;
	addr->in.sin_port = htons((uint16_t)number);
	return true;
}

static bool parse_row(char *row, struct nat_flow *flow)
{
	char source[32], source_port[12], dest[32], dest_port[12];
	char *open = strchr(row, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return false;
	*open = '\0';
	*close = '\0';
	flow->protocol = g_strstrip(row);
	flow->state = open + 1;
	if (sscanf(close + 1, "%d %31s %11s %31s %11s %u %u", &flow->fd, source, source_port, dest,
		   dest_port, &flow->recvq, &flow->sendq) != 7)
		return false;
	return parse_address(source, source_port, &flow->src) &&
	       parse_address(dest, dest_port, &flow->dst);
}

void nat_flow_parse(char *text, void (*each)(void *data, const struct nat_flow *flow), void *data)
{
	char *save = NULL;

	for (char *row = strtok_r(text, "\r\n", &save); row; row = strtok_r(NULL, "\r\n", &save)) {
		struct nat_flow flow;

		if (parse_row(row, &flow))
			each(data, &flow);
	}
}
