/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/hold.h"

#include <glib.h>

void udp_hold_init(struct udp_hold *hold)
{
	list_init(&hold->all);
	hold->bytes = 0;
}

void udp_hold_list_init(struct udp_hold_list *owner)
{
	list_init(&owner->held);
	owner->n = 0;
}

static void unlink_held(struct udp_hold *hold, struct udp_held *held)
{
	list_remove(&held->link);
	list_remove(&held->owner_link);
	held->owner->n--;
	hold->bytes -= held->len;
}

bool udp_hold_add(struct udp_hold *hold, struct udp_hold_list *owner,
		  const struct udp_client *client, const void *data, size_t len, usec_t now)
{
	struct udp_held *held;

	if (owner->n >= UDP_HOLD_RULE || len > UDP_HOLD_BYTES - hold->bytes)
		return false;
	held = g_malloc(sizeof(*held) + len);
	held->owner = owner;
	held->client = *client;
	held->until = now + UDP_HOLD_TIME;
	held->len = len;
	memcpy(held->data, data, len);
	list_append(&hold->all, &held->link);
	list_append(&owner->held, &held->owner_link);
	owner->n++;
	hold->bytes += len;
	return true;
}

struct udp_held *udp_hold_take(struct udp_hold *hold, struct udp_hold_list *owner)
{
	struct udp_held *held;

	if (!owner->n)
		return NULL;
	held = list_first(&owner->held, struct udp_held, owner_link);
	unlink_held(hold, held);
	return held;
}

void udp_hold_clear(struct udp_hold *hold, struct udp_hold_list *owner)
{
	while (owner->n)
		g_free(udp_hold_take(hold, owner));
}

unsigned udp_hold_expire(struct udp_hold *hold, usec_t now, usec_t *next)
{
	unsigned n = 0;

	*next = 0;
	list_for_each_safe (held, &hold->all, struct udp_held, link) {
		if (held->until > now) {
			*next = held->until;
			break;
		}
		unlink_held(hold, held);
		g_free(held);
		n++;
	}
	return n;
}
