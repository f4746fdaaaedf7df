/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_OPTIONS_H
#define USERNET_DHCP_OPTIONS_H

#include "dhcp/wire.h"

/* Writes the configuration into a reply's options. Knows no leases and no message types. */
struct user_config;

/* The client's names. */
struct dhcp_names {
	const char *reserved; /* its reservation's, for option 12; NULL: none */
	const char *client;   /* the one it gives itself, if allowed; else "" */
};

/*
 * Adds the options that @request asks for in option 55, in its order; all if it asks for none. The
 * netmask always; the FQDN (81) if the client sent its own. With restrict=on no router, but the
 * name server, which then answers only for the network's names. Sets siaddr (the boot server:
 * tftp-server-name if it is an address, else the gateway) and the boot file, by the client's
 * architecture (93). Network boot: a UEFI HTTP client accepts an offer only with the class (60)
 * "HTTPClient"; a PXE client that asks for the class gets it, with the instruction (43) to boot the
 * file named.
 */
void dhcp_options_add(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const struct user_config *config, const struct dhcp_names *names);

/* The client's own name (option 12, else 81), cleaned; "": none. @out: DNS_LABEL_MAX + 1 bytes. */
void dhcp_options_hostname(char *out, const struct dhcp_message *request);

#endif
