/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/callers.h"

#include <glib.h>
#include <poll.h>
#include <unistd.h>

#include "net/hash.h"
#include "svc/nat.h"

#define RETRY (500 * USEC_PER_MSEC) /* asks for who is absent, and for room, so often */

struct caller {
	int fd;
	struct sockaddr_any client;
	struct caller_target target;
	struct caller_group *group; /* NULL: of no rule */
	struct awaited *awaited;    /* NULL: nobody knows where the guest is */
	usec_t deadline;
	struct list age_link;     // callers::by_age
	struct list group_link;   // caller_group::waiting
	struct list awaited_link; // awaited::callers
};

/* A guest's address that somebody waits for. */
struct awaited {
	struct in6_addr addr; /* v4-mapped or IPv6 */
	struct list callers;  // heads caller::awaited_link
	struct list due_link; // callers::due
};

struct callers {
	struct loop *loop;
	const struct user_config *config;
	struct nat *nat;
	unsigned n, max;
	struct list by_age;  /* heads caller::age_link, the oldest first */
	GHashTable *awaited; /* struct in6_addr -> struct awaited; owned */
	struct list due;     /* heads awaited::due_link: to be tried at the end of the turn */
	struct loop_task task;
	struct loop_timer timer;
};

static guint addr_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, sizeof(struct in6_addr));
}

static gboolean addr_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct in6_addr)) == 0;
}

static bool is_v6(const struct sockaddr_any *guest)
{
	return guest->sa.sa_family == AF_INET6;
}

/* False: the any address. */
static bool address_of(const struct sockaddr_any *guest, struct in6_addr *addr)
{
	*addr = is_v6(guest) ? guest->in6.sin6_addr : packet_map4(guest->in.sin_addr.s_addr);
	return is_v6(guest) ? !IN6_IS_ADDR_UNSPECIFIED(addr) : guest->in.sin_addr.s_addr != 0;
}

/* --- waiting --- */

static void arm(struct callers *callers)
{
	usec_t now = loop_now(callers->loop);

	if (list_empty(&callers->by_age))
		loop_timer_cancel(&callers->timer);
	else if (!loop_timer_is_set(&callers->timer))
		loop_timer_set(&callers->timer, now + RETRY);
}

static void leave_awaited(struct callers *callers, struct caller *caller)
{
	struct awaited *awaited = caller->awaited;

	if (!awaited)
		return;
	caller->awaited = NULL;
	list_remove(&caller->awaited_link);
	if (list_empty(&awaited->callers)) {
		list_remove(&awaited->due_link);
		g_hash_table_remove(callers->awaited, &awaited->addr);
	}
}

static void await(struct callers *callers, struct caller *caller)
{
	struct awaited *awaited;
	struct in6_addr addr;

	if (!address_of(&caller->target.guest, &addr))
		return;
	awaited = g_hash_table_lookup(callers->awaited, &addr);
	if (!awaited) {
		awaited = g_new0(struct awaited, 1);
		awaited->addr = addr;
		list_init(&awaited->callers);
		list_init(&awaited->due_link);
		g_hash_table_insert(callers->awaited, &awaited->addr, awaited);
	}
	caller->awaited = awaited;
	list_append(&awaited->callers, &caller->awaited_link);
}

/* Its descriptor is closed, or another's now. */
static void forget(struct callers *callers, struct caller *caller)
{
	leave_awaited(callers, caller);
	list_remove(&caller->age_link);
	list_remove(&caller->group_link);
	if (caller->group)
		caller->group->n--;
	callers->n--;
	nat_hold_fds(callers->nat, -1);
	g_ref_string_release((char *)caller->target.rule);
	g_free(caller);
}

/* SO_LINGER makes it a reset. */
static void refuse(struct callers *callers, struct caller *caller)
{
	close(caller->fd);
	forget(callers, caller);
}

static bool has_gone(const struct caller *caller)
{
	struct pollfd poll_fd = {.fd = caller->fd};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR));
}

/* False: it goes on waiting. */
static bool admit(struct callers *callers, int fd, const struct sockaddr_any *client,
		  const struct caller_target *target)
{
	struct nat_client as =
		nat_client_of(callers->config, client, is_v6(&target->guest), target->masquerade);

	as.rule = target->rule;
	switch (nat_admit(callers->nat, fd, &target->guest, &as)) {
	case NAT_ADMITTED:
		return true;
	case NAT_REFUSED:
		close(fd);
		return true;
	case NAT_ABSENT:
	case NAT_LATER:
		break;
	}
	return false;
}

