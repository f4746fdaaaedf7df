/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/hostfwd.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"

struct hostfwd {
	struct backlog *backlog;
	struct sockaddr_any bound;
	struct caller_target target;
	struct caller_group group;
	int fd;
	struct loop_io io;
	struct loop_timer rest;
	usec_t patience; /* the next rest while the guest does not answer */
};

static void on_rested(struct loop_timer *timer)
{
	struct hostfwd *hostfwd = container_of(timer, struct hostfwd, rest);

	loop_io_events(&hostfwd->io, EPOLLIN);
}

static void take_rest(struct hostfwd *hostfwd, usec_t time)
{
	struct loop *loop = hostfwd->io.loop;

	loop_io_events(&hostfwd->io, 0);
	loop_timer_set(&hostfwd->rest, loop_now(loop) + time);
}

/* A guest that answers does so within the first rests. */
static void await_answers(struct hostfwd *hostfwd)
{
	take_rest(hostfwd, hostfwd->patience);
	hostfwd->patience = MIN(2 * hostfwd->patience, HOSTFWD_REST);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct hostfwd *hostfwd = container_of(io, struct hostfwd, io);
	static struct log_limit limit;

	for (unsigned n = 0; n < HOSTFWD_ACCEPTS; n++) {
		struct sockaddr_any client = {.len = sizeof(client.storage)};
		int fd;

		if (!backlog_has_room(hostfwd->backlog)) {
			take_rest(hostfwd, HOSTFWD_REST);
			return;
		}
		if (!backlog_is_answered(hostfwd->backlog, &hostfwd->target)) {
			await_answers(hostfwd);
			return;
		}
		hostfwd->patience = HOSTFWD_REST_MIN;
		fd = accept4(hostfwd->fd, &client.sa, &client.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			backlog_add(hostfwd->backlog, &hostfwd->group, fd, &client,
				    &hostfwd->target);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (socket_is_exhaustion(errno)) {
			log_limited(&limit, "a forward cannot accept: %s", g_strerror(errno));
			take_rest(hostfwd, HOSTFWD_REST);
			return;
		}
		/* Other errors concern that client only (accept(2)): take the next. */
	}
}

/* Sets @bound's port if the kernel chose it (port 0). */
static int open_listener(struct sockaddr_any *bound, bool early, GError **error)
{
	int fd = early ? socket_bind_early(bound, SOCK_STREAM, error)
		       : socket_bind(bound, SOCK_STREAM, error);

	if (fd < 0 || bound->sa.sa_family == AF_UNIX)
		return fd;
	bound->len = sizeof(bound->storage);
	if (getsockname(fd, &bound->sa, &bound->len) == 0)
		return fd;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
		    "cannot see which port was given: %s", g_strerror(errno));
	close(fd);
	return -1;
}

static void set_target(struct hostfwd *hostfwd, const struct caller_target *target)
{
	g_autofree char *host = sockaddr_format(&hostfwd->bound);
	g_autofree char *guest = sockaddr_format(&target->guest);
	g_autofree char *text = g_strdup_printf(
		"hostfwd=%s%s-%s", hostfwd->bound.sa.sa_family == AF_UNIX ? "unix:" : "tcp:", host,
		guest);

	hostfwd->target = *target;
	hostfwd->target.rule = g_ref_string_new(text);
}

struct hostfwd *hostfwd_new(struct loop *loop, struct backlog *backlog, struct sockaddr_any *bound,
			    bool early, const struct caller_target *target, GError **error)
{
	struct hostfwd *hostfwd;
	int fd;

	if (!backlog_has_room(backlog)) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_MFILE,
				    "all descriptors that connections and forwards may have are in "
				    "use: raise the limit of open files (ulimit -n)");
		return NULL;
	}
	fd = open_listener(bound, early, error);
	if (fd < 0)
		return NULL;
	hostfwd = g_new0(struct hostfwd, 1);
	hostfwd->backlog = backlog;
	hostfwd->bound = *bound;
	hostfwd->fd = fd;
	hostfwd->patience = HOSTFWD_REST_MIN;
	set_target(hostfwd, target);
	list_init(&hostfwd->group.waiting);
	loop_io_add(loop, &hostfwd->io, fd, EPOLLIN, on_ready);
	loop_timer_init(loop, &hostfwd->rest, on_rested);
	backlog_hold_fd(backlog, true);
	return hostfwd;
}

void hostfwd_free(struct hostfwd *hostfwd)
{
	backlog_refuse(hostfwd->backlog, &hostfwd->group);
	loop_timer_cancel(&hostfwd->rest);
	loop_io_remove(&hostfwd->io);
	socket_unlink(&hostfwd->bound);
	close(hostfwd->fd);
	backlog_hold_fd(hostfwd->backlog, false);
	g_ref_string_release((char *)hostfwd->target.rule);
	g_free(hostfwd);
}

void hostfwd_retarget(struct hostfwd *hostfwd, const struct caller_target *target)
{
	char *old = (char *)hostfwd->target.rule;

	set_target(hostfwd, target);
	backlog_retarget(hostfwd->backlog, &hostfwd->group, &hostfwd->target);
	g_ref_string_release(old);
}

uint64_t hostfwd_waited(const struct hostfwd *hostfwd)
{
	return hostfwd->group.waited;
}

int hostfwd_fd(const struct hostfwd *hostfwd)
{
	return hostfwd->fd;
}
