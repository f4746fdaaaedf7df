/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_TROUBLES_H
#define USERNET_NET_TROUBLES_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * Problems on a network, one entry per problem, however often it is seen. A problem is reported
 * (NETWORK_TROUBLE and a warning in the log) when it is first seen and at the 10th, 100th, 1000th
 * time and so on; otherwise at most once per TROUBLE_AGAIN. It is forgotten when its port is
 * removed, or when it was not seen for TROUBLE_KEEP.
 */
struct network;
struct port;
struct troubles;

#define TROUBLE_MAX   256 /* entries; further troubles are not noted */
#define TROUBLE_AGAIN (60 * USEC_PER_SEC)
#define TROUBLE_KEEP  (600 * USEC_PER_SEC)

enum trouble_kind {
	TROUBLE_MAC_CONFLICT,     /* mac, port, other: both send from mac */
	TROUBLE_ADDRESS_CONFLICT, /* mac, port, addr, other (NULL: the gateway's, or reserved) */
	TROUBLE_WRONG_SUBNET,     /* mac, port, addr, what: the network's subnet */
	TROUBLE_NO_ADDRESS,    /* port: it sends frames, but no guest there has an IPv4 address */
	TROUBLE_BUDGET,        /* port, what: the limit reached */
	TROUBLE_FORWARD_WAITS, /* netdev, what: the rule; its guest is absent */
	TROUBLE_OTHER_GATEWAY, /* port, addr, what: "here" or "there", which serves DHCP */
	TROUBLE_N_KINDS,
};

/* Facts about one; unused fields are 0. troubles_note() copies the strings. */
struct trouble_facts {
	enum trouble_kind kind;
	mac_t mac;
	struct in6_addr addr; /* IPv4 is v4-mapped */
	const struct port *port, *other;
	const char *netdev;
	const char *what;
	uint64_t times; /* how often it was seen since the last note; 0 counts as 1 */
	bool lasts;     /* it was noted before and continues: do not report it again */
};

struct trouble {
	enum trouble_kind kind;
	mac_t mac;
	char *guest;   /* the guest's name; NULL: none */
	char *port;    /* the port's name; NULL: none */
	char *other;   /* the other port's name */
	char *address; /* NULL: none */
	char *netdev;
	char *what;
	char *text; /* a sentence for display */
	unsigned port_id, other_id;
	usec_t seen; /* last seen */
	uint64_t times;
	uint64_t tell_at; /* report again at this count */
	usec_t told;
	struct list link; // troubles::entries
};

struct troubles *troubles_new(struct network *network);
void troubles_free(struct troubles *troubles);
void troubles_note(struct troubles *troubles, const struct trouble_facts *facts);
/* @port is removed: forgets everything about it. */
void troubles_forget_port(struct troubles *troubles, const struct port *port);
/* Ends the trouble of @kind at @port. */
void troubles_end(struct troubles *troubles, enum trouble_kind kind, const struct port *port);
/* Ends the trouble of a netdev's rule: its guest is there, or the rule was removed. */
void troubles_forget_rule(struct troubles *troubles, const char *netdev, const char *what);
/* Entries seen within TROUBLE_KEEP. */
struct list *troubles_list(struct troubles *troubles); // heads trouble::link

#endif
