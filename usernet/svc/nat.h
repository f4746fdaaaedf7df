/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_NAT_H
#define USERNET_SVC_NAT_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "net/frame.h"

/*
 * The NAT: one Slirp per guest address. nat.c is the only file that calls libslirp.
 */
struct nat;
struct network;
struct port;
struct user_config;

/* A connection or UDP/ICMP session through the NAT, a row of `info usernet`. */
struct nat_flow {
	const char *protocol; /* "TCP", "UDP", "ICMP" */
	const char *state;    /* "ESTABLISHED", "HOST_FORWARD", "236 sec" …: as QEMU prints it */
	int fd;
	struct sockaddr_any src, dst;
	unsigned recvq, sendq; /* bytes */
};

struct nat_hostfwd {
	bool udp;
	struct sockaddr_any host;  /* inet or inet6; port 0: the kernel chooses */
	struct sockaddr_any guest; /* same family; never the any address */
};

/*
 * Binds @fwd; *@bound is where it listens, with the port that was chosen. Errors say why
 * (address in use, permission).
 */
bool nat_hostfwd_add(struct nat *nat, const struct nat_hostfwd *fwd, struct sockaddr_any *bound,
		     GError **error);
/* @bound as it was returned. */
void nat_hostfwd_remove(struct nat *nat, const struct nat_hostfwd *fwd,
			const struct sockaddr_any *bound);

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data);
unsigned nat_n_instances(const struct nat *nat);

#endif
