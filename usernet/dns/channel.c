/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/channel.h"

#include <ares.h>
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dns/wire.h"

/* How often c-ares looks for queries that nobody answered. */
#define TICK (500 * USEC_PER_MSEC)

struct channel_io {
	struct loop_io io;
	struct dns_channel *channel;
	struct list link; // dns_channel::ios
};

struct dns_attempt {
	struct dns_channel *channel;
	dns_answer_fn answer; /* NULL: abandoned */
	void *data;
	bool sending; /* within ares_send() */
	bool over;    /* ended there */
};

struct dns_channel {
	struct loop *loop;
	ares_channel ares;
	struct sockaddr_any server;
	struct list ios; /* heads channel_io::link */
	struct loop_timer tick;
	unsigned outstanding;
	unsigned burst;      /* datagrams that may yet be read this time */
	unsigned stream_at;  /* of the TCP stream: bytes of the length or the message seen */
	unsigned stream_len; /* of the message */
	uint8_t ids[256];
	unsigned n_ids; /* random bytes left there */
};

/* --- what c-ares must not see --- */

/*
 * With its EDNS flag c-ares takes these rcodes to mean that the server does not know EDNS, and
 * resends the query with its last 11 bytes cut off, whatever they are. On the way in they become
 * rcodes that nobody uses (RFC 6895 2.3: 11 is for another opcode, 13 and 14 are unassigned), and
 * afterwards themselves again.
 */
static uint8_t veil(uint8_t flags)
{
	uint8_t rcode = flags & DNS_RCODE;

	switch (rcode) {
	case DNS_FORMERR:
	case DNS_SERVFAIL:
	case DNS_NOTIMP:
	case 15 - DNS_FORMERR:
	case 15 - DNS_SERVFAIL:
	case 15 - DNS_NOTIMP:
		return (uint8_t)((flags & ~DNS_RCODE) | (15 - rcode));
	default:
		return flags;
	}
}

#define AT_RCODE 3

/* Follows the length and message framing of TCP (RFC 1035 4.2.2), in whatever pieces it is read. */
static void veil_stream(struct dns_channel *channel, uint8_t *p, size_t len)
{
	for (; len; p++, len--) {
		if (channel->stream_at < 2) {
			channel->stream_len = channel->stream_len << 8 | *p;
		} else if (channel->stream_at == 2 + AT_RCODE) {
			*p = veil(*p);
		}
		if (++channel->stream_at < 2 || channel->stream_at < 2 + channel->stream_len)
			continue;
		channel->stream_at = 0;
		channel->stream_len = 0;
	}
}

/* --- sockets --- */

static ares_socket_t open_socket(int family, int type, int protocol, void *data)
{
	struct dns_channel *channel = data;
	int on = 1, fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd >= 0 && type == SOCK_STREAM) {
		channel->stream_at = 0;
		channel->stream_len = 0;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	return fd;
}

static int close_socket(ares_socket_t fd, void *data)
{
	return close(fd);
}

/* c-ares knows no scopes, so we say where to. Connected: the kernel drops what others send. */
static int connect_socket(ares_socket_t fd, const struct sockaddr *addr, ares_socklen_t len,
			  void *data)
{
	const struct dns_channel *channel = data;

	return connect(fd, &channel->server.sa, channel->server.len);
}

static ssize_t receive_datagram(struct dns_channel *channel, int fd, uint8_t *p, size_t max,
				struct sockaddr *from, ares_socklen_t *from_len)
{
	for (;;) {
		ssize_t len;

		if (!channel->burst) {
			errno = EAGAIN; /* the others first; the loop comes back */
			return -1;
		}
		channel->burst--;
		len = recvfrom(fd, p, max, MSG_TRUNC, from, from_len);
		if (len < 0)
			return len;
		/* Nobody's answer; an empty one would pass for the end of the connection. */
		if (len < DNS_HEADER)
			continue;
		if ((size_t)len > max) {
			p[2] |= DNS_TC >> 8; /* has to come by TCP */
			len = (ssize_t)max;
		}
		p[AT_RCODE] = veil(p[AT_RCODE]);
		return len;
	}
}

static ares_ssize_t receive(ares_socket_t fd, void *to, size_t max, int flags,
			    struct sockaddr *from, ares_socklen_t *from_len, void *data)
{
	struct dns_channel *channel = data;
	ssize_t len;

	if (from)
		return receive_datagram(channel, fd, to, max, from, from_len);
	len = recv(fd, to, max, 0);
	if (len > 0)
		veil_stream(channel, to, (size_t)len);
	return len;
}

static ares_ssize_t send_vector(ares_socket_t fd, const struct iovec *iov, int n, void *data)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)MIN(n, IOV_MAX)};

	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_socket,
	.arecvfrom = receive,
	.asendv = send_vector,
};

/* --- the loop --- */

static void io_ready(struct loop_io *io, uint32_t revents)
{
	struct dns_channel *channel = container_of(io, struct channel_io, io)->channel;
	int fd = io->fd;

	channel->burst = DNS_CHANNEL_BURST;
	ares_process_fd(channel->ares,
			revents & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
			revents & EPOLLOUT ? fd : ARES_SOCKET_BAD);
}

static struct channel_io *find_io(struct dns_channel *channel, int fd)
{
	list_for_each (cio, &channel->ios, struct channel_io, link) {
		if (cio->io.fd == fd)
			return cio;
	}
	return NULL;
}

