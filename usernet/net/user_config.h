/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_USER_CONFIG_H
#define USERNET_NET_USER_CONFIG_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"
#include "net/boot_file.h"
#include "net/frame.h"
#include "net/outgoing.h"
#include "net/user_route.h"

/* host-loopback=: which of the host's loopback ports guests reach through the gateway address. */
enum loopback_mode { LOOPBACK_ON, LOOPBACK_OFF, LOOPBACK_PORTS };

/*
 * policy=: rules alone; "sandbox": what no rule allows is denied, and the keys that close the host
 * are set (ctl/options/user.c); "learn": what guests open is noted (policy/learned.h).
 */
enum policy_mode { POLICY_MODE_RULES, POLICY_MODE_SANDBOX, POLICY_MODE_LEARN };

/* dns-policy=: the answer to names that guests may not reach. */
enum dns_policy { DNS_POLICY_REFUSED, DNS_POLICY_NXDOMAIN, DNS_POLICY_ANSWER };

/*
 * QEMU's NetdevUserOptions (qapi/net.json). Start with user_config_defaults();
 * user_config_resolve() then derives addresses left 0 from the network as QEMU does (gateway .2,
 * DNS .3, first lease .15).
 */
struct user_config {
	const char *id;
	bool ipv4, ipv6;
	struct in_addr net, host, dns; /* network, gateway, name server */
	unsigned net_len;
	struct in6_addr net6, host6, dns6;
	unsigned net6_len; /* 64 for SLAAC; other lengths work without it */
	bool restricted;
	bool no_dhcp;                 /* neither DHCP nor DHCPv6 is answered */
	const char *hostname;         /* NULL: none */
	const char *domainname;       /* NULL: none */
	const char *const *dnssearch; /* NULL-terminated, may be NULL */
	/*
	 * The host's own search list, offered after dnssearch; owned by the gateway.
	 * NULL-terminated, may be NULL.
	 */
	const char *const *host_search;
	/* Use that list, and ask the host's servers for single labels and .local too. */
	bool dns_host_search;
	const char *http; /* the directory that is served by HTTP */
	const char *tftp, *tftp_server_name, *bootfile;
	const struct boot_file *boot_files; /* by architecture; NULL: none */
	const char *const *boot_params;     /* DHCPv6 option 60; NULL-terminated, may be NULL */
	struct in_addr dhcp_start, dhcp_end;
	struct in6_addr dhcp6_start, dhcp6_end; /* dhcpv6-range=; "::": none */
	bool dhcp6_off;                         /* dhcpv6-range=off */
	bool dhcp6_managed;       /* guests are told to use DHCPv6 (RA M flag, RFC 4861 4.2) */
	unsigned lease_time;      /* seconds */
	unsigned leases_per_port; /* 0: lease.h LEASE_SHARE */
	bool dhcp_strict;         /* only clients whose source MAC is in the message */
	bool isolated;            /* guests reach only the gateway; vswitch.h */
	unsigned mtu;             /* announced to guests (DHCP 26, RA); 0: not; 68-65535 */
	enum loopback_mode loopback;
	const struct port_range *loopback_ports; /* LOOPBACK_PORTS: ended by {0, 0} */
	bool host_addresses; /* guests can reach the host at its other addresses; QEMU's default */
	enum policy_mode policy;
	enum dns_policy dns_policy;
	bool dns_policy_given;   /* then names are filtered even without rules by name */
	unsigned max_guests;     /* Slirp instances */
	bool offload;            /* merge and split segments; default on */
	bool verify_checksums;   /* of TCP from guests, on reliable wires too */
	const char *resolv_conf; /* NULL: the host's, /etc/resolv.conf */
	/* dns-server=: "ADDR[#PORT]", "/domain/ADDR[#PORT]"; NULL-terminated, may be NULL */
	const char *const *dns_servers;
	const struct user_route *routes; /* announced to guests (DHCP 121), in this order */
	unsigned n_routes;
	const struct in_addr *ntp; /* time servers (DHCP 42), 0-terminated; NULL: none */
	struct outgoing outgoing;  /* where guests' connections come from */
	const char *lease_file;    /* where leases are saved; NULL: not saved */
};

#define USER_DOMAIN_DEFAULT     "usernet.internal"
#define USER_MAX_GUESTS_DEFAULT 8192
#define USER_LEASE_TIME_DEFAULT 86400 /* seconds; libslirp's value (bootp.c LEASE_TIME) */

void user_config_defaults(struct user_config *config);
/* Derives fields that are 0 and checks the whole. Errors name the key. */
bool user_config_resolve(struct user_config *config, GError **error);
/* May the guest @name have @addr? @config is resolved. */
bool user_config_check_guest(const struct user_config *config, const char *name,
			     struct in_addr addr, GError **error);
/* Is @addr in the network? @config is resolved and has IPv4. */
static inline bool user_config_has(const struct user_config *config, struct in_addr addr)
{
	uint32_t mask = config->net_len ? UINT32_MAX << (32 - config->net_len) : 0;

	return ((ntohl(addr.s_addr) ^ ntohl(config->net.s_addr)) & mask) == 0;
}
/* MTU of the guests' links in bytes: mtu=, or ethernet's. */
static inline unsigned user_config_mtu(const struct user_config *config)
{
	return config->mtu ? config->mtu : 1500;
}
/* Is @name the domain or in dnssearch? Then it is already offered. */
bool user_config_offers(const struct user_config *config, const char *name);
/* A deep copy, except the id; free with user_config_clear(). */
void user_config_copy(struct user_config *to, const struct user_config *from);
void user_config_clear(struct user_config *config);
/* "52:55" and the gateway address, as in libslirp (slirp.c special_ethaddr). */
mac_t user_config_mac(const struct user_config *config);

#endif
