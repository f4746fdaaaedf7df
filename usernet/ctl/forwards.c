/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/forwards.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "forward/hostfwd.h"
#include "gateway/gateway.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/reservation.h"
#include "udp/forward.h"

struct forwards {
	struct netdev *netdev;
	struct backlog *backlog;
	struct udp_forwards *udp;
	struct in_addr host, guest; /* defaults of rules that name no address */
	struct fwd_table *table;
	bool early; /* rules of forwards_add_early() are bound */
	struct network_observer observer;
	struct reservation_observer reservations;
	struct loop_task follow; /* updates the addresses of names */
};

/* --- TCP, and unix on the host's side --- */

static struct caller_target target_of(const struct fwd_listener *listener)
{
	return (struct caller_target){.guest = listener->guest,
				      .masquerade = listener->entry->rule.masquerade};
}

static bool bind_tcp(struct forwards *forwards, struct fwd_listener *listener, GError **error)
{
	struct caller_target target = target_of(listener);

	listener->data = hostfwd_new(forwards->netdev->network->loop, forwards->backlog,
				     &listener->bound, forwards->early, &target, error);
	return listener->data != NULL;
}

static void unbind_tcp(struct fwd_listener *listener)
{
	hostfwd_free(listener->data);
}

static void retarget_tcp(struct fwd_listener *listener)
{
	struct caller_target target = target_of(listener);

	hostfwd_retarget(listener->data, &target);
}

/* --- UDP --- */

static bool bind_udp(struct forwards *forwards, struct fwd_listener *listener, GError **error)
{
	struct udp_forward_spec spec = {
		.host = listener->bound,
		.guest = listener->guest,
		.masquerade = listener->entry->rule.masquerade,
		.early = forwards->early,
	};

	listener->data = udp_forward_add(forwards->udp, &spec, &listener->bound, error);
	return listener->data != NULL;
}

static void unbind_udp(struct fwd_listener *listener)
{
	udp_forward_remove(listener->data);
}

static void retarget_udp(struct fwd_listener *listener)
{
	udp_forward_retarget(listener->data, &listener->guest);
}

/* --- the table's backend --- */

/* Refuses a family that the network lacks. */
static bool check_family(const struct forwards *forwards, const struct sockaddr_any *guest,
			 GError **error)
{
	const struct user_config *config = gateway_config(gateway_from_netdev(forwards->netdev));
	bool v6 = guest->sa.sa_family == AF_INET6;

	if (v6 ? config->ipv6 : config->ipv4)
		return true;
	g_set_error(error, FWD_ERROR, FWD_ERROR_INVALID,
		    "the guest's address is IPv%c, which is disabled on this network",
		    v6 ? '6' : '4');
	return false;
}

static bool bind_rule(void *data, struct fwd_listener *listener, GError **error)
{
	/* A name without an address is assumed to be IPv4. */
	if (!listener->entry->rule.guest_name[0] && !check_family(data, &listener->guest, error))
		return false;
	return listener->entry->rule.udp ? bind_udp(data, listener, error)
					 : bind_tcp(data, listener, error);
}

static void unbind_rule(void *data, struct fwd_listener *listener)
{
	if (listener->entry->rule.udp)
		unbind_udp(listener);
	else
		unbind_tcp(listener);
}

static void retarget_rule(void *data, struct fwd_listener *listener,
			  const struct sockaddr_any *from)
{
	if (listener->entry->rule.udp)
		retarget_udp(listener);
	else
		retarget_tcp(listener);
}

/* --- names --- */

static void add_guest(struct fwd_guest *out, const struct guest *guest)
{
	if (guest->v4.s_addr)
		out->v4 = guest->v4;
	/*
	 * The last entry is the most recently seen. The gateway's replies cannot come from
	 * link-local.
	 */
	for (unsigned i = 0; i < guest->n_v6; i++) {
		if (!IN6_IS_ADDR_LINKLOCAL(&guest->v6[i]))
			out->v6 = guest->v6[i];
	}
}

/*
 * A reserved name has its address as long as the reservation exists; any other name while a guest
 * uses it.
 */
static bool resolve_name(void *data, const char *name, struct fwd_guest *out, GError **error)
{
	const struct forwards *forwards = data;
	const struct network *network = forwards->netdev->network;
	const struct reservation *reservation = reservation_by_name(network->reservations, name);
	const struct guest *guest = reservation ? guest_by_mac(network->guests, reservation->mac)
						: guest_by_name(network->guests, name);

	*out = (struct fwd_guest){.v4 = {0}};
	if (guest)
		add_guest(out, guest);
	if (reservation && reservation->addr.s_addr)
		out->v4 = reservation->addr;
	return true;
}

static void on_follow(struct loop_task *task)
{
	struct forwards *forwards = container_of(task, struct forwards, follow);

	fwd_table_follow(forwards->table);
}

static void on_network_event(struct network_observer *observer, const struct network_event *event)
{
	struct forwards *forwards = container_of(observer, struct forwards, observer);

	/* Once per turn, when the guest table is consistent again. */
	if (event->kind == NETWORK_GUEST_CHANGED || event->kind == NETWORK_GUEST_LEFT)
		loop_task_defer(&forwards->follow);
}

