/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_DHCP_OPTIONS_H
#define USERNET_SVC_DHCP_OPTIONS_H

#include "svc/dhcp_wire.h"

/*
 * What the configuration says to a client, as options of a reply. Knows neither leases nor message
 * types.
 */
struct user_config;

/*
 * Adds what @request asks for in option 55, in its order; all there is when it asks for nothing.
 * The netmask goes always, the FQDN (81) when the client sent its own. No router and no name server
 * with restrict=on, as libslirp (bootp.c). siaddr and the boot file are set too.
 */
void dhcp_options_add(struct dhcp_reply *reply, const struct dhcp_message *request,
		      const struct user_config *config);

/* What the client calls itself (option 12, else 81), cleaned; "" when it does not. @out:
 * DNS_LABEL_MAX + 1 bytes. */
void dhcp_options_hostname(char *out, const struct dhcp_message *request);

#endif
