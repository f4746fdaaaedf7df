/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/background.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "ctl/rundir.h"
#include "ctl/statedir.h"

void background_init(struct background *background)
{
	*background = (struct background){.ready_fd = -1, .terminal = -1};
}

/* The exit status of the parent. */
static int wait_for(pid_t child, int fd)
{
	int status;
	ssize_t n;
	char ready;

	do {
		n = read(fd, &ready, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

bool background_fork(struct background *background, int *status, GError **error)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "--daemon: cannot create a pipe: %s", g_strerror(errno));
		return false;
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		setsid();
		background->ready_fd = ends[1];
		return true;
	}
	close(ends[1]);
	if (child > 0)
		*status = wait_for(child, ends[0]);
	else
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "--daemon: cannot fork: %s", g_strerror(errno));
	close(ends[0]);
	return false;
}

static char *log_in(char *dir, GError **error)
{
	g_autofree G_GNUC_UNUSED char *owned = dir;

	return dir && file_private_dir(dir, error) ? g_build_filename(dir, "log", NULL) : NULL;
}

/* Like statedir_open(): the default state directory may be missing. NULL: @error. */
static char *default_log(const struct settings *settings, GError **error)
{
	bool asked = settings->state_dir != NULL;
	char *path = NULL;

	if (!settings->no_state)
		path = log_in(
			statedir_path(settings->name, settings->state_dir, asked ? error : NULL),
			asked ? error : NULL);
	if (path || asked)
		return path;
	return log_in(rundir_path(settings->name, settings->run_dir), error);
}

bool background_open_log(struct background *background, const struct settings *settings,
			 GError **error)
{
	if (!settings->log_file && !settings->daemon)
		return true;
	background->log = settings->log_file ? g_canonicalize_filename(settings->log_file, NULL)
					     : default_log(settings, error);
	if (background->log) {
		background->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		if (log_to_file(background->log, error)) {
			log_copy_to(background->terminal);
			return true;
		}
	}
	return false;
}

static void end_copy(struct background *background)
{
	log_copy_to(-1);
	if (background->terminal >= 0)
		close(background->terminal);
	background->terminal = -1;
}

void background_ready(struct background *background)
{
	int null;

	end_copy(background);
	if (background->ready_fd < 0)
		return;
	/* Close stdout: a pipe reader waiting for EOF must not wait for the daemon. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		log_warning("cannot detach from the terminal: %s", g_strerror(errno));
	if (null >= 0)
		close(null);
	if (write(background->ready_fd, "", 1) < 0)
		log_debug("--daemon: the parent process is gone: %s", g_strerror(errno));
	close(background->ready_fd);
	background->ready_fd = -1;
}

void background_clear(struct background *background)
{
	end_copy(background);
	if (background->ready_fd >= 0)
		close(background->ready_fd);
	g_free(background->log);
	background_init(background);
}
