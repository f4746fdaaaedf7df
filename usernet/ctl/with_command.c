/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/with_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define EXIT_CANNOT_RUN 127 /* as of a shell */
#define EXIT_SIGNAL     128

static volatile sig_atomic_t command_pid;

static void pass_on(int signo)
{
	if (command_pid > 0)
		kill((pid_t)command_pid, signo);
}

static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_CANNOT_RUN;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

static bool is_ready(int fd)
{
	ssize_t n;
	char byte;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Ends the caller with its parent, which may be gone already. */
static void follow(pid_t parent, int signo)
{
	prctl(PR_SET_PDEATHSIG, signo);
	if (getppid() != parent)
		raise(signo);
}

static void catch_signals(void (*ignored)(int), void (*caught)(int))
{
	signal(SIGINT, ignored);
	signal(SIGQUIT, ignored);
	signal(SIGTERM, caught);
	signal(SIGHUP, caught);
}

static int run_command(char *const *command, pid_t self)
{
	pid_t child;
	sigset_t set, old;

	/* A signal that comes before the command's pid is known waits. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	child = fork();
	if (child == 0) {
		follow(self, SIGTERM);
		catch_signals(SIG_DFL, SIG_DFL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		execvp(command[0], command);
		log_error("cannot run '%s': %s", command[0], g_strerror(errno));
		_exit(EXIT_CANNOT_RUN);
	}
	command_pid = child;
	catch_signals(SIG_IGN, pass_on);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (child > 0)
		return status_of(child);
	log_error("cannot run '%s': %s", command[0], g_strerror(errno));
	return EXIT_CANNOT_RUN;
}

/* In the child. The command has the terminal and standard output to itself. */
static void become_network(pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setpgid(0, 0);
	follow(parent, SIGTERM);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		log_warning("cannot open /dev/null: %s", g_strerror(errno));
	if (null > STDERR_FILENO)
		close(null);
}

bool with_command(char *const *command, struct background *background, pid_t *parent, int *status,
		  GError **error)
{
	pid_t self = getpid(), network;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "--: cannot create a pipe: %s", g_strerror(errno));
		return false;
	}
	network = fork();
	if (network == 0) {
		close(ends[0]);
		become_network(self);
		background->ready_fd = ends[1];
		*parent = self;
		return true;
	}
	close(ends[1]);
	if (network < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "--: cannot fork: %s", g_strerror(errno));
	} else if (is_ready(ends[0])) {
		*status = run_command(command, self);
		kill(network, SIGTERM);
		status_of(network);
	} else {
		*status = status_of(network);
	}
	close(ends[0]);
	return false;
}
