/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SOCKADDR_H
#define USERNET_BASE_SOCKADDR_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * Socket addresses, and sockets on them: non-blocking, close-on-exec. Names are not looked up (no
 * resolver in this process): hosts are numeric, "localhost", or empty for any. Errors are
 * G_FILE_ERROR, for a text that cannot be right G_FILE_ERROR_INVAL.
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

/* "path too long" names the path, its length and the limit (107 bytes; abstract: 107 after the
 * NUL). */
bool sockaddr_unix(struct sockaddr_any *out, const char *path, bool abstract, GError **error);
/*
 * @host: IPv4; IPv6 with or without brackets, with %scope where it needs one; "localhost"
 * (127.0.0.1);
 * "" (0.0.0.0). @port: decimal 0-65535.
 */
bool sockaddr_inet(struct sockaddr_any *out, const char *host, const char *port, GError **error);
/* "127.0.0.1:22", "[::1]:22", "/run/lan.sock", "@abstract", "(unnamed)". Newly allocated. */
char *sockaddr_format(const struct sockaddr_any *addr);
bool sockaddr_equal(const struct sockaddr_any *a, const struct sockaddr_any *b);
guint sockaddr_hash(const struct sockaddr_any *a);

/*
 * A prefix: "10.0.2.0/24", "10.0.2.0/255.255.255.0", "fec0::/64"; without "/": the whole address.
 * Host bits are kept as given.
 */
bool inet_parse_prefix4(const char *text, struct in_addr *addr, unsigned *len, GError **error);
bool inet_parse_prefix6(const char *text, struct in6_addr *addr, unsigned *len, GError **error);

/*
 * A bound socket of @type (SOCK_STREAM | SOCK_DGRAM), listening when it is a stream (backlog
 * SOMAXCONN). A stale unix socket of ours (nobody answers a connect) is unlinked first; a live one,
 * another user's, or a file that is not a socket is an error that says so. Unix sockets are made
 * with mode 0600. inet: SO_REUSEADDR for streams and multicast groups; IPv6 never takes IPv4's
 * ports along. -1 on error; "in use" errors name the address and, where it can be seen, who holds
 * it.
 */
int socket_bind(const struct sockaddr_any *addr, int type, GError **error);
/* Starts to connect; *@in_progress says whether EPOLLOUT must be awaited. -1: errno tells. */
int socket_connect(const struct sockaddr_any *addr, int type, bool *in_progress);
/* Closes @fd so that a TCP peer sees a reset. */
void socket_reset(int fd);
/* Unlinks a unix path that we bound; nothing for other addresses. */
void socket_unlink(const struct sockaddr_any *addr);

#endif
