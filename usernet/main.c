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

#include "base/error.h"
#include "base/fdstore.h"
#include "base/file.h"
#include "base/heap.h"
#include "base/inherited.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/socket_maker.h"
#include "base/spawner.h"
#include "ctl/background.h"
#include "ctl/config/config.h"
#include "ctl/config/places.h"
#include "ctl/config/reload.h"
#include "ctl/control.h"
#include "ctl/doors/doors.h"
#include "ctl/guest_forwards.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/argv.h"
#include "ctl/qmp/events.h"
#include "ctl/qmp/qmp.h"
#include "ctl/ready.h"
#include "ctl/rundir.h"
#include "ctl/statedir.h"
#include "ctl/with_command.h"
#include "net/network.h"
#include "sandbox/sandbox.h"

/*
 * One process, one network. It runs through stages, each with fewer rights than the one before.
 *
 * start: Read and check argv and the configuration file; fork with --daemon; close stray
 * descriptors; set umask, no core dumps, block signals. Fork the helpers: one runs commands, if
 * there are any; one makes unix sockets later. No input of guests or peers is read.
 *
 * open: Run and state directories with their locks, reservations of guests, netdevs with their
 * sockets and forwards, control socket.
 *
 * confine: Still one thread, everything is open: restrict access by path. --sandbox full: also
 * enter namespaces with an empty root.
 *
 * lock: Set no-new-privs, drop capabilities, restrict system calls.
 *
 * run: The loop, until a signal or `quit`. Input of peers is read only here.
 *
 * Leaving undoes the stages in reverse order, also after a failure: what was opened is closed and
 * removed.
 */
struct daemon {
	struct options options;
	struct config *config; /* until control takes it */
	pid_t parent;
	struct background background;
	struct loop *loop;
	struct spawner *spawner; /* NULL: commands are disabled */
	struct sandbox *sandbox;
	struct network *network;
	struct control *control;
	struct qmp *qmp;
	struct doors doors;
	struct events events;
	struct rundir rundir;
	struct statedir statedir;
	char *pidfile; /* the pid file written; owned */
	bool observing;
};

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void request_end(void *data)
{
	struct daemon *daemon = data;

	loop_quit(daemon->loop);
}

static void caught_signal(int signo, void *data)
{
	struct daemon *daemon = data;

	if (signo == SIGTERM)
		fdstore_leave();
	if (signo != SIGHUP)
		request_end(daemon);
	else if (daemon->control)
		reload_and_log(daemon->control);
}

/* --- start --- */

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_stray_fds(const struct daemon *daemon)
{
	g_autoptr(GArray) kept = config_kept_fds(daemon->config);
	unsigned from = 3;

	if (daemon->background.ready_fd >= 0) {
		g_array_append_val(kept, daemon->background.ready_fd);
		g_array_sort(kept, compare_fds);
	}

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

/* Descriptors 0 to 2 must be open, or the next file opened would become stdout. */
static bool fill_standard_fds(GError **error)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDWR) != fd) {
			g_set_error(error, USERNET_ERROR, ERROR_FAILED, "cannot open /dev/null: %s",
				    g_strerror(errno));
			return false;
		}
	}
	return true;
}

/* Every flow of a guest uses a descriptor. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* @error concerns a setting: adds where it was set. Returns false. */
static bool blame(const struct daemon *daemon, const char *key, unsigned nth, GError **error)
{
	const struct config *config = daemon->config ? daemon->config : daemon->control->config;

	config_blame_setting(config, &daemon->options, key, nth, error);
	return false;
}

static bool follow_parent(const struct daemon *daemon, GError **error)
{
	const struct config *config = daemon->config ? daemon->config : daemon->control->config;

	if (!config->settings.exit_with_parent && !daemon->options.command)
		return true;
	/* The parent may have exited before the prctl(). */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == daemon->parent)
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "the parent process has exited");
	return blame(daemon, "exit-with-parent", 0, error);
}

/* With umask, limits and signals as the user set them. Only if there are commands to run. */
static bool start_spawner(struct daemon *daemon, GError **error)
{
	g_autoptr(GPtrArray) commands = g_ptr_array_new_with_free_func(g_free);
	bool live = daemon->config->settings.live_commands;

	for (guint i = 0; i < daemon->config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(daemon->config->netdevs, i);

		char *helper = netdev_tap_command(entry->opts);

		guest_forwards_commands(entry->opts, commands);
		if (helper)
			g_ptr_array_add(commands, helper);
	}
	if (!commands->len && !live)
		return true;
	g_ptr_array_add(commands, NULL);
	daemon->spawner = spawner_new((const char *const *)commands->pdata, live, error);
	return daemon->spawner != NULL;
}

