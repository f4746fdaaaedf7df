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
 * What is wrong on a network, and for whom: a table that remembers each trouble once, however often
 * it is seen. A trouble is told (NETWORK_TROUBLE and a warning in the log) when it is first seen,
 * at the 10th, 100th, 1000th time and so on, and at most once in TROUBLE_AGAIN otherwise. It is
 * forgotten when its port goes, or when it was not seen for TROUBLE_KEEP.
 */
struct network;
struct port;
struct troubles;

#define TROUBLE_MAX   256 /* entries; further troubles are not noted */
#define TROUBLE_AGAIN (60 * USEC_PER_SEC)
#define TROUBLE_KEEP  (600 * USEC_PER_SEC)

enum trouble_kind {
	TROUBLE_MAC_CONFLICT,     /* mac, port, other: both send from mac */
	TROUBLE_ADDRESS_CONFLICT, /* mac, port, addr, other (NULL: it is the gateway's or reserved)
				   */
	TROUBLE_WRONG_SUBNET,     /* mac, port, addr, what: the network's subnet */
	TROUBLE_NO_ADDRESS,       /* port: sends frames, but nobody there has an IPv4 address */
	TROUBLE_BUDGET,           /* port, what: the limit that was reached */
	TROUBLE_FORWARD_WAITS,    /* netdev, what: the rule; its guest is not there */
	TROUBLE_N_KINDS,
};

/* What is known of one; what a kind does not use is 0. Strings are borrowed by troubles_note(). */
struct trouble_facts {
	enum trouble_kind kind;
	mac_t mac;
	struct in6_addr addr; /* IPv4 is v4-mapped */
	const struct port *port, *other;
	const char *netdev;
	const char *what;
	uint64_t times; /* how often it was seen since the last note; 0 counts as 1 */
	bool lasts;     /* it was noted before and is still so: not told again */
};

struct trouble {
	enum trouble_kind kind;
	mac_t mac;
	char *guest;   /* its name; NULL: none */
	char *port;    /* names; NULL: none */
	char *other;   /* of the other port */
	char *address; /* NULL: none */
	char *netdev;
	char *what;
	char *text; /* a sentence for people */
	unsigned port_id, other_id;
	usec_t seen; /* last */
	uint64_t times;
	uint64_t tell_at; /* so often seen, it is told again */
	usec_t told;
	struct list link; // troubles::entries
};

struct troubles *troubles_new(struct network *network);
void troubles_free(struct troubles *troubles);
void troubles_note(struct troubles *troubles, const struct trouble_facts *facts);
/* @port leaves the network: nothing about it is wrong any more. */
void troubles_forget_port(struct troubles *troubles, const struct port *port);
/* The trouble of @kind with @port is over. */
void troubles_end(struct troubles *troubles, enum trouble_kind kind, const struct port *port);
/* What concerns the netdev's rule is over: its guest came, or the rule went. */
void troubles_forget_rule(struct troubles *troubles, const char *netdev, const char *what);
/* Those that were seen within TROUBLE_KEEP. */
struct list *troubles_list(struct troubles *troubles); // heads trouble::link

#endif
