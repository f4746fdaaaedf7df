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
 * The state that commands act on: the network, its netdevs, and the way to quit. Made once by main.
 * Every change of the configuration, at start or at run time, goes through here.
 */
struct config;
struct network;
struct options;
struct sandbox;
struct watch;

struct control {
	struct network *network;
	char *run_dir;
	char *state_dir; /* may be NULL: no persistent data */
	struct watch *watch;
	struct list attachments; /* heads attachment::link, in creation order */
	GHashTable *guests;      /* guests.h: those with a reservation */
	GHashTable *records;     /* records.h: keys of the file's records */
	/* owned by main; reload reads them again. May be NULL, like the next. */
	const struct options *options;
	struct config *config;         /* as last read; its owner frees it before control_free() */
	bool doors_added;              /* config.h */
	const struct sandbox *sandbox; /* owned by main; NULL in tests */
	usec_t started;
	bool quitting;
	void (*quit)(void *data); /* called once, from a command */
	void *quit_data;
	/* Reports SHUTDOWN and similar events; set by qmp. */
	void (*announce)(void *data, const char *event, const char *reason);
	void *announce_data;
};

struct control *control_new(struct network *network, const char *run_dir);
/* Destroys the attachments, in reverse order. */
void control_free(struct control *control);

/* Takes ownership of @opts. A failure leaves nothing behind. */
struct attachment *control_add_netdev(struct control *control, struct optstr *opts,
				      struct fd_source *fds, enum origin origin, GError **error);
/* Destroys the netdevs that were to end with @session. */
void control_end_session(struct control *control, const void *session);
/* ERROR_NOT_FOUND: Device 'ID' not found. */
bool control_del_netdev(struct control *control, const char *id, GError **error);
struct attachment *control_find(struct control *control, const char *id);
struct attachment *control_find_netdev(struct control *control, const struct netdev *netdev);
/* The `user` netdev @id, or (NULL) the first; errors are QEMU's. */
struct attachment *control_find_user(struct control *control, const char *id, GError **error);
/* @name: a netdev's id, a port ("lan.1"), or a guest's name or MAC address. */
bool control_set_link(struct control *control, const char *name, bool up, GError **error);
void control_quit(struct control *control);

#endif
