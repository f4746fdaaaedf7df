/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/argv.h"

#include <string.h>

#include "base/error.h"
#include "ctl/options/settings.h"

static const char summary[] =
	"usernet is a network for QEMU guests, run by an ordinary user: a switch that guests plug\n"
	"into, and a gateway on it that gives them addresses, names and the internet.";

static const char description[] =
	"NETDEV is written as in QEMU, and means the same:\n"
	"  user,id=ID[,net=ADDR/LEN][,host=ADDR][,dns=ADDR][,dhcpstart=ADDR][,dhcpend=ADDR]\n"
	"      [,ipv6=on|off][,restrict=on|off][,hostname=NAME][,domainname=NAME]\n"
	"      [,dnssearch=NAME]…[,tftp=DIR][,mtu=N][,lease-time=SECONDS]\n"
	"      [,host-loopback=on|off|PORT;PORT][,hostfwd=[tcp|udp]:[ADDR]:PORT-[ADDR]:PORT]…\n"
	"      [,dns-server=[/DOMAIN/]ADDR[#PORT]]…[,resolv-conf=PATH][,ntp=ADDR]…\n"
	"      [,dns-host-search=on|off]\n"
	"      [,guestfwd=[tcp]:[ADDR]:PORT-cmd:COMMAND|unix:PATH|tcp:HOST:PORT]…\n"
	"      [,route=NET/LEN;VIA]…[,tftp-server-name=NAME][,bootfile=NAME]\n"
	"                                 the gateway: DHCP, DNS, NAT, port forwards\n"
	"  stream,id=ID,server=on|off,addr.type=unix,addr.path=PATH\n"
	"  stream,id=ID,server=on|off,addr.type=inet,addr.host=HOST,addr.port=PORT\n"
	"                                 guests come to us (server=on), or we go to one\n"
	"  dgram,id=ID,local.type=unix,local.path=PATH[,remote.type=unix,remote.path=PATH]\n"
	"  dgram,id=ID,remote.type=inet,remote.host=GROUP,remote.port=PORT\n"
	"  socket,id=ID,listen=[HOST]:PORT | connect=HOST:PORT | mcast=GROUP:PORT |\n"
	"               udp=HOST:PORT,localaddr=HOST:PORT | fd=N\n"
	"\n"
	"GUEST is NAME[,mac=ADDR][,ip=ADDR][,port=NETDEV-ID]: a machine that is known by name and\n"
	"address before it comes. Its MAC address, if not given, is what usernetctl mac NAME prints.\n"
	"\n"
	"A configuration file says the same: [network] has the other options as keys, [netdev ID] and\n"
	"[guest NAME] theirs, type= among them; what may be repeated stands in one line with ';'\n"
	"between, and a ';' within is '\\;'. [dns] has NAME = ADDRESS lines. What is on the command line\n"
	"wins. SIGHUP or usernetctl reload read it anew.\n"
	"\n"
	"Without a netdev there are three: user,id=nat; a stream server on RUN/lan.sock; and a dgram\n"
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
	"  usernet --guest web,ip=10.0.2.20 --guest db\n"
	"      guests known by name; start QEMU with the mac= of usernetctl mac web\n"
	"  usernetctl guests\n"
	"      who is there; usernetctl --help shows the rest\n"
	"\n"
	"Exit status: 0 ended by a signal or 'quit', 1 a failure, 2 a mistake on the command\n"
	"line or in the configuration file.\n";

/* A check's "KEY 'VALUE': …" speaks of an option here; "Parameter 'KEY' …" says so already. */
static bool blame_option(GError **error)
{
	if (error && *error && !g_str_has_prefix((*error)->message, "Parameter"))
		g_prefix_error(error, "--");
	return false;
}

static bool usage(GError **error, const char *format, const char *what)
{
	g_autoptr(GString) text = g_string_new(format);

	g_string_replace(text, "%s", what, 1);
	g_set_error_literal(error, USERNET_ERROR, ERROR_USAGE, text->str);
	return false;
}

/* What the options of one value each came to; keys of settings.h. */
struct words {
	char *name, *run_dir, *state_dir, *pidfile, *ready_fd, *log_level;
	char **qmp;
	gboolean with_parent, live_commands, verbose;
};

