/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_NAT_H
#define USERNET_SLIRP_NAT_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "net/frame.h"
#include "packet/packet.h"

/*
 * The NAT: one Slirp per guest address (instance.h), made by its first packet or by a client of a
 * forward, let go when idle. What reaches it has passed scrub.
 *
 * Instances know their guest's MAC from us (nat_neighbour); guests cannot write that map.
 * libslirp's sockets are in the loop's epoll set, changed only when an instance's interest changes;
 * nat_run() polls the instances whose sockets are ready and refills those where something happened.
 */
struct conn;
struct conn_key;
struct conntrack;
struct nat;
struct network;
struct outbox;
struct local_services;
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
	/* nat_admit() to @addr may end otherwise than last time: its guest came, or has room. From
	 * within anything: not the place to call it. */
	void (*arrived)(void *data, const struct in6_addr *addr);
};

/* @config, @outbox and @ops outlive the NAT. */
struct nat *nat_new(struct network *network, const struct user_config *config,
		    struct outbox *outbox, const struct nat_ops *ops, void *data);
void nat_free(struct nat *nat);

/* Guests' connections to the servers of @redirect are led there. NULL: there are none. */
void nat_set_local_services(struct nat *nat, const struct local_services *local_services);

/* What libslirp says passes it. Required. */
void nat_set_conntrack(struct nat *nat, struct conntrack *conntrack);

/* This turn's packets come now, and then nat_run(): until then it does not ask for it. */
void nat_begin(struct nat *nat);
/* A guest's port takes frames again: who waits for one looks now. */
void nat_port_drained(struct nat *nat);
/* A packet from the guest with @mac at @port, allowed and without fragments; borrowed for the
 * call. What is done with it may wait for nat_run. */
void nat_input(struct nat *nat, struct port *port, mac_t mac, const struct packet *packet);
/* A packet that we say in the guest's name; nothing happens when it has no instance. */
void nat_inject(struct nat *nat, const struct packet *packet);
/* @frame as if libslirp said it, of @flow: with the numbers that the guest knows it by. */
void nat_inject_to_guest(struct nat *nat, const struct conn *flow, const uint8_t *frame,
			 size_t len);
/* A TCP flow of this key became conn_is_over(): libslirp need not keep it for long. */
void nat_flow_over(struct nat *nat, const struct conn_key *key);
/* Delivers what is merged, polls, refills; fills the outbox. */
void nat_run(struct nat *nat);

/* @addr is at @mac. Nothing happens when no instance has that address. */
void nat_neighbour(struct nat *nat, const struct in6_addr *addr, mac_t mac);
/* The MAC that @addr's instance answers to; 0: none. */
mac_t nat_holder(struct nat *nat, const struct in6_addr *addr);
/*
 * The guest at @addr went: its connections are reset, its instance is gone,
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
/* Connections that offload knows, and the bytes it holds of them (offload.h). */
unsigned nat_n_offloaded(const struct nat *nat);
uint64_t nat_offload_bytes(const struct nat *nat);

/* --- clients that come in --- */

/* As the guest will see it. */
struct nat_client {
	struct in6_addr addr; /* v4-mapped or IPv6 */
	uint16_t port;
	bool masquerade;  /* nobody the guest could answer: the gateway stands for it */
	const char *rule; /* that let it in: GRefString, of which a reference is taken */
};

/*
 * @client: inet, inet6, or anything else for one without an address; @guest_v6: the guest's family.
 * @masquerade: in any case.
 */
struct nat_client nat_client_of(const struct user_config *config, const struct sockaddr_any *client,
				bool guest_v6, bool masquerade);

enum nat_admission {
	NAT_ADMITTED, /* the descriptor is taken over; what comes of it, it will show */
	NAT_ABSENT,   /* the guest is not there; nat_ops::arrived when it is */
	NAT_LATER,    /* no descriptor left, or one is being led in; arrived, or try again */
	NAT_REFUSED,
};

/*
 * Leads @fd, a connected stream socket, non-blocking, to the TCP port of @guest (inet or inet6, not
 * the any address). SO_LINGER of @fd with no time should be set: whoever is refused, by the guest
 * too, is reset then; it is cleared when the guest has accepted.
 */
enum nat_admission nat_admit(struct nat *nat, int fd, const struct sockaddr_any *guest,
			     const struct nat_client *client);
/* @n more descriptors are held for forwards, or (negative) less. */
void nat_hold_fds(struct nat *nat, int n);
/* Is there room for one more? */
bool nat_has_room(const struct nat *nat);
/* All it may hold. */
unsigned nat_max_fds(const struct nat *nat);
/* Of connections that came in. */
unsigned nat_n_inflows(const struct nat *nat);

#endif
