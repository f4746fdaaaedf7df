/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_RULE_H
#define USERNET_FWD_RULE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"
#include "base/sockaddr.h"

/*
 * A hostfwd rule. The grammar is QEMU's (QEMU net/slirp.c slirp_hostfwd, hmp_hostfwd_remove; unix
 * since 10.2) with extensions in forms that QEMU refuses, so that every QEMU rule keeps its
 * meaning:
 *
 *     [tcp|udp]:[HOST]:PORTS-[GUEST]:PORTS[+OPTION]…
 *     unix:PATH-[GUEST]:PORT[+OPTION]…
 *     *:[HOST]:PORTS-[GUEST][:PORTS][+OPTION]…      both protocols, see fwd_rule_split()
 *
 *     HOST    IPv4; [IPv6], with %scope if needed; "*": any address of both families;
 *             "localhost": 127.0.0.1 and ::1; left out: the default given to the parser
 *     PORTS   a number in base 0, or FIRST..LAST: tcp::8000..8010-web:8000..8010. The guest's may
 *             be only the first one. Host port 0: the kernel chooses (not in a range)
 *     GUEST   IPv4, [IPv6], or a guest's name (RFC 1123 label, not only digits); left out: the
 *             DHCP start address
 *     PATH    absolute, at most 107 bytes, up to the first "-". A path that contains "-" is put
 *             in brackets, "]" in it doubled: unix:[/run/my-vm.sock]-:22. The guest's side is TCP
 *     OPTION  masquerade=on|off: the guest sees the gateway as client, for guests without a route
 *             back
 *
 * "+" separates options because it is not special in option strings (","), lists of rules (";") or
 * shells: hostfwd=tcp::8080-web:80+masquerade=on
 *
 * The families of both sides may differ. The guest then sees the gateway as client, because the
 * client has no address of the guest's family. If the rule names no host address and the default is
 * any or loopback, the host's family follows the guest's.
 *
 * parse and format are inverses: format writes the canonical form.
 */
#define FWD_NAME_MAX 63 /* RFC 1035 2.3.4 */

struct fwd_rule {
	bool udp;
	/*
	 * The listening address with the (first) port: inet, inet6 or unix. Default: the address
	 * given to the parser.
	 */
	struct sockaddr_any host;
	bool host_left_out; /* the rule names no address */
	bool both; /* "*" or "localhost": host is the IPv4 address; its IPv6 twin listens too */
	/* Number of host ports, which map in order to as many guest ports. */
	unsigned n_ports;
	/*
	 * With the (first) port. No address given: in_addr 0, to be replaced by the DHCP start
	 * address. With a name: the current address of the name (table.h); the parser leaves it 0.
	 */
	struct sockaddr_any guest;
	char guest_name[FWD_NAME_MAX + 1]; /* in lower case; "": none */
	bool masquerade;
};

/* A separate domain, so that callers can tell a bad rule from a busy port. */
#define FWD_ERROR fwd_error_quark()
enum fwd_error {
	FWD_ERROR_INVALID, /* the rule's text */
	FWD_ERROR_IN_USE,  /* another rule or another program listens there */
};
GQuark fwd_error_quark(void);

/*
 * Errors are QEMU's, followed by the correct form: Invalid host forwarding rule 'RULE' (REASON):
 * 'PART' should be …; FWD_ERROR_INVALID.
 */
bool fwd_rule_parse(struct fwd_rule *rule, const char *text, struct in_addr host_default,
		    GError **error);
/*
 * Parses the argument of hostfwd_remove: the host side only, [tcp|udp]:[HOST]:PORTS or unix:PATH
 * (to the end; "-" needs no brackets). Guest and options stay zero.
 */
bool fwd_rule_parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default,
			 GError **error);
/*
 * Is @text a rule, or a rule's host side, for TCP and UDP? @two: the rules that it stands for,
 * newly allocated; the guest's ports are the host's where @text names none. False: it names one
 * protocol, or is not well-formed.
 */
bool fwd_rule_split(const char *text, char *two[2]);
/* Newly allocated: "tcp:127.0.0.1:2222-10.0.2.15:22". */
char *fwd_rule_format(const struct fwd_rule *rule);
/* The host side, for fwd_rule_parse_host(): "tcp:127.0.0.1:2222". Newly allocated. */
char *fwd_rule_format_host(const struct fwd_rule *rule);

/* The host side's ports; {0, 0} for unix. */
struct port_range fwd_rule_host_ports(const struct fwd_rule *rule);

#endif
