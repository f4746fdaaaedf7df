/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_MOVES_H
#define USERNET_NET_MOVES_H

#include "base/loop.h"
#include "net/frame.h"

/*
 * MAC addresses that move between existing ports. A single move is a guest that was replugged or
 * migrated. A move back within MOVES_WINDOW means that two guests use one address.
 */
#define MOVES_WINDOW  (30 * USEC_PER_SEC)
#define MOVES_TRACKED 16 /* addresses tracked; the one that moved longest ago is replaced */
#define MOVES_PAUSE   (1 * USEC_PER_SEC) /* moves are reported in sums, at most this often */

struct port;
struct troubles;

struct moves {
	struct move {
		mac_t mac; /* 0: unused */
		usec_t since, seen, told;
		uint64_t n, untold;
	} tracked[MOVES_TRACKED];
};

/* @mac, just seen at @from, is now at @to. Notes TROUBLE_MAC_CONFLICT. */
void moves_note(struct moves *moves, struct troubles *troubles, mac_t mac, const struct port *from,
		const struct port *to, usec_t now);

#endif
