/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_ATTACHMENT_H
#define USERNET_CTL_ATTACHMENT_H

#include <glib.h>

#include "base/list.h"
#include "base/sockaddr.h"
#include "ctl/origin.h"

/*
 * A netdev and what control keeps beside it: the option string its configuration points into,
 * where it listens (for the line to give QEMU), and a `user` netdev's forwards.
 */
struct forwards;
struct guest_forwards;
struct netdev;
struct network;
struct optstr;

enum attachment_role {
	ATTACHMENT_GATEWAY,
	ATTACHMENT_LISTENS,   /* guests come to addr: stream, or a unix dgram server */
	ATTACHMENT_DIALS,     /* we go to addr */
	ATTACHMENT_DIALS_DIR, /* we go to every socket in the directory addr, which ends with / */
	ATTACHMENT_PAIR,      /* datagrams between two fixed addresses; addr is the remote */
	ATTACHMENT_BUS,       /* addr is a multicast group */
	ATTACHMENT_FD,        /* addr is empty */
};

struct attachment {
	struct netdev *netdev;
	enum attachment_role role;
	struct sockaddr_any addr;
	struct forwards *forwards; /* ATTACHMENT_GATEWAY, as the next */
	struct guest_forwards *guest_forwards;
	struct optstr *opts;   /* owned */
	const char *state_dir; /* control's: where what outlives us goes; NULL: nowhere */
	enum origin origin;
	struct list link; // control::attachments
};

/* Where fd= and addr.str= find their descriptor: the command line's are numbers, QMP's names. */
struct fd_source {
	/* The descriptor, now the caller's, or -1. */
	int (*take)(struct fd_source *source, const char *name, GError **error);
};

/*
 * Are the options right, as far as can be said without opening anything? Errors (ERROR_USAGE,
 * or the domain of who found it) name the key and say what would be right.
 */
bool attachment_check(struct optstr *opts, GError **error);
/*
 * Makes the netdev that @opts describes, forwards and all; @opts is taken over in any case. On
 * failure nothing is left behind. @state_dir must outlive it.
 */
struct attachment *attachment_new(struct network *network, struct optstr *opts,
				  struct fd_source *fds, const char *state_dir, GError **error);
/* Destroys the netdev. Must not be on a list any more. */
void attachment_free(struct attachment *attachment);

/*
 * The -netdev and -device arguments a guest attaches here with, newly allocated, with a MAC address
 * of their own in each call; NULL when no guest can: the gateway, a client, an fd. @run_dir: where
 * a guest's own datagram socket may go.
 */
char *attachment_qemu_line(const struct attachment *attachment, const char *run_dir);

#endif