static bool stage_start(struct daemon *daemon, GError **error)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
	static const struct rlimit no_core = {0, 0};

	int ready_fd = daemon->config->settings.ready_fd;

	if (ready_fd >= 0 && fcntl(ready_fd, F_GETFD) < 0) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE, "no descriptor %d is open",
			    ready_fd);
		return blame(daemon, "ready-fd", 0, error);
	}
	heap_set_up();
	log_take_libraries();
	close_stray_fds(daemon);
	inherited_start();
	notify_start();
	fdstore_start();
	if (!fill_standard_fds(error))
		return false;
	/* Open the log before forking the helper, which also writes to it. */
	if (!background_open_log(&daemon->background, &daemon->config->settings, error))
		return blame(daemon, "log-file", 0, error);
	if (!start_spawner(daemon, error))
		return false;
	if (daemon->config->settings.sandbox != SANDBOX_OFF && !socket_maker_start(error))
		return false;
	umask(077);
	daemon->sandbox = sandbox_new(daemon->config->settings.sandbox);
	/* Debuggers need a dumpable process. */
	if (daemon->config->settings.sandbox != SANDBOX_OFF)
		prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	raise_fd_limit();
	signal(SIGPIPE, SIG_IGN);
	daemon->loop = loop_new(error);
	if (!daemon->loop || !loop_signals(daemon->loop, signals, caught_signal, daemon, error))
		return false;
	if (daemon->spawner)
		spawner_attach(daemon->spawner, daemon->loop);
	return follow_parent(daemon, error);
}

/* --- open --- */

static bool open_control(struct daemon *daemon, GError **error)
{
	g_autofree char *path = rundir_file(&daemon->rundir, "qmp.sock");

	daemon->qmp = qmp_new(daemon->control);
	if (!qmp_listen(daemon->qmp, path, error))
		return false;
	for (char **extra = daemon->control->config->settings.qmp; *extra; extra++) {
		if (!qmp_listen(daemon->qmp, *extra, error))
			return blame(daemon, "qmp",
				     (unsigned)(extra - daemon->control->config->settings.qmp),
				     error);
	}
	events_start(&daemon->events, daemon->control, daemon->qmp);
	daemon->observing = true;
	return true;
}

static bool open_doors(struct daemon *daemon, GError **error)
{
	struct control *control = daemon->control;
	const char *key;

	return doors_open(&daemon->doors, control, &control->config->settings, &key, error) ||
	       blame(daemon, key, 0, error);
}

static bool write_pidfile(struct daemon *daemon, GError **error)
{
	const char *path = daemon->control->config->settings.pidfile;
	g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());

	if (!path)
		return true;
	if (!file_replace(path, text, strlen(text), error))
		return blame(daemon, "pidfile", 0, error);
	daemon->pidfile = g_strdup(path);
	return true;
}

static void allow_places(struct daemon *daemon)
{
	const unsigned all = SANDBOX_READ | SANDBOX_LIST | SANDBOX_WRITE | SANDBOX_SOCKETS;

	sandbox_allow(daemon->sandbox, daemon->rundir.path, all);
	if (daemon->statedir.path)
		sandbox_allow(daemon->sandbox, daemon->statedir.path, all);
	config_places(daemon->config, daemon->sandbox);
}

static bool stage_open(struct daemon *daemon, GError **error)
{
	const struct settings *settings = &daemon->config->settings;

	if (!rundir_open(&daemon->rundir, settings->name, settings->run_dir, error))
		return settings->run_dir && blame(daemon, "run-dir", 0, error);
	if (!settings->no_state &&
	    !statedir_open(&daemon->statedir, settings->name, settings->state_dir, error))
		return blame(daemon, "state-dir", 0, error);
	allow_places(daemon);
	daemon->network = network_new(daemon->loop, settings->name);
	daemon->network->spawner = daemon->spawner;
	daemon->control = control_new(daemon->network, daemon->rundir.path);
	daemon->control->state_dir = g_strdup(daemon->statedir.path);
	daemon->control->options = &daemon->options;
	daemon->control->sandbox = daemon->sandbox;
	daemon->control->config = g_steal_pointer(&daemon->config);
	daemon->control->log_file = daemon->background.log;
	daemon->control->quit = request_end;
	daemon->control->quit_data = daemon;
	if (!config_start(daemon->control, error) || !open_control(daemon, error) ||
	    !open_doors(daemon, error) || !write_pidfile(daemon, error))
		return false;
	inherited_drop_rest();
	return true;
}

