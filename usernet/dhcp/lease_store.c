/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/lease_store.h"

#include <arpa/inet.h>

#include "dhcp/journal.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "net/vswitch.h"

struct lease_store {
	struct network *network;
	const struct user_config *config;
	struct lease_pool *pool;
	struct lease_journal *journal; /* NULL: leases are not saved */
	struct reservation_observer reservations;
	struct network_observer events;
	struct loop_timer timer;
	usec_t retry_at; /* for the journal; LEASE_FOREVER: nothing to write */
	unsigned n_restored;
};

static usec_t now_of(const struct lease_store *store)
{
	return loop_now(store->network->loop);
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

static bool rewrite(struct lease_store *store, bool sync)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	struct listing listing = {lines, 0, now_of(store), wall_clock()};

	lease_foreach(store->pool, list_lease, &listing);
	return lease_journal_rewrite(store->journal, lines, listing.n, sync);
}

/* Only moves the timer to an earlier time; a timer that fires too early sets itself again. */
static void wake_at(struct lease_store *store, usec_t at)
{
	if (at != LEASE_FOREVER && (!loop_timer_is_set(&store->timer) || at < store->timer.at))
		loop_timer_set(&store->timer, at);
}

static void on_change(void *data, const struct lease *lease)
{
	struct lease_store *store = data;
	struct lease_record record;

	wake_at(store, lease_next_end(store->pool));
	if (!store->journal)
		return;
	lease_record_make(&record, lease, now_of(store), wall_clock());
	lease_journal_add(store->journal, &record);
	store->retry_at =
		MIN(store->retry_at, now_of(store) + (lease_journal_is_scarce(store->journal)
							      ? LEASE_JOURNAL_SOON
							      : LEASE_JOURNAL_RETRY));
	wake_at(store, store->retry_at);
}

static void write_rest(struct lease_store *store, usec_t now)
{
	unsigned n = lease_pool_remembered(store->pool);

	if (lease_journal_wants_rewrite(store->journal, n))
		rewrite(store, false);
	else
		lease_journal_retry(store->journal);
	/* Tries again on a full disk. */
	store->retry_at =
		lease_journal_is_dirty(store->journal) ? now + LEASE_JOURNAL_RETRY : LEASE_FOREVER;
}

static void on_timer(struct loop_timer *timer)
{
	struct lease_store *store = container_of(timer, struct lease_store, timer);
	usec_t now = now_of(store);

	lease_sweep(store->pool, now);
	if (store->retry_at <= now)
		write_rest(store, now);
	wake_at(store, store->retry_at);
	wake_at(store, lease_next_end(store->pool));
}

/* --- guests --- */

static void on_end(void *data, const struct lease *lease)
{
	struct lease_store *store = data;

	guest_clear_v4(store->network->guests, lease->addr);
}

/* A guest that has a lease from before this process: it still has it, and its name. */
static void on_event(struct network_observer *observer, const struct network_event *event)
{
	struct lease_store *store = container_of(observer, struct lease_store, events);
	struct guest_table *guests = store->network->guests;
	const struct lease *lease;
	struct guest *guest;

	if (event->kind == NETWORK_PORT_DOWN)
		lease_port_gone(store->pool, event->port->id);
	if (event->kind != NETWORK_GUEST_JOINED)
		return;
	lease_came_back(store->pool, event->guest->mac, event->guest->port->id);
	lease = lease_by_mac(store->pool, event->guest->mac);
	guest = guest_by_mac(guests, event->guest->mac);
	if (!guest || !lease || lease->state != LEASE_BOUND || lease->expires <= now_of(store))
		return;
	(void)guest_set_v4(guests, guest, lease->addr, true);
	if (lease->hostname[0])
		(void)guest_set_name(guests, guest, lease->hostname);
}

static bool in_use(void *data, struct in_addr addr, mac_t mac)
{
	struct lease_store *store = data;
	const struct guest *guest = guest_by_v4(store->network->guests, addr);

	return guest && guest->mac != mac && guest->port->n_guests <= LEASE_STORE_BELIEVE;
}

static bool heard(void *data, const struct lease *lease, usec_t since)
{
	const struct lease_store *store = data;

	return vswitch_heard(store->network->vswitch, lease->mac) > since;
}

/* --- reservations --- */

static bool refuse(GError **error, const struct reservation *r, const char *why)
{
	char text[INET_ADDRSTRLEN];

	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "guest '%s': ip=%s %s",
		    r->name, inet_ntop(AF_INET, &r->addr, text, sizeof(text)), why);
	return false;
}

static bool check_address(const struct lease_store *store, const struct reservation *r,
			  GError **error)
{
	g_autofree char *text = NULL;
	const struct lease *lease;

	if (!user_config_check_guest(store->config, r->name, r->addr, error))
		return false;
	if (lease_pool_holds(store->pool, r->addr))
		return refuse(error, r, "is the server's of a guestfwd rule; choose another");
	lease = lease_by_addr(store->pool, r->addr);
	if (lease && lease->mac != r->mac &&
	    (lease->reserved || lease->state == LEASE_OFFERED || lease->state == LEASE_BOUND)) {
		text = g_strdup_printf("is leased to " MAC_FMT "%s%s; choose another, or wait",
				       MAC_ARGS(lease->mac), lease->hostname[0] ? ", " : "",
				       lease->hostname);
		return refuse(error, r, text);
	}
	return true;
}

