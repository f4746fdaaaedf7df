/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_OPTIONS_H
#define USERNET_DHCP_OPTIONS_H

#include "dhcp/wire.h"

/*
 * What the configuration says to a client, as options of a reply. Knows neither leases nor message
 * types.
 */
struct user_config;

/* What the client is called here. */
struct dhcp_names {
	const char *reserved; /* its reservation's; told in option 12; NULL: it has none */
	const char *client;   /* what it calls itself, when it may; "" otherwise */
};

/*
 * Adds what @request asks for in option 55, in its order; all there is when it asks for nothing.
 * The netmask goes always, the FQDN (81) when the client sent its own. No router with restrict=on;
 * the name server, which then knows the network's names only, is named. siaddr (the boot server:
 * tftp-server-name when that is an address, else the gateway) and the boot file, by the client's
 * architecture (93), are set too. Network boot: a UEFI HTTP client takes no offer without the class
 * (60) "HTTPClient"; a PXE client that asks for the class is given it with the advice (43) to boot
 * the file that is named.
 */
void dhcp_options_add(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const struct user_config *config, const struct dhcp_names *names);

/* What the client calls itself (option 12, else 81), cleaned; "" when it does not. @out:
 * DNS_LABEL_MAX + 1 bytes. */
void dhcp_options_hostname(char *out, const struct dhcp_message *request);

#endif
