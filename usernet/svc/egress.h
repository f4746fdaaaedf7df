/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_EGRESS_H
#define USERNET_SVC_EGRESS_H

#include "net/frame.h"
#include "svc/policy.h"

/*
 * The rules about what guests may open outwards: of a guest that has a reservation, then of the
 * network; where neither says anything, all is allowed, or with restrict=on nothing. A guest is
 * known by its MAC address: one that takes another has the network's rules alone, so what must be
 * closed to all is closed there, and opened to those who may.
 */
struct egress;
struct network;

struct egress_verdict {
	bool allow;
	const char *rule; /* GRefString, that decided: "restrict=on"; NULL: none had to. Borrowed */
};

struct egress_target {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* in host order, 0 for what has none */
};

struct egress *egress_new(struct network *network, bool restricted);
void egress_free(struct egress *egress);

/*
 * The rules of @guest, as its reservation is called, or of the network (NULL): to be read. NULL:
 * there are none.
 */
const struct policy *egress_policy(const struct egress *egress, const char *guest);
/* As policy_add() and policy_remove(). There need be no such guest yet. */
bool egress_add(struct egress *egress, const char *guest, bool allow, const char *text,
		GError **error);
bool egress_remove(struct egress *egress, const char *guest, bool allow, const char *text,
		   GError **error);
void egress_forget(struct egress *egress, const char *guest);
/* Names of guests that have rules: char *, newly allocated list of borrowed. */
GList *egress_guests(const struct egress *egress);

/* May the guest with @mac open this? Counts for the rule that decides. */
struct egress_verdict egress_judge(struct egress *egress, mac_t mac,
				   const struct egress_target *target);
/* The same, uncounted. */
struct egress_verdict egress_look(const struct egress *egress, mac_t mac,
				  const struct egress_target *target);

#endif