static void clear_words(struct words *words)
{
	g_free(words->name);
	g_free(words->run_dir);
	g_free(words->state_dir);
	g_free(words->pidfile);
	g_free(words->ready_fd);
	g_free(words->log_level);
	g_strfreev(words->qmp);
}

static void note(struct options *options, const char *key, const char *value)
{
	if (value)
		optstr_add(options->settings, key, value, NULL);
}

static bool note_all(struct options *options, const struct words *words, GError **error)
{
	note(options, "name", words->name);
	note(options, "run-dir", words->run_dir);
	note(options, "state-dir", words->state_dir);
	note(options, "pidfile", words->pidfile);
	note(options, "ready-fd", words->ready_fd);
	note(options, "log-level", words->log_level);
	if (words->verbose && !words->log_level)
		note(options, "log-level", "debug");
	if (words->with_parent)
		note(options, "exit-with-parent", "on");
	if (words->live_commands)
		note(options, "live-commands", "on");
	for (char **qmp = words->qmp; qmp && *qmp; qmp++)
		note(options, "qmp", *qmp);
	return settings_check(options->settings, error) || blame_option(error);
}

static bool parse(struct options *options, struct words *words, int *argc, char ***argv,
		  GError **error)
{
	gboolean help = FALSE, version = FALSE;
	/* FILENAME: bytes as they are, whatever the locale. */
	GOptionEntry entries[] = {
		{"netdev", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->netdevs,
		 "Attach NETDEV; may be given several times", "NETDEV"},
		{"guest", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->guests,
		 "Keep name and addresses for GUEST; may be given several times", "GUEST"},
		{"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
		 "Read this file (default: $XDG_CONFIG_HOME/usernet/NAME.conf, if it is there)",
		 "FILE"},
		{"name", 0, 0, G_OPTION_ARG_FILENAME, &words->name,
		 "Name of the network (default: default)", "NAME"},
		{"run-dir", 0, 0, G_OPTION_ARG_FILENAME, &words->run_dir,
		 "Where sockets and lock are, instead of $XDG_RUNTIME_DIR/usernet/NAME", "DIR"},
		{"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &words->state_dir,
		 "Where leases are kept, instead of $XDG_STATE_HOME/usernet/NAME; none: nowhere",
		 "DIR|none"},
		{"qmp", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words->qmp,
		 "A further QMP socket beside RUN/qmp.sock", "unix:PATH"},
		{"pidfile", 0, 0, G_OPTION_ARG_FILENAME, &words->pidfile,
		 "Write the process id there", "PATH"},
		{"ready-fd", 0, 0, G_OPTION_ARG_FILENAME, &words->ready_fd,
		 "Write a line to this descriptor once guests may come, and close it", "N"},
		{"exit-with-parent", 0, 0, G_OPTION_ARG_NONE, &words->with_parent,
		 "End when the process that started us does", NULL},
		{"live-commands", 0, 0, G_OPTION_ARG_NONE, &words->live_commands,
		 "Let guestfwd rules added later run commands that are not known at start", NULL},
		{"log-level", 0, 0, G_OPTION_ARG_FILENAME, &words->log_level,
		 "error, warning, info (default) or debug", "LEVEL"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &words->verbose, "As --log-level debug",
		 NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Say the version and end", NULL},
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL},
		{0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	bool ok;

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
	options->help = help;
	options->version = version;
	if (ok && help)
		options->help_text = g_option_context_get_help(context, TRUE, NULL);
	return ok;
}

bool options_parse(struct options *options, int *argc, char ***argv, GError **error)
{
	struct words words = {0};
	bool ok;

	memset(options, 0, sizeof(*options));
	options->settings = optstr_new(NULL);
	ok = parse(options, &words, argc, argv, error);
	if (ok && !options->help && !options->version) {
		if (*argc > 1)
			ok = usage(error, "unexpected argument '%s'; options begin with --",
				   (*argv)[1]);
		else
			ok = note_all(options, &words, error);
	}
	clear_words(&words);
	return ok;
}

void options_clear(struct options *options)
{
	optstr_free(options->settings);
	g_strfreev(options->netdevs);
	g_strfreev(options->guests);
	g_free(options->config);
	g_free(options->help_text);
}
