/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_HTTP_SERVER_H
#define USERNET_HTTP_SERVER_H

#include <sys/socket.h>

#include "base/loop.h"
#include "http/library.h"

/*
 * An HTTP server of libmicrohttpd within our loop: no threads, no listening socket; it is given
 * connections.
 *
 *   life:  zeroed -> http_server_start -> http_server_add … -> http_server_stop
 */
struct http_server {
	const struct http_library *library; /* NULL: not started */
	struct MHD_Daemon *daemon;
	struct loop *loop;
	const char *name;
	struct loop_io io; /* of the daemon's epoll set */
	struct loop_timer timer;
	struct loop_task task; /* it has more to do at once */
};

/*
 * @name, a literal, begins what it logs. @options ends with MHD_OPTION_END. False: there is no
 * libmicrohttpd, or it does not start; http_server_stop() is allowed. Call it before the sandbox is
 * closed.
 */
bool http_server_start(struct http_server *server, const char *name, struct loop *loop,
		       MHD_AccessHandlerCallback on_request, void *data,
		       const struct MHD_OptionItem *options, GError **error);
/* Closes the connections. Of a server that was not started: nothing. */
void http_server_stop(struct http_server *server);
/* @fd: a stream socket, non-blocking, always taken over. False: it was refused, and is closed. */
bool http_server_add(struct http_server *server, int fd, const struct sockaddr *peer,
		     socklen_t len);

#endif
