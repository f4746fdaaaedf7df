/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONTROL_H
#define USERNET_CTL_CONTROL_H

#include <glib.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "ctl/attachment.h"
#include "ctl/options/optstr.h"

/*
 * What the commands act on: the network, the netdevs it was given, and the way to end. Made once by
 * main; everything that changes the configuration, at start or live, goes through here.
 */
struct config;
struct network;
struct options;
struct watch;

struct control {
	struct network *network;
	char *run_dir;
	char *state_dir; /* may be NULL: nothing outlives the process */
	struct watch *watch;
	struct list attachments; /* heads attachment::link, in the order they were made */
	GHashTable *guests;      /* guests.h: those that have a reservation */
	GHashTable *records;     /* records.h: keys of the file's */
	/* main's; what reload reads again. May be NULL, as the next. */
	const struct options *options;
	struct config *config; /* as it was last read; freed by its owner before control_free() */
	usec_t started;
	bool quitting;
	void (*quit)(void *data); /* called once, from a command */
	void *quit_data;
	/* Told of SHUTDOWN and the like; set by qmp. */
	void (*announce)(void *data, const char *event, const char *reason);
	void *announce_data;
};

struct control *control_new(struct network *network, const char *run_dir);
/* Destroys the attachments, last first. */
void control_free(struct control *control);

/* Takes @opts over. On failure nothing is left behind. */
struct attachment *control_add_netdev(struct control *control, struct optstr *opts,
				      struct fd_source *fds, enum origin origin, GError **error);
/* ERROR_NOT_FOUND: Device 'ID' not found. */
bool control_del_netdev(struct control *control, const char *id, GError **error);
struct attachment *control_find(struct control *control, const char *id);
struct attachment *control_find_netdev(struct control *control, const struct netdev *netdev);
/* The `user` netdev @id, or with NULL the first; errors in QEMU's words. */
struct attachment *control_find_user(struct control *control, const char *id, GError **error);
/* @name: a netdev's id, a port ("lan.1"), or a guest's name or MAC address. */
bool control_set_link(struct control *control, const char *name, bool up, GError **error);
void control_quit(struct control *control);

#endif
