/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/outgoing.h"

#include <arpa/inet.h>

#include "base/file.h"
#include "base/log.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/user_config.h"

static bool fail(GError **error, const char *text, const char *why)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "outgoing=%s %s", text, why);
	return false;
}

bool outgoing_parse(struct outgoing *outgoing, const char *text, GError **error)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1 && v4.s_addr && !IN_MULTICAST(ntohl(v4.s_addr))) {
		if (outgoing->v4.s_addr)
			return fail(error, text, "is a second IPv4 address");
		outgoing->v4 = v4;
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&v6) &&
	    !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_V4MAPPED(&v6) &&
	    !IN6_IS_ADDR_LINKLOCAL(&v6)) {
		if (!IN6_IS_ADDR_UNSPECIFIED(&outgoing->v6))
			return fail(error, text, "is a second IPv6 address");
		outgoing->v6 = v6;
		return true;
	}
	return fail(error, text, "is not an IPv4 or IPv6 address of this host");
}

static bool choose(const struct outgoing *outgoing, bool v6, struct sockaddr_any *out)
{
	if (v6 ? IN6_IS_ADDR_UNSPECIFIED(&outgoing->v6) : !outgoing->v4.s_addr)
		return false;
	*out = (struct sockaddr_any){.len = v6 ? sizeof(out->in6) : sizeof(out->in)};
	out->sa.sa_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		out->in6.sin6_addr = outgoing->v6;
	else
		out->in.sin_addr = outgoing->v4;
	return true;
}

static void warn_of(const struct outgoing *outgoing, const char *whose, bool v6)
{
	char name[INET6_ADDRSTRLEN];
	struct sockaddr_any addr;
	autofd int fd = -1;

	if (!choose(outgoing, v6, &addr))
		return;
	fd = socket(addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &addr.sa, addr.len) == 0)
		return;
	inet_ntop(addr.sa.sa_family, v6 ? (const void *)&outgoing->v6 : (const void *)&outgoing->v4,
		  name, sizeof(name));
	log_warning("%s: outgoing=%s is not an address of this host now: nothing can leave from it",
		    whose, name);
}

void outgoing_warn(const struct outgoing *outgoing, const char *whose)
{
	warn_of(outgoing, whose, false);
	warn_of(outgoing, whose, true);
}

bool outgoing_find(const struct network *network, const struct user_config *config, mac_t mac,
		   bool v6, struct sockaddr_any *out)
{
	const struct reservation *guest = reservation_by_mac(network->reservations, mac);

	return (guest && choose(&guest->outgoing, v6, out)) || choose(&config->outgoing, v6, out);
}
