/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_OPTIONS6_H
#define USERNET_DHCP_OPTIONS6_H

#include "dhcp/wire6.h"

/* Writes the configuration into the options of a DHCPv6 answer. Knows no leases. */
struct user_config;

/*
 * Adds the options that @query asks for: name server, search list, boot file (RFC 5970) and its
 * parameters. A boot file that is not a URL is fetched by TFTP, from tftp-server-name= or from the
 * gateway. A UEFI HTTP client accepts an answer only with the vendor class "HTTPClient" (16).
 */
void dhcpv6_options_add(struct dhcpv6_writer *w, const struct dhcpv6_query *query,
			const struct user_config *config);

#endif