/* --- confine, lock, run, leave --- */

/* The parent's exit is asked for again, as a change of namespace may clear that (prctl(2)). */
static bool stage_confine(struct daemon *daemon, GError **error)
{
	return (sandbox_confine(daemon->sandbox, error) || blame(daemon, "sandbox", 0, error)) &&
	       follow_parent(daemon, error);
}

static bool stage_lock(struct daemon *daemon, GError **error)
{
	return sandbox_lock(daemon->sandbox, error) || blame(daemon, "sandbox", 0, error);
}

static void stage_run(struct daemon *daemon)
{
	g_autofree char *text = ready_text(daemon->control);

	fputs(text, stdout);
	if (daemon->background.ready_fd >= 0 && !daemon->options.command)
		printf("running in the background as pid %d; stop it with: usernetctl --name %s "
		       "quit\n",
		       (int)getpid(), daemon->network->name);
	if (daemon->background.log)
		printf("messages go to %s\n", daemon->background.log);
	fflush(stdout);
	background_ready(&daemon->background);
	ready_notify(daemon->control->config->settings.ready_fd, daemon->network->name);
	loop_run(daemon->loop);
	/* The end of a command needs no message of ours. */
	if (!daemon->options.command)
		log_info("network %s ends", daemon->network->name);
}

static void leave(struct daemon *daemon)
{
	if (daemon->observing)
		events_stop(&daemon->events);
	doors_close(&daemon->doors);
	qmp_free(daemon->qmp);
	if (daemon->control)
		config_free(daemon->control->config);
	control_free(daemon->control);
	if (daemon->network)
		network_free(daemon->network);
	spawner_free(daemon->spawner);
	socket_maker_stop();
	inherited_stop();
	fdstore_stop();
	notify_stop();
	if (daemon->pidfile)
		unlink(daemon->pidfile);
	g_free(daemon->pidfile);
	statedir_close(&daemon->statedir);
	if (daemon->rundir.path)
		rundir_close(&daemon->rundir);
	if (daemon->loop)
		loop_free(daemon->loop);
	sandbox_free(daemon->sandbox);
	config_free(daemon->config);
	options_clear(&daemon->options);
	background_clear(&daemon->background);
}

static int fail(struct daemon *daemon, GError *error)
{
	int status = EXIT_FAILED;

	if (error->domain == G_OPTION_ERROR || g_error_matches(error, USERNET_ERROR, ERROR_USAGE))
		status = EXIT_USAGE;
	log_error("%s", error->message);
	g_error_free(error);
	leave(daemon);
	return status;
}

/* False: this process is done and exits with *@status. */
static bool go_to_background(struct daemon *daemon, int *status, GError **error)
{
	char **command = daemon->options.command;

	if (!daemon->config->settings.daemon && !command)
		return true;
	if (daemon->config->settings.daemon && command) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE,
			    "--daemon cannot be used with a command: the network ends with it");
		return false;
	}
	/* The pipe between the two must not become a standard descriptor. */
	if (!fill_standard_fds(error))
		return false;
	if (command)
		return with_command(command, &daemon->background, &daemon->parent, status, error);
	return background_fork(&daemon->background, status, error);
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.parent = getppid()};
	GError *error = NULL;
	int status = EXIT_OK;

	background_init(&daemon.background);
	if (!options_parse(&daemon.options, &argc, &argv, &error))
		return fail(&daemon, error);
	if (daemon.options.help || daemon.options.version) {
		fputs(daemon.options.help ? daemon.options.help_text
					  : "usernet " USERNET_VERSION "\n",
		      stdout);
		leave(&daemon);
		return EXIT_OK;
	}
	daemon.config = config_load(&daemon.options, NULL, &error);
	if (!daemon.config)
		return fail(&daemon, error);
	log_set_level(daemon.config->settings.log_level);
	settings_apply_limits(&daemon.config->settings);
	if (geteuid() == 0)
		log_warning("running as root, which usernet does not need");
	if (!go_to_background(&daemon, &status, &error)) {
		if (error)
			return fail(&daemon, error);
		leave(&daemon);
		return status;
	}
	if (!stage_start(&daemon, &error) || !stage_open(&daemon, &error) ||
	    !stage_confine(&daemon, &error) || !stage_lock(&daemon, &error))
		return fail(&daemon, error);
	stage_run(&daemon);
	leave(&daemon);
	return EXIT_OK;
}
