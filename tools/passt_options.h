/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_OPTIONS_H
#define USERNET_TOOLS_PASST_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/*
 * passt's command line (passt(1), 2025 and 2026), translated for usernet. An option without effect
 * is accepted with a warning. An option that must not be ignored (traffic that leaves by another
 * address, a capture that is not written) is refused with a reason.
 */
struct passt_spec {
	bool udp;
	char *text;
};

struct passt_options {
	bool help, version, foreground, one_off;
	const char *log_level; /* a usernet level; static */
	char *socket;          /* --socket; NULL: the first free one of passt's default paths */
	int fd;                /* --fd: a connected socket; -1: none */
	char *pid_file;
	char *log_file;      /* NULL: syslog */
	guint64 log_size;    /* bytes; the file is truncated when larger */
	char *guest;         /* --hostname, --fqdn: the guest's name; NULL: none */
	GPtrArray *user;     /* "key=value" of the user netdev, with commas already doubled */
	GPtrArray *specs;    /* struct passt_spec */
	GPtrArray *warnings; /* char *, one line each */
	const char *any;     /* host side of a forward without an address; static */
	bool denied[2];      /* --no-tcp, --no-udp: forwards are off too */
	bool shapes_network; /* an option changes the network: useless when joining one */
};

#define PASST_LOG_SIZE (1024 * 1024) /* passt's default, bytes */

/* Does not change @argv. Clear @options even when it returns false. */
bool passt_options_parse(struct passt_options *options, int argc, char **argv, GError **error);
void passt_options_clear(struct passt_options *options);
/* For --help, ends with a newline. */
extern const char passt_options_help[];

/* "user,id=nat,…" with all of @user and one hostfwd= per rule. Newly allocated. */
char *passt_options_netdev(const struct passt_options *options, const GPtrArray *rules);

#endif
