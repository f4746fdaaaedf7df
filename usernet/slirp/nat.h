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
 * The slow path: NAT by libslirp, which serves what guests open when offload=off. One Slirp per
 * guest address (instance.h), made by its first packet and let go when it is idle. conntrack judges
 * each packet on both sides of it.
 *
 *   life:  nat_new -> nat_input per packet -> nat_run once a turn -> nat_free
 *
 * libslirp's sockets are in the loop's epoll set, changed only when an instance's interest changes;
 * nat_run() polls the instances whose sockets are ready and refills those where something happened.
 */
struct charge_book;
struct nat;
struct network;
struct outbox;
struct user_config;

struct nat_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* frames for guests go there */
	struct conntrack *conntrack;
	struct charge_book *charges;
	/* Deferred when nat_run() has something to do. */
	struct loop_task *service;
};

/* All that @env names outlives the NAT. */
struct nat *nat_new(const struct nat_env *env);
void nat_free(struct nat *nat);

/*
 * This turn's packets come now, and then nat_run(): until then the NAT does not defer the service
 * task.
 */
void nat_begin(struct nat *nat);
/*
 * A packet from the guest with @mac at @port: allowed, whole and without urgent data
 * (destination.h). Borrowed for the call.
 */
void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet);
/* Resets @conn, which policy has cut, at both ends. */
void nat_reset(struct nat *nat, const struct conn *conn);
/* Polls, refills; fills the outbox. */
void nat_run(struct nat *nat);
/* A guest's port takes frames again: instances that waited for it are polled. */
void nat_port_drained(struct nat *nat);

/*
 * The guest at @addr went: its connections are reset and its instance is freed after
 * NAT_GUEST_GRACE, if it is not back by then.
 */
void nat_guest_gone(struct nat *nat, const struct in6_addr *addr);
#define NAT_GUEST_GRACE (5 * USEC_PER_SEC)

/* A row of `info usernet`. */
struct nat_flow {
	const char *protocol; /* "TCP", "UDP", "ICMP" */
	const char *state;    /* "ESTABLISHED", "236 sec" …: as QEMU prints it */
	int fd;
	struct sockaddr_any src, dst;
	unsigned recvq, sendq; /* bytes */
};

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data);
unsigned nat_n_instances(const struct nat *nat);

#endif