static void socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *channel = data;
	struct channel_io *cio = find_io(channel, fd);
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);

	if (!cio && events) {
		cio = g_new0(struct channel_io, 1);
		cio->channel = channel;
		list_append(&channel->ios, &cio->link);
		loop_io_add(channel->loop, &cio->io, fd, events, io_ready);
	} else if (cio && events) {
		loop_io_events(&cio->io, events);
	} else if (cio) {
		loop_io_remove(&cio->io);
		list_remove(&cio->link);
		g_free(cio);
	}
}

static void tick(struct loop_timer *timer)
{
	struct dns_channel *channel = container_of(timer, struct dns_channel, tick);

	ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (channel->outstanding)
		loop_timer_set(&channel->tick, loop_now(channel->loop) + TICK);
}

/* --- life --- */

static bool set_server(struct dns_channel *channel)
{
	struct ares_addr_port_node node = {.family = channel->server.sa.sa_family};

	if (node.family == AF_INET6)
		memcpy(&node.addr.addr6, &channel->server.in6.sin6_addr, sizeof(node.addr.addr6));
	else
		node.addr.addr4 = channel->server.in.sin_addr;
	return ares_set_servers_ports(channel->ares, &node) == ARES_SUCCESS;
}

/* All is set that c-ares would else look for in files, which it may not be able to open here. */
static bool init_ares(struct dns_channel *channel)
{
	struct in_addr placeholder = {g_htonl(INADDR_LOOPBACK)};
	char lookups[] = "b", nothing[] = "/dev/null";
	struct ares_options options = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_EDNS,
		.ednspsz = DNS_UDP_MAX,
		.timeout = DNS_CHANNEL_TIMEOUT,
		.tries = 1,
		.ndots = 1,
		.lookups = lookups,
		.resolvconf_path = nothing,
		.servers = &placeholder,
		.nservers = 1,
		.sock_state_cb = socket_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_NDOTS | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_SERVERS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
		   ARES_OPT_NOROTATE;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return false;
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS) {
		ares_library_cleanup();
		return false;
	}
	ares_set_socket_functions(channel->ares, &socket_functions, channel);
	return true;
}

struct dns_channel *dns_channel_new(struct loop *loop, const struct sockaddr_any *server)
{
	struct dns_channel *channel = g_new0(struct dns_channel, 1);

	channel->loop = loop;
	channel->server = *server;
	list_init(&channel->ios);
	loop_timer_init(loop, &channel->tick, tick);
	if (!init_ares(channel)) {
		g_free(channel);
		return NULL;
	}
	if (!set_server(channel)) {
		dns_channel_free(channel);
		return NULL;
	}
	return channel;
}

void dns_channel_free(struct dns_channel *channel)
{
	if (!channel)
		return;
	loop_timer_cancel(&channel->tick);
	ares_destroy(channel->ares);
	ares_library_cleanup();
	g_free(channel);
}

const struct sockaddr_any *dns_channel_server(const struct dns_channel *channel)
{
	return &channel->server;
}

/* --- asking --- */

static uint16_t random_id(struct dns_channel *channel)
{
	if (channel->n_ids < 2) {
		/* Up to 256 bytes come whole (getrandom(2)), once the kernel has been seeded. */
		if (getrandom(channel->ids, sizeof(channel->ids), 0) != sizeof(channel->ids))
			return (uint16_t)g_random_int();
		channel->n_ids = sizeof(channel->ids);
	}
	channel->n_ids -= 2;
	return dns_get16(channel->ids + channel->n_ids);
}

static void answered(void *data, int status, int timeouts, unsigned char *answer, int len)
{
	struct dns_attempt *attempt = data;
	struct dns_channel *channel = attempt->channel;
	bool destroyed = status == ARES_EDESTRUCTION || status == ARES_ECANCELLED;

	channel->outstanding--;
	if (attempt->sending) {
		attempt->over = true;
		return;
	}
	if (attempt->answer && !destroyed) {
		if (status == ARES_SUCCESS && len >= DNS_HEADER) {
			answer[AT_RCODE] = veil(answer[AT_RCODE]);
			attempt->answer(attempt->data, attempt, answer, (size_t)len);
		} else {
			attempt->answer(attempt->data, attempt, NULL, 0);
		}
	}
	g_free(attempt);
}

struct dns_attempt *dns_channel_send(struct dns_channel *channel, const uint8_t *query, size_t len,
				     dns_answer_fn answer, void *data)
{
	struct dns_attempt *attempt;
	g_autofree uint8_t *copy = NULL;

	if (channel->outstanding >= DNS_CHANNEL_MAX || len <= DNS_HEADER || len > DNS_MESSAGE_MAX)
		return NULL;
	attempt = g_new0(struct dns_attempt, 1);
	attempt->channel = channel;
	attempt->answer = answer;
	attempt->data = data;
	attempt->sending = true;
	copy = g_memdup2(query, len);
	dns_put16(copy, random_id(channel));
	channel->outstanding++;
	ares_send(channel->ares, copy, (int)len, answered, attempt);
	attempt->sending = false;
	if (attempt->over) {
		g_free(attempt);
		return NULL;
	}
	if (!loop_timer_is_set(&channel->tick))
		loop_timer_set(&channel->tick, loop_now(channel->loop) + TICK);
	return attempt;
}

void dns_attempt_abandon(struct dns_attempt *attempt)
{
	attempt->answer = NULL;
}
