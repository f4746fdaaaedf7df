/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spawner_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "base/pass_fd.h"
#include "base/sockaddr.h"

/*
 * A command that exits stays a zombie until it is ended. Its process group may have other members,
 * and the zombie keeps the group's number in use, so that no signal hits another process.
 */
struct child {
	uint32_t id;
	pid_t pid;        /* also its process group */
	bool ended;       /* SIGTERM was sent */
	int64_t kill_at;  /* ended: when to send SIGKILL, in ms */
	struct list link; // state::children
};

struct state {
	const struct spawner_helper *helper;
	struct list children; /* heads child::link */
	unsigned n_children;
	int signals;
	pid_t self;
};

static int64_t now_ms(void)
{
	return g_get_monotonic_time() / 1000;
}

/* --- in the child --- */

static void set_env(const char *name, const char *value)
{
	if (*value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void become_command(const struct state *state, int fd, const char *command,
			   const char *const values[3]) G_GNUC_NORETURN;

static void become_command(const struct state *state, int fd, const char *command,
			   const char *const values[3])
{
	setpgid(0, 0);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigprocmask(SIG_SETMASK, &state->helper->signals, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != state->self || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	set_env("USERNET_NETWORK", values[0]);
	set_env("USERNET_GUEST", values[1]);
	set_env("USERNET_GUEST_NAME", values[2]);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* --- children --- */

static void fail(const struct state *state, uint32_t id, int err)
{
	struct spawner_message message = {SPAWNER_FAILED, id, (uint32_t)err};

	/* May be lost when the daemon does not read: it serves only for a log line. */
	(void)!send(state->helper->control, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void start(struct state *state, uint32_t id, int fd, const char *command,
		  const char *const values[3])
{
	struct child *child;
	pid_t pid;

	if (state->n_children >= SPAWNER_RUNNING) {
		fail(state, id, EAGAIN);
		return;
	}
	pid = fork();
	if (pid == 0)
		become_command(state, fd, command, values);
	if (pid < 0) {
		fail(state, id, errno);
		return;
	}
	setpgid(pid, pid); /* parent and child both call this; whichever runs first sets it */
	child = g_new0(struct child, 1);
	child->id = id;
	child->pid = pid;
	list_append(&state->children, &child->link);
	state->n_children++;
}

static bool has_exited(const struct child *child)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid == child->pid;
}

/* Frees @child if it has exited and was ended: kills the rest of its group, then reaps it. */
static bool bury(struct state *state, struct child *child)
{
	if (!child->ended || !has_exited(child))
		return false;
	kill(-child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	list_remove(&child->link);
	state->n_children--;
	g_free(child);
	return true;
}

static void end(struct state *state, struct child *child)
{
	if (child->ended)
		return;
	child->ended = true;
	child->kill_at = now_ms() + SPAWNER_GRACE;
	if (!bury(state, child))
		kill(-child->pid, SIGTERM);
}

static void end_by_id(struct state *state, uint32_t id)
{
	list_for_each_safe (child, &state->children, struct child, link) {
		if (child->id == id) {
			end(state, child);
			return;
		}
	}
}

/*
 * Reaps ended children and kills those past their deadline. Returns how long to sleep, in ms; -1:
 * no limit.
 */
static int tend(struct state *state)
{
	int64_t now = now_ms(), next = INT64_MAX;

	list_for_each_safe (child, &state->children, struct child, link) {
		if (bury(state, child) || !child->ended)
			continue;
		if (child->kill_at <= now) {
			kill(-child->pid, SIGKILL);
			child->kill_at = now + SPAWNER_GRACE; /* kill again later if it survives */
		}
		next = MIN(next, child->kill_at);
	}
	return next == INT64_MAX ? -1 : (int)MAX(next - now, 0);
}

/* --- messages --- */

/* Takes the string at *@p, which must end before @end; NULL: no NUL found. */
static const char *take(const char **p, const char *end)
{
	const char *text = *p, *zero = memchr(text, '\0', (size_t)(end - text));

	if (!zero)
		return NULL;
	*p = zero + 1;
	return text;
}

static void on_run(struct state *state, const struct spawner_message *message, int fd,
		   const char *text, size_t len)
{
	const struct spawner_helper *helper = state->helper;
	const char *end = text + len, *command = take(&text, end), *values[3];
	bool listed = message->index < helper->n_commands;

	for (int i = 0; i < 3; i++)
		values[i] = command ? take(&text, end) : NULL;
	if (!command || !values[0] || !values[1] || !values[2] || fd < 0 ||
	    (!listed && (!helper->live || message->index != SPAWNER_UNLISTED)))
		fail(state, message->id, EINVAL);
	else
		start(state, message->id, fd, listed ? helper->commands[message->index] : command,
		      values);
}

/* False: the daemon closed the socket. */
static bool on_message(struct state *state)
{
	struct spawner_message message;
	char text[SPAWNER_TEXT_MAX];
	struct iovec iov[2] = {{&message, sizeof(message)}, {text, sizeof(text)}};
	int fd;
	ssize_t n = take_fd(state->helper->control, iov, 2, &fd, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == EMSGSIZE ||
		       socket_is_exhaustion(errno);
	if (n == 0)
		return false;
	if ((size_t)n >= sizeof(message)) {
		if (message.kind == SPAWNER_RUN)
			on_run(state, &message, fd, text, (size_t)n - sizeof(message));
		else if (message.kind == SPAWNER_END)
			end_by_id(state, message.id);
	}
	if (fd >= 0)
		close(fd);
	return true;
}

/* --- the process --- */

static void set_up(struct state *state)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
	int null = open("/dev/null", O_RDWR);
	sigset_t set;

	prctl(PR_SET_NAME, "usernet-run");
	prctl(PR_SET_DUMPABLE, 0);
	/* Ignore signals; exit when the daemon closes the socket. */
	setsid();
	for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Close stdin and stdout: a pipe reader waiting for EOF waits for the daemon only. */
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	if (state->helper->control > 3)
		close_range(3, (unsigned)state->helper->control - 1, 0);
	close_range((unsigned)state->helper->control + 1, ~0U, 0);
	state->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void wait_for(struct state *state, int limit, bool control)
{
	struct pollfd polled[2] = {
		{.fd = state->signals, .events = POLLIN},
		{.fd = control ? state->helper->control : -1, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	poll(polled, 2, limit);
	while (read(state->signals, &info, sizeof(info)) > 0)
		;
}

/* Ends all children; waits at most four times SPAWNER_GRACE. */
static void end_all(struct state *state)
{
	int64_t until = now_ms() + 2 * INT64_C(2) * SPAWNER_GRACE;

	list_for_each_safe (child, &state->children, struct child, link)
		end(state, child);
	while (!list_empty(&state->children) && now_ms() < until) {
		int limit = tend(state);

		if (!list_empty(&state->children))
			wait_for(state, limit, false);
	}
}

void spawner_helper_run(const struct spawner_helper *helper)
{
	struct state state = {.helper = helper, .self = getpid()};
	bool more = true;

	list_init(&state.children);
	set_up(&state);
	while (more) {
		int limit = tend(&state);

		wait_for(&state, limit, true);
		more = on_message(&state);
	}
	end_all(&state);
	_exit(0);
}
