/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/monitor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/qmp/json_splitter.h"
#include "ctl/qmp/qmp.h"
#include "ctl/qmp/request.h"
#include "ctl/version.h"

#define READ_SIZE (64 * 1024)

static void close_later(struct monitor *monitor)
{
	if (monitor->closing)
		return;
	monitor->closing = true;
	loop_io_remove(&monitor->io);
	loop_task_defer(&monitor->reap);
}

static void reap(struct loop_task *task)
{
	monitor_free(container_of(task, struct monitor, reap));
}

static void update_interest(struct monitor *monitor)
{
	size_t waiting = monitor->out->len - monitor->out_done;
	uint32_t events = 0;

	if (waiting)
		events |= EPOLLOUT;
	if (waiting < MONITOR_OUT_PAUSE && !monitor->hang_up)
		events |= EPOLLIN;
	loop_io_events(&monitor->io, events);
}

static void write_out(struct monitor *monitor)
{
	while (monitor->out_done < monitor->out->len) {
		ssize_t n = send(monitor->fd, monitor->out->data + monitor->out_done,
				 monitor->out->len - monitor->out_done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			close_later(monitor);
			return;
		}
		monitor->out_done += (size_t)n;
	}
	if (monitor->out_done == monitor->out->len) {
		g_byte_array_set_size(monitor->out, 0);
		monitor->out_done = 0;
		if (monitor->hang_up) {
			close_later(monitor);
			return;
		}
	}
	update_interest(monitor);
}

void monitor_send(struct monitor *monitor, JsonNode *node)
{
	static struct log_limit limit;
	g_autofree char *text = NULL;

	if (monitor->closing)
		return;
	if (monitor->out->len - monitor->out_done > MONITOR_OUT_MAX) {
		log_limited(&limit, "QMP: dropped a client that does not read its answers");
		monitor->qmp->dropped++;
		close_later(monitor);
		return;
	}
	if (monitor->out_done > MONITOR_OUT_PAUSE) {
		g_byte_array_remove_range(monitor->out, 0, (guint)monitor->out_done);
		monitor->out_done = 0;
	}
	text = json_to_string(node, FALSE);
	g_byte_array_append(monitor->out, (const guint8 *)text, (guint)strlen(text));
	g_byte_array_append(monitor->out, (const guint8 *)"\r\n", 2);
	write_out(monitor);
}

static bool take_value(void *data, enum json_split_event event, const char *text)
{
	struct monitor *monitor = data;
	g_autoptr(JsonNode) answer = NULL;

	switch (event) {
	case JSON_SPLIT_VALUE:
	case JSON_SPLIT_BARE:
		answer = request_run(&monitor->session, text);
		break;
	case JSON_SPLIT_TOO_LARGE:
		monitor->hang_up = true;
		answer = request_error("GenericError", text);
		break;
	case JSON_SPLIT_ERROR:
		answer = request_error("GenericError", text);
		break;
	}
	monitor_send(monitor, answer);
	return !monitor->closing && !monitor->hang_up;
}

static void receive_fds(struct monitor *monitor, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			fd_names_receive(&monitor->session.fds, fd);
		}
	}
}

static void read_in(struct monitor *monitor)
{
	union {
		char bytes[CMSG_SPACE(FD_NAMES_PENDING_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	char buf[READ_SIZE];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(monitor->fd, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		receive_fds(monitor, &msg);
	if (n <= 0)
		close_later(monitor);
	else
		json_splitter_feed(monitor->splitter, buf, (size_t)n);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct monitor *monitor = container_of(io, struct monitor, io);

	if (revents & EPOLLOUT)
		write_out(monitor);
	if (!monitor->closing && (revents & EPOLLIN))
		read_in(monitor);
	else if (!monitor->closing && (revents & (EPOLLHUP | EPOLLERR)))
		close_later(monitor);
}

static void greet(struct monitor *monitor)
{
	JsonObject *greeting = json_object_new();
	JsonObject *qmp = json_object_new();
	JsonArray *capabilities = json_array_new();
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

	json_object_set_object_member(qmp, "version", version_json());
	json_array_add_string_element(capabilities, "oob");
	json_object_set_array_member(qmp, "capabilities", capabilities);
	json_object_set_object_member(greeting, "QMP", qmp);
	json_node_take_object(node, greeting);
	monitor_send(monitor, node);
}

struct monitor *monitor_new(struct qmp *qmp, int fd)
{
	struct monitor *monitor = g_new0(struct monitor, 1);

	monitor->qmp = qmp;
	monitor->fd = fd;
	monitor->splitter = json_splitter_new(take_value, monitor);
	monitor->out = g_byte_array_new();
	monitor->session.control = qmp->control;
	monitor->session.qmp = qmp;
	fd_names_init(&monitor->session.fds);
	monitor->session.rules = g_ptr_array_new_with_free_func(g_free);
	loop_task_init(qmp->loop, &monitor->reap, LOOP_REAP, reap);
	list_append(&qmp->monitors, &monitor->link);
	qmp->n_monitors++;
	loop_io_add(qmp->loop, &monitor->io, fd, EPOLLIN, ready);
	greet(monitor);
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	loop_task_cancel(&monitor->reap);
	loop_io_remove(&monitor->io);
	list_remove(&monitor->link);
	monitor->qmp->n_monitors--;
	close(monitor->fd);
	json_splitter_free(monitor->splitter);
	session_end(&monitor->session);
	fd_names_clear(&monitor->session.fds);
	g_byte_array_unref(monitor->out);
	g_free(monitor);
}