static void try_awaited(struct callers *callers, struct awaited *awaited)
{
	bool more = true;

	while (more) {
		struct caller *caller = list_first(&awaited->callers, struct caller, awaited_link);

		more = awaited->callers.next->next != &awaited->callers;
		if (has_gone(caller)) {
			refuse(callers, caller);
			continue;
		}
		if (!admit(callers, caller->fd, &caller->client, &caller->target))
			return;
		forget(callers, caller);
	}
}

static void on_task(struct loop_task *task)
{
	struct callers *callers = container_of(task, struct callers, task);
	struct list due;

	list_init(&due);
	list_splice(&due, &callers->due);
	while (!list_empty(&due)) {
		struct awaited *awaited = list_first(&due, struct awaited, due_link);

		list_remove(&awaited->due_link);
		try_awaited(callers, awaited);
	}
}

static void make_due(struct callers *callers, struct awaited *awaited)
{
	if (list_empty(&awaited->due_link))
		list_append(&callers->due, &awaited->due_link);
	loop_task_defer(&callers->task);
}

void callers_arrived(struct callers *callers, const struct in6_addr *addr)
{
	struct awaited *awaited = callers->n ? g_hash_table_lookup(callers->awaited, addr) : NULL;

	if (awaited)
		make_due(callers, awaited);
}

static void on_timer(struct loop_timer *timer)
{
	struct callers *callers = container_of(timer, struct callers, timer);
	GHashTableIter iter;
	void *awaited;

	while (!list_empty(&callers->by_age)) {
		struct caller *oldest = list_first(&callers->by_age, struct caller, age_link);

		if (oldest->deadline > loop_now(callers->loop))
			break;
		refuse(callers, oldest);
	}
	g_hash_table_iter_init(&iter, callers->awaited);
	while (g_hash_table_iter_next(&iter, NULL, &awaited))
		make_due(callers, awaited);
	arm(callers);
}

/* --- coming and going --- */

void callers_add(struct callers *callers, struct caller_group *group, int fd,
		 const struct sockaddr_any *client, const struct caller_target *target)
{
	const struct linger reset = {.l_onoff = 1};
	struct caller *caller;
	struct in6_addr addr;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* Who comes after others waits with them. */
	if (address_of(&target->guest, &addr) && !g_hash_table_contains(callers->awaited, &addr) &&
	    admit(callers, fd, client, target))
		return;
	if (callers->n >= callers->max || (group && group->n >= CALLERS_GROUP)) {
		close(fd);
		return;
	}
	caller = g_new0(struct caller, 1);
	caller->fd = fd;
	caller->client = *client;
	caller->target = *target;
	g_ref_string_acquire((char *)target->rule);
	caller->group = group;
	caller->deadline = loop_now(callers->loop) + CALLERS_WAIT;
	list_append(&callers->by_age, &caller->age_link);
	list_init(&caller->group_link);
	list_init(&caller->awaited_link);
	if (group) {
		list_append(&group->waiting, &caller->group_link);
		group->n++;
	}
	callers->n++;
	nat_hold_fds(callers->nat, 1);
	await(callers, caller);
	arm(callers);
}

void callers_retarget(struct callers *callers, struct caller_group *group,
		      const struct caller_target *target)
{
	list_for_each (caller, &group->waiting, struct caller, group_link) {
		leave_awaited(callers, caller);
		g_ref_string_acquire((char *)target->rule);
		g_ref_string_release((char *)caller->target.rule);
		caller->target = *target;
		await(callers, caller);
		if (caller->awaited)
			make_due(callers, caller->awaited);
	}
}

void callers_refuse(struct callers *callers, struct caller_group *group)
{
	list_for_each_safe (caller, &group->waiting, struct caller, group_link)
		refuse(callers, caller);
}

/* --- the whole --- */

struct callers *callers_new(struct loop *loop, const struct user_config *config, struct nat *nat)
{
	struct callers *callers = g_new0(struct callers, 1);

	callers->loop = loop;
	callers->config = config;
	callers->nat = nat;
	callers->max = MIN(CALLERS_MAX, nat_max_fds(nat) / 4);
	callers->awaited = g_hash_table_new_full(addr_hash, addr_equal, NULL, g_free);
	list_init(&callers->by_age);
	list_init(&callers->due);
	loop_task_init(loop, &callers->task, LOOP_SERVICE, on_task);
	loop_timer_init(loop, &callers->timer, on_timer);
	return callers;
}

void callers_free(struct callers *callers)
{
	list_for_each_safe (caller, &callers->by_age, struct caller, age_link)
		refuse(callers, caller);
	loop_task_cancel(&callers->task);
	loop_timer_cancel(&callers->timer);
	g_hash_table_destroy(callers->awaited);
	g_free(callers);
}

unsigned callers_count(const struct callers *callers)
{
	return callers->n;
}
