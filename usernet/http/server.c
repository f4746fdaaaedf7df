/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/server.h"

#include <sys/epoll.h>

#include "base/error.h"
#include "base/log.h"

/*
 * MHD_USE_NO_THREAD_SAFETY, of libmicrohttpd 1.0 and later: it takes a connection within
 * add_connection() and not in a later run. Older ones always do, and ignore it.
 */
#define NO_THREAD_SAFETY (1u << 19)

/* --- in the loop --- */

static void set_timer(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG msec;

	if (server->library->get_timeout(server->daemon, &msec) != MHD_YES)
		loop_timer_cancel(&server->timer);
	else if (!msec)
		loop_task_defer(&server->task);
	else
		loop_timer_set(&server->timer,
			       loop_now(server->loop) + (usec_t)MIN(msec, 60000) * USEC_PER_MSEC);
}

static void serve(struct http_server *server)
{
	server->library->run(server->daemon);
	set_timer(server);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	serve(container_of(io, struct http_server, io));
}

static void on_timer(struct loop_timer *timer)
{
	serve(container_of(timer, struct http_server, timer));
}

static void on_task(struct loop_task *task)
{
	serve(container_of(task, struct http_server, task));
}

bool http_server_add(struct http_server *server, int fd, const struct sockaddr *peer, socklen_t len)
{
	bool added = server->library->add_connection(server->daemon, fd, peer, len) == MHD_YES;

	set_timer(server);
	return added;
}

/* --- life --- */

/* What clients do wrong is no message of ours. */
static void G_GNUC_PRINTF(2, 0) on_message(void *data, const char *format, va_list args)
{
	const struct http_server *server = data;
	g_autofree char *text = NULL;

	if (!log_would(LOG_LEVEL_DEBUG))
		return;
	text = g_strdup_vprintf(format, args);
	log_debug("%s: %s", server->name, g_strchomp(text));
}

bool http_server_start(struct http_server *server, const char *name, struct loop *loop,
		       MHD_AccessHandlerCallback on_request, void *data,
		       const struct MHD_OptionItem *options, GError **error)
{
	const union MHD_DaemonInfo *info = NULL;
	const struct http_library *library = http_library_load(error);

	if (!library)
		return false;
	*server = (struct http_server){.library = library, .loop = loop, .name = name};
	loop_timer_init(loop, &server->timer, on_timer);
	loop_task_init(loop, &server->task, LOOP_SERVICE, on_task);
	server->daemon = library->start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | NO_THREAD_SAFETY, 0,
		NULL, NULL, on_request, data, MHD_OPTION_EXTERNAL_LOGGER, on_message, server,
		MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (server->daemon)
		info = library->get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "libmicrohttpd does not start");
		return false;
	}
	loop_io_add(loop, &server->io, info->epoll_fd, EPOLLIN, on_ready);
	return true;
}

void http_server_stop(struct http_server *server)
{
	if (!server->library)
		return;
	loop_task_cancel(&server->task);
	loop_timer_cancel(&server->timer);
	loop_io_remove(&server->io);
	if (server->daemon)
		server->library->stop_daemon(server->daemon);
	server->library = NULL;
	server->daemon = NULL;
}
