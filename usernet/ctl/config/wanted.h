/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_WANTED_H
#define USERNET_CTL_CONFIG_WANTED_H

#include <glib.h>
#include <stdbool.h>

/* The groups that a configuration file needs to describe the current state. Only for merge.c. */
struct control;

struct wanted_key {
	char *name;
	bool list;         /* its line has several values */
	GPtrArray *values; /* char *, in order; never empty */
};

struct wanted_group {
	char *kind, *name; /* "netdev", "lan"; name is "" for "dns" */
	char *domain;      /* of "dns": "db" and "db.DOMAIN" are one name; else NULL */
	GPtrArray *keys;   /* struct wanted_key * */
	bool written;
};

/* Of struct wanted_group *, newly allocated. @skipped: see merge.h. */
GPtrArray *wanted_groups(struct control *control, GPtrArray *skipped);
/* NULL: not found. Names of guests and records are case-insensitive. */
struct wanted_group *wanted_find(GPtrArray *groups, const char *kind, const char *name);
struct wanted_key *wanted_key(const struct wanted_group *group, const char *name);

#endif
