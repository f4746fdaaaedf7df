/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_NAT_H
#define USERNET_SLIRP_NAT_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "conntrack/conntrack.h"
#include "packet/packet.h"

/*
 * NAT by libslirp, which serves what guests open when offload=off. One Slirp per guest address
 * (instance.h), made by its first packet and freed when idle. conntrack judges each packet on both
 * sides of it.
 *
 *   life:  nat_new -> nat_input per packet -> nat_run once a turn -> nat_free
 *
 * libslirp's sockets are in the loop's epoll set, changed only when an instance's interest changes;
 * nat_run() polls the instances whose sockets are ready and refills those that changed.
 */
struct charge_book;
struct nat;
struct network;
struct outbox;
struct user_config;

struct nat_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* receives frames for guests */
	struct conntrack *conntrack;
	struct charge_book *charges;
	/* Deferred when nat_run() has work. */
	struct loop_task *service;
};

/* Everything in @env must outlive the NAT. */
struct nat *nat_new(const struct nat_env *env);
void nat_free(struct nat *nat);

/*
 * The turn's packets follow, and then nat_run(): the NAT need not defer the service task until
 * then.
 */
void nat_begin(struct nat *nat);
/*
 * A packet from the guest with @mac at @port: allowed, whole and without urgent data
 * (policy/destination.h). Borrowed for the call.
 */
void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet);
/* Resets @conn, which policy no longer allows, at both ends. */
void nat_reset(struct nat *nat, const struct conn *conn);
/* Polls and refills; frames go to the outbox. */
void nat_run(struct nat *nat);
/* A guest's port is no longer congested: polls the instances that waited for it. */
void nat_port_drained(struct nat *nat);

/*
 * The guest at @addr left: its connections are reset and its instance is freed after
 * NAT_GUEST_GRACE, unless it returns before.
 */
void nat_guest_gone(struct nat *nat, const struct in6_addr *addr);
#define NAT_GUEST_GRACE (5 * USEC_PER_SEC)

/* A row of `info usernet`. */
struct nat_flow {
	const char *protocol; /* "TCP", "UDP", "ICMP" */
	const char *state;    /* "ESTABLISHED", "236 sec" …: in QEMU's form */
	int fd;
	struct sockaddr_any src, dst;
	unsigned recvq, sendq; /* bytes */
};

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data);
unsigned nat_n_instances(const struct nat *nat);

#endif
