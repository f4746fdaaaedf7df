/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_MOVES_H
#define USERNET_NET_MOVES_H

#include "base/loop.h"
#include "net/frame.h"

/*
 * MAC addresses that move between living ports. One move is a guest that was replugged or migrated;
 * one that moves back within MOVES_WINDOW is two guests with one address.
 */
#define MOVES_WINDOW  (30 * USEC_PER_SEC)
#define MOVES_TRACKED 16 /* addresses at once; the one that moved longest ago gives way */
#define MOVES_PAUSE   (1 * USEC_PER_SEC) /* moves are told on in sums, so often at most */

struct port;
struct troubles;

struct moves {
	struct move {
		mac_t mac; /* 0: unused */
		usec_t since, seen, told;
		uint64_t n, untold;
	} tracked[MOVES_TRACKED];
};

/* @mac, seen at @from a moment ago, is at @to now. Notes TROUBLE_MAC_CONFLICT. */
void moves_note(struct moves *moves, struct troubles *troubles, mac_t mac, const struct port *from,
		const struct port *to, usec_t now);

#endif
