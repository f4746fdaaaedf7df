/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_SETTINGS_H
#define USERNET_CTL_OPTIONS_SETTINGS_H

#include <glib.h>
#include <stdbool.h>

#include "base/log.h"
#include "ctl/options/optstr.h"
#include "sandbox/sandbox.h"

/*
 * The settings of a network: the options other than netdevs and guests, and the keys of [network]
 * in a file. Both are option strings with the same keys; the file's are added where the command
 * line has none.
 */
#define NETWORK_NAME_MAX 48 /* leaves room for the run directory in a 107-byte socket path */

struct settings {
	char *name;      /* "default" */
	char *run_dir;   /* of --run-dir; NULL: derived from the name */
	char *state_dir; /* of --state-dir; NULL: derived from the name */
	bool no_state;   /* --state-dir none */
	char **qmp;      /* paths of further QMP sockets; NULL-terminated */
	char *pidfile;   /* may be NULL */
	/* Paths of sockets that speak these programs' APIs; may be NULL. */
	char *slirp4netns_api, *gvproxy_api;
	int ready_fd; /* -1: none */
	bool exit_with_parent;
	bool live_commands; /* guestfwd may run commands that are not in the configuration */
	bool no_default_netdevs;
	bool daemon;    /* go to the background once ready */
	char *log_file; /* NULL: standard error, or for a daemon the default of background.h */
	enum log_level log_level;
	enum sandbox_mode sandbox;
	char **sandbox_paths; /* further directories for sockets and files; NULL-terminated */
	char **limits;        /* NAME=NUMBER, checked; NULL-terminated */
};

extern const struct opt_spec setting_specs[];

/* Errors begin with the key: "log-level 'loud': error, warning, info or debug". */
bool settings_check(struct optstr *opts, GError **error);
/* @opts must have been checked. */
void settings_read(struct settings *settings, const struct optstr *opts);
/* Adds keys of @from that @opts lacks; for repeated keys adds all values. */
void settings_add(struct optstr *opts, const struct optstr *from);
/* Call it before anything is created. */
void settings_apply_limits(const struct settings *settings);
void settings_clear(struct settings *settings);

#endif
