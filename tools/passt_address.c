/* SPDX-License-Identifier: BSD-3-Clause */
#include "passt_address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "base/sockaddr.h"

bool passt_address_note(const char *option, const char *text, struct in_addr *v4,
			struct in6_addr *v6, GError **error)
{
	if (inet_pton(AF_INET, text, v4) == 1 && v4->s_addr)
		return true;
	if (inet_pton(AF_INET6, text, v6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(v6))
		return true;
	return error_usage(error, "%s '%s' should be an IPv4 or IPv6 address", option, text);
}

bool passt_netmask_note(const char *text, unsigned *len, GError **error)
{
	g_autofree char *prefix = g_strdup_printf("0.0.0.0/%s", text);
	struct in_addr ignored;

	if (inet_parse_prefix4(prefix, &ignored, len, NULL) && *len >= 4 && *len <= 29)
		return true;
	return error_usage(error,
			   "--netmask '%s' should be a length from 4 to 29 bits, or a mask such as "
			   "255.255.255.0",
			   text);
}

static void add_v4(GPtrArray *user, const char *key, uint32_t addr)
{
	struct in_addr in = {htonl(addr)};
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in, text, sizeof(text));
	g_ptr_array_add(user, g_strdup_printf("%s=%s", key, text));
}

static void add_v6(GPtrArray *user, const char *key, const struct in6_addr *addr, const char *after)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, text, sizeof(text));
	g_ptr_array_add(user, g_strdup_printf("%s=%s%s", key, text, after));
}

/* The lowest address of the network that is neither @a nor @b. */
static uint32_t pick(uint32_t net, uint32_t from, uint32_t a, uint32_t b)
{
	uint32_t addr = net + from;

	while (addr == a || addr == b)
		addr++;
	return addr;
}

static bool keys_v4(const struct passt_addresses *addresses, GPtrArray *user, GError **error)
{
	uint32_t guest = ntohl(addresses->guest.s_addr);
	uint32_t gateway = ntohl(addresses->gateway.s_addr);
	uint32_t dns = ntohl(addresses->dns.s_addr);
	uint32_t some = guest ? guest : gateway ? gateway : dns;
	unsigned len = addresses->len ? addresses->len : 24;
	uint32_t mask = UINT32_MAX << (32 - len), net = some & mask;
	char text[INET_ADDRSTRLEN];

	if (!some && !addresses->len)
		return true;
	if (!some)
		return error_usage(error, "--netmask says nothing without --address or --gateway");
	if (gateway && gateway == guest)
		return error_usage(error, "--gateway should not be the guest's own address");
	if ((gateway && (gateway & mask) != net) || (dns && (dns & mask) != net))
		return error_usage(error,
				   "--address, --gateway and --dns-forward should be in one "
				   "network (/%u; set its length with --netmask)",
				   len);
	if (!gateway)
		gateway = pick(net, 2, guest, dns);
	if (!dns)
		dns = pick(net, 3, guest, gateway);
	inet_ntop(AF_INET, &(struct in_addr){htonl(net)}, text, sizeof(text));
	g_ptr_array_add(user, g_strdup_printf("net=%s/%u", text, len));
	add_v4(user, "host", gateway);
	add_v4(user, "dns", dns);
	if (guest) {
		add_v4(user, "dhcpstart", guest);
		add_v4(user, "dhcpend", guest);
	}
	return true;
}

static void keys_v6(const struct passt_addresses *addresses, GPtrArray *user, GPtrArray *warnings)
{
	const struct in6_addr *some = &addresses->guest6;
	struct in6_addr net = {{{0}}};

	if (IN6_IS_ADDR_UNSPECIFIED(some))
		some = &addresses->gateway6;
	if (IN6_IS_ADDR_LINKLOCAL(&addresses->gateway6)) {
		g_ptr_array_add(warnings, g_strdup("--gateway: the gateway chooses its own "
						   "link-local address"));
		if (some == &addresses->gateway6)
			return;
	} else if (!IN6_IS_ADDR_UNSPECIFIED(&addresses->gateway6)) {
		add_v6(user, "ipv6-host", &addresses->gateway6, "");
	}
	if (!IN6_IS_ADDR_UNSPECIFIED(&addresses->dns6))
		add_v6(user, "ipv6-dns", &addresses->dns6, "");
	if (IN6_IS_ADDR_UNSPECIFIED(some))
		return;
	memcpy(&net, some, 8);
	add_v6(user, "ipv6-net", &net, "/64");
	if (some == &addresses->guest6)
		g_ptr_array_add(warnings, g_strdup("--address: the guest gets only the /64 prefix "
						   "of an IPv6 address and chooses the rest"));
}

bool passt_address_keys(const struct passt_addresses *addresses, GPtrArray *user,
			GPtrArray *warnings, GError **error)
{
	if (!keys_v4(addresses, user, error))
		return false;
	keys_v6(addresses, user, warnings);
	return true;
}
