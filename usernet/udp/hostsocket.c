/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "udp/udp_priv.h"

static bool set(int fd, int level, int option, int value)
{
	return !setsockopt(fd, level, option, &value, sizeof(value));
}

bool udp_host_set_dont_fragment(int fd, bool v6, bool on)
{
	if (v6)
		return set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, on);
	return set(fd, IPPROTO_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

/* Without errors and the other options, a guest would learn less than a program of the host. */
static bool set_up(int fd, bool v6, bool ping, uint8_t ttl, uint8_t tos)
{
	if (v6)
		return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
		       set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) &&
		       set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
		       set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl) &&
		       set(fd, IPPROTO_IPV6, IPV6_TCLASS, tos) &&
		       (!ping || set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
	return set(fd, IPPROTO_IP, IP_RECVERR, 1) && set(fd, IPPROTO_IP, IP_RECVTOS, 1) &&
	       set(fd, IPPROTO_IP, IP_TTL, ttl) && set(fd, IPPROTO_IP, IP_TOS, tos) &&
	       (!ping || set(fd, IPPROTO_IP, IP_RECVTTL, 1));
}

int udp_host_open(const struct udp_key *key, const struct sockaddr_any *from, uint8_t ttl,
		  uint8_t tos, bool dont_fragment)
{
	bool v6 = !address_is_v4(&key->guest), ping = key->proto != IPPROTO_UDP;
	autofd int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       ping ? key->proto : 0);

	if (fd < 0 || !set_up(fd, v6, ping, ttl, tos) ||
	    !udp_host_set_dont_fragment(fd, v6, dont_fragment) ||
	    (from && bind(fd, &from->sa, from->len)))
		return -1;
	/*
	 * Leave the receive buffer at the kernel's default: a larger one would only move losses of
	 * bursts to the guest, at more cost. Older kernels have no UDP_GRO.
	 */
	if (!ping)
		(void)set(fd, SOL_UDP, UDP_GRO, 1);
	return steal_fd(&fd);
}
