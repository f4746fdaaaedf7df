/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sockaddr.h"
#include "passt_log.h"
#include "passt_network.h"
#include "passt_options.h"

/*
 * usernet-passt serves a guest in one process. It listens where passt would (or is given the
 * guest's socket), starts or joins a network, attaches each guest that connects, and ends with the
 * guest (--one-off), on a signal, or with the network. It keeps a copy of the guest's socket open
 * to detect when the guest leaves; usernet reads and writes the frames.
 *
 * In the background, its pid is in the pid file: the caller waits for the parent, whose exit status
 * reports the start.
 */
struct door {
	struct passt_options options;
	struct passt_log log;
	struct passt_network *network;
	struct sockaddr_any addr;
	int listener; /* -1: none */
	int guest;    /* -1: no guest is attached */
	int signals;
	bool led; /* the forwards lead to this guest */
};

enum { LEAD_INTERVAL = 250 }; /* ms between checks for the guest's address */

/* --- start --- */

static bool listen_at(struct door *door, const char *path, GError **error)
{
	if (!sockaddr_unix(&door->addr, path, false, error))
		return false;
	door->listener = socket_bind(&door->addr, SOCK_STREAM, error);
	return door->listener >= 0;
}

/* Like passt, uses the first of its default paths that is free. */
static bool listen_at_default(struct door *door, GError **error)
{
	for (int n = 1; n <= 256; n++) {
		g_autofree char *path = g_strdup_printf("/tmp/passt_%d.socket", n);

		if (listen_at(door, path, NULL)) {
			passt_log_say(&door->log, "listening on %s", path);
			return true;
		}
	}
	g_set_error(error, USERNET_ERROR, ERROR_FAILED,
		    "none of /tmp/passt_1.socket to /tmp/passt_256.socket is free");
	return false;
}

static bool open_guest(struct door *door, GError **error)
{
	const struct passt_options *options = &door->options;
	int type = 0;
	socklen_t len = sizeof(type);

	if (options->socket)
		return listen_at(door, options->socket, error);
	if (options->fd < 0)
		return listen_at_default(door, error);
	if (getsockopt(options->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "--fd %d is not a connected stream socket", options->fd);
		return false;
	}
	door->guest = options->fd;
	fcntl(door->guest, F_SETFD, FD_CLOEXEC);
	return true;
}

static void catch_signals(struct door *door)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	door->signals = signalfd(-1, &set, SFD_CLOEXEC);
}

static bool write_pid(const struct door *door, GError **error)
{
	const char *path = door->options.pid_file;
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
	autofd int fd = -1;

	if (!path)
		return true;
	/* Write in place: QEMU made the file, and we may not be allowed to write its directory. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "--pid %s: %s", path, g_strerror(errno));
	return false;
}

static bool attach(struct door *door, GError **error)
{
	door->led = false;
	return passt_network_attach(door->network, door->guest, error);
}

static bool start(struct door *door, GError **error)
{
	const char *join = getenv("USERNET_NETWORK");

	for (guint i = 0; i < door->options.warnings->len; i++)
		passt_log_say(&door->log, "%s",
			      (char *)g_ptr_array_index(door->options.warnings, i));
	if (!open_guest(door, error))
		return false;
	catch_signals(door);
	door->network =
		passt_network_new(&door->options, join && *join ? join : NULL, &door->log, error);
	return door->network && (door->guest < 0 || attach(door, error)) && write_pid(door, error);
}

/* --- run --- */

static void accept_guest(struct door *door)
{
	g_autoptr(GError) error = NULL;
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};

	door->guest = accept4(door->listener, &peer.sa, &peer.len, SOCK_CLOEXEC);
	if (door->guest < 0)
		return;
	if (door->options.one_off) {
		socket_unlink(&door->addr);
		close(door->listener);
		door->listener = -1;
	}
	if (attach(door, &error))
		return;
	passt_log_say(&door->log, "%s", error->message);
	close(door->guest);
	door->guest = -1;
}

/* True: there is nothing left to do. */
static bool guest_left(struct door *door)
{
	close(door->guest);
	door->guest = -1;
	passt_network_detach(door->network);
	return door->listener < 0;
}

static void run(struct door *door)
{
	for (;;) {
		bool looking = door->guest >= 0 && !door->led;
		struct pollfd fds[] = {
			{.fd = door->signals, .events = POLLIN},
			{.fd = passt_network_fd(door->network), .events = POLLIN},
			{.fd = door->guest, .events = POLLRDHUP},
			{.fd = door->guest < 0 ? door->listener : -1, .events = POLLIN},
			{.fd = passt_network_stderr(door->network), .events = POLLIN},
		};

		if (poll(fds, G_N_ELEMENTS(fds), looking ? LEAD_INTERVAL : -1) < 0 &&
		    errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents && !passt_network_read(door->network)) {
			passt_log_say(&door->log, "network %s ended",
				      passt_network_name(door->network));
			return;
		}
		if (fds[4].revents)
			passt_log_relay(&door->log, fds[4].fd);
		if (fds[2].revents && guest_left(door))
			return;
		if (fds[3].revents)
			accept_guest(door);
		if (looking && door->guest >= 0)
			door->led = passt_network_lead(door->network);
	}
}

static void leave(struct door *door)
{
	if (door->network)
		passt_network_free(door->network);
	if (door->listener >= 0) {
		socket_unlink(&door->addr);
		close(door->listener);
	}
	if (door->guest >= 0)
		close(door->guest);
	if (door->signals >= 0)
		close(door->signals);
	passt_log_close(&door->log);
	passt_options_clear(&door->options);
}

/* --- to the background --- */

/*
 * The parent waits until the child reports on the pipe that it is ready, or exits; it exits with
 * that result. Returns the child's end of the pipe.
 */
static int go_to_background(void)
{
	int fds[2];
	pid_t child;
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(fds[0]);
		setsid();
		return fds[1];
	}
	close(fds[1]);
	_exit(child > 0 && read(fds[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void tell_parent(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		perror("usernet-passt");
	close(fd);
}

static int fail(struct door *door, GError *error)
{
	if (door->log.on_stderr)
		passt_log_say(&door->log, "%s", error->message);
	else
		fprintf(stderr, "usernet-passt: %s\n", error->message);
	g_error_free(error);
	leave(door);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct door door = {.log.fd = -1, .listener = -1, .guest = -1, .signals = -1};
	GError *error = NULL;
	int parent = -1;

	if (!passt_options_parse(&door.options, argc, argv, &error))
		return fail(&door, error);
	if (door.options.help || door.options.version) {
		fputs(door.options.help ? passt_options_help
					: "usernet-passt " USERNET_VERSION "\n",
		      stdout);
		leave(&door);
		return EXIT_SUCCESS;
	}
	umask(077);
	if (!door.options.foreground) {
		fflush(NULL);
		parent = go_to_background();
	}
	if (!passt_log_open(&door.log, door.options.log_file, door.options.log_size, &error) ||
	    !start(&door, &error))
		return fail(&door, error);
	if (!door.options.foreground) {
		passt_log_detach(&door.log);
		if (chdir("/") < 0)
			passt_log_say(&door.log, "chdir: %s", g_strerror(errno));
	}
	tell_parent(parent);
	run(&door);
	leave(&door);
	return EXIT_SUCCESS;
}
