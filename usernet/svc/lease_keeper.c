/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/lease_keeper.h"

#include <arpa/inet.h>

#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "svc/user_config.h"
#include "svc/lease_journal.h"

struct lease_keeper {
	struct network *network;
	const struct user_config *config;
	struct lease_pool *pool;
	struct lease_journal *journal; /* NULL: leases are not kept */
	struct reservation_observer reservations;
	struct network_observer events;
	struct loop_timer timer;
	usec_t sync_at; /* the journal's; LEASE_FOREVER: nothing to sync */
	unsigned n_restored;
};

static usec_t now_of(const struct lease_keeper *keeper)
{
	return loop_now(keeper->network->loop);
}

/* Seconds since 1970. */
static int64_t wall_clock(void)
{
	return g_get_real_time() / USEC_PER_SEC;
}

/* --- the journal --- */

struct listing {
	GString *lines;
	unsigned n;
	usec_t now;
	int64_t wall;
};

static void list_lease(void *data, const struct lease *lease)
{
	struct listing *listing = data;
	struct lease_record record;

	lease_record_make(&record, lease, listing->now, listing->wall);
	lease_record_format(listing->lines, &record);
	listing->n++;
}

static bool rewrite(struct lease_keeper *keeper)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	struct listing listing = {lines, 0, now_of(keeper), wall_clock()};

	lease_foreach(keeper->pool, list_lease, &listing);
	return lease_journal_rewrite(keeper->journal, lines, listing.n);
}

/* Sooner is set at once; a timer that fires for nothing sets itself anew. */
static void wake_at(struct lease_keeper *keeper, usec_t at)
{
	if (at != LEASE_FOREVER && (!loop_timer_is_set(&keeper->timer) || at < keeper->timer.at))
		loop_timer_set(&keeper->timer, at);
}

static void on_change(void *data, const struct lease *lease)
{
	struct lease_keeper *keeper = data;
	struct lease_record record;

	wake_at(keeper, lease_next_end(keeper->pool));
	if (!keeper->journal)
		return;
	lease_record_make(&record, lease, now_of(keeper), wall_clock());
	lease_journal_add(keeper->journal, &record);
	keeper->sync_at = MIN(keeper->sync_at, now_of(keeper) + LEASE_JOURNAL_SYNC);
	wake_at(keeper, keeper->sync_at);
}

static void make_safe(struct lease_keeper *keeper, usec_t now)
{
	unsigned n = lease_pool_remembered(keeper->pool);

	if (lease_journal_wants_rewrite(keeper->journal, n))
		rewrite(keeper);
	else
		lease_journal_sync(keeper->journal);
	/* A full disk is tried again. */
	keeper->sync_at =
		lease_journal_is_dirty(keeper->journal) ? now + LEASE_JOURNAL_SYNC : LEASE_FOREVER;
}

static void on_timer(struct loop_timer *timer)
{
	struct lease_keeper *keeper = container_of(timer, struct lease_keeper, timer);
	usec_t now = now_of(keeper);

	lease_sweep(keeper->pool, now);
	if (keeper->sync_at <= now)
		make_safe(keeper, now);
	wake_at(keeper, keeper->sync_at);
	wake_at(keeper, lease_next_end(keeper->pool));
}

/* --- guests --- */

static void on_end(void *data, const struct lease *lease)
{
	struct lease_keeper *keeper = data;

	guest_clear_v4(keeper->network->guests, lease->addr);
}

/* A guest that had its lease before this process: it has it still, and its name. */
static void on_event(struct network_observer *observer, const struct network_event *event)
{
	struct lease_keeper *keeper = container_of(observer, struct lease_keeper, events);
	struct guest_table *guests = keeper->network->guests;
	const struct lease *lease;
	struct guest *guest;

	if (event->kind != NETWORK_GUEST_JOINED)
		return;
	lease = lease_by_mac(keeper->pool, event->guest->mac);
	guest = guest_by_mac(guests, event->guest->mac);
	if (!guest || !lease || lease->state != LEASE_BOUND || lease->expires <= now_of(keeper))
		return;
	(void)guest_set_v4(guests, guest, lease->addr, true);
	if (lease->hostname[0])
		(void)guest_set_name(guests, guest, lease->hostname);
}

static bool in_use(void *data, struct in_addr addr, mac_t mac)
{
	struct lease_keeper *keeper = data;
	const struct guest *guest = guest_by_v4(keeper->network->guests, addr);

	return guest && guest->mac != mac && guest->port->n_guests <= LEASE_KEEPER_BELIEVE;
}

/* --- reservations --- */

static bool refuse(GError **error, const struct reservation *r, const char *why)
{
	char text[INET_ADDRSTRLEN];

	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "guest '%s': ip=%s %s",
		    r->name, inet_ntop(AF_INET, &r->addr, text, sizeof(text)), why);
	return false;
}

static bool check_address(const struct lease_keeper *keeper, const struct reservation *r,
			  GError **error)
{
	g_autofree char *text = NULL;
	const struct lease *lease;

	if (!user_config_check_guest(keeper->config, r->name, r->addr, error))
		return false;
	if (lease_pool_holds(keeper->pool, r->addr))
		return refuse(error, r, "is the server's of a guestfwd rule; choose another");
	lease = lease_by_addr(keeper->pool, r->addr);
	if (lease && lease->mac != r->mac &&
	    (lease->reserved || lease->state == LEASE_OFFERED || lease->state == LEASE_BOUND)) {
		text = g_strdup_printf("is leased to " MAC_FMT "%s%s; choose another, or wait",
				       MAC_ARGS(lease->mac), lease->hostname[0] ? ", " : "",
				       lease->hostname);
		return refuse(error, r, text);
	}
	return true;
}

