/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SOCKADDR_H
#define USERNET_BASE_SOCKADDR_H

#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/*
 * Socket addresses, and sockets on them: non-blocking, close-on-exec. Names are not resolved: hosts
 * are numeric, "localhost", or empty for any. Errors are G_FILE_ERROR; for malformed text
 * G_FILE_ERROR_INVAL.
 */
struct sockaddr_any {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
};

/*
 * The error "path too long" names the path, its length and the limit (107 bytes; abstract: 107
 * after the NUL).
 */
bool sockaddr_unix(struct sockaddr_any *out, const char *path, bool abstract, GError **error);
/*
 * @host: IPv4; IPv6 with or without brackets, with %scope if needed; "localhost" (127.0.0.1); ""
 * (0.0.0.0). @port: decimal 0-65535.
 */
bool sockaddr_inet(struct sockaddr_any *out, const char *host, const char *port, GError **error);
/* "127.0.0.1:22", "[::1]:22", "/run/lan.sock", "@abstract", "(unnamed)". Newly allocated. */
char *sockaddr_format(const struct sockaddr_any *addr);
bool sockaddr_equal(const struct sockaddr_any *a, const struct sockaddr_any *b);
guint sockaddr_hash(const struct sockaddr_any *a);

/*
 * A prefix: "10.0.2.0/24", "10.0.2.0/255.255.255.0", "fec0::/64". Without "/" it is the whole
 * address. Host bits are kept.
 */
bool inet_parse_prefix4(const char *text, struct in_addr *addr, unsigned *len, GError **error);
bool inet_parse_prefix6(const char *text, struct in6_addr *addr, unsigned *len, GError **error);

/*
 * A bound socket of @type (SOCK_STREAM | SOCK_DGRAM); a stream socket listens (backlog SOMAXCONN).
 * If the service manager has opened it (inherited.h), that one.
 * A stale unix socket of ours (connect is refused) is unlinked first. A live socket, another user's
 * socket, or another kind of file is an error. Unix sockets get mode 0600. inet: SO_REUSEADDR for
 * streams and multicast groups; IPv6 sockets do not take the IPv4 port. Returns -1 on error; "in
 * use" errors name the address and, if /proc shows it, the process.
 */
int socket_bind(const struct sockaddr_any *addr, int type, GError **error);
/* The same, and an inet address that this host does not have yet is only warned of (ip(7)). */
int socket_bind_early(const struct sockaddr_any *addr, int type, GError **error);

/* A TCP listener with options that socket_bind() lacks. All zeroes: as socket_bind(). */
struct tcp_listen {
	unsigned last_port; /* take the first free port from @addr's to this one; 0: no range */
	bool dual;          /* "::" also takes IPv4, unless the port is in use there */
	bool mptcp;         /* multipath TCP */
};
/* Listens, and writes the bound port into @addr. -1 on error. */
int socket_listen(struct sockaddr_any *addr, const struct tcp_listen *options, GError **error);

/* Who may use a unix socket's file. All zeroes: its owner alone, mode 0600. */
struct socket_file {
	mode_t mode;
	bool has_group;
	gid_t group;
};
/* Sets owner and mode of the unix socket @addr, which we bound. Ignores other addresses. */
bool socket_share(const struct sockaddr_any *addr, const struct socket_file *file, GError **error);

/* Starts to connect; *@in_progress: wait for EPOLLOUT. -1: see errno. */
int socket_connect(const struct sockaddr_any *addr, int type, bool *in_progress);
/*
 * The same by TCP, from @from unless it is NULL; @hops: the TTL or hop limit of its packets, 0 for
 * the host's default. An ICMPv6 error that ends the connect stays in the error queue
 * (IPV6_RECVERR); IPv4 keeps it in any case.
 */
int socket_connect_hops(const struct sockaddr_any *addr, const struct sockaddr_any *from,
			uint8_t hops, bool *in_progress);
/*
 * The source of a client socket: @from, port 0. False, errno ENETUNREACH: the host does not have
 * that address.
 */
bool socket_bind_source(int fd, const struct sockaddr_any *from);
/* Closes @fd so that a TCP peer sees a reset. */
void socket_reset(int fd);
/* The same with multipath TCP. EPROTONOSUPPORT or ENOPROTOOPT: the kernel lacks it. */
int socket_connect_mptcp(const struct sockaddr_any *addr, bool *in_progress);
/* Does this kernel support multipath TCP sockets? */
bool socket_has_mptcp(void);
/* Unlinks a unix path that we bound; ignores other addresses. */
void socket_unlink(const struct sockaddr_any *addr);

/*
 * Does a client at the other end of @fd, a connected unix socket, run as our user or as root? The
 * socket's mode keeps others out; this covers sockets with a looser mode.
 */
bool socket_peer_is_ours(int fd);

/*
 * Does @err of accept(2), socket(2) or connect(2) mean that descriptors or memory ran out? A
 * listener must then pause, because epoll would report the same client again at once.
 */
static inline bool socket_is_exhaustion(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

#endif
