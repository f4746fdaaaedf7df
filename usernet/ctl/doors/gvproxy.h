/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_GVPROXY_H
#define USERNET_CTL_DOORS_GVPROXY_H

#include <glib.h>

/*
 * The HTTP door of gvproxy_api.h, served by libmicrohttpd in our loop, without threads: its epoll
 * set is a descriptor of ours. Clients come through a struct door.
 */
struct control;
struct gvproxy;

#define GVPROXY_MAX_BODY    (16 * 1024) /* bytes of a request; a longer one is answered 413 */
#define GVPROXY_MAX_HEAD    (16 * 1024) /* bytes that a connection's head may hold */
#define GVPROXY_MAX_SECONDS 30          /* without traffic; then the connection is closed */

/* NULL: the socket cannot be made, or the program was built without libmicrohttpd. */
struct gvproxy *gvproxy_new(struct control *control, const char *path, GError **error);
/* NULL is allowed. */
void gvproxy_free(struct gvproxy *self);

#endif
