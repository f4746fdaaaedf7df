/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_ATTACHMENT_H
#define USERNET_CTL_ATTACHMENT_H

#include <glib.h>

#include "base/list.h"
#include "base/sockaddr.h"
#include "ctl/origin.h"

/*
 * A netdev and what control stores with it: its option string, its listening address (for the QEMU
 * command line), and the forwards of a `user` netdev.
 */
struct forwards;
struct guest_forwards;
struct netdev;
struct network;
struct optstr;

enum attachment_role {
	ATTACHMENT_GATEWAY,
	ATTACHMENT_LISTENS,   /* guests connect to addr: stream, or a unix dgram server */
	ATTACHMENT_DIALS,     /* we connect to addr, or (addr is empty) no guest attaches */
	ATTACHMENT_DIALS_DIR, /* we connect to every socket in directory addr; it ends with / */
	ATTACHMENT_PAIR,      /* datagrams between two fixed addresses; addr is the remote */
	ATTACHMENT_BUS,       /* addr is a multicast group */
	ATTACHMENT_FD,        /* addr is empty */
};

struct attachment {
	struct netdev *netdev;
	enum attachment_role role;
	struct sockaddr_any addr;
	struct forwards *forwards; /* ATTACHMENT_GATEWAY, like the next */
	struct guest_forwards *guest_forwards;
	struct optstr *opts;   /* owned */
	const char *state_dir; /* owned by control: directory of persistent data; NULL: none */
	enum origin origin;
	const void *session; /* the QMP session it ends with; NULL: none */
	struct list link;    // control::attachments
};

/* Where fd= and addr.str= get their descriptor: on the command line numbers, in QMP names. */
struct fd_source {
	/* The descriptor, owned by the caller, or -1. */
	int (*take)(struct fd_source *source, const char *name, GError **error);
};

/*
 * Checks the options as far as possible without opening anything. Errors (ERROR_USAGE, or the
 * domain of the function that found it) name the key and the correct value.
 */
bool attachment_check(struct optstr *opts, GError **error);
/*
 * Makes the netdev that @opts describes, including its forwards. Always takes ownership of @opts. A
 * failure leaves nothing behind. @state_dir must outlive it.
 */
struct attachment *attachment_new(struct network *network, struct optstr *opts,
				  struct fd_source *fds, const char *state_dir, GError **error);
/* Destroys the netdev. It must not be on a list. */
void attachment_free(struct attachment *attachment);

/*
 * The -netdev and -device arguments for a QEMU guest, newly allocated, with a new random MAC
 * address in each call. NULL when no guest can attach: the gateway, a client, an fd. @run_dir:
 * directory for the guest's own datagram socket.
 */
char *attachment_qemu_line(const struct attachment *attachment, const char *run_dir);

#endif
