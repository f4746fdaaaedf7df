/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_connect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl_client.h"
#include "ctl_ssh.h"

/*
 * One end of a socket pair goes to usernet, which connects it to the guest; we copy to and from the
 * other end. Each direction is a process, so that neither blocks the other. The end of one
 * direction is passed on, and the other continues.
 */
#define BUFFER (256 * 1024)

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/*
 * Copies until the end of @from, or until @to fails. Errors count as end of the connection. False:
 * there was nothing to copy.
 */
static bool carry(int from, int to)
{
	g_autofree char *buffer = g_malloc(BUFFER);
	bool any = false;

	for (;;) {
		ssize_t n = read(from, buffer, BUFFER);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return any;
		any = true;
		if (!write_all(to, buffer, (size_t)n))
			return any;
	}
}

/* Waits until the child has copied all input and closed @done, or until @sock is closed. */
static void wait_for_input(int sock, int done)
{
	struct pollfd fds[] = {{.fd = done, .events = POLLIN}, {.fd = sock}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
}

int ctl_carry_both(int sock, void (*silent)(void *data), void *data)
{
	int done[2];
	pid_t child;

	if (pipe(done) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "usernetctl: %s\n", g_strerror(errno));
		return CTL_REFUSED;
	}
	if (child == 0) {
		close(done[0]);
		close(STDOUT_FILENO);
		carry(STDIN_FILENO, sock);
		shutdown(sock, SHUT_WR);
		_exit(0);
	}
	close(done[1]);
	close(STDIN_FILENO);
	if (!carry(sock, STDOUT_FILENO) && silent)
		silent(data);
	/* stdout may be a socket, and the same one as stdin. */
	shutdown(STDOUT_FILENO, SHUT_WR);
	close(STDOUT_FILENO);
	wait_for_input(sock, done[0]);
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	return CTL_DONE;
}

struct target {
	struct ctl_session *session;
	const char *guest;
};

/* The guest sent nothing. ssh(1) does not say why, so say it if the guest is not there. */
static void tell_absent(void *data)
{
	struct target *target = data;
	g_autoptr(JsonNode) result = NULL;
	JsonArray *guests;

	if (ctl_request(target->session, "query-guests", NULL, &result) != CTL_DONE)
		return;
	guests = json_node_get_array(result);
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);
		const char *name = json_object_get_string_member_with_default(guest, "name", NULL);

		if (name && !g_ascii_strcasecmp(name, target->guest) &&
		    !json_object_get_boolean_member_with_default(guest, "here", FALSE))
			fprintf(stderr, "usernetctl: the guest %s is not there\n", name);
	}
}

int ctl_run_connect(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args;
	guint64 port;
	g_autofree char *guest = ctl_ssh_guest(session, params[0]);
	struct target target = {session, guest};
	int pair[2], status;

	if (!g_ascii_string_to_unsigned(params[1], 10, 1, 65535, &port, NULL))
		return ctl_usage("connect %s '%s': a port is a number from 1 to 65535", params[0],
				 params[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "usernetctl: %s\n", g_strerror(errno));
		return CTL_REFUSED;
	}
	signal(SIGPIPE, SIG_IGN);
	status = ctl_pass_fd(session, pair[1], "connection");
	close(pair[1]);
	if (status == CTL_DONE) {
		args = json_object_new();
		json_object_set_string_member(args, "guest", guest);
		json_object_set_int_member(args, "port", (gint64)port);
		json_object_set_string_member(args, "fdname", "connection");
		if (session->id)
			json_object_set_string_member(args, "id", session->id);
		status = ctl_request(session, "connect", args, &result);
	}
	if (status == CTL_DONE)
		status = ctl_carry_both(pair[0], tell_absent, &target);
	close(pair[0]);
	return status;
}
