/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/watch.h"

#include <arpa/inet.h>

#include "base/address.h"
#include "base/log.h"
#include "ctl/control.h"
#include "ctl/forwards.h"
#include "gateway/gateway.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "net/troubles.h"
#include "net/vswitch.h"

struct watch {
	struct control *control;
	struct network_observer observer;
	struct loop_timer timer;
	GHashTable *ports;  /* port::id -> struct port_watch */
	GHashTable *waited; /* rule -> number of its clients that had waited, a uint64_t */
};

/* What was last noted about a port. */
struct port_watch {
	uint64_t drops[DROP_N_REASONS];
	bool no_address;
};

/* Drops that mean "limit reached", not "invalid". */
static const enum drop_reason budgets[] = {DROP_STATIONS, DROP_FLOOD, DROP_BUDGET, DROP_FRAGMENT,
					   DROP_MEMORY};

/* --- ports --- */

static void check_budgets(struct watch *watch, const struct port *port, struct port_watch *known)
{
	for (size_t i = 0; i < G_N_ELEMENTS(budgets); i++) {
		enum drop_reason reason = budgets[i];
		uint64_t n = port->count.drops[reason] - known->drops[reason];

		known->drops[reason] = port->count.drops[reason];
		if (n)
			troubles_note(watch->control->network->troubles,
				      &(struct trouble_facts){.kind = TROUBLE_BUDGET,
							      .port = port,
							      .what = drop_reason_name(reason),
							      .times = n});
	}
}

/* A port may lead to another switch with many guests: one guest with an address is enough. */
static bool has_address(const struct port *port)
{
	list_for_each (guest, &port->guests, struct guest, port_link) {
		if (guest->v4.s_addr)
			return true;
	}
	return false;
}

static void check_address(struct watch *watch, const struct port *port, struct port_watch *known)
{
	struct network *network = watch->control->network;
	struct gateway *gateway = gateway_find(network);

	if (!gateway || !gateway_config(gateway)->ipv4 || !port->link_up || port->uplink ||
	    !port->count.rx_frames || has_address(port) ||
	    loop_now(network->loop) - port->since < WATCH_ADDRESS_PATIENCE) {
		if (known->no_address)
			troubles_end(network->troubles, TROUBLE_NO_ADDRESS, port);
		known->no_address = false;
		return;
	}
	troubles_note(network->troubles, &(struct trouble_facts){.kind = TROUBLE_NO_ADDRESS,
								 .port = port,
								 .lasts = known->no_address});
	known->no_address = true;
}

static void check_port(struct watch *watch, const struct port *port)
{
	void *key = GUINT_TO_POINTER(port->id);
	struct port_watch *known = g_hash_table_lookup(watch->ports, key);

	if (port->trusted)
		return;
	if (!known) {
		known = g_new0(struct port_watch, 1);
		g_hash_table_insert(watch->ports, key, known);
	}
	check_budgets(watch, port, known);
	check_address(watch, port, known);
}

/* --- forwards --- */

static void check_forward(struct watch *watch, struct attachment *user,
			  const struct fwd_entry *entry)
{
	struct troubles *troubles = watch->control->network->troubles;
	uint64_t waited = forwards_waited(entry), *known;
	g_autofree char *rule = NULL;

	if (!waited)
		return;
	rule = fwd_entry_format(entry);
	if (forwards_guest_is_here(user->forwards, entry))
		troubles_forget_rule(troubles, user->netdev->id, rule);
	known = g_hash_table_lookup(watch->waited, rule);
	if (!known) {
		known = g_new0(uint64_t, 1);
		g_hash_table_insert(watch->waited, g_strdup(rule), known);
	}
	if (*known < waited && !forwards_guest_is_here(user->forwards, entry))
		troubles_note(troubles, &(struct trouble_facts){.kind = TROUBLE_FORWARD_WAITS,
								.netdev = user->netdev->id,
								.what = rule,
								.times = waited - *known});
	*known = waited;
}

