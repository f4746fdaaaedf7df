/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_NETDEV_H
#define USERNET_NET_NETDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/vlan.h"

/*
 * A configured attachment, named and spelled as QEMU's -netdev. It owns its ports: a client has one
 * while connected, a server one per guest, the gateway always one. The struct is embedded in each
 * kind's own.
 */
struct network;
struct netdev;
struct port;
struct port_ops;

struct netdev_ops {
	const char *kind; /* "stream": the first word of the option string */
	/*
	 * The text of QEMU's `info network` for this netdev, newly allocated: for the peer at
	 * @port, or, if NULL, for the netdev without a peer. NULL: use the default text.
	 */
	char *(*info)(const struct netdev *netdev, const struct port *port);
	/*
	 * Removes the ports, closes and unlinks what was opened, frees everything. Objects that a
	 * callback may still use are freed in LOOP_REAP. Must not use the network afterwards.
	 */
	void (*destroy)(struct netdev *netdev);
};

struct netdev {
	const struct netdev_ops *ops;
	struct network *network;
	char *id;              /* owned */
	char *description;     /* owned; for display: "unix:/run/lan.sock (server)" */
	bool link_up;          /* set_link on the netdev's id: of present and future ports */
	bool unguarded;        /* guard=off: guard.h */
	bool uplink;           /* uplink=: of present and future ports; vswitch.h */
	unsigned group;        /* isolate=: of present and future ports */
	struct vlans vlans;    /* vlan=, trunk=: of present and future ports; set is owned */
	unsigned n_ports_made; /* numbers port names: "lan.1" */
	uint64_t n_refused;    /* links delayed or closed because a limit was reached */
	struct list link;      // network::netdevs
	struct list ports;     /* heads port::netdev_link */
};

/*
 * Each kind's constructor calls this before it opens anything. Checks that @id is well-formed (a
 * letter, then letters, digits, '-', '.', '_'; QEMU util/id.c) and not in use on @network. With
 * NULL only the former.
 */
bool netdev_check_id(struct network *network, const char *id, GError **error);
/* Registers with @network and copies @id. */
void netdev_init(struct netdev *netdev, const struct netdev_ops *ops, struct network *network,
		 const char *id);
/* For destroy: removes the netdev from the network. */
void netdev_fini(struct netdev *netdev);
void netdev_set_link(struct netdev *netdev, bool up);
/* @isolate: "on", "off" or a group name; NULL: the network's setting. See vswitch.h. */
void netdev_set_isolate(struct netdev *netdev, const char *isolate);
void netdev_set_uplink(struct netdev *netdev, bool uplink);
/*
 * @own: 0 to VLAN_MAX. @set is copied; NULL: no tags, or, with @own 0, all. A gateway's VLAN is the
 * one in which the network knows its guests (vswitch_set_home()).
 */
void netdev_set_vlans(struct netdev *netdev, uint16_t own, const struct vlan_set *set);
/* The current setting; NULL: the network's. */
const char *netdev_isolate(const struct netdev *netdev);

/*
 * Adds a port: initialises it with @ops and the netdev's next name ("lan.1"), adds it to the switch
 * and notifies observers (NETWORK_PORT_UP). @peer (the peer's name for display; may be NULL) is
 * copied. Set other fields (trusted) afterwards.
 */
void netdev_add_port(struct netdev *netdev, struct port *port, const struct port_ops *ops,
		     const char *peer);
/*
 * Notifies observers, forgets the port's guests, removes it from the switch. Does nothing when it
 * was removed before.
 */
void netdev_remove_port(struct port *port);

#endif
