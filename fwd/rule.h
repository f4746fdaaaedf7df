/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_RULE_H
#define USERNET_FWD_RULE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"
#include "base/sockaddr.h"

/*
 * A hostfwd rule: QEMU's grammar (QEMU net/slirp.c slirp_hostfwd, hmp_hostfwd_remove; unix since
 * 10.2) and what people ask for beyond it, in forms that QEMU refuses, so that none of its rules
 * changes its meaning:
 *
 *     [tcp|udp]:[HOST]:PORTS-[GUEST]:PORTS[+OPTION]…
 *     unix:PATH-[GUEST]:PORT[+OPTION]…
 *
 *     HOST    IPv4; [IPv6], with %scope where it needs one; "*": any address of both families;
 *             "localhost": 127.0.0.1 and ::1; left out: the default given to the parser
 *     PORTS   a number in base 0, or FIRST..LAST: tcp::8000..8010-web:8000..8010. The guest's may
 *             be the first one alone. Host port 0: the kernel chooses (not in a range)
 *     GUEST   IPv4, [IPv6], or a guest's name (RFC 1123 label, not of digits alone); left out: the
 *             DHCP start address
 *     PATH    absolute, at most 107 bytes, up to the first "-". One that has "-" in it stands in
 *             brackets, "]" in it doubled: unix:[/run/my-vm.sock]-:22. The guest's side is TCP
 *     OPTION  masquerade=on|off: the guest sees the gateway as client, for guests without a route
 *             back
 *
 * An option is set off by "+", for neither option strings (",") nor lists of rules (";") nor shells
 * mean anything by it: hostfwd=tcp::8080-web:80+masquerade=on
 *
 * The families of both sides may differ; such a client has no address that the guest could see, so
 * it sees the gateway's. A rule that names no host address follows the guest's family where the
 * default is any or loopback.
 *
 * parse and format are inverses: format writes the one way that parse reads the same again.
 */
#define FWD_NAME_MAX 63 /* RFC 1035 2.3.4 */

struct fwd_rule {
	bool udp;
	/*
	 * Where we listen, with the (first) port: inet, inet6 or unix. An address left out is the
	 * default given to the parser.
	 */
	struct sockaddr_any host;
	bool host_left_out; /* nobody wrote the address */
	bool both;          /* "*" or "localhost": host is IPv4's, and its IPv6 twin counts too */
	/* 1, or how many ports of the host's side go to as many of the guest's, in order. */
	unsigned n_ports;
	/*
	 * With the (first) port. An address left out: in_addr 0, to be replaced by the DHCP start
	 * address. With a name the address is whatever the name stands for now (table.h); the
	 * parser leaves it 0.
	 */
	struct sockaddr_any guest;
	char guest_name[FWD_NAME_MAX + 1]; /* in lower case; "": none */
	bool masquerade;
};

/* A domain of its own, so that callers can tell a bad rule from a busy port. */
#define FWD_ERROR fwd_error_quark()
enum fwd_error {
	FWD_ERROR_INVALID, /* the rule's text */
	FWD_ERROR_IN_USE,  /* another rule, or another program, listens there */
};
GQuark fwd_error_quark(void);

/*
 * Errors are QEMU's and then what would be right: Invalid host forwarding rule 'RULE' (REASON):
 * 'PART' should be …; FWD_ERROR_INVALID.
 */
bool fwd_rule_parse(struct fwd_rule *rule, const char *text, struct in_addr host_default,
		    GError **error);
/*
 * What hostfwd_remove takes: the host's side alone, [tcp|udp]:[HOST]:PORTS or unix:PATH (to its
 * end: "-" needs no brackets). Guest and options stay zero.
 */
bool fwd_rule_parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default,
			 GError **error);
/* Newly allocated: "tcp:127.0.0.1:2222-10.0.2.15:22". */
char *fwd_rule_format(const struct fwd_rule *rule);
/* Its host's side, for fwd_rule_parse_host: "tcp:127.0.0.1:2222". Newly allocated. */
char *fwd_rule_format_host(const struct fwd_rule *rule);

/* The ports of the host's side; {0, 0} for unix. */
struct port_range fwd_rule_host_ports(const struct fwd_rule *rule);

#endif
