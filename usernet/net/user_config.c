/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>

#include "net/user_config.h"
#include "net/user_route.h"

/* Defaults of QEMU's -netdev user (QEMU net/slirp.c net_slirp_init). */
void user_config_defaults(struct user_config *config)
{
	*config = (struct user_config){
		.ipv4 = true,
		.ipv6 = true,
		.net.s_addr = htonl(0x0a000200),
		.net_len = 24,
		.net6_len = 64,
		.domainname = USER_DOMAIN_DEFAULT,
		.lease_time = USER_LEASE_TIME_DEFAULT,
		.loopback = LOOPBACK_ON,
		.host_addresses = true,
		.dns_host_search = true,
		.max_guests = USER_MAX_GUESTS_DEFAULT,
		.offload = true,
	};
	inet_pton(AF_INET6, "fec0::", &config->net6);
}

mac_t user_config_mac(const struct user_config *config)
{
	return UINT64_C(0x525500000000) | ntohl(config->host.s_addr);
}

static bool refuse(GError **error, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool refuse(GError **error, const char *key, const char *format, ...)
{
	g_autofree char *why = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "user: %s: %s", key, why);
	return false;
}

static const char *text4(uint32_t addr, char buffer[INET_ADDRSTRLEN])
{
	struct in_addr in = {htonl(addr)};

	return inet_ntop(AF_INET, &in, buffer, INET_ADDRSTRLEN);
}

/* Checks for a host address of the network: neither the network nor the broadcast address. */
static bool check_host4(const struct user_config *config, const char *key, uint32_t addr,
			GError **error)
{
	uint32_t mask = ~UINT32_C(0) << (32 - config->net_len), net = ntohl(config->net.s_addr);
	char a[INET_ADDRSTRLEN], low[INET_ADDRSTRLEN], high[INET_ADDRSTRLEN];

	if ((addr & mask) == net && addr != net && addr != (net | ~mask))
		return true;
	return refuse(error, key, "%s is not a host's address in the network, which has %s to %s",
		      text4(addr, a), text4(net + 1, low), text4((net | ~mask) - 1, high));
}

static bool resolve_v4(struct user_config *config, GError **error)
{
	uint32_t mask, net, last, host, dns, start, end;

	if (config->net_len < 8 || config->net_len > 30)
		return refuse(error, "net",
			      "a prefix of /%u has no room for gateway, DNS and guests, or is too "
			      "large; use /8 to /30",
			      config->net_len);
	mask = ~UINT32_C(0) << (32 - config->net_len);
	net = ntohl(config->net.s_addr) & mask;
	config->net.s_addr = htonl(net);
	last = (net | ~mask) - 1; /* host addresses: net + 1 to last */
	if (net >> 24 == 0 || net >> 24 == 127 || net >> 28 >= 0xe)
		return refuse(error, "net",
			      "not a network that guests can use; 10.0.2.0/24 is the default");

	/* As QEMU: .2.2 in a /16 (net/slirp.c ORs 0x0202 into the host part). */
	host = config->host.s_addr ? ntohl(config->host.s_addr) : net | (0x0202 & ~mask);
	dns = config->dns.s_addr ? ntohl(config->dns.s_addr) : net | (0x0203 & ~mask);
	/* A /30 has no third address: the gateway is also the name server. */
	if (!config->dns.s_addr && (dns > last || dns == host))
		dns = host != net + 2 && net + 2 <= last ? net + 2 : host;
	if (!check_host4(config, "host", host, error) || !check_host4(config, "dns", dns, error))
		return false;
	if (config->dns.s_addr && dns == host)
		return refuse(error, "dns", "must differ from host");

	start = ntohl(config->dhcp_start.s_addr);
	end = ntohl(config->dhcp_end.s_addr);
	if (!start) {
		start = net | (0x020f & ~mask);
		if (start > last || (end && start > end))
			start = net + 4 <= last ? net + 4 : net + 1;
	}
	if (!end) /* larger networks than a /24 use all of their addresses */
		end = last;
	if (!check_host4(config, "dhcpstart", start, error) ||
	    !check_host4(config, "dhcpend", end, error))
		return false;
	if (end < start)
		return refuse(error, "dhcpend", "lies before dhcpstart");
	if (start == host || start == dns)
		return refuse(error, "dhcpstart", "must differ from host and dns");
	config->host.s_addr = htonl(host);
	config->dns.s_addr = htonl(dns);
	config->dhcp_start.s_addr = htonl(start);
	config->dhcp_end.s_addr = htonl(end);
	return true;
}

