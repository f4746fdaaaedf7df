/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_PASST_OPTIONS_H
#define USERNET_TOOLS_PASST_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/*
 * passt's command line (passt(1), 2025 and 2026), read into what usernet does with it. An option
 * that changes nothing here is taken with a warning; one whose silent absence would harm (traffic
 * that leaves by another address, a capture that is not written) is refused with the reason.
 */
struct passt_spec {
	bool udp;
	char *text;
};

struct passt_options {
	bool help, version, foreground, one_off;
	const char *log_level; /* usernet's; static */
	char *socket;          /* --socket; NULL: the first free one of passt's default paths */
	int fd;                /* --fd: a connected socket; -1: none */
	char *pid_file;
	char *log_file;      /* NULL: syslog */
	guint64 log_size;    /* bytes; the file begins anew beyond */
	char *guest;         /* --hostname, --fqdn: the guest's name; NULL: none */
	GPtrArray *user;     /* "key=value" of the user netdev, commas doubled already */
	GPtrArray *specs;    /* struct passt_spec */
	GPtrArray *warnings; /* char *, a line each */
	const char *any;     /* host's side of a forward without an address; static */
	bool denied[2];      /* --no-tcp, --no-udp: no forwards either */
	bool shapes_network; /* an option says what a network must be like: of no use to one that
				runs already */
};

#define PASST_LOG_SIZE (1024 * 1024) /* passt's default, bytes */

/* @argv is left as it is. On false @options is still to be cleared. */
bool passt_options_parse(struct passt_options *options, int argc, char **argv, GError **error);
void passt_options_clear(struct passt_options *options);
/* For --help, with a line's end. */
extern const char passt_options_help[];

/* "user,id=nat,…" with all of @user and a hostfwd= for each of @rules. Newly allocated. */
char *passt_options_netdev(const struct passt_options *options, const GPtrArray *rules);

#endif
