/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/error.h"
#include "ctl/fd_names.h"
#include "ctl/optstr.h"

static const char summary[] =
	"usernet is a network for QEMU guests, run by an ordinary user: a switch that guests plug\n"
	"into, and a gateway on it that gives them addresses, names and the internet.";

static const char description[] =
	"NETDEV is written as in QEMU, and means the same:\n"
	"  user,id=ID[,net=ADDR/LEN][,host=ADDR][,dns=ADDR][,dhcpstart=ADDR][,dhcpend=ADDR]\n"
	"      [,ipv6=on|off][,restrict=on|off][,hostname=NAME][,domainname=NAME]\n"
	"      [,dnssearch=NAME]…[,tftp=DIR][,mtu=N][,lease-time=SECONDS]\n"
	"      [,host-loopback=on|off|PORT;PORT][,hostfwd=[tcp|udp]:[ADDR]:PORT-[ADDR]:PORT]…\n"
	"                                 the gateway: DHCP, DNS, NAT, port forwards\n"
	"  stream,id=ID,server=on|off,addr.type=unix,addr.path=PATH\n"
	"  stream,id=ID,server=on|off,addr.type=inet,addr.host=HOST,addr.port=PORT\n"
	"                                 guests come to us (server=on), or we go to one\n"
	"  dgram,id=ID,local.type=unix,local.path=PATH[,remote.type=unix,remote.path=PATH]\n"
	"  dgram,id=ID,remote.type=inet,remote.host=GROUP,remote.port=PORT\n"
	"  socket,id=ID,listen=[HOST]:PORT | connect=HOST:PORT | mcast=GROUP:PORT |\n"
	"               udp=HOST:PORT,localaddr=HOST:PORT | fd=N\n"
	"\n"
	"Without --netdev there are three: user,id=nat; a stream server on RUN/lan.sock; and a dgram\n"
	"server on RUN/lan.dgram, where RUN is $XDG_RUNTIME_DIR/usernet/NAME.\n"
	"\n"
	"Examples:\n"
	"  usernet\n"
	"      a network with everything; prints the line to give QEMU\n"
	"  usernet --netdev user,id=nat,hostfwd=tcp::2222-:22 \\\n"
	"          --netdev stream,id=lan,server=on,addr.type=unix,addr.path=/tmp/lan.sock\n"
	"      port 2222 of the host is the guest's ssh\n"
	"  qemu-system-x86_64 … -netdev stream,id=net0,addr.type=unix,addr.path=/tmp/lan.sock \\\n"
	"          -device virtio-net-pci,netdev=net0,mac=52:54:00:12:34:01\n"
	"      a guest on it; each guest needs a MAC address of its own\n"
	"  usernet --name lab --netdev user,id=nat,net=192.168.76.0/24,restrict=on\n"
	"      another network beside it, its guests shut in\n"
	"  usernetctl guests\n"
	"      who is there; usernetctl --help shows the rest\n"
	"\n"
	"Exit status: 0 ended by a signal or 'quit', 1 a failure, 2 a mistake on the command line.\n";

static bool usage(GError **error, const char *format, const char *what)
{
	g_autoptr(GString) text = g_string_new(format);

	g_string_replace(text, "%s", what, 1);
	g_set_error_literal(error, CTL_ERROR, CTL_ERROR_USAGE, text->str);
	return false;
}

static bool check_name(const char *name, GError **error)
{
	bool ok = g_ascii_isalnum(name[0]) && strlen(name) <= NETWORK_NAME_MAX;

	for (const char *p = name; *p; p++)
		ok = ok && (g_ascii_isalnum(*p) || strchr("-_.", *p));
	if (ok)
		return true;
	return usage(
		error,
		"--name '%s': a name is a letter or digit, then letters, digits, '-', '_', '.', "
		"at most 48",
		name);
}

static bool check_log_level(struct options *options, const char *word, GError **error)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};

	for (size_t i = 0; i < G_N_ELEMENTS(levels); i++) {
		if (!strcmp(levels[i], word)) {
			options->log_level = (enum log_level)i;
			return true;
		}
	}
	return usage(error, "--log-level '%s': error, warning, info or debug", word);
}

/* QEMU's -qmp unix:PATH[,server=on][,wait=off]: ours always serves and never waits. */
static bool check_qmp(struct options *options, GError **error)
{
	for (char **qmp = options->qmp; qmp && *qmp; qmp++) {
		char *comma, *path;

		if (!g_str_has_prefix(*qmp, "unix:") || !(*qmp)[5])
			return usage(error, "--qmp '%s': write unix:PATH", *qmp);
		comma = strchr(*qmp, ',');
		if (comma && strcmp(comma, ",server=on,wait=off") && strcmp(comma, ",server=on") &&
		    strcmp(comma, ",server,nowait"))
			return usage(error,
				     "--qmp '%s': only ',server=on,wait=off' may follow the path",
				     *qmp);
		path = g_strndup(*qmp + 5, comma ? (gsize)(comma - *qmp - 5) : strlen(*qmp + 5));
		g_free(*qmp);
		*qmp = path;
	}
	return true;
}

