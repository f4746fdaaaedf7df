/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/station.h"

#include <glib.h>

#include "base/hash.h"
#include "net/port.h"

/*
 * Open addressing with linear probing, at most half full. Removal closes the gap after it, so there
 * are no tombstones and lookups stay short after many changes.
 */
/* A full table is swept at most this often to make room. */
#define SWEEP_PAUSE USEC_PER_SEC

struct station {
	mac_t mac;
	struct port *port; /* NULL: the slot is free */
	usec_t seen;
};

struct station_table {
	struct station *slots;
	unsigned mask; /* of a slot's number; their count is a power of two */
	uint64_t seed;
	unsigned count, max;
	usec_t swept;
	struct port *left; /* result of station_left() */
};

static unsigned home_of(const struct station_table *table, mac_t mac)
{
	return (unsigned)hash_mix(mac ^ table->seed) & table->mask;
}

/* The station's slot, or the free slot where it belongs. */
static struct station *slot_of(const struct station_table *table, mac_t mac)
{
	unsigned i = home_of(table, mac);

	while (table->slots[i].port && table->slots[i].mac != mac)
		i = (i + 1) & table->mask;
	return &table->slots[i];
}

static void remove_slot(struct station_table *table, unsigned gap)
{
	struct station *slots = table->slots;

	slots[gap].port->n_stations--;
	table->count--;
	for (unsigned i = (gap + 1) & table->mask; slots[i].port; i = (i + 1) & table->mask) {
		unsigned home = home_of(table, slots[i].mac);

		/* It can move into the gap unless its home slot is after the gap. */
		if (((i - home) & table->mask) >= ((i - gap) & table->mask)) {
			slots[gap] = slots[i];
			gap = i;
		}
	}
	slots[gap].port = NULL;
}

static bool has_aged(const struct station *station, usec_t now)
{
	return now - station->seen >= STATION_AGE;
}

/* Removes the stations of @port, or, if NULL, those that have aged. */
static void remove_matching(struct station_table *table, const struct port *port, usec_t now)
{
	for (unsigned i = 0; i <= table->mask && (!port || port->n_stations); i++) {
		const struct station *s = &table->slots[i];

		/* Check the slot again: another station may have moved into it. */
		while (s->port && (port ? s->port == port : has_aged(s, now)))
			remove_slot(table, i);
	}
}

struct station_table *station_table_new(void)
{
	struct station_table *table = g_new0(struct station_table, 1);

	table->max = STATION_MAX;
	table->mask = 1;
	while (table->mask + 1 < 2 * table->max)
		table->mask = 2 * table->mask + 1;
	table->slots = g_new0(struct station, table->mask + 1);
	table->seed = hash_seed();
	return table;
}

void station_table_free(struct station_table *table)
{
	g_free(table->slots);
	g_free(table);
}

/* @newcomer: it needs a slot; a station that moves already has one. */
static bool has_room(const struct station_table *table, const struct port *port, bool newcomer)
{
	unsigned max = table->max;

	if (port->n_stations >= STATION_FEW)
		max -= table->max / STATION_RESERVE;

	return port->n_stations < STATION_MAX_PER_PORT && (!newcomer || table->count < max);
}

bool station_learn(struct station_table *table, mac_t mac, struct port *port, usec_t now)
{
	struct station *s = slot_of(table, mac);

	table->left = NULL;
	if (s->port == port) {
		s->seen = now;
		return true;
	}
	if (!has_room(table, port, !s->port)) {
		if (now - table->swept < SWEEP_PAUSE)
			return false;
		station_sweep(table, now);
		s = slot_of(table, mac);
		if (!has_room(table, port, !s->port))
			return false;
	}
	if (s->port && !has_aged(s, now))
		table->left = s->port;
	if (s->port)
		s->port->n_stations--;
	else
		table->count++;
	port->n_stations++;
	*s = (struct station){.mac = mac, .port = port, .seen = now};
	return true;
}

struct port *station_left(const struct station_table *table)
{
	return table->left;
}

struct port *station_lookup(struct station_table *table, mac_t mac, usec_t now)
{
	const struct station *s = slot_of(table, mac);

	return s->port && !has_aged(s, now) ? s->port : NULL;
}

usec_t station_seen(const struct station_table *table, mac_t mac)
{
	const struct station *s = slot_of(table, mac);

	return s->port ? s->seen : 0;
}

void station_forget_port(struct station_table *table, struct port *port)
{
	if (port->n_stations)
		remove_matching(table, port, 0);
}

void station_sweep(struct station_table *table, usec_t now)
{
	table->swept = now;
	remove_matching(table, NULL, now);
}

unsigned station_count(const struct station_table *table)
{
	return table->count;
}