/* Its address in the pool; 0 and @error when there is none. */
static struct in_addr reserve(struct lease_keeper *keeper, const struct reservation *r,
			      GError **error)
{
	const struct lease *lease = NULL;

	if (!r->addr.s_addr || check_address(keeper, r, error)) {
		lease = lease_reserve(keeper->pool, r->mac, r->addr, now_of(keeper));
		if (!lease && (!error || !*error))
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "guest '%s': no address is left for it", r->name);
	}
	return lease ? lease->addr : (struct in_addr){0};
}

static bool on_admit(struct reservation_observer *observer, struct reservation *r, GError **error)
{
	struct lease_keeper *keeper = container_of(observer, struct lease_keeper, reservations);
	struct in_addr addr = reserve(keeper, r, error);

	if (!addr.s_addr)
		return false;
	r->addr = addr;
	return true;
}

static void on_removed(struct reservation_observer *observer, const struct reservation *r)
{
	struct lease_keeper *keeper = container_of(observer, struct lease_keeper, reservations);

	lease_unreserve(keeper->pool, r->mac, now_of(keeper));
}

/* Those that were there before the gateway: with an address, or without. */
static bool settle(struct lease_keeper *keeper, bool given, GError **error)
{
	struct reservation_table *table = keeper->network->reservations;

	list_for_each (r, reservation_list(table), struct reservation, link) {
		struct in_addr addr;

		if (r->addr_given != given)
			continue;
		addr = reserve(keeper, r, error);
		if (!addr.s_addr)
			return false;
		(void)reservation_set_v4(table, r, addr);
	}
	return true;
}

/* --- life --- */

static bool open_journal(struct lease_keeper *keeper, GArray **records, GError **error)
{
	if (!keeper->config->lease_file)
		return true;
	keeper->journal = lease_journal_open(keeper->config->lease_file, records, error);
	return keeper->journal != NULL;
}

static void restore(struct lease_keeper *keeper, GArray *records)
{
	bool for_ever = keeper->config->lease_time == UINT32_MAX;
	usec_t now = now_of(keeper);
	int64_t wall = wall_clock();
	usec_t longest = MAX(keeper->config->lease_time * USEC_PER_SEC, LEASE_KEEPER_LONGEST);

	for (guint i = 0; records && i < records->len; i++) {
		struct lease_record *record = &g_array_index(records, struct lease_record, i);

		lease_record_settle(record, now, wall, for_ever ? LEASE_FOREVER : longest);
		keeper->n_restored += lease_restore(keeper->pool, &record->lease);
	}
}

struct lease_keeper *lease_keeper_new(struct network *network, const struct user_config *config,
				      struct lease_pool *pool, GError **error)
{
	struct lease_keeper *keeper = g_new0(struct lease_keeper, 1);
	g_autoptr(GArray) records = NULL;

	keeper->network = network;
	keeper->config = config;
	keeper->pool = pool;
	keeper->sync_at = LEASE_FOREVER;
	list_init(&keeper->reservations.link);
	list_init(&keeper->events.link);
	loop_timer_init(network->loop, &keeper->timer, on_timer);
	/* Given addresses first, so that nobody is restored to one; then those of before; then from
	 * the pool, where a name finds its own of before. */
	if (!open_journal(keeper, &records, error) || !settle(keeper, true, error))
		goto fail;
	restore(keeper, records);
	if (!settle(keeper, false, error))
		goto fail;
	if (keeper->journal && !rewrite(keeper))
		keeper->sync_at = now_of(keeper) + LEASE_JOURNAL_SYNC;
	lease_pool_observe(pool, on_end, keeper);
	lease_pool_watch(pool, on_change, keeper);
	lease_pool_set_in_use(pool, in_use, keeper);
	keeper->reservations.admit = on_admit;
	keeper->reservations.removed = on_removed;
	reservation_observe(network->reservations, &keeper->reservations);
	keeper->events.event = on_event;
	network_observe(network, &keeper->events);
	wake_at(keeper, keeper->sync_at);
	wake_at(keeper, lease_next_end(pool));
	return keeper;
fail:
	g_clear_pointer(&keeper->journal, lease_journal_close);
	lease_keeper_free(keeper);
	return NULL;
}

void lease_keeper_free(struct lease_keeper *keeper)
{
	struct reservation_table *table;

	if (!keeper)
		return;
	if (keeper->journal)
		rewrite(keeper);
	lease_journal_close(keeper->journal);
	lease_pool_observe(keeper->pool, NULL, NULL);
	lease_pool_watch(keeper->pool, NULL, NULL);
	lease_pool_set_in_use(keeper->pool, NULL, NULL);
	loop_timer_cancel(&keeper->timer);
	list_remove(&keeper->reservations.link);
	list_remove(&keeper->events.link);
	table = keeper->network->reservations;
	list_for_each (r, reservation_list(table), struct reservation, link)
		if (!r->addr_given)
			(void)reservation_set_v4(table, r, (struct in_addr){0});
	g_free(keeper);
}

unsigned lease_keeper_bad_lines(const struct lease_keeper *keeper)
{
	return keeper->journal ? lease_journal_bad_lines(keeper->journal) : 0;
}

unsigned lease_keeper_restored(const struct lease_keeper *keeper)
{
	return keeper->n_restored;
}
