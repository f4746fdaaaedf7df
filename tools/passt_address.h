/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_ADDRESS_H
#define USERNET_TOOLS_PASST_ADDRESS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

/*
 * passt's --address, --netmask, --gateway and --dns-forward as keys of the user netdev. passt
 * allows any guest address. usernet's network has a gateway and a name server with their own
 * addresses, which must differ from the guest's.
 */
struct passt_addresses {
	struct in_addr guest, gateway, dns; /* 0: not given */
	unsigned len;                       /* of the netmask; 0: not given */
	struct in6_addr guest6, gateway6, dns6;
};

/* Stores @text in @v4 or @v6, depending on its family. */
bool passt_address_note(const char *option, const char *text, struct in_addr *v4,
			struct in6_addr *v6, GError **error);
bool passt_netmask_note(const char *text, unsigned *len, GError **error);
/* Appends "net=…", "host=…" and so on to @user; omits defaults. */
bool passt_address_keys(const struct passt_addresses *addresses, GPtrArray *user,
			GPtrArray *warnings, GError **error);

#endif
