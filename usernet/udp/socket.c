/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/socket.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "packet/packet.h"

#define DATAGRAM_MAX 65535
/* Bursts wait in the kernel while we serve others; it cuts this to net.core.rmem_max. */
#define RECEIVE_BUFFER (4 << 20)

union control {
	size_t align; /* as struct cmsghdr */
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct slot {
	struct sockaddr_any from;
	union control control;
	struct iovec iov;
};

struct udp_batch {
	struct mmsghdr messages[UDP_BATCH];
	struct slot slots[UDP_BATCH];
	struct udp_datagram datagrams[UDP_BATCH];
	uint8_t data[UDP_BATCH][DATAGRAM_MAX]; /* pages that no datagram reached cost nothing */
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = g_new0(struct udp_batch, 1);

	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct slot *slot = &batch->slots[i];
		struct msghdr *header = &batch->messages[i].msg_hdr;

		slot->iov = (struct iovec){batch->data[i], DATAGRAM_MAX};
		header->msg_name = &slot->from.storage;
		header->msg_iov = &slot->iov;
		header->msg_iovlen = 1;
		header->msg_control = &slot->control;
	}
	return batch;
}

void udp_batch_free(struct udp_batch *batch)
{
	g_free(batch);
}

/* The address that was asked; only sockets bound to any are told (see udp_socket_open). */
static void read_local(struct udp_client *client, struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			/* spec_dst, not addr: who asked a broadcast address is answered by one of
			 * the host's (ip(7)). */
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			client->local = address_map4(info.ipi_spec_dst.s_addr);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
				client->local = info.ipi6_addr;
		}
	}
}

static void read_datagram(struct udp_datagram *datagram, struct mmsghdr *message,
			  const struct slot *slot)
{
	struct udp_client *client = &datagram->from;

	memset(client, 0, sizeof(*client));
	if (slot->from.sa.sa_family == AF_INET6) {
		client->addr = slot->from.in6.sin6_addr;
		client->port = ntohs(slot->from.in6.sin6_port);
		client->scope = slot->from.in6.sin6_scope_id;
	} else {
		client->addr = address_map4(slot->from.in.sin_addr.s_addr);
		client->port = ntohs(slot->from.in.sin_port);
	}
	read_local(client, &message->msg_hdr);
	datagram->data = slot->iov.iov_base;
	datagram->len = message->msg_len;
}

unsigned udp_batch_receive(struct udp_batch *batch, int fd)
{
	int n;

	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct msghdr *header = &batch->messages[i].msg_hdr;

		header->msg_namelen = sizeof(batch->slots[i].from.storage);
		header->msg_controllen = sizeof(batch->slots[i].control);
	}
	n = recvmmsg(fd, batch->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		read_datagram(&batch->datagrams[i], &batch->messages[i], &batch->slots[i]);
	return n > 0 ? (unsigned)n : 0;
}

const struct udp_datagram *udp_batch_get(const struct udp_batch *batch, unsigned i)
{
	return &batch->datagrams[i];
}

/* --- one socket --- */

static bool is_any(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr)
					      : addr->in.sin_addr.s_addr == 0;
}

static bool ask_for_local(int fd, int family)
{
	int on = 1;

	return family == AF_INET6 ? !setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))
				  : !setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

int udp_socket_open(const struct sockaddr_any *host, struct sockaddr_any *bound, GError **error)
{
	const int size = RECEIVE_BUFFER;
	autofd int fd = socket_bind(host, SOCK_DGRAM, error);

	if (fd < 0)
		return -1;
	bound->len = sizeof(bound->storage);
	if (getsockname(fd, &bound->sa, &bound->len) < 0 ||
	    (is_any(host) && !ask_for_local(fd, host->sa.sa_family))) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot set up a UDP socket: %s", g_strerror(errno));
		return -1;
	}
	/* Better than nothing where it is less. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return steal_fd(&fd);
}

/* The source address, when it is not the socket's own. */
static void write_local(struct msghdr *header, union control *control,
			const struct udp_client *client, bool v6)
{
	struct cmsghdr *c;

	if (IN6_IS_ADDR_UNSPECIFIED(&client->local))
		return;
	memset(control, 0, sizeof(*control));
	header->msg_control = control;
	if (v6) {
		struct in6_pktinfo info = {.ipi6_addr = client->local};

		if (IN6_IS_ADDR_LINKLOCAL(&client->local))
			info.ipi6_ifindex = client->scope;
		header->msg_controllen = sizeof(control->v6);
		c = CMSG_FIRSTHDR(header);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in_pktinfo info = {.ipi_spec_dst = address_v4(&client->local)};

		header->msg_controllen = sizeof(control->v4);
		c = CMSG_FIRSTHDR(header);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

bool udp_socket_send(int fd, const struct udp_client *to, const void *data, size_t len)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&to->addr);
	struct sockaddr_any addr = {.len = v6 ? sizeof(addr.in6) : sizeof(addr.in)};
	struct iovec iov = {(void *)data, len};
	struct msghdr header = {
		.msg_name = &addr.sa,
		.msg_namelen = addr.len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	union control control;

	if (v6) {
		addr.in6.sin6_family = AF_INET6;
		addr.in6.sin6_addr = to->addr;
		addr.in6.sin6_port = htons(to->port);
		addr.in6.sin6_scope_id = to->scope;
	} else {
		addr.in.sin_family = AF_INET;
		addr.in.sin_addr = address_v4(&to->addr);
		addr.in.sin_port = htons(to->port);
	}
	write_local(&header, &control, to, v6);
	if (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	/* An ICMP error of before is told once, and this datagram is not to suffer for it. */
	return errno == ECONNREFUSED && sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
