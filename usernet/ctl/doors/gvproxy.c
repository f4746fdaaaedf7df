/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/gvproxy.h"

#include "base/error.h"

#ifdef USERNET_HTTP

#include <string.h>

#include "ctl/control.h"
#include "ctl/doors/door.h"
#include "ctl/doors/gvproxy_api.h"
#include "http/server.h"
#include "net/network.h"

struct gvproxy {
	struct door door;
	struct gvproxy_api api;
	struct http_server http;
	bool coming; /* within http_server_add(): the client is not of libmicrohttpd yet */
};

struct body {
	GString *text;
	bool too_long;
};

/* --- requests --- */

static enum MHD_Result respond(const struct http_library *library,
			       struct MHD_Connection *connection, unsigned status, char *text)
{
	struct MHD_Response *response =
		library->create_response(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	/* As Go's server says for these answers. */
	if (text[0])
		library->add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	if (status != MHD_HTTP_OK)
		library->add_response_header(response, "X-Content-Type-Options", "nosniff");
	result = library->queue_response(connection, status, response);
	library->destroy_response(response);
	return result;
}

static void take_body(struct body *body, const char *data, size_t len)
{
	/* A NUL cannot be in JSON; it would hide what follows. */
	if (body->too_long || len > GVPROXY_MAX_BODY - body->text->len || memchr(data, '\0', len))
		body->too_long = true;
	else
		g_string_append_len(body->text, data, (gssize)len);
}

/* Called at the head, for each part of the body, and at the end. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	struct gvproxy *self = data;
	struct body *body = *state;
	unsigned status;
	char *answer;

	if (!body) {
		body = g_new0(struct body, 1);
		body->text = g_string_new(NULL);
		*state = body;
		return MHD_YES;
	}
	if (*upload_len) {
		take_body(body, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (body->too_long)
		return respond(self->http.library, connection, MHD_HTTP_CONTENT_TOO_LARGE,
			       g_strdup("the request is too large\n"));
	status = gvproxy_api_run(&self->api, method, url, body->text->str, &answer);
	return respond(self->http.library, connection, status, answer);
}

static void on_end(void *data, struct MHD_Connection *connection, void **state,
		   enum MHD_RequestTerminationCode code)
{
	struct body *body = *state;

	if (!body)
		return;
	g_string_free(body->text, TRUE);
	g_free(body);
	*state = NULL;
}

/* --- clients --- */

static void on_connection(void *data, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	struct gvproxy *self = data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		self->coming = false;
	else
		door_left(&self->door);
}

static void on_client(struct door *door, int fd)
{
	struct gvproxy *self = container_of(door, struct gvproxy, door);
	struct sockaddr_un peer = {.sun_family = AF_UNIX};

	self->coming = true;
	http_server_add(&self->http, fd, (struct sockaddr *)&peer, sizeof(peer));
	if (self->coming) /* it was refused */
		door_left(door);
	self->coming = false;
}

/* --- life --- */

static bool start_http(struct gvproxy *self, GError **error)
{
	const struct MHD_OptionItem options[] = {
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_end, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, self},
		{MHD_OPTION_CONNECTION_LIMIT, DOOR_MAX_CLIENTS, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, GVPROXY_MAX_HEAD, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, GVPROXY_MAX_SECONDS, NULL},
		{MHD_OPTION_END, 0, NULL},
	};

	return http_server_start(&self->http, "gvproxy-api", self->api.control->network->loop,
				 on_request, self, options, error);
}

struct gvproxy *gvproxy_new(struct control *control, const char *path, GError **error)
{
	struct gvproxy *self = g_new0(struct gvproxy, 1);

	self->door.fd = -1;
	gvproxy_api_init(&self->api, control);
	if (start_http(self, error) &&
	    door_open(&self->door, control->network->loop, "gvproxy-api", path, on_client, error))
		return self;
	gvproxy_free(self);
	return NULL;
}

void gvproxy_free(struct gvproxy *self)
{
	if (!self)
		return;
	http_server_stop(&self->http); /* its connections leave the door */
	door_close(&self->door);
	gvproxy_api_clear(&self->api);
	g_free(self);
}

#else

struct gvproxy *gvproxy_new(struct control *control, const char *path, GError **error)
{
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    "this usernet was built without libmicrohttpd, which gvproxy-api needs");
	return NULL;
}

void gvproxy_free(struct gvproxy *self)
{
}

#endif
