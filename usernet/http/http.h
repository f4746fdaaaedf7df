/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_HTTP_HTTP_H
#define USERNET_HTTP_HTTP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "packet/packet.h"

/*
 * Files of one directory for guests, by HTTP/1.1: GET and HEAD, one range, for firmware that boots
 * and guests that fetch. libmicrohttpd reads and answers the requests, within our loop and without
 * threads; tcp/ joins the guest's connections by a socket pair. Read-only; see base/folder.h for
 * what is served.
 *
 *   life:  http_new -> http_take … -> http_free
 */
struct http;

#define HTTP_PORT 80
/* Connections; at a bound a new one is refused. */
#define HTTP_MAX          128
#define HTTP_MAX_PER_PORT 32
#define HTTP_IDLE         30          /* seconds */
#define HTTP_MEMORY       (32 * 1024) /* bytes of a connection's request and answer */

/*
 * NULL: @dir is not a directory, or there is no libmicrohttpd. Call it before the
 * sandbox is closed.
 */
struct http *http_new(struct loop *loop, const char *dir, GError **error);
/* NULL does nothing. */
void http_free(struct http *http);
/*
 * @fd: a connected stream socket, non-blocking, always taken over. @syn: of the guest, which is at
 * the port. False: it is refused, @fd is invalid.
 */
bool http_take(struct http *http, int fd, unsigned port_id, const struct packet *syn);
unsigned http_connections(const struct http *http);

#endif