static bool check(struct options *options, int argc, char **argv, const char *log_level,
		  const char *ready_fd, GError **error)
{
	if (argc > 1)
		return usage(error, "unexpected argument '%s'; options begin with --", argv[1]);
	if (ready_fd) {
		guint64 fd;

		if (!g_ascii_string_to_unsigned(ready_fd, 10, 1, 1 << 20, &fd, NULL))
			return usage(error, "--ready-fd '%s': the number of an open descriptor",
				     ready_fd);
		options->ready_fd = (int)fd;
	}
	return check_name(options->name, error) &&
	       (!log_level || check_log_level(options, log_level, error)) &&
	       check_qmp(options, error);
}

bool options_parse(struct options *options, int *argc, char ***argv, GError **error)
{
	gboolean verbose = FALSE, with_parent = FALSE, help = FALSE, version = FALSE;
	g_autofree char *log_level = NULL, *ready_fd = NULL;
	/* FILENAME: bytes as they are, whatever the locale. */
	GOptionEntry entries[] = {
		{"netdev", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->netdevs,
		 "Attach NETDEV; may be given several times", "NETDEV"},
		{"name", 0, 0, G_OPTION_ARG_FILENAME, &options->name,
		 "Name of the network (default: default)", "NAME"},
		{"run-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->run_dir,
		 "Where sockets and lock are, instead of $XDG_RUNTIME_DIR/usernet/NAME", "DIR"},
		{"qmp", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->qmp,
		 "A further QMP socket beside RUN/qmp.sock", "unix:PATH"},
		{"pidfile", 0, 0, G_OPTION_ARG_FILENAME, &options->pidfile,
		 "Write the process id there", "PATH"},
		{"ready-fd", 0, 0, G_OPTION_ARG_FILENAME, &ready_fd,
		 "Write a line to this descriptor once guests may come, and close it", "N"},
		{"exit-with-parent", 0, 0, G_OPTION_ARG_NONE, &with_parent,
		 "End when the process that started us does", NULL},
		{"log-level", 0, 0, G_OPTION_ARG_FILENAME, &log_level,
		 "error, warning, info (default) or debug", "LEVEL"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "As --log-level debug", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Say the version and end", NULL},
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL},
		{0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	bool ok;

	options->ready_fd = -1;
	options->log_level = LOG_LEVEL_INFO;
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_summary(context, summary);
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	ok = g_option_context_parse(context, argc, argv, error);
	if (!ok && error && *error) {
		g_autofree char *text = g_strdup((*error)->message);

		g_clear_error(error);
		usage(error, "%s; usernet --help shows what there is", text);
	}
	options->exit_with_parent = with_parent;
	options->help = help;
	options->version = version;
	if (!options->name)
		options->name = g_strdup("default");
	if (verbose)
		options->log_level = LOG_LEVEL_DEBUG;
	if (ok && help)
		options->help_text = g_option_context_get_help(context, TRUE, NULL);
	return ok && (help || version || check(options, *argc, *argv, log_level, ready_fd, error));
}

void options_clear(struct options *options)
{
	g_free(options->name);
	g_free(options->run_dir);
	g_strfreev(options->netdevs);
	g_strfreev(options->qmp);
	g_free(options->pidfile);
	g_free(options->help_text);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void keep(GArray *fds, const char *text)
{
	int fd;

	if (text && fd_number_parse(text, &fd))
		g_array_append_val(fds, fd);
}

GArray *options_kept_fds(const struct options *options)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (options->ready_fd >= 0)
		g_array_append_val(fds, options->ready_fd);
	for (char **netdev = options->netdevs; netdev && *netdev; netdev++) {
		auto_optstr struct optstr *opts = optstr_parse_any(*netdev, "type", NULL);

		if (!opts)
			continue; /* said when it is made */
		keep(fds, optstr_get(opts, "fd"));
		keep(fds, optstr_get(opts, "addr.str"));
		keep(fds, optstr_get(opts, "local.str"));
	}
	/* sd_listen_fds(3): descriptors from 3 on */
	if (pid && count && atoi(pid) == getpid()) {
		for (int fd = 3; fd < 3 + MIN(atoi(count), 1024); fd++)
			g_array_append_val(fds, fd);
	}
	g_array_sort(fds, compare_ints);
	return fds;
}
