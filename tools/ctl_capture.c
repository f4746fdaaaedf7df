/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_filter.h"

/*
 * usernet writes to one end of a socket pair, and we copy from the other to the file: the disk, or
 * the program behind the pipe, then holds up us and not the network.
 */
#define BUFFER  (256 * 1024)
#define IN_PIPE (1024 * 1024)

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
	interrupted = 1;
}

static int complain(const char *what)
{
	fprintf(stderr, "usernetctl: %s: %s\n", what, g_strerror(errno));
	return CTL_REFUSED;
}

/* The signals arrive during ppoll() only: with @waiting, the mask for it. */
static void catch_signals(sigset_t *waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, waiting);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigdelset(waiting, SIGINT);
	sigdelset(waiting, SIGTERM);
	sigdelset(waiting, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

			poll(&poll_fd, 1, -1);
			continue;
		}
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Asks usernet to end the capture; it then closes its end behind the last frame. */
static int stop(struct ctl_session *session, const char *id, JsonNode **counts)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "id", id);
	return ctl_request(session, "capture-stop", args, counts);
}

/* What remains once the capture has ended: usernet drops what the socket does not take at once. */
static int copy(struct ctl_session *session, const char *id, int from, int to,
		const sigset_t *waiting, JsonNode **counts)
{
	struct pollfd fds[] = {{.fd = from, .events = POLLIN}, {.fd = to}};
	g_autofree char *buffer = g_malloc(BUFFER);
	bool stopped = false;

	for (;;) {
		ssize_t n;

		if (interrupted && !stopped) {
			stopped = true;
			if (stop(session, id, counts) != CTL_DONE)
				return CTL_REFUSED;
		}
		if (ppoll(fds, 2, NULL, waiting) < 0 && errno != EINTR)
			return complain("poll");
		/* The reader of our pipe is gone. */
		if (fds[1].revents & (POLLERR | POLLHUP))
			return CTL_DONE;
		if (!(fds[0].revents & (POLLIN | POLLHUP)))
			continue;
		n = read(from, buffer, BUFFER);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return CTL_DONE;
		if (!write_all(to, buffer, (size_t)n))
			return errno == EPIPE ? CTL_DONE : complain("writing the capture");
	}
}

static void report(const char *file, JsonNode *node)
{
	JsonObject *counts = json_node_get_object(node);

	fprintf(stderr, "%s%s%" G_GINT64_FORMAT " frames, %" G_GINT64_FORMAT " lost\n",
		file ? file : "", file ? ": " : "", json_object_get_int_member(counts, "frames"),
		json_object_get_int_member(counts, "lost"));
}

static int start(struct ctl_session *session, const char *name, const char *program, int fd,
		 char **id)
{
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args;
	int status = ctl_pass_fd(session, fd, "capture");

	if (status != CTL_DONE)
		return status;
	args = json_object_new();
	json_object_set_string_member(args, "fdname", "capture");
	if (name)
		json_object_set_string_member(args, "name", name);
	if (program)
		json_object_set_string_member(args, "filter", program);
	status = ctl_request(session, "capture-start", args, &result);
	if (status == CTL_DONE)
		*id = g_strdup(json_object_get_string_member(json_node_get_object(result), "id"));
	return status;
}

static int run(struct ctl_session *session, const char *name, const char *program, int to)
{
	const char *file = session->file && strcmp(session->file, "-") ? session->file : NULL;
	g_autoptr(JsonNode) counts = NULL;
	g_autofree char *id = NULL;
	int pair[2], size = IN_PIPE, status;
	sigset_t waiting;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return complain("socketpair");
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/* Before it starts: what was captured by then is written, too. */
	catch_signals(&waiting);
	status = start(session, name, program, pair[1], &id);
	close(pair[1]);
	if (status == CTL_DONE)
		status = copy(session, id, pair[0], to, &waiting, &counts);
	close(pair[0]);
	if (counts)
		report(file, counts);
	return status;
}

int ctl_run_capture(struct ctl_session *session, char **params)
{
	const char *file = session->file ? session->file : "-";
	g_autofree char *program = NULL;
	g_autoptr(GError) error = NULL;
	int fd, status;

	if (params[0] && params[1])
		return ctl_usage("capture: one GUEST or NETDEV, not '%s' too; write the filter as "
				 "-f '%s ...'",
				 params[1], params[1]);
	if (session->filter && !(program = ctl_filter_compile(session->filter, &error)))
		return ctl_usage("capture: %s", error->message);
	if (!strcmp(file, "-") && isatty(STDOUT_FILENO))
		return ctl_usage(
			"capture: write -w FILE, or a pipe: usernetctl capture | wireshark "
			"-k -i -");
	fd = strcmp(file, "-") ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			       : dup(STDOUT_FILENO);
	if (fd < 0)
		return complain(file);
	status = run(session, params[0], program, fd);
	if (close(fd) < 0 && status == CTL_DONE)
		status = complain(file);
	return status;
}
