/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_RULE_H
#define USERNET_FWD_RULE_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"

/*
 * A hostfwd rule in QEMU's grammar (QEMU net/slirp.c slirp_hostfwd, hmp_hostfwd_remove):
 *
 *     [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport
 *
 * IPv6 addresses stand in brackets; both sides must be of one family. Numbers in base 0, as strtol
 * reads them. parse and format are inverses.
 */
struct fwd_rule {
	bool udp;
	struct sockaddr_any host; /* an empty address: the default given to the parser */
	struct sockaddr_any
		guest; /* an empty address: in_addr 0, to be replaced by the DHCP start address */
};

/* A domain of its own, so that callers can tell a bad rule from a busy port. */
#define FWD_ERROR fwd_error_quark()
enum fwd_error {
	FWD_ERROR_INVALID, /* the rule's text */
	FWD_ERROR_IN_USE,  /* another rule, or another program, listens there */
};
GQuark fwd_error_quark(void);

/*
 * Errors read as QEMU's: Invalid host forwarding rule 'RULE' (REASON), FWD_ERROR_INVALID.
 * @host_default: for rules that name no host address; where the guest's is IPv6, "any" and loopback
 * become IPv6's.
 */
bool fwd_rule_parse(struct fwd_rule *rule, const char *text, struct in_addr host_default,
		    GError **error);
/* What hostfwd_remove takes: [tcp|udp]:[hostaddr]:hostport. Only udp and host are set. */
bool fwd_rule_parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default,
			 GError **error);
/* Newly allocated: "tcp:127.0.0.1:2222-10.0.2.15:22". */
char *fwd_rule_format(const struct fwd_rule *rule);

#endif
