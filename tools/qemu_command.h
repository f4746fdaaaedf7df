/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_QEMU_COMMAND_H
#define USERNET_TOOLS_QEMU_COMMAND_H

#include <glib.h>
#include <stdbool.h>

/*
 * A command line of QEMU that is moved to a network of usernet: its user netdev (-netdev user, -nic
 * user or -net user; the first, if there are several) is taken out, and what it said is noted.
 * qemu_command_write() puts usernet's netdev in its place; without one it adds netdev and device.
 *
 * Nothing is opened or run.
 */
struct qemu_command {
	/* Read by the caller; owned. */
	GPtrArray *hostfwd, *guestfwd; /* rules as given */
	GPtrArray *left;               /* text of what cannot be moved: "net=10.0.0.0/8" */
	bool restricted;               /* restrict=on */
	char *name;                    /* of -name; NULL: none */
	char *mac;                     /* of the NIC; NULL: not given */
	char *machine;                 /* of -machine; NULL: not given */
	char *id;                      /* of the netdev */
	/* private */
	GPtrArray *words; /* NULL where a word was taken out */
	GPtrArray *nic;   /* other keys of -nic */
	int how;
	guint at;       /* where the netdev was */
	int nic_word;   /* the argument of -device or -net nic that gets the MAC; -1: none */
	bool is_device; /* it is of -device */
};

/* @argv: program and arguments, NULL-terminated. */
struct qemu_command *qemu_command_read(char *const *argv);
/* @id: of the netdev that is added where the command line has no user netdev. */
void qemu_command_set_id(struct qemu_command *command, const char *id);
/* The new command line. @driver: of the device, if one must be added. Newly allocated. */
char **qemu_command_write(const struct qemu_command *command, const char *netdev,
			  const char *driver, const char *mac);
void qemu_command_free(struct qemu_command *command);

/*
 * A hostfwd rule of QEMU that leads to @guest: "tcp::2222-10.0.2.15:22" becomes "tcp::2222-web:22".
 * Newly allocated. A rule without that form comes back unchanged, for usernet to say so.
 */
char *qemu_command_forward(const char *rule, const char *guest);

#endif
