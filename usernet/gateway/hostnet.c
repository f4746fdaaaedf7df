/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/hostnet.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define BUFFER        16384 /* the kernel's messages are cut to 8 KB or a page (netlink(7)) */
#define READS_AT_ONCE 16    /* the rest waits for the next turn */

struct hostnet {
	int fd;
	struct loop *loop;
	struct loop_io io;
	struct loop_timer timer;
	usec_t told; /* when changed() was last called */
	void (*changed)(void *data);
	void *data;
	union {
		struct nlmsghdr header;
		char bytes[BUFFER];
	} in;
};

/* Routes of the local table come and go with addresses. */
static bool is_route(const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);

	return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) &&
	       route->rtm_type == RTN_UNICAST && !(route->rtm_flags & RTM_F_CLONED);
}

/* Messages about a link also tell of names, queues and signal strength. */
static bool is_link(const struct nlmsghdr *header)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);

	return header->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
	       link->ifi_change & (IFF_UP | IFF_RUNNING);
}

/*
 * Does the message mean that flows may have lost their way? A new address alone does not, and the
 * kernel repeats RTM_NEWADDR for each router advertisement.
 */
static bool matters(const struct nlmsghdr *header)
{
	switch (header->nlmsg_type) {
	case RTM_DELADDR:
	case RTM_DELLINK:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return is_route(header);
	case RTM_NEWLINK:
		return is_link(header);
	default:
		return false;
	}
}

static bool any_matters(struct hostnet *hostnet, ssize_t n)
{
	unsigned left = (unsigned)n;

	for (const struct nlmsghdr *header = &hostnet->in.header; NLMSG_OK(header, left);
	     header = NLMSG_NEXT(header, left)) {
		if (matters(header))
			return true;
	}
	return false;
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct hostnet *hostnet = container_of(io, struct hostnet, io);
	usec_t now = loop_now(hostnet->loop);

	for (unsigned i = 0; i < READS_AT_ONCE; i++) {
		ssize_t n = recv(hostnet->fd, hostnet->in.bytes, BUFFER, 0);

		/* Messages were lost: anything may have changed. */
		bool lost = n < 0 && errno == ENOBUFS;

		if (n < 0 && !lost)
			return;
		if ((lost || any_matters(hostnet, n)) && !loop_timer_is_set(&hostnet->timer))
			loop_timer_set(&hostnet->timer,
				       MAX(now + HOSTNET_SETTLE, hostnet->told + HOSTNET_INTERVAL));
	}
}

static void settled(struct loop_timer *timer)
{
	struct hostnet *hostnet = container_of(timer, struct hostnet, timer);

	hostnet->told = loop_now(hostnet->loop);
	hostnet->changed(hostnet->data);
}

static int open_socket(void)
{
	const struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) == 0)
		return fd;
	log_warning("changes of the host's network will not be noticed: no rtnetlink socket: %s",
		    g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct hostnet *hostnet_new(struct loop *loop, void (*changed)(void *data), void *data)
{
	int fd = open_socket();
	struct hostnet *hostnet;

	if (fd < 0)
		return NULL;
	hostnet = g_new0(struct hostnet, 1);
	hostnet->fd = fd;
	hostnet->loop = loop;
	hostnet->told = loop_now(loop) - HOSTNET_INTERVAL;
	hostnet->changed = changed;
	hostnet->data = data;
	loop_timer_init(loop, &hostnet->timer, settled);
	loop_io_add(loop, &hostnet->io, fd, EPOLLIN, ready);
	return hostnet;
}

void hostnet_free(struct hostnet *hostnet)
{
	if (!hostnet)
		return;
	loop_timer_cancel(&hostnet->timer);
	loop_io_remove(&hostnet->io);
	close(hostnet->fd);
	g_free(hostnet);
}
