/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_pipe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl_client.h"
#include "ctl_connect.h"

/*
 * usernet gets one end of a socket pair as a stream netdev that ends with our QMP connection. The
 * other end is COMMAND's standard input and output, so no process copies frames; without COMMAND we
 * copy between it and our own.
 */
#define EXIT_FAILED     125 /* as env(1): we failed */
#define EXIT_NO_EXEC    126
#define EXIT_NO_COMMAND 127
#define END_WAIT_MS     2000 /* for COMMAND to end by itself after the end of frames */

static int attach(struct ctl_session *session, int fd)
{
	g_autofree char *id = g_strdup_printf("pipe-%d", (int)getpid());
	g_autoptr(JsonNode) result = NULL;
	JsonObject *args;
	int status = ctl_pass_fd(session, fd, "pipe");

	if (status != CTL_DONE)
		return status;
	args = json_object_new();
	json_object_set_string_member(args, "type", "stream");
	json_object_set_string_member(args, "id", id);
	json_object_set_string_member(args, "addr.type", "fd");
	json_object_set_string_member(args, "addr.str", "pipe");
	json_object_set_boolean_member(args, "with-client", TRUE);
	json_object_set_boolean_member(args, "uplink", !session->transit);
	return ctl_request(session, "netdev_add", args, &result);
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static pid_t start(char **command, int sock)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(sock, STDIN_FILENO) < 0 || dup2(sock, STDOUT_FILENO) < 0)
		_exit(EXIT_FAILED);
	execvp(command[0], command);
	fprintf(stderr, "usernetctl: %s: %s\n", command[0], g_strerror(errno));
	_exit(errno == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC);
}

/*
 * Waits for the command. Its input ends by itself when usernet quits, or when the netdev is
 * removed; a command that then stays is ended.
 */
static int wait_for(pid_t pid, struct ctl_session *session, int signals)
{
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
			       {.fd = ctl_client_fd(session->client), .events = POLLIN}};
	struct signalfd_siginfo info;
	bool lost = false;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		int n = poll(fds, 2, lost ? END_WAIT_MS : -1);

		if (n == 0)
			kill(pid, SIGTERM);
		if (n > 0 && fds[0].revents && read(signals, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			kill(pid, (int)info.ssi_signo);
		if (n > 0 && fds[1].revents) {
			GError *error = NULL;
			g_autoptr(JsonNode) node = ctl_client_read(session->client, &error);

			if (!node) { /* events are ignored; this is the end of usernet */
				(void)ctl_lost(error);
				fds[1].fd = -1;
				lost = true;
			}
		}
	}
	if (lost)
		return CTL_UNREACHABLE;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_command(struct ctl_session *session, char **command, int sock)
{
	sigset_t set;
	int signals;
	pid_t pid;

	block_signals(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	pid = signals < 0 ? -1 : start(command, sock);
	close(sock);
	if (pid < 0) {
		fprintf(stderr, "usernetctl: pipe: %s\n", g_strerror(errno));
		return EXIT_FAILED;
	}
	return wait_for(pid, session, signals);
}

int ctl_run_pipe(struct ctl_session *session, char **params)
{
	int pair[2], status;

	if (!params[0] && (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)))
		return ctl_usage("pipe: standard input and output carry frames and cannot be a "
				 "terminal; write pipe -- COMMAND, like pipe -- ssh HOST "
				 "usernetctl pipe");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "usernetctl: pipe: %s\n", g_strerror(errno));
		return CTL_REFUSED;
	}
	signal(SIGPIPE, SIG_IGN);
	status = attach(session, pair[1]);
	close(pair[1]);
	if (status != CTL_DONE) {
		close(pair[0]);
		return status;
	}
	if (params[0])
		return run_command(session, params, pair[0]);
	status = ctl_carry_both(pair[0], NULL, NULL);
	close(pair[0]);
	return status;
}
