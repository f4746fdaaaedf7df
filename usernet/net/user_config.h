/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_USER_CONFIG_H
#define USERNET_NET_USER_CONFIG_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"
#include "net/boot_file.h"
#include "net/frame.h"
#include "net/user_route.h"

/* host-loopback=: what of the host's own addresses guests reach through the gateway address. */
enum loopback_mode { LOOPBACK_ON, LOOPBACK_OFF, LOOPBACK_PORTS };

/*
 * As QEMU's NetdevUserOptions (qapi/net.json). Begin with user_config_defaults(); addresses left 0
 * are then derived from the network as QEMU does (gateway .2, DNS .3, first lease .15) by
 * user_config_resolve().
 */
struct user_config {
	const char *id;
	bool ipv4, ipv6;
	struct in_addr net, host, dns; /* network, gateway, name server */
	unsigned net_len;
	struct in6_addr net6, host6, dns6;
	unsigned net6_len; /* 64 always for SLAAC, other lengths without it */
	bool restricted;
	bool no_dhcp;                 /* neither DHCP nor DHCPv6 is answered */
	const char *hostname;         /* NULL: none */
	const char *domainname;       /* NULL: none */
	const char *const *dnssearch; /* NULL-terminated, may be NULL */
	/* The host's own search list, offered after dnssearch; kept by the gateway. As above. */
	const char *const *host_search;
	/* Take that list, and ask the host's servers for single labels and .local too. */
	bool dns_host_search;
	const char *tftp, *tftp_server_name, *bootfile;
	const struct boot_file *boot_files; /* by architecture; NULL: none */
	const char *const *boot_params;     /* DHCPv6 option 60; NULL-terminated, may be NULL */
	struct in_addr dhcp_start, dhcp_end;
	struct in6_addr dhcp6_start, dhcp6_end; /* dhcpv6-range=; ::, none is given by DHCPv6 */
	bool dhcp6_off;                         /* dhcpv6-range=off */
	bool dhcp6_managed;       /* guests are told to ask for one (RA M flag, RFC 4861 4.2) */
	unsigned lease_time;      /* seconds */
	unsigned leases_per_port; /* 0: lease.h LEASE_SHARE */
	bool dhcp_strict;         /* only clients that send from the MAC address they name */
	bool isolated;            /* guests reach the gateway only; vswitch.h */
	unsigned mtu;             /* told to guests (DHCP 26, RA); 0: not told; 68-65535 */
	enum loopback_mode loopback;
	const struct port_range *loopback_ports; /* LOOPBACK_PORTS: ended by {0, 0} */
	bool host_addresses; /* guests reach the host by its other addresses; as QEMU by default */
	unsigned max_guests; /* Slirp instances */
	bool offload;        /* merge and split segments; on by default */
	bool verify_checksums;   /* of TCP from guests, on wires that do not corrupt too */
	const char *resolv_conf; /* NULL: the host's, /etc/resolv.conf */
	/* dns-server=: "ADDR[#PORT]", "/domain/ADDR[#PORT]"; NULL-terminated, may be NULL */
	const char *const *dns_servers;
	const struct user_route *routes; /* told to guests (DHCP 121), in this order */
	unsigned n_routes;
	const struct in_addr *ntp; /* time servers (DHCP 42), 0-terminated; NULL: none */
	const char *lease_file;    /* where leases outlive the process; NULL: they do not */
};

#define USER_DOMAIN_DEFAULT     "usernet.internal"
#define USER_MAX_GUESTS_DEFAULT 8192
#define USER_LEASE_TIME_DEFAULT 86400 /* seconds; libslirp's (bootp.c LEASE_TIME) */

void user_config_defaults(struct user_config *config);
/* Derives what is 0 and checks that all fits together. Errors name the key. */
bool user_config_resolve(struct user_config *config, GError **error);
/* May a guest of this name have @addr? @config is resolved. */
bool user_config_check_guest(const struct user_config *config, const char *name,
			     struct in_addr addr, GError **error);
/* Is @addr of the network? @config is resolved and has IPv4. */
static inline bool user_config_has(const struct user_config *config, struct in_addr addr)
{
	uint32_t mask = config->net_len ? UINT32_MAX << (32 - config->net_len) : 0;

	return ((ntohl(addr.s_addr) ^ ntohl(config->net.s_addr)) & mask) == 0;
}
/* What guests' links take, in bytes: mtu=, or ethernet's. */
static inline unsigned user_config_mtu(const struct user_config *config)
{
	return config->mtu ? config->mtu : 1500;
}
/* @name is the domain, or in dnssearch: not to be offered twice. */
bool user_config_offers(const struct user_config *config, const char *name);
/* A deep copy, but for the id; cleared with user_config_clear(). */
void user_config_copy(struct user_config *to, const struct user_config *from);
void user_config_clear(struct user_config *config);
/* "52:55" and the gateway address, as libslirp has it (slirp.c special_ethaddr). */
mac_t user_config_mac(const struct user_config *config);

#endif
