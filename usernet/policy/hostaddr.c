/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/hostaddr.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_MAX 4096 /* one route; the kernel's replies are smaller than a page */

struct hostaddr {
	int fd;
	uint32_t seq;
};

struct hostaddr *hostaddr_new(GError **error)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct hostaddr *hostaddr;

	if (fd < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "host-addresses=off: no rtnetlink socket: %s", g_strerror(errno));
		return NULL;
	}
	hostaddr = g_new0(struct hostaddr, 1);
	hostaddr->fd = fd;
	return hostaddr;
}

void hostaddr_free(struct hostaddr *hostaddr)
{
	if (!hostaddr)
		return;
	close(hostaddr->fd);
	g_free(hostaddr);
}

static bool ask(struct hostaddr *hostaddr, const struct in6_addr *addr)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);
	size_t len = v4 ? 4 : 16;
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		struct rtattr dst;
		uint8_t addr[16];
	} request = {
		.header.nlmsg_len = (uint32_t)(offsetof(__typeof__(request), addr) + len),
		.header.nlmsg_type = RTM_GETROUTE,
		.header.nlmsg_flags = NLM_F_REQUEST,
		.header.nlmsg_seq = ++hostaddr->seq,
		.route.rtm_family = v4 ? AF_INET : AF_INET6,
		.route.rtm_dst_len = (uint8_t)(len * 8),
		.dst.rta_type = RTA_DST,
		.dst.rta_len = (uint16_t)RTA_LENGTH(len),
	};

	memcpy(request.addr, v4 ? &addr->s6_addr[12] : &addr->s6_addr[0], len);
	return send(hostaddr->fd, &request, request.header.nlmsg_len, 0) ==
	       (ssize_t)request.header.nlmsg_len;
}

bool hostaddr_is_own(struct hostaddr *hostaddr, const struct in6_addr *addr)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[REPLY_MAX];
	} reply;
	ssize_t n;

	if (!ask(hostaddr, addr))
		return true;
	/* The reply is there when send() returns; earlier messages answer older requests. */
	while ((n = recv(hostaddr->fd, &reply, sizeof(reply), 0)) >= 0) {
		const struct rtmsg *route = NLMSG_DATA(&reply.header);

		if ((size_t)n < sizeof(reply.header) || reply.header.nlmsg_seq != hostaddr->seq)
			continue;
		if (reply.header.nlmsg_type == NLMSG_ERROR) /* no route: not the host's */
			return false;
		if (reply.header.nlmsg_type != RTM_NEWROUTE ||
		    (size_t)n < NLMSG_LENGTH(sizeof(*route)))
			return true;
		return route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_ANYCAST;
	}
	return true;
}
