/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "ctl/control.h"
#include "ctl/error.h"
#include "ctl/events.h"
#include "ctl/fd_names.h"
#include "ctl/options.h"
#include "ctl/qmp.h"
#include "ctl/ready.h"
#include "ctl/rundir.h"
#include "net/network.h"

/*
 * One process, one network. It lives in stages, each with less power than the one before:
 *
 *   start    argv is read; stray descriptors closed, umask, no core, signals blocked.
 *            Nothing a guest or peer says is read.
 *   open     run directory and lock, netdevs with their sockets and forwards, control socket.
 *   confine  still one thread, everything is open: what the process may reach by path is
 *            narrowed here. Comes with the sandbox; nothing is confined yet.
 *   lock     no-new-privs now; capabilities and system calls are narrowed with the sandbox.
 *   run      the loop, until a signal or `quit`. Only from here on are peers listened to.
 *
 * Leaving goes back the same way, from wherever a failure was: what was opened is closed and
 * removed.
 */
struct daemon {
	struct options options;
	pid_t parent;
	GMainLoop *main_loop;
	struct loop *loop;
	struct network *network;
	struct control *control;
	struct qmp *qmp;
	struct events events;
	struct rundir rundir;
	bool pidfile_written;
	bool observing;
};

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void request_end(void *data)
{
	struct daemon *daemon = data;

	g_main_loop_quit(daemon->main_loop);
}

static void caught_signal(int signo, void *data)
{
	if (signo == SIGHUP)
		log_info("SIGHUP: there is no configuration file to read again");
	else
		request_end(data);
}

/* --- start --- */

static void close_stray_fds(const struct options *options)
{
	g_autoptr(GArray) kept = options_kept_fds(options);
	unsigned from = 3;

	for (unsigned i = 0; i < kept->len; i++) {
		int fd = g_array_index(kept, int, i);

		if (fd < (int)from)
			continue;
		if (fd > (int)from)
			close_range(from, (unsigned)fd - 1, 0);
		from = (unsigned)fd + 1;
	}
	close_range(from, ~0U, 0);
}

/* Descriptors 0 to 2 must be something, else the next file opened is our stdout. */
static bool fill_standard_fds(GError **error)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDWR) != fd) {
			g_set_error(error, CTL_ERROR, CTL_ERROR_FAILED, "cannot open /dev/null: %s",
				    g_strerror(errno));
			return false;
		}
	}
	return true;
}

/* Every flow of a guest is a descriptor. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool follow_parent(const struct daemon *daemon, GError **error)
{
	if (!daemon->options.exit_with_parent)
		return true;
	/* The parent may have gone before the kernel was asked. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == daemon->parent)
		return true;
	g_set_error(error, CTL_ERROR, CTL_ERROR_FAILED, "--exit-with-parent: the parent is gone");
	return false;
}

static bool stage_start(struct daemon *daemon, GError **error)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
	static const struct rlimit no_core = {0, 0};

	if (daemon->options.ready_fd >= 0 && fcntl(daemon->options.ready_fd, F_GETFD) < 0) {
		g_set_error(error, CTL_ERROR, CTL_ERROR_USAGE,
			    "--ready-fd %d: no such descriptor is open", daemon->options.ready_fd);
		return false;
	}
	log_take_libraries();
	close_stray_fds(&daemon->options);
	if (!fill_standard_fds(error))
		return false;
	umask(077);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	raise_fd_limit();
	signal(SIGPIPE, SIG_IGN);
	daemon->main_loop = g_main_loop_new(NULL, FALSE);
	daemon->loop = loop_new(error);
	if (!daemon->loop || !loop_signals(daemon->loop, signals, caught_signal, daemon, error))
		return false;
	loop_attach(daemon->loop, NULL);
	return follow_parent(daemon, error);
}

/* --- open --- */

static char *default_netdev(const struct daemon *daemon, const char *before, const char *file)
{
	g_autofree char *path = rundir_file(&daemon->rundir, file);
	g_autoptr(GString) doubled = g_string_new(path);

	g_string_replace(doubled, ",", ",,", 0);
	return g_strconcat(before, doubled->str, NULL);
}

static bool add_netdev(struct daemon *daemon, const char *text, GError **error)
{
	struct optstr *opts = optstr_parse_any(text, "type", error);

	if (opts && control_add_netdev(daemon->control, opts, fd_numbers(), error))
		return true;
	g_prefix_error(error, "--netdev %s: ", text);
	return false;
}

