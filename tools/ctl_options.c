/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_options.h"

struct ctl_options ctl_options;

/* FILENAME: raw bytes in any locale. */
const GOptionEntry ctl_option_entries[] = {
	{"name", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.name, "Network name (default: default)",
	 "NAME"},
	{"socket", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.socket, "The network's QMP socket",
	 "PATH"},
	{"id", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.id,
	 "hostfwd, guestfwd: on this user netdev", "NETDEV"},
	{"guest", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.guest,
	 "run: the guest's name (default: QEMU's -name, or guest)", "NAME"},
	{"format", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.format,
	 "qemu-args: shell (default), libvirt or json", "FORMAT"},
	{"network", 0, 0, G_OPTION_ARG_FILENAME, &ctl_options.name, "The same as --name", "NAME"},
	{"pid", 0, 0, G_OPTION_ARG_INT, &ctl_options.enter.pid,
	 "enter: attach the namespaces of a process, a rootless container for example; "
	 "without COMMAND until it ends",
	 "PID"},
	{"hostname", 0, 0, G_OPTION_ARG_STRING, &ctl_options.enter.hostname,
	 "enter: the host name there (default: this machine's)", "NAME"},
	{"address", 0, 0, G_OPTION_ARG_STRING, &ctl_options.enter.address,
	 "enter: use this address; do not ask for a lease", "ADDRESS/LENGTH"},
	{"ifname", 0, 0, G_OPTION_ARG_STRING, &ctl_options.enter.ifname,
	 "enter: the interface there (default: tap0)", "NAME"},
	{"root", 0, 0, G_OPTION_ARG_NONE, &ctl_options.enter.root, "enter: appear as root there",
	 NULL},
	{"ready-fd", 0, 0, G_OPTION_ARG_INT, &ctl_options.enter.ready_fd,
	 "enter: write a byte to FD when the network is there", "FD"},
	{"filter", 'f', 0, G_OPTION_ARG_FILENAME, &ctl_options.filter,
	 "capture: frames that match this expression of pcap-filter(7)", "FILTER"},
	{"write", 'w', 0, G_OPTION_ARG_FILENAME, &ctl_options.file,
	 "capture: write here; - (default) is standard output", "FILE"},
	{"follow", 0, 0, G_OPTION_ARG_NONE, &ctl_options.follow,
	 "log: print messages as they come, until interrupted; log -f for short", NULL},
	{"transit", 0, 0, G_OPTION_ARG_NONE, &ctl_options.transit,
	 "pipe: pass frames on to other uplinks, for the network in the middle", NULL},
	{"json", 0, 0, G_OPTION_ARG_NONE, &ctl_options.json, "Print JSON", NULL},
	{"version", 0, 0, G_OPTION_ARG_NONE, &ctl_options.version, "Print the version and exit",
	 NULL},
	{"help", 'h', 0, G_OPTION_ARG_NONE, &ctl_options.help,
	 "Show this help, or that of a command", NULL},
	{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &ctl_options.words, NULL, NULL},
	{0},
};

bool ctl_options_takes_value(const char *word)
{
	for (const GOptionEntry *entry = ctl_option_entries; entry->long_name; entry++) {
		bool is_it = g_str_has_prefix(word, "--") && entry->long_name[0] &&
			     !g_strcmp0(word + 2, entry->long_name);

		is_it = is_it || (entry->short_name && word[0] == '-' &&
				  word[1] == entry->short_name && !word[2]);
		if (is_it)
			return entry->arg != G_OPTION_ARG_NONE;
	}
	return false;
}