static void on_timer(struct loop_timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);
	struct network *network = watch->control->network;

	list_for_each (port, vswitch_ports(network->vswitch), struct port, link)
		check_port(watch, port);
	list_for_each (user, &watch->control->attachments, struct attachment, link) {
		if (!user->forwards)
			continue;
		list_for_each (entry, forwards_entries(user->forwards), struct fwd_entry, link)
			check_forward(watch, user, entry);
	}
	loop_timer_set(timer, loop_now(network->loop) + WATCH_PERIOD);
}

/* --- network events --- */

static void check_subnet(const struct watch *watch, const struct guest *guest)
{
	struct network *network = watch->control->network;
	struct gateway *gateway = gateway_find(network);
	const struct user_config *config = gateway ? gateway_config(gateway) : NULL;
	g_autofree char *subnet = NULL;
	char net[INET_ADDRSTRLEN];

	if (!config || !config->ipv4 || !guest->v4.s_addr || guest->v4_leased ||
	    user_config_has(config, guest->v4))
		return;
	inet_ntop(AF_INET, &config->net, net, sizeof(net));
	subnet = g_strdup_printf("%s/%u", net, config->net_len);
	troubles_note(network->troubles,
		      &(struct trouble_facts){.kind = TROUBLE_WRONG_SUBNET,
					      .mac = guest->mac,
					      .port = guest->port,
					      .addr = address_map4(guest->v4.s_addr),
					      .what = subnet});
}

static void log_guest(const char *what, const struct guest *guest, const char *address)
{
	log_debug("guest " MAC_FMT "%s%s at %s: %s%s%s", MAC_ARGS(guest->mac),
		  guest->name ? " " : "", guest->name ? guest->name : "", guest->port->name, what,
		  address ? " " : "", address ? address : "");
}

static void log_event(const struct network_event *event)
{
	switch (event->kind) {
	case NETWORK_PORT_UP:
		log_debug("link %s: connected, %s", event->port->name,
			  event->port->peer ? event->port->peer : "peer unknown");
		break;
	case NETWORK_PORT_DOWN:
		log_debug("link %s: gone", event->port->name);
		break;
	case NETWORK_GUEST_JOINED:
		log_guest("joined", event->guest, NULL);
		break;
	case NETWORK_GUEST_LEFT:
		log_guest("left", event->guest, NULL);
		break;
	case NETWORK_LEASE_GRANTED:
		log_guest("lease", event->guest, event->text);
		break;
	case NETWORK_FORWARD_ADDED:
		log_debug("rule of %s: %s added", event->netdev->id, event->text);
		break;
	case NETWORK_FORWARD_REMOVED:
		log_debug("rule of %s: %s removed", event->netdev->id, event->text);
		break;
	case NETWORK_POLICY_ALLOWED:
		break;
	case NETWORK_POLICY_DENIED:
		log_debug("denied at %s by %s", event->port->name,
			  event->denial->rule ? event->denial->rule : "default");
		break;
	default:
		break;
	}
}

static void on_event(struct network_observer *observer, const struct network_event *event)
{
	struct watch *watch = container_of(observer, struct watch, observer);
	struct troubles *troubles = watch->control->network->troubles;

	log_event(event);
	switch (event->kind) {
	case NETWORK_GUEST_CHANGED:
		check_subnet(watch, event->guest);
		break;
	case NETWORK_PORT_DOWN:
		g_hash_table_remove(watch->ports, GUINT_TO_POINTER(event->port->id));
		break;
	case NETWORK_FORWARD_REMOVED:
		troubles_forget_rule(troubles, event->netdev->id, event->text);
		g_hash_table_remove(watch->waited, event->text);
		break;
	default:
		break;
	}
}

struct watch *watch_new(struct control *control)
{
	struct watch *watch = g_new0(struct watch, 1);
	struct loop *loop = control->network->loop;

	watch->control = control;
	watch->ports = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	watch->waited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	watch->observer.event = on_event;
	network_observe(control->network, &watch->observer);
	loop_timer_init(loop, &watch->timer, on_timer);
	loop_timer_set(&watch->timer, loop_now(loop) + WATCH_PERIOD);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	loop_timer_cancel(&watch->timer);
	list_remove(&watch->observer.link);
	g_hash_table_destroy(watch->ports);
	g_hash_table_destroy(watch->waited);
	g_free(watch);
}
