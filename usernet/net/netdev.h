/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_NETDEV_H
#define USERNET_NET_NETDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * A configured attachment, named and spelled as QEMU's -netdev does. It owns its ports: none
 * while a client is not connected, one per guest when listening, always one for the gateway. The
 * struct is embedded in each kind's own.
 */
struct network;
struct netdev;
struct port;
struct port_ops;

struct netdev_ops {
	const char *kind; /* "stream": as the option string begins */
	/*
	 * What QEMU's `info network` says of such a netdev, newly allocated: of the peer at @port,
	 * or with NULL of the netdev without one. NULL: it has no words of its own.
	 */
	char *(*info)(const struct netdev *netdev, const struct port *port);
	/*
	 * Removes the ports, closes and unlinks what was opened, frees all; through LOOP_REAP
	 * what a callback may be in. Nothing of it may use the network afterwards.
	 */
	void (*destroy)(struct netdev *netdev);
};

struct netdev {
	const struct netdev_ops *ops;
	struct network *network;
	char *id;              /* owned */
	char *description;     /* owned; for people: "unix:/run/lan.sock (server)" */
	bool link_up;          /* set_link on the netdev's id: for its ports, those to come too */
	bool unguarded;        /* guard=off: guard.h */
	unsigned group;        /* isolate=: of its ports, those to come too */
	unsigned n_ports_made; /* numbers port names: "lan.1" */
	uint64_t n_refused;    /* links that waited, or were closed, because a bound was reached */
	struct list link;      // network::netdevs
	struct list ports;     /* heads port::netdev_link */
};

/*
 * Called by each kind's constructor before anything is opened: checks that @id is well-formed (a
 * letter, then letters, digits, '-', '.', '_'; QEMU util/id.c) and free on @network. NULL: only the
 * former.
 */
bool netdev_check_id(struct network *network, const char *id, GError **error);
/* Registers with @network and copies @id. */
void netdev_init(struct netdev *netdev, const struct netdev_ops *ops, struct network *network,
		 const char *id);
/* In destroy: leaves @network. */
void netdev_fini(struct netdev *netdev);
void netdev_set_link(struct netdev *netdev, bool up);
/* @isolate: "on", "off" or the name of a group; NULL: as the network. Which: vswitch.h. */
void netdev_set_isolate(struct netdev *netdev, const char *isolate);
/* The same text; NULL: as the network. */
const char *netdev_isolate(const struct netdev *netdev);

/*
 * A port comes: initialised with @ops and the netdev's next name ("lan.1"), added to the switch,
 * the network's observers told (NETWORK_PORT_UP). @peer (who is there, for people; may be NULL) is
 * copied. What else the port is (trusted) is set after this.
 */
void netdev_add_port(struct netdev *netdev, struct port *port, const struct port_ops *ops,
		     const char *peer);
/* It goes: observers told, its guests forgotten, removed from the switch. Harmless when gone. */
void netdev_remove_port(struct port *port);

#endif
