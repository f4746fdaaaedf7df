/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/charge.h"

#include <glib.h>
#include <sys/resource.h>

#include "base/reserve.h"

struct charge {
	struct charge_book *book;
	unsigned port_id;
	unsigned refs;
	unsigned held[CHARGE_KINDS];
};

struct charge_book {
	GHashTable *charges; /* port id -> struct charge, as long as references exist */
	unsigned max[CHARGE_KINDS];
	unsigned held[CHARGE_KINDS];
};

/* A port that holds less than this may use the last quarter. */
static const unsigned few[CHARGE_KINDS] = {
	[CHARGE_FDS] = 128,    [CHARGE_CONNS] = 1024,   [CHARGE_BYTES] = 1 << 20,
	[CHARGE_OPENING] = 64, [CHARGE_INSTANCES] = 64, [CHARGE_PROCESSES] = 8,
};

static unsigned usable_fds(void)
{
	struct rlimit limit = {1024, 1024};
	rlim_t usable;

	getrlimit(RLIMIT_NOFILE, &limit);
	usable = MIN(limit.rlim_cur, 1 << 20);
	return (unsigned)(usable - MIN(CHARGE_FDS_RESERVE, usable / CHARGE_DENOMINATOR));
}

struct charge_book *charge_book_new(unsigned max_instances)
{
	struct charge_book *book = g_new0(struct charge_book, 1);

	book->charges = g_hash_table_new(NULL, NULL);
	book->max[CHARGE_FDS] = usable_fds();
	book->max[CHARGE_CONNS] = CHARGE_CONNS_MAX;
	book->max[CHARGE_BYTES] = CHARGE_BYTES_MAX;
	book->max[CHARGE_OPENING] = CHARGE_OPENING_MAX;
	book->max[CHARGE_INSTANCES] = max_instances;
	book->max[CHARGE_PROCESSES] = CHARGE_PROCESSES_MAX;
	return book;
}

void charge_book_free(struct charge_book *book)
{
	if (!book)
		return;
	g_assert(g_hash_table_size(book->charges) == 0);
	g_hash_table_destroy(book->charges);
	g_free(book);
}

struct charge *charge_get(struct charge_book *book, unsigned port_id)
{
	struct charge *charge = g_hash_table_lookup(book->charges, GUINT_TO_POINTER(port_id));

	if (!charge) {
		charge = g_new0(struct charge, 1);
		charge->book = book;
		charge->port_id = port_id;
		g_hash_table_insert(book->charges, GUINT_TO_POINTER(port_id), charge);
	}
	charge->refs++;
	return charge;
}

struct charge *charge_ref(struct charge *charge)
{
	charge->refs++;
	return charge;
}

void charge_put(struct charge *charge)
{
	if (!charge || --charge->refs > 0)
		return;
	g_hash_table_remove(charge->book->charges, GUINT_TO_POINTER(charge->port_id));
	g_free(charge);
}

unsigned charge_port_id(const struct charge *charge)
{
	return charge->port_id;
}

/* With a low limit of descriptors, "few" of them is a part of that limit. */
static unsigned few_of(const struct charge_book *book, enum charge_kind kind)
{
	return kind == CHARGE_FDS ? MIN(few[kind], book->max[kind] / CHARGE_FEW_DENOMINATOR)
				  : few[kind];
}

bool charge_has_room(const struct charge *charge, enum charge_kind kind, unsigned n)
{
	const struct charge_book *book = charge->book;
	unsigned max = book->max[kind];

	if (reserve_is_low())
		return false;
	if (charge->held[kind] >= few_of(book, kind))
		max -= max / CHARGE_DENOMINATOR;
	return n <= max && book->held[kind] <= max - n;
}

bool charge_take(struct charge *charge, enum charge_kind kind, unsigned n)
{
	if (!charge_has_room(charge, kind, n))
		return false;
	charge_force(charge, kind, n);
	return true;
}

void charge_force(struct charge *charge, enum charge_kind kind, unsigned n)
{
	charge->held[kind] += n;
	charge->book->held[kind] += n;
}

void charge_give(struct charge *charge, enum charge_kind kind, unsigned n)
{
	charge->held[kind] -= n;
	charge->book->held[kind] -= n;
}

void charge_move(struct charge *from, struct charge *to, enum charge_kind kind, unsigned n)
{
	charge_give(from, kind, n);
	charge_force(to, kind, n);
}

unsigned charge_held(const struct charge *charge, enum charge_kind kind)
{
	return charge->held[kind];
}

unsigned charge_book_held(const struct charge_book *book, enum charge_kind kind)
{
	return book->held[kind];
}

unsigned charge_book_max(const struct charge_book *book, enum charge_kind kind)
{
	return book->max[kind];
}

bool charge_book_is_scarce(const struct charge_book *book, enum charge_kind kind)
{
	return book->held[kind] > book->max[kind] - book->max[kind] / CHARGE_DENOMINATOR;
}
