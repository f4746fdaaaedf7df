/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_NETWORK_H
#define USERNET_NET_NETWORK_H

#include <glib.h>
#include <netinet/in.h>

#include "base/chunk.h"
#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"
#include "net/moves.h"

/*
 * One ethernet segment and its state: the switch, the guests, the netdevs and the observers. The
 * layers above reach the loop, the switch and the guests through it.
 */
struct guard;
struct guest_table;
struct netdev;
struct port;
struct reservation_table;
struct spawner;
struct trouble;
struct troubles;
struct vswitch;

enum network_event_kind {
	NETWORK_PORT_UP,       /* port */
	NETWORK_PORT_DOWN,     /* port: still intact */
	NETWORK_PORT_UPLINK,   /* port: it is an uplink now; also told of a new port */
	NETWORK_PORT_DRAINED,  /* port: no longer congested */
	NETWORK_GUEST_JOINED,  /* guest */
	NETWORK_GUEST_LEFT,    /* guest: still intact */
	NETWORK_GUEST_CHANGED, /* guest: an address or the name was added or removed */
	NETWORK_LEASE_GRANTED, /* guest; text: the address */
	NETWORK_LEASE_REFUSED, /* port; mac; text: why */
	NETWORK_FORWARD_ADDED, /* text: the rule, netdev */
	NETWORK_FORWARD_REMOVED,
	NETWORK_POLICY_DENIED,  /* denial, port, guest (may be NULL) */
	NETWORK_POLICY_ALLOWED, /* the same; only where there are rules */
	NETWORK_TROUBLE,        /* trouble, port (may be NULL) */
	NETWORK_HOST_CHANGED,   /* the host's own network; n_closed */
};

/* A connection that a guest opened, or was not allowed to; or a name that it asked for. */
struct network_denial {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* 0: the protocol has no ports */
	const char *rule;    /* as written in options */
	const char *name;    /* what @dst is called, or the name that was asked for; may be NULL */
	bool lookup;         /* @name was asked for: there are no protocol, address and port */
	uint64_t untold;     /* further ones of that kind at this port since the last event */
};

struct network_event {
	enum network_event_kind kind;
	const struct netdev *netdev;
	const struct port *port;
	const struct guest *guest;
	const char *text;
	mac_t mac;
	const struct network_denial *denial;
	const struct trouble *trouble;
	unsigned n_closed; /* connections reset, as their host address is gone */
};

struct network_observer {
	void (*event)(struct network_observer *observer, const struct network_event *event);
	struct list link; // network::observers
};

struct network {
	char *name; /* of the network: --name */
	struct loop *loop;
	struct chunk_pool *chunks;
	struct vswitch *vswitch;
	struct guard *guard;
	struct guest_table *guests;
	struct reservation_table *reservations;
	struct troubles *troubles;
	struct moves moves;
	struct spawner *spawner; /* owned by main; runs commands. NULL: commands are disabled */
	struct list netdevs;     /* heads netdev::link, in the order they were made */
	unsigned n_links;        /* descriptors held by links; limit: link/share.h */
	struct list observers;   /* heads network_observer::link */
};

struct network *network_new(struct loop *loop, const char *name);
/* Destroys the remaining netdevs, in reverse order. */
void network_free(struct network *network);

/* By id, or NULL. */
struct netdev *network_find_netdev(struct network *network, const char *id);
/* By name ("lan.1"), or NULL. */
struct port *network_find_port(struct network *network, const char *name);

void network_observe(struct network *network, struct network_observer *observer);
/*
 * Who waits for congested ports looks again after this time: meanwhile the guest may have left the
 * port, or another guest may have its address.
 */
#define NETWORK_LOOK_AGAIN USEC_PER_SEC
/* Calls @each for the congested ports of all netdevs. */
void network_foreach_congested(const struct network *network,
			       void (*each)(const struct port *port));
void network_emit(struct network *network, const struct network_event *event);

#endif