/* The reservation's address in the pool; 0 and @error: none. */
static struct in_addr reserve(struct lease_store *store, const struct reservation *r,
			      GError **error)
{
	const struct lease *lease = NULL;

	if (!r->addr.s_addr || check_address(store, r, error)) {
		lease = lease_reserve(store->pool, r->mac, r->addr, now_of(store));
		if (!lease && (!error || !*error))
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "guest '%s': no address is left for it", r->name);
	}
	return lease ? lease->addr : (struct in_addr){0};
}

static bool on_admit(struct reservation_observer *observer, struct reservation *r, GError **error)
{
	struct lease_store *store = container_of(observer, struct lease_store, reservations);
	struct in_addr addr = reserve(store, r, error);

	if (!addr.s_addr)
		return false;
	r->addr = addr;
	return true;
}

static void on_removed(struct reservation_observer *observer, const struct reservation *r)
{
	struct lease_store *store = container_of(observer, struct lease_store, reservations);

	lease_unreserve(store->pool, r->mac, now_of(store));
}

/* Settles the reservations made before the gateway: those with an address (@given), or without. */
static bool settle(struct lease_store *store, bool given, GError **error)
{
	struct reservation_table *table = store->network->reservations;

	list_for_each (r, reservation_list(table), struct reservation, link) {
		struct in_addr addr;

		if (r->addr_given != given)
			continue;
		addr = reserve(store, r, error);
		if (!addr.s_addr)
			return false;
		(void)reservation_set_v4(table, r, addr);
	}
	return true;
}

/* --- life --- */

static bool open_journal(struct lease_store *store, GArray **records, GError **error)
{
	if (!store->config->lease_file)
		return true;
	store->journal = lease_journal_open(store->config->lease_file, records, error);
	return store->journal != NULL;
}

static void restore(struct lease_store *store, GArray *records)
{
	bool for_ever = store->config->lease_time == UINT32_MAX;
	usec_t now = now_of(store);
	int64_t wall = wall_clock();
	usec_t longest = MAX(store->config->lease_time * USEC_PER_SEC, LEASE_STORE_LONGEST);

	for (guint i = 0; records && i < records->len; i++) {
		struct lease_record *record = &g_array_index(records, struct lease_record, i);

		lease_record_settle(record, now, wall, for_ever ? LEASE_FOREVER : longest);
		store->n_restored += lease_restore(store->pool, &record->lease);
	}
}

struct lease_store *lease_store_new(struct network *network, const struct user_config *config,
				    struct lease_pool *pool, GError **error)
{
	struct lease_store *store = g_new0(struct lease_store, 1);
	g_autoptr(GArray) records = NULL;

	store->network = network;
	store->config = config;
	store->pool = pool;
	store->retry_at = LEASE_FOREVER;
	list_init(&store->reservations.link);
	list_init(&store->events.link);
	loop_timer_init(network->loop, &store->timer, on_timer);
	/*
	 * Given addresses first, so that none of them is restored to others; then old leases; then
	 * addresses from the pool, where a reservation finds its old one.
	 */
	if (!open_journal(store, &records, error) || !settle(store, true, error))
		goto fail;
	restore(store, records);
	if (!settle(store, false, error))
		goto fail;
	if (store->journal && !rewrite(store, true))
		store->retry_at = now_of(store) + LEASE_JOURNAL_RETRY;
	lease_pool_observe(pool, on_end, store);
	lease_pool_watch(pool, on_change, store);
	lease_pool_set_in_use(pool, in_use, store);
	lease_pool_set_heard(pool, heard, store);
	store->reservations.admit = on_admit;
	store->reservations.removed = on_removed;
	reservation_observe(network->reservations, &store->reservations);
	store->events.event = on_event;
	network_observe(network, &store->events);
	wake_at(store, store->retry_at);
	wake_at(store, lease_next_end(pool));
	return store;
fail:
	g_clear_pointer(&store->journal, lease_journal_close);
	lease_store_free(store);
	return NULL;
}

void lease_store_free(struct lease_store *store)
{
	struct reservation_table *table;

	if (!store)
		return;
	if (store->journal)
		rewrite(store, true);
	lease_journal_close(store->journal);
	lease_pool_observe(store->pool, NULL, NULL);
	lease_pool_watch(store->pool, NULL, NULL);
	lease_pool_set_in_use(store->pool, NULL, NULL);
	lease_pool_set_heard(store->pool, NULL, NULL);
	loop_timer_cancel(&store->timer);
	list_remove(&store->reservations.link);
	list_remove(&store->events.link);
	table = store->network->reservations;
	list_for_each (r, reservation_list(table), struct reservation, link)
		if (!r->addr_given)
			(void)reservation_set_v4(table, r, (struct in_addr){0});
	g_free(store);
}

unsigned lease_store_bad_lines(const struct lease_store *store)
{
	return store->journal ? lease_journal_bad_lines(store->journal) : 0;
}

unsigned lease_store_restored(const struct lease_store *store)
{
	return store->n_restored;
}