static bool in_net6(const struct user_config *config, const struct in6_addr *addr)
{
	for (unsigned bit = 0; bit < config->net6_len; bit++) {
		uint8_t differ = addr->s6_addr[bit / 8] ^ config->net6.s6_addr[bit / 8];

		if (differ & 0x80 >> bit % 8)
			return false;
	}
	return true;
}

/* Default ::1000 to ::1fff; in a small prefix its upper half. */
static bool resolve_range6(struct user_config *config, GError **error)
{
	unsigned bits = 128 - config->net6_len;
	uint32_t low, high, first, last;

	if (config->dhcp6_off || !config->ipv6)
		return true;
	if (IN6_IS_ADDR_UNSPECIFIED(&config->dhcp6_start)) {
		if (bits < 4)
			return true; /* no room next to the gateway and the name server */
		/* Without SLAAC, guests get addresses only by DHCPv6. */
		config->dhcp6_managed |= config->net6_len != 64;
		low = bits >= 13 ? 0x1000 : 1u << (bits - 1);
		high = bits >= 13 ? 0x1fff : (1u << bits) - 2;
		config->dhcp6_start = config->dhcp6_end = config->net6;
		config->dhcp6_start.s6_addr32[3] |= htonl(low);
		config->dhcp6_end.s6_addr32[3] |= htonl(high);
		return true;
	}
	if (!in_net6(config, &config->dhcp6_start) || !in_net6(config, &config->dhcp6_end))
		return refuse(error, "dhcpv6-range", "lies outside ipv6-net");
	first = ntohl(config->dhcp6_start.s6_addr32[3]);
	last = ntohl(config->dhcp6_end.s6_addr32[3]);
	if (memcmp(&config->dhcp6_start, &config->dhcp6_end, 12) != 0 || first > last || first == 0)
		return refuse(error, "dhcpv6-range",
			      "the first address must not be zero or above the last, and they may "
			      "differ only in the last 32 bits");
	return true;
}

static bool resolve_v6(struct user_config *config, GError **error)
{
	if (config->net6_len < 1 || config->net6_len > 126)
		return refuse(error, "ipv6-net", "a prefix length of %u; use /64, or /1 to /126",
			      config->net6_len);
	for (unsigned bit = config->net6_len; bit < 128; bit++)
		config->net6.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	if (IN6_IS_ADDR_MULTICAST(&config->net6) || IN6_IS_ADDR_LINKLOCAL(&config->net6) ||
	    IN6_IS_ADDR_UNSPECIFIED(&config->net6))
		return refuse(error, "ipv6-net",
			      "not a network that guests can use; fec0::/64 is the default");
	if (IN6_IS_ADDR_UNSPECIFIED(&config->host6)) {
		config->host6 = config->net6;
		config->host6.s6_addr[15] |= 2;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&config->dns6)) {
		config->dns6 = config->net6;
		config->dns6.s6_addr[15] |= 3;
	}
	if (!in_net6(config, &config->host6))
		return refuse(error, "ipv6-host", "lies outside ipv6-net");
	if (!in_net6(config, &config->dns6))
		return refuse(error, "ipv6-dns", "lies outside ipv6-net");
	if (IN6_ARE_ADDR_EQUAL(&config->host6, &config->dns6))
		return refuse(error, "ipv6-dns", "must differ from ipv6-host");
	return resolve_range6(config, error);
}

bool user_config_resolve(struct user_config *config, GError **error)
{
	if (!config->ipv4 && !config->ipv6)
		return refuse(error, "ipv4", "and ipv6 are both off; one must be on");
	if (config->mtu && (config->mtu < 576 || config->mtu > 65535))
		return refuse(error, "mtu", "%u; use 576 to 65535", config->mtu);
	if (config->ipv6 && config->mtu && config->mtu < 1280)
		return refuse(error, "mtu",
			      "%u is below IPv6's smallest, 1280; raise it, or set ipv6=off",
			      config->mtu);
	if (config->lease_time < 60)
		return refuse(error, "lease-time", "%u seconds; use 60 or more",
			      config->lease_time);
	if (config->max_guests < 1)
		return refuse(error, "max-guests", "0; use 1 or more");
	/*
	 * The gateway's MAC is derived from its IPv4 address, which is needed even with ipv4=off.
	 */
	return resolve_v4(config, error) && resolve_v6(config, error) &&
	       user_route_check(config, error);
}

