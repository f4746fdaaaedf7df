/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/backlog.h"

#include <glib.h>
#include <poll.h>
#include <unistd.h>

#include "conntrack/charge.h"
#include "conntrack/neighbour.h"
#include "forward/client.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "tcp/tcp.h"

#define RETRY (500 * USEC_PER_MSEC) /* interval of retries for absent guests and for room */

struct caller {
	int fd;
	struct sockaddr_any client;
	struct caller_target target;
	struct caller_group *group; /* NULL: belongs to no rule */
	struct awaited *awaited;    /* NULL: the guest's address is not known */
	usec_t deadline;
	struct list age_link;     // backlog::by_age
	struct list group_link;   // caller_group::waiting
	struct list awaited_link; // awaited::backlog
};

/* A guest address that clients wait for. */
struct awaited {
	struct in6_addr addr; /* v4-mapped or IPv6 */
	struct list backlog;  // heads caller::awaited_link
	struct list due_link; // backlog::due
};

struct backlog {
	struct backlog_env env;
	struct loop *loop;
	struct charge *charge; /* charges waiting clients; no port's */
	unsigned n, max;
	struct list by_age;  /* heads caller::age_link, the oldest first */
	GHashTable *awaited; /* struct in6_addr -> struct awaited; owned */
	struct list due;     /* heads awaited::due_link: to be tried later in this turn */
	struct loop_task task;
	struct loop_timer timer;
};

static bool is_v6(const struct sockaddr_any *guest)
{
	return guest->sa.sa_family == AF_INET6;
}

/* False: the any address. */
static bool address_of(const struct sockaddr_any *guest, struct in6_addr *addr)
{
	*addr = is_v6(guest) ? guest->in6.sin6_addr : address_map4(guest->in.sin_addr.s_addr);
	return is_v6(guest) ? !IN6_IS_ADDR_UNSPECIFIED(addr) : guest->in.sin_addr.s_addr != 0;
}

/* --- waiting --- */

static void arm(struct backlog *backlog)
{
	usec_t now = loop_now(backlog->loop);

	if (list_empty(&backlog->by_age))
		loop_timer_cancel(&backlog->timer);
	else if (!loop_timer_is_set(&backlog->timer))
		loop_timer_set(&backlog->timer, now + RETRY);
}

static void leave_awaited(struct backlog *backlog, struct caller *caller)
{
	struct awaited *awaited = caller->awaited;

	if (!awaited)
		return;
	caller->awaited = NULL;
	list_remove(&caller->awaited_link);
	if (list_empty(&awaited->backlog)) {
		list_remove(&awaited->due_link);
		g_hash_table_remove(backlog->awaited, &awaited->addr);
	}
}

static void await(struct backlog *backlog, struct caller *caller)
{
	struct awaited *awaited;
	struct in6_addr addr;

	if (!address_of(&caller->target.guest, &addr))
		return;
	awaited = g_hash_table_lookup(backlog->awaited, &addr);
	if (!awaited) {
		awaited = g_new0(struct awaited, 1);
		awaited->addr = addr;
		list_init(&awaited->backlog);
		list_init(&awaited->due_link);
		g_hash_table_insert(backlog->awaited, &awaited->addr, awaited);
	}
	caller->awaited = awaited;
	list_append(&awaited->backlog, &caller->awaited_link);
}

/* Frees @caller without closing its descriptor. */
static void forget(struct backlog *backlog, struct caller *caller)
{
	leave_awaited(backlog, caller);
	list_remove(&caller->age_link);
	list_remove(&caller->group_link);
	if (caller->group)
		caller->group->n--;
	backlog->n--;
	charge_give(backlog->charge, CHARGE_FDS, 1);
	g_ref_string_release((char *)caller->target.rule);
	g_free(caller);
}

static void refuse(struct backlog *backlog, struct caller *caller)
{
	socket_reset(caller->fd);
	forget(backlog, caller);
}

static bool has_gone(const struct caller *caller)
{
	struct pollfd poll_fd = {.fd = caller->fd};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR));
}