static void on_reservation(struct reservation_observer *observer,
			   const struct reservation *reservation)
{
	struct forwards *forwards = container_of(observer, struct forwards, reservations);

	loop_task_defer(&forwards->follow);
}

/* --- public functions --- */

static void emit(struct forwards *forwards, enum network_event_kind kind,
		 const struct fwd_entry *entry)
{
	g_autofree char *text = fwd_entry_format(entry);
	struct network_event event = {.kind = kind, .netdev = forwards->netdev, .text = text};

	network_emit(forwards->netdev->network, &event);
}

static void rule_removed(void *data, const struct fwd_entry *entry)
{
	emit(data, NETWORK_FORWARD_REMOVED, entry);
}

static const struct fwd_backend backend = {.bind = bind_rule,
					   .unbind = unbind_rule,
					   .retarget = retarget_rule,
					   .resolve = resolve_name,
					   .removed = rule_removed};

struct forwards *forwards_new(struct netdev *user, struct in_addr host, struct in_addr guest)
{
	struct forwards *forwards = g_new0(struct forwards, 1);
	struct network *network = user->network;

	forwards->netdev = user;
	forwards->backlog = gateway_backlog(gateway_from_netdev(user));
	forwards->udp = gateway_udp_forwards(gateway_from_netdev(user));
	forwards->host = host;
	forwards->guest = guest;
	forwards->table = fwd_table_new(&backend, forwards, guest);
	loop_task_init(network->loop, &forwards->follow, LOOP_SERVICE, on_follow);
	forwards->observer.event = on_network_event;
	network_observe(network, &forwards->observer);
	forwards->reservations.added = forwards->reservations.removed = on_reservation;
	reservation_observe(network->reservations, &forwards->reservations);
	return forwards;
}

void forwards_free(struct forwards *forwards)
{
	if (!forwards)
		return;
	list_remove(&forwards->observer.link);
	list_remove(&forwards->reservations.link);
	loop_task_cancel(&forwards->follow);
	fwd_table_free(forwards->table);
	g_free(forwards);
}

static const struct fwd_entry *add_one(struct forwards *forwards, const char *rule, GError **error)
{
	struct fwd_rule parsed;
	const struct fwd_entry *entry;

	if (!fwd_rule_parse(&parsed, rule, forwards->host, error))
		return NULL;
	entry = fwd_table_add(forwards->table, &parsed, error);
	if (entry)
		emit(forwards, NETWORK_FORWARD_ADDED, entry);
	return entry;
}

const struct fwd_entry *forwards_add(struct forwards *forwards, const char *rule, GError **error)
{
	const struct fwd_entry *entry;
	char *two[2];

	if (!fwd_rule_split(rule, two))
		return add_one(forwards, rule, error);
	entry = add_one(forwards, two[0], error);
	if (entry && !add_one(forwards, two[1], error)) {
		forwards_remove(forwards, two[0], NULL);
		entry = NULL;
	}
	g_free(two[0]);
	g_free(two[1]);
	return entry;
}

const struct fwd_entry *forwards_add_early(struct forwards *forwards, const char *rule,
					   GError **error)
{
	const struct fwd_entry *entry;

	forwards->early = true;
	entry = forwards_add(forwards, rule, error);
	forwards->early = false;
	return entry;
}

/* Finds the entry that matches @rule in full, as requested or as bound; NULL: none. */
static const struct fwd_entry *find_whole(struct forwards *forwards, const char *rule)
{
	g_autofree char *canonical = forwards_canonical(forwards, rule, NULL);

	if (!canonical)
		return NULL;
	list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link) {
		g_autofree char *asked = fwd_rule_format(&entry->rule);
		g_autofree char *bound = fwd_entry_format(entry);

		if (!strcmp(asked, canonical) || !strcmp(bound, canonical))
			return entry;
	}
	return NULL;
}

static bool remove_one(struct forwards *forwards, const char *rule, GError **error)
{
	const struct fwd_entry *whole = find_whole(forwards, rule);
	bool is_whole =
		fwd_rule_parse(&(struct fwd_rule){.udp = false}, rule, forwards->host, NULL);
	struct fwd_rule parsed;

	if (whole) {
		parsed = whole->rule;
		parsed.host = whole->bound;
	} else if (!fwd_rule_parse_host(&parsed, rule, forwards->host, is_whole ? NULL : error)) {
		/* A complete, valid rule that does not exist. */
		if (is_whole)
			g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND,
				    "host forwarding rule for %s not found", rule);
		return false;
	}
	if (!fwd_table_remove(forwards->table, &parsed)) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND,
			    "host forwarding rule for %s not found", rule);
		return false;
	}
	return true;
}

bool forwards_remove(struct forwards *forwards, const char *rule, GError **error)
{
	bool removed;
	char *two[2];

	if (!fwd_rule_split(rule, two))
		return remove_one(forwards, rule, error);
	removed = remove_one(forwards, two[0], error);
	removed = remove_one(forwards, two[1], removed ? error : NULL) && removed;
	g_free(two[0]);
	g_free(two[1]);
	return removed;
}