static bool add_netdevs(struct daemon *daemon, GError **error)
{
	g_autofree char *stream = default_netdev(
		daemon, "stream,id=lan,server=on,addr.type=unix,addr.path=", "lan.sock");
	g_autofree char *dgram = default_netdev(
		daemon, "dgram,id=lan-dgram,local.type=unix,local.path=", "lan.dgram");
	char *defaults[] = {(char *)"user,id=nat", stream, dgram, NULL};
	char **netdevs = daemon->options.netdevs ? daemon->options.netdevs : defaults;

	for (; *netdevs; netdevs++) {
		if (!add_netdev(daemon, *netdevs, error))
			return false;
	}
	return true;
}

static bool open_control(struct daemon *daemon, GError **error)
{
	g_autofree char *path = rundir_file(&daemon->rundir, "qmp.sock");

	daemon->qmp = qmp_new(daemon->control);
	if (!qmp_listen(daemon->qmp, path, error))
		return false;
	for (char **extra = daemon->options.qmp; extra && *extra; extra++) {
		if (!qmp_listen(daemon->qmp, *extra, error)) {
			g_prefix_error(error, "--qmp: ");
			return false;
		}
	}
	events_start(&daemon->events, daemon->control, daemon->qmp);
	daemon->observing = true;
	return true;
}

static bool write_pidfile(struct daemon *daemon, GError **error)
{
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

	if (!daemon->options.pidfile)
		return true;
	if (!file_replace(daemon->options.pidfile, text, strlen(text), error)) {
		g_prefix_error(error, "--pidfile: ");
		return false;
	}
	daemon->pidfile_written = true;
	return true;
}

static bool stage_open(struct daemon *daemon, GError **error)
{
	if (!rundir_open(&daemon->rundir, daemon->options.name, daemon->options.run_dir, error))
		return false;
	daemon->network = network_new(daemon->loop, daemon->options.name);
	daemon->control = control_new(daemon->network, daemon->rundir.path);
	daemon->control->quit = request_end;
	daemon->control->quit_data = daemon;
	return add_netdevs(daemon, error) && open_control(daemon, error) &&
	       write_pidfile(daemon, error);
}

/* --- lock, run, leave --- */

static bool stage_lock(GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return true;
	g_set_error(error, CTL_ERROR, CTL_ERROR_FAILED, "no-new-privs: %s", g_strerror(errno));
	return false;
}

static void stage_run(struct daemon *daemon)
{
	g_autofree char *text = ready_text(daemon->control);

	fputs(text, stdout);
	fflush(stdout);
	ready_notify(daemon->options.ready_fd, daemon->network->name);
	g_main_loop_run(daemon->main_loop);
	log_info("network %s ends", daemon->network->name);
}

static void leave(struct daemon *daemon)
{
	if (daemon->observing)
		events_stop(&daemon->events);
	qmp_free(daemon->qmp);
	control_free(daemon->control);
	if (daemon->network)
		network_free(daemon->network);
	if (daemon->pidfile_written)
		unlink(daemon->options.pidfile);
	if (daemon->rundir.path)
		rundir_close(&daemon->rundir);
	if (daemon->loop)
		loop_free(daemon->loop);
	if (daemon->main_loop)
		g_main_loop_unref(daemon->main_loop);
	options_clear(&daemon->options);
}

static int fail(struct daemon *daemon, GError *error)
{
	int status = EXIT_FAILED;

	if (error->domain == G_OPTION_ERROR || g_error_matches(error, CTL_ERROR, CTL_ERROR_USAGE))
		status = EXIT_USAGE;
	log_error("%s", error->message);
	g_error_free(error);
	leave(daemon);
	return status;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.parent = getppid()};
	GError *error = NULL;

	if (!options_parse(&daemon.options, &argc, &argv, &error))
		return fail(&daemon, error);
	if (daemon.options.help || daemon.options.version) {
		fputs(daemon.options.help ? daemon.options.help_text
					  : "usernet " USERNET_VERSION "\n",
		      stdout);
		leave(&daemon);
		return EXIT_OK;
	}
	log_set_level(daemon.options.log_level);
	if (geteuid() == 0)
		log_warning("running as root, which usernet does not need");
	if (!stage_start(&daemon, &error) || !stage_open(&daemon, &error) || !stage_lock(&error))
		return fail(&daemon, error);
	stage_run(&daemon);
	leave(&daemon);
	return EXIT_OK;
}
