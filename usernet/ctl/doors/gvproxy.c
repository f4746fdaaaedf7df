/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/gvproxy.h"

#include "base/error.h"

#ifdef USERNET_HTTP

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/control.h"
#include "ctl/doors/door.h"
#include "ctl/doors/gvproxy_api.h"
#include "http/library.h"
#include "net/network.h"

struct gvproxy {
	struct door door;
	struct gvproxy_api api;
	struct loop *loop;
	const struct http_library *library;
	struct MHD_Daemon *http;
	struct loop_io io; /* of its epoll set */
	struct loop_timer timer;
	struct loop_task task; /* it has more to do at once */
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
		return respond(self->library, connection, MHD_HTTP_CONTENT_TOO_LARGE,
			       g_strdup("the request is too large\n"));
	status = gvproxy_api_run(&self->api, method, url, body->text->str, &answer);
	return respond(self->library, connection, status, answer);
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

static void on_connection(void *data, struct MHD_Connection *connection, void **state,
			  enum MHD_ConnectionNotificationCode code)
{
	struct gvproxy *self = data;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		door_left(&self->door);
}

/* What clients do wrong is no message of ours. */
static void G_GNUC_PRINTF(2, 0) on_message(void *data, const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);

	log_debug("gvproxy-api: %s", g_strchomp(text));
}

/* --- in the loop --- */

static void serve(struct gvproxy *self)
{
	MHD_UNSIGNED_LONG_LONG wait;

	self->library->run(self->http);
	if (self->library->get_timeout(self->http, &wait) != MHD_YES)
		loop_timer_cancel(&self->timer);
	else if (!wait)
		loop_task_defer(&self->task);
	else
		loop_timer_set(&self->timer,
			       loop_now(self->loop) + (usec_t)MIN(wait, 60000) * USEC_PER_MSEC);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	serve(container_of(io, struct gvproxy, io));
}

static void on_timer(struct loop_timer *timer)
{
	serve(container_of(timer, struct gvproxy, timer));
}

static void on_task(struct loop_task *task)
{
	serve(container_of(task, struct gvproxy, task));
}

static void on_client(struct door *door, int fd)
{
	struct gvproxy *self = container_of(door, struct gvproxy, door);
	struct sockaddr_un peer = {.sun_family = AF_UNIX};

	/* It closes the socket if it fails. */
	if (self->library->add_connection(self->http, fd, (struct sockaddr *)&peer, sizeof(peer)) !=
	    MHD_YES)
		door_left(door);
	loop_task_defer(&self->task);
}

/* --- lifecycle --- */

static bool start_http(struct gvproxy *self, GError **error)
{
	const union MHD_DaemonInfo *info;

	self->library = http_library_load(error);
	if (!self->library)
		return false;
	self->http = self->library->start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		on_request, self, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, self, MHD_OPTION_CONNECTION_LIMIT, (unsigned)DOOR_MAX_CLIENTS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)GVPROXY_MAX_HEAD,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)GVPROXY_MAX_SECONDS, MHD_OPTION_END);
	info = self->http ? self->library->get_daemon_info(self->http, MHD_DAEMON_INFO_EPOLL_FD)
			  : NULL;
	if (!info) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "libmicrohttpd does not start");
		return false;
	}
	loop_io_add(self->loop, &self->io, info->epoll_fd, EPOLLIN, on_ready);
	return true;
}

struct gvproxy *gvproxy_new(struct control *control, const char *path, GError **error)
{
	struct gvproxy *self = g_new0(struct gvproxy, 1);

	self->loop = control->network->loop;
	self->door.fd = -1;
	gvproxy_api_init(&self->api, control);
	loop_timer_init(self->loop, &self->timer, on_timer);
	loop_task_init(self->loop, &self->task, LOOP_SERVICE, on_task);
	if (start_http(self, error) &&
	    door_open(&self->door, self->loop, "gvproxy-api", path, on_client, error))
		return self;
	gvproxy_free(self);
	return NULL;
}

void gvproxy_free(struct gvproxy *self)
{
	if (!self)
		return;
	loop_task_cancel(&self->task);
	loop_timer_cancel(&self->timer);
	loop_io_remove(&self->io);
	/* Closes the connections, which leave the door. */
	if (self->http)
		self->library->stop_daemon(self->http);
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
