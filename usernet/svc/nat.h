/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_NAT_H
#define USERNET_SVC_NAT_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "net/frame.h"
#include "svc/packet.h"

/*
 * The NAT: one Slirp per guest address (instance.h), made by its first packet or by a forward, let
 * go when idle. What reaches it has passed scrub.
 *
 * Instances know their guest's MAC from us (nat_neighbour); guests cannot write that map.
 * libslirp's sockets are in the loop's epoll set, changed only when an instance's interest changes;
 * nat_run() polls the instances whose sockets are ready and refills those where something happened.
 */
struct gate;
struct nat;
struct network;
struct outbox;
struct redirect;
struct user_config;

struct nat_ops {
	/* Something is ready: call nat_run() in this turn's LOOP_SERVICE. */
	void (*wake)(void *data);
	/* An instance needs the MAC of @addr (v4-mapped or IPv6): answer with nat_neighbour(), now
	 * or later. */
	void (*resolve)(void *data, const struct in6_addr *addr);
	/*
	 * libslirp connects @fd for the guest at port @port_id that sent @packet, whose
	 * destination is the listener of a redirect_server. May be NULL, as the next.
	 */
	void (*redirected)(void *data, int fd, const struct packet *packet, unsigned port_id);
	/* @fd, any of libslirp's, is about to be closed. */
	void (*closing)(void *data, int fd);
};

/* @config, @outbox and @ops outlive the NAT. */
struct nat *nat_new(struct network *network, const struct user_config *config,
		    struct outbox *outbox, const struct nat_ops *ops, void *data);
void nat_free(struct nat *nat);

/* Guests' connections to the servers of @redirect are led there. NULL: there are none. */
void nat_set_redirect(struct nat *nat, const struct redirect *redirect);

/* What libslirp says passes it. Required. */
void nat_set_gate(struct nat *nat, struct gate *gate);

/* A packet from the guest with @mac at @port, allowed and without fragments; borrowed until
 * nat_run. */
void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet);
/* As nat_input, for a packet whose memory is good for this call only. */
void nat_input_now(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet);
/* A packet that we say in the guest's name; nothing happens when it has no instance. */
void nat_inject(struct nat *nat, const struct packet *packet);
/* Delivers what is merged, polls, refills; fills the outbox. */
void nat_run(struct nat *nat);

/* @addr is at @mac. Nothing happens when no instance has that address. */
void nat_neighbour(struct nat *nat, const struct in6_addr *addr, mac_t mac);
/* The MAC that @addr's instance answers to; 0: none. */
mac_t nat_holder(struct nat *nat, const struct in6_addr *addr);
/*
 * The guest at @addr went: its connections are reset, its instance is gone unless forwards keep it,
 * after GUEST_GRACE, if it is not back by then.
 */
void nat_guest_gone(struct nat *nat, const struct in6_addr *addr);
#define NAT_GUEST_GRACE (5 * USEC_PER_SEC)

/* A row of `info usernet`. */
struct nat_flow {
	const char *protocol; /* "TCP", "UDP", "ICMP" */
	const char *state;    /* "ESTABLISHED", "HOST_FORWARD", "236 sec" …: as QEMU prints it */
	int fd;
	struct sockaddr_any src, dst;
	unsigned recvq, sendq; /* bytes */
};

void nat_foreach_flow(struct nat *nat, void (*each)(void *data, const struct nat_flow *flow),
		      void *data);
unsigned nat_n_instances(const struct nat *nat);
unsigned nat_n_fds(const struct nat *nat);

/* @n more descriptors are held for forwards, or (negative) less. */
void nat_hold_fds(struct nat *nat, int n);
/* Is there room for one more? */
bool nat_has_room(const struct nat *nat);

/* TCP; UDP forwards are not the NAT's (udp_forward.h). */
struct nat_hostfwd {
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

#endif
