/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_OPTIONS6_H
#define USERNET_DHCP_OPTIONS6_H

#include "dhcp/wire6.h"

/* What the configuration says to a client, as options of a DHCPv6 answer. Knows no leases. */
struct user_config;

/*
 * Adds what @query asks for: name server, search list, boot file (RFC 5970) and its parameters. A
 * boot file that is no URL is fetched by TFTP, from tftp-server-name= or from the gateway. A UEFI
 * HTTP client takes no answer without the vendor class "HTTPClient" (16).
 */
void dhcpv6_options_add(struct dhcpv6_writer *w, const struct dhcpv6_query *query,
			const struct user_config *config);

#endif