/* NULL: the guest is not there. */
static struct port *port_of_guest(struct backlog *backlog, const struct in6_addr *addr, mac_t *mac)
{
	struct neighbours *neighbours = backlog->env.neighbours;
	struct port *port;

	*mac = neighbour_find(neighbours, addr);
	port = *mac ? vswitch_lookup(backlog->env.network->vswitch, *mac) : NULL;
	if (!port)
		neighbour_ask(neighbours, addr);
	return port;
}

static bool has_room(struct backlog *backlog, const struct port *port)
{
	struct charge *charge = charge_get(backlog->env.charges, port->id);
	bool room = charge_has_room(charge, CHARGE_FDS, 1) &&
		    charge_has_room(charge, CHARGE_OPENING, 1);

	charge_put(charge);
	return room;
}

/* Takes @fd over and returns true; false: it must wait. */
static bool admit(struct backlog *backlog, int fd, const struct sockaddr_any *client,
		  const struct caller_target *target)
{
	struct conn_table *conns = backlog->env.conns;
	struct conn_key key = {.proto = IPPROTO_TCP};
	struct conn_origin origin = {.opener = CONN_BY_FORWARD, .rule = target->rule};
	struct conn *conn;
	struct port *port;

	address_of(&target->guest, &key.guest);
	key.guest_port = ntohs(is_v6(&target->guest) ? target->guest.in6.sin6_port
						     : target->guest.in.sin_port);
	port = port_of_guest(backlog, &key.guest, &origin.mac);
	if (!port || !has_room(backlog, port))
		return false;
	origin.port_id = port->id;
	if (!client_choose(conns, backlog->env.config, client, target->masquerade, &key)) {
		socket_reset(fd);
		return true;
	}
	conn = conn_open(conns, &key, &origin, loop_now(backlog->loop));
	if (!conn)
		return false;
	tcp_connect(backlog->env.tcp, conn, fd);
	return true;
}

static void try_awaited(struct backlog *backlog, struct awaited *awaited)
{
	bool more = true;

	while (more) {
		struct caller *caller = list_first(&awaited->backlog, struct caller, awaited_link);

		more = awaited->backlog.next->next != &awaited->backlog;
		if (has_gone(caller)) {
			refuse(backlog, caller);
			continue;
		}
		if (!admit(backlog, caller->fd, &caller->client, &caller->target))
			return;
		forget(backlog, caller);
	}
}

static void on_task(struct loop_task *task)
{
	struct backlog *backlog = container_of(task, struct backlog, task);
	struct list due;

	list_init(&due);
	list_splice(&due, &backlog->due);
	while (!list_empty(&due)) {
		struct awaited *awaited = list_first(&due, struct awaited, due_link);

		list_remove(&awaited->due_link);
		try_awaited(backlog, awaited);
	}
}

static void make_due(struct backlog *backlog, struct awaited *awaited)
{
	if (list_empty(&awaited->due_link))
		list_append(&backlog->due, &awaited->due_link);
	loop_task_defer(&backlog->task);
}

void backlog_arrived(struct backlog *backlog, const struct in6_addr *addr)
{
	struct awaited *awaited = backlog->n ? g_hash_table_lookup(backlog->awaited, addr) : NULL;

	if (awaited)
		make_due(backlog, awaited);
}

static void on_timer(struct loop_timer *timer)
{
	struct backlog *backlog = container_of(timer, struct backlog, timer);
	GHashTableIter iter;
	void *awaited;

	while (!list_empty(&backlog->by_age)) {
		struct caller *oldest = list_first(&backlog->by_age, struct caller, age_link);

		if (oldest->deadline > loop_now(backlog->loop))
			break;
		refuse(backlog, oldest);
	}
	g_hash_table_iter_init(&iter, backlog->awaited);
	while (g_hash_table_iter_next(&iter, NULL, &awaited))
		make_due(backlog, awaited);
	arm(backlog);
}

/* --- coming and going --- */