char *forwards_canonical(struct forwards *forwards, const char *rule, GError **error)
{
	struct fwd_rule parsed;

	if (!fwd_rule_parse(&parsed, rule, forwards->host, error))
		return NULL;
	if (parsed.guest.sa.sa_family == AF_INET && !parsed.guest.in.sin_addr.s_addr)
		parsed.guest.in.sin_addr = forwards->guest;
	return fwd_rule_format(&parsed);
}

GHashTable *forwards_canonicals(struct forwards *forwards)
{
	GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link)
		g_hash_table_add(all, fwd_rule_format(&entry->rule));
	return all;
}

void forwards_drop(struct forwards *forwards, const char *canonical)
{
	list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link) {
		g_autofree char *text = fwd_rule_format(&entry->rule);
		struct fwd_rule bound = entry->rule;

		if (strcmp(text, canonical))
			continue;
		/* Match by the actual port: other rules may also have asked for port 0. */
		bound.host = entry->bound;
		fwd_table_remove(forwards->table, &bound);
		return;
	}
}

struct list *forwards_entries(struct forwards *forwards)
{
	return fwd_table_entries(forwards->table);
}

/* --- connections without a rule --- */

/* Checks for a connected stream socket; makes it non-blocking. */
static bool check_stream(int fd, struct sockaddr_any *peer, GError **error)
{
	int type = 0;
	socklen_t len = sizeof(type);

	peer->len = sizeof(peer->storage);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
	    getpeername(fd, &peer->sa, &peer->len) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return true;
	g_set_error(error, USERNET_ERROR, ERROR_USAGE,
		    "Parameter 'fdname' expects a connected stream socket");
	return false;
}

static bool find_guest(const struct forwards *forwards, const char *text, uint16_t port,
		       struct sockaddr_any *guest, GError **error)
{
	const struct network *network = forwards->netdev->network;
	g_autofree char *name = g_ascii_strdown(text, -1);
	struct in_addr v4;
	struct in6_addr v6;
	struct fwd_guest where;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*guest = (struct sockaddr_any){.len = sizeof(guest->in)};
		guest->in.sin_family = AF_INET;
		guest->in.sin_addr = v4;
		guest->in.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		*guest = (struct sockaddr_any){.len = sizeof(guest->in6)};
		guest->in6.sin6_family = AF_INET6;
		guest->in6.sin6_addr = v6;
		guest->in6.sin6_port = htons(port);
		return true;
	}
	resolve_name((void *)forwards, name, &where, NULL);
	if (where.v4.s_addr || !IN6_IS_ADDR_UNSPECIFIED(&where.v6)) {
		char found[INET6_ADDRSTRLEN];

		if (where.v4.s_addr)
			inet_ntop(AF_INET, &where.v4, found, sizeof(found));
		else
			inet_ntop(AF_INET6, &where.v6, found, sizeof(found));
		return find_guest(forwards, found, port, guest, error);
	}
	g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND,
		    reservation_by_name(network->reservations, name)
			    ? "Guest '%s' has no address yet"
			    : "Guest '%s' not found: not an address, and not the name of a known "
			      "guest",
		    text);
	return false;
}

bool forwards_connect(struct forwards *forwards, const char *guest, uint16_t port, int fd,
		      GError **error)
{
	struct caller_target target = {.masquerade = true};
	struct sockaddr_any peer;

	if (!check_stream(fd, &peer, error) ||
	    !find_guest(forwards, guest, port, &target.guest, error) ||
	    !check_family(forwards, &target.guest, error))
		return false;
	target.rule = g_ref_string_new_intern("connect");
	backlog_add(forwards->backlog, NULL, fd, &peer, &target);
	g_ref_string_release((char *)target.rule);
	return true;
}

static bool is_here(const struct forwards *forwards, const struct sockaddr_any *guest)
{
	struct guest_table *guests = forwards->netdev->network->guests;

	return guest->sa.sa_family == AF_INET6 ? guest_by_v6(guests, &guest->in6.sin6_addr) != NULL
					       : guest_by_v4(guests, guest->in.sin_addr) != NULL;
}

bool forwards_guest_is_here(const struct forwards *forwards, const struct fwd_entry *entry)
{
	for (unsigned i = 0; i < entry->n_listeners; i++) {
		if (is_here(forwards, &entry->listeners[i].guest))
			return true;
	}
	return false;
}

uint64_t forwards_waited(const struct fwd_entry *entry)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < entry->n_listeners; i++)
		n += entry->rule.udp ? udp_forward_waited(entry->listeners[i].data)
				     : hostfwd_waited(entry->listeners[i].data);
	return n;
}

int forwards_fd(const struct fwd_listener *listener)
{
	return listener->entry->rule.udp ? -1 : hostfwd_fd(listener->data);
}

char *forwards_format(const struct fwd_rule *rule, const struct sockaddr_any *bound)
{
	struct fwd_rule real = *rule;

	real.host = *bound;
	return fwd_rule_format(&real);
}