/* Copies @list including its terminating zero. */
static void *copy_until_zero(const void *list, size_t size)
{
	static const uint8_t zero[16];
	const uint8_t *end = list;

	if (!list)
		return NULL;
	while (memcmp(end, zero, size) != 0)
		end += size;
	return g_memdup2(list, (size_t)(end - (const uint8_t *)list) + size);
}

static struct boot_file *copy_boot_files(const struct boot_file *files)
{
	GArray *copy;

	if (!files)
		return NULL;
	copy = g_array_new(TRUE, TRUE, sizeof(struct boot_file));
	for (; files->name; files++) {
		struct boot_file file = {files->arch, g_strdup(files->name)};

		g_array_append_val(copy, file);
	}
	return (struct boot_file *)g_array_free(copy, FALSE);
}

static void free_boot_files(const struct boot_file *files)
{
	for (const struct boot_file *file = files; file && file->name; file++)
		g_free((char *)file->name);
	g_free((struct boot_file *)files);
}

void user_config_copy(struct user_config *to, const struct user_config *from)
{
	*to = *from;
	to->id = NULL; /* the netdev owns the id */
	to->hostname = g_strdup(from->hostname);
	to->domainname = g_strdup(from->domainname);
	to->dnssearch = (const char *const *)g_strdupv((char **)from->dnssearch);
	to->host_search = (const char *const *)g_strdupv((char **)from->host_search);
	to->http = g_strdup(from->http);
	to->tftp = g_strdup(from->tftp);
	to->tftp_server_name = g_strdup(from->tftp_server_name);
	to->bootfile = g_strdup(from->bootfile);
	to->boot_files = copy_boot_files(from->boot_files);
	to->boot_params = (const char *const *)g_strdupv((char **)from->boot_params);
	to->loopback_ports = copy_until_zero(from->loopback_ports, sizeof(struct port_range));
	to->resolv_conf = g_strdup(from->resolv_conf);
	to->dns_servers = (const char *const *)g_strdupv((char **)from->dns_servers);
	to->routes = g_memdup2(from->routes, from->n_routes * sizeof(*from->routes));
	to->ntp = copy_until_zero(from->ntp, sizeof(struct in_addr));
	to->lease_file = g_strdup(from->lease_file);
}

void user_config_clear(struct user_config *config)
{
	g_free((char *)config->hostname);
	g_free((char *)config->domainname);
	g_strfreev((char **)config->dnssearch);
	g_strfreev((char **)config->host_search);
	g_free((char *)config->http);
	g_free((char *)config->tftp);
	g_free((char *)config->tftp_server_name);
	g_free((char *)config->bootfile);
	free_boot_files(config->boot_files);
	g_strfreev((char **)config->boot_params);
	g_free((struct port_range *)config->loopback_ports);
	g_free((char *)config->resolv_conf);
	g_strfreev((char **)config->dns_servers);
	g_free((struct user_route *)config->routes);
	g_free((struct in_addr *)config->ntp);
	g_free((char *)config->lease_file);
}

bool user_config_offers(const struct user_config *config, const char *name)
{
	if (config->domainname && g_ascii_strcasecmp(config->domainname, name) == 0)
		return true;
	for (const char *const *s = config->dnssearch; s && *s; s++) {
		if (g_ascii_strcasecmp(*s, name) == 0)
			return true;
	}
	return false;
}

bool user_config_check_guest(const struct user_config *config, const char *name,
			     struct in_addr addr, GError **error)
{
	uint32_t mask = ~UINT32_C(0) << (32 - config->net_len), host = ntohl(addr.s_addr) & ~mask;
	char text[INET_ADDRSTRLEN], net[INET_ADDRSTRLEN];

	text4(ntohl(addr.s_addr), text);
	if (((ntohl(addr.s_addr) ^ ntohl(config->net.s_addr)) & mask) != 0 || host == 0 ||
	    host == ~mask)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "guest '%s': ip=%s is not a host's address in the network %s/%u", name,
			    text, text4(ntohl(config->net.s_addr), net), config->net_len);
	else if (addr.s_addr == config->host.s_addr || addr.s_addr == config->dns.s_addr)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "guest '%s': ip=%s is the gateway's or the name server's", name, text);
	else
		return true;
	return false;
}
