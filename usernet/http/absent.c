/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/http.h"

/* Built without libmicrohttpd. */

struct http *http_new(struct loop *loop, const char *dir, GError **error)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
		    "user: http: not supported: usernet was built without libmicrohttpd");
	return NULL;
}

void http_free(struct http *http)
{
}

bool http_take(struct http *http, int fd, unsigned port_id, const struct packet *syn)
{
	return false;
}

unsigned http_connections(const struct http *http)
{
	return 0;
}
