/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/moves.h"

#include "net/troubles.h"

static struct move *find(struct moves *moves, mac_t mac, usec_t now)
{
	struct move *oldest = &moves->tracked[0];

	for (unsigned i = 0; i < MOVES_TRACKED; i++) {
		struct move *move = &moves->tracked[i];

		if (move->mac == mac && now - move->seen < MOVES_WINDOW)
			return move;
		if (move->seen < oldest->seen || !move->mac)
			oldest = move;
		if (!oldest->mac)
			break;
	}
	*oldest = (struct move){.mac = mac, .since = now};
	return oldest;
}

void moves_note(struct moves *moves, struct troubles *troubles, mac_t mac, const struct port *from,
		const struct port *to, usec_t now)
{
	struct move *move = find(moves, mac, now);

	move->seen = now;
	move->n++;
	move->untold++;
	if (move->n < 2 || (move->told && now - move->told < MOVES_PAUSE))
		return;
	move->told = now;
	troubles_note(troubles, &(struct trouble_facts){.kind = TROUBLE_MAC_CONFLICT,
							.mac = mac,
							.port = to,
							.other = from,
							.times = move->untold});
	move->untold = 0;
}