void backlog_add(struct backlog *backlog, struct caller_group *group, int fd,
		 const struct sockaddr_any *client, const struct caller_target *target)
{
	struct caller *caller;
	struct in6_addr addr;

	/* Others wait for this guest already: wait behind them. */
	if (address_of(&target->guest, &addr) && !g_hash_table_contains(backlog->awaited, &addr) &&
	    admit(backlog, fd, client, target))
		return;
	if (backlog->n >= backlog->max || (group && group->n >= BACKLOG_GROUP)) {
		socket_reset(fd);
		return;
	}
	caller = g_new0(struct caller, 1);
	caller->fd = fd;
	caller->client = *client;
	caller->target = *target;
	g_ref_string_acquire((char *)target->rule);
	caller->group = group;
	caller->deadline = loop_now(backlog->loop) + BACKLOG_WAIT;
	list_append(&backlog->by_age, &caller->age_link);
	list_init(&caller->group_link);
	list_init(&caller->awaited_link);
	if (group) {
		list_append(&group->waiting, &caller->group_link);
		group->n++;
		group->waited++;
	}
	backlog->n++;
	charge_force(backlog->charge, CHARGE_FDS, 1);
	await(backlog, caller);
	arm(backlog);
}

void backlog_retarget(struct backlog *backlog, struct caller_group *group,
		      const struct caller_target *target)
{
	list_for_each (caller, &group->waiting, struct caller, group_link) {
		leave_awaited(backlog, caller);
		g_ref_string_acquire((char *)target->rule);
		g_ref_string_release((char *)caller->target.rule);
		caller->target = *target;
		await(backlog, caller);
		if (caller->awaited)
			make_due(backlog, caller->awaited);
	}
}

void backlog_refuse(struct backlog *backlog, struct caller_group *group)
{
	list_for_each_safe (caller, &group->waiting, struct caller, group_link)
		refuse(backlog, caller);
}

/* --- the whole --- */

struct backlog *backlog_new(const struct backlog_env *env)
{
	struct backlog *backlog = g_new0(struct backlog, 1);

	backlog->env = *env;
	backlog->loop = env->network->loop;
	backlog->charge = charge_get(env->charges, 0);
	backlog->max = MIN(BACKLOG_MAX, charge_book_max(env->charges, CHARGE_FDS) / 4);
	backlog->awaited = g_hash_table_new_full(address_hash, address_equal, NULL, g_free);
	list_init(&backlog->by_age);
	list_init(&backlog->due);
	loop_task_init(backlog->loop, &backlog->task, LOOP_SERVICE, on_task);
	loop_timer_init(backlog->loop, &backlog->timer, on_timer);
	return backlog;
}

void backlog_free(struct backlog *backlog)
{
	list_for_each_safe (caller, &backlog->by_age, struct caller, age_link)
		refuse(backlog, caller);
	loop_task_cancel(&backlog->task);
	loop_timer_cancel(&backlog->timer);
	g_hash_table_destroy(backlog->awaited);
	charge_put(backlog->charge);
	g_free(backlog);
}

bool backlog_has_room(const struct backlog *backlog)
{
	return charge_has_room(backlog->charge, CHARGE_FDS, 1);
}

bool backlog_is_answered(const struct backlog *backlog, const struct caller_target *target)
{
	struct in6_addr addr;
	struct charge *charge;
	struct port *port;
	unsigned unanswered;
	mac_t mac = 0;

	if (address_of(&target->guest, &addr))
		mac = neighbour_find(backlog->env.neighbours, &addr);
	port = mac ? vswitch_lookup(backlog->env.network->vswitch, mac) : NULL;
	if (!port)
		return true; /* nobody to ask: the client waits in the backlog */
	charge = charge_get(backlog->env.charges, port->id);
	unanswered = charge_held(charge, CHARGE_OPENING);
	charge_put(charge);
	return unanswered < BACKLOG_UNANSWERED;
}

void backlog_hold_fd(struct backlog *backlog, bool held)
{
	if (held)
		charge_force(backlog->charge, CHARGE_FDS, 1);
	else
		charge_give(backlog->charge, CHARGE_FDS, 1);
}
